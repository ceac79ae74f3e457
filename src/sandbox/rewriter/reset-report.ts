// What `$luge.reset` of a module does, in numbers: the same plan that reset.ts writes code from.

import type { Guest } from './guest.ts';
import type { IndexSpace } from './index-space.ts';
import { distinct } from './memories.ts';
import { type ResetPlan, servesOnceBecause } from './reset.ts';

export interface ResetInfo {
  /** Pages of 64 KiB that are made zeros again, of all memories; under growth 'keep' those of memories that have not grown. */
  readonly clearedPages: number;
  /** Active data segments, which are copied anew, and their bytes. */
  readonly dataSegments: number;
  readonly dataBytes: number;
  /** Tables that the code can write, which are filled anew, and their elements. */
  readonly tables: number;
  readonly tableElements: number;
  /** Active element segments of such tables, which are copied anew, and their elements. */
  readonly elementSegments: number;
  readonly elements: number;
  /** The guest's mutable globals, and those that the rewriter added. */
  readonly globals: number;
  /** Not a part of reset: `$luge.enter` runs it before the entry. */
  readonly hasStart: boolean;
  /** What makes reset give up, so that the instance is replaced. */
  readonly retiresWhen: {
    readonly memoryHasGrown: boolean;
    /** Indices of the tables that the code can grow. */
    readonly tablesHaveGrown: readonly number[];
  };
  /** Why every reset but the first gives up; undefined where it does not. */
  readonly servesOnceBecause: string | undefined;
}

export function describeReset(guest: Guest, space: IndexSpace, plan: ResetPlan): ResetInfo {
  const data = guest.data.filter(({ offset }) => offset !== undefined);
  const elements = guest.elements.filter(
    ({ offset, table }) => offset !== undefined && plan.writtenTables.has(table),
  );
  return {
    clearedPages: distinct(plan.memories).reduce((sum, { minPages }) => sum + minPages, 0),
    dataSegments: data.length,
    dataBytes: data.reduce((sum, { length }) => sum + length, 0),
    tables: plan.writtenTables.size,
    tableElements: [...plan.writtenTables].reduce(
      (sum, index) => sum + guest.tables[index]!.minElements,
      0,
    ),
    elementSegments: elements.length,
    elements: elements.reduce((sum, { count }) => sum + count, 0),
    globals:
      guest.globals.filter(({ mutable }) => mutable).length +
      guest.importedVariables.length +
      space.globals.filter(({ isReset }) => isReset).length,
    hasStart: guest.start !== undefined,
    retiresWhen: {
      memoryHasGrown: guest.memories.length > 0 && plan.retiresGrown,
      tablesHaveGrown: [...plan.grownTables].sort((a, b) => a - b),
    },
    servesOnceBecause: servesOnceBecause(guest),
  };
}
