// `$luge.reset`: back to the state of a fresh instance, in place, without any of the guest's code.
//
//   retire?   a memory has grown and may not stay so -> 1, and nothing is done
//   memories  all zeros again, over all of their physical size: clear.ts
//   restore   the rest, exported as `$luge.restore` for a host that has made the memories zeros by itself:
//     retire?   a memory or a table has grown and may not stay so, or the instance serves once and has -> 1
//     imports   tables and mutable globals: as the first reset found them; see imported-state.ts
//     tables    those that some instruction can write: filled with their initial value
//     segments  replayed in the order of instantiation: elements, then data (spec 4.5.4). Data segments are all passive in
//               the output; element segments only if their table can be written, else the engine's own instantiation has
//               placed them for good
//     globals   every mutable one, and those that the rewriter added, set to their initializers
//     -> 0
//
// Instantiation of the output therefore has no effect on the memory, which comes from a pool and holds anything, and
// the first reset does what instantiation would have done, with its traps.

import { writeConstExprAsCode, writeNull } from './const-expr.ts';
import type { Guest } from './guest.ts';
import { OP, VOID } from './helpers.ts';
import {
  SAVING_LOCALS,
  type SavedImports,
  writeSavedSizes,
  writeSaving,
} from './imported-state.ts';
import type { IndexSpace } from './index-space.ts';
import type { PlannedMemory } from './memories.ts';
import type { Writer } from './writer.ts';

const PREFIX = 0xfc;
const MEMORY_INIT = 8;
const TABLE_INIT = 12;
const TABLE_SIZE = 16;
const TABLE_FILL = 17;

const HOLDS = 'holds objects that the guest can change, which instantiation alone can make';

export interface ResetPlan {
  readonly writtenTables: ReadonlySet<number>;
  readonly grownTables: ReadonlySet<number>;
  readonly memories: readonly PlannedMemory[];
  /** Growth 'retire': a grown memory cannot become like new. */
  readonly retiresGrown: boolean;
  /** Set by the first reset of an instance that serves once; otherwise there is none. */
  readonly usedGlobal: number | undefined;
  /** Where imported tables and mutable globals are saved, if there are any. */
  readonly saved: SavedImports | undefined;
}

/**
 * Which part of an instance, if any, holds objects that the guest can change and that instantiation alone can make: those of an immutable
 * global's initializer or of an element segment. They cannot be made anew in place (a reference to the old one may be
 * anywhere), so that such an instance serves once. Objects of a mutable global's initializer, or of a table's, are
 * simply made again; those without mutable fields cannot differ.
 */
export function servesOnceBecause(guest: Guest): string | undefined {
  const global = guest.globals.findIndex(({ mutable, init }) => !mutable && init.makesMutable);
  if (global >= 0) return `immutable global ${guest.importedGlobals + global} ${HOLDS}`;
  const element = guest.elements.findIndex(({ expressions }) =>
    expressions?.some((item) => item.makesMutable),
  );
  return element >= 0 ? `element segment ${element} ${HOLDS}` : undefined;
}

/** `clears`: functions that make a memory zeros. */
export function writeReset(
  out: Writer,
  plan: ResetPlan,
  clears: readonly number[],
  restore: number,
): void {
  out.raw(0);
  writeGrownMemories(out, plan);
  for (const clear of clears) {
    out.u8(OP.CALL);
    out.u32(clear);
  }
  out.u8(OP.CALL);
  out.u32(restore);
  out.u8(OP.END);
}

export function writeRestore(out: Writer, space: IndexSpace, plan: ResetPlan): void {
  const { guest } = space;
  out.raw(...(plan.saved === undefined ? [0] : SAVING_LOCALS));
  writeRetire(out, guest, plan);
  if (plan.saved !== undefined) writeSaving(out, plan.saved);
  for (const index of plan.writtenTables) {
    if (index >= guest.importedTables) writeTableFill(out, space, index);
  }
  writeElements(out, space, plan);
  writeData(out, space);
  writeGlobals(out, space);
  out.raw(OP.I32_CONST, 0, OP.END);
}

function writeRetire(out: Writer, guest: Guest, plan: ResetPlan): void {
  if (plan.usedGlobal !== undefined) {
    out.u8(OP.GLOBAL_GET);
    out.u32(plan.usedGlobal);
    out.raw(OP.IF, VOID, OP.I32_CONST, 1, OP.RETURN, OP.END, OP.I32_CONST, 1, OP.GLOBAL_SET);
    out.u32(plan.usedGlobal);
  }
  writeGrownMemories(out, plan);
  if (plan.saved !== undefined) writeSavedSizes(out, plan.saved);
  for (const index of plan.grownTables) {
    if (index < guest.importedTables) continue;
    out.raw(PREFIX, TABLE_SIZE);
    out.u32(index);
    const { minElements, wide } = guest.tables[index]!;
    writeRetireUnless(out, minElements, wide);
  }
}

function writeGrownMemories(out: Writer, plan: ResetPlan): void {
  for (const [index, { first, minPages, wide }] of plan.memories.entries()) {
    if (first !== index || !plan.retiresGrown) continue;
    out.u8(OP.MEMORY_SIZE);
    out.u32(index);
    writeRetireUnless(out, minPages, wide);
  }
}

function writeRetireUnless(out: Writer, size: number, wide: boolean): void {
  out.u8(wide ? OP.I64_CONST : OP.I32_CONST);
  out.s32(size);
  out.raw(wide ? OP.I64_NE : OP.I32_NE, OP.IF, VOID, OP.I32_CONST, 1, OP.RETURN, OP.END);
}

function writeTableFill(out: Writer, space: IndexSpace, index: number): void {
  const { guest } = space;
  const table = guest.tables[index]!;
  out.raw(table.wide ? OP.I64_CONST : OP.I32_CONST, 0);
  if (table.init === undefined) {
    writeNull(out, space, table.heapType);
  } else {
    writeConstExprAsCode(out, space, table.init);
  }
  out.raw(PREFIX, TABLE_SIZE);
  out.u32(index);
  out.raw(PREFIX, TABLE_FILL);
  out.u32(index);
}

function writeElements(out: Writer, space: IndexSpace, plan: ResetPlan): void {
  const { guest } = space;
  for (const [index, element] of guest.elements.entries()) {
    if (element.offset === undefined || !plan.writtenTables.has(element.table)) continue;
    writeConstExprAsCode(out, space, element.offset);
    out.raw(OP.I32_CONST, 0, OP.I32_CONST);
    out.s32(element.count);
    out.raw(PREFIX, TABLE_INIT);
    out.u32(index);
    out.u32(element.table);
  }
}

function writeData(out: Writer, space: IndexSpace): void {
  const { guest } = space;
  for (const [index, data] of guest.data.entries()) {
    if (data.offset === undefined) continue;
    writeConstExprAsCode(out, space, data.offset);
    out.raw(OP.I32_CONST, 0, OP.I32_CONST);
    out.s32(data.length);
    out.raw(PREFIX, MEMORY_INIT);
    out.u32(index);
    out.u32(data.memory);
  }
}

function writeGlobals(out: Writer, space: IndexSpace): void {
  const { guest } = space;
  for (const [at, global] of guest.globals.entries()) {
    if (!global.mutable) continue;
    writeConstExprAsCode(out, space, global.init);
    out.u8(OP.GLOBAL_SET);
    out.u32(guest.importedGlobals + at);
  }
  for (const { index, init, isReset } of space.globals) {
    if (!isReset) continue;
    out.raw(...init, OP.GLOBAL_SET);
    out.u32(index);
  }
}
