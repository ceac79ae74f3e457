/** Owner against thieves: last item, batches, wrap. */
import { Deque } from '../../../src/ring/index.ts';
import { dequeModel } from '../models.ts';
import type { Bounds, Scenario } from '../scenario.ts';
import {
  AT,
  BYTES,
  batchOf,
  cellNames,
  isQuiet,
  type Program,
  STARTS,
  STATES,
  sequence,
  variants,
} from './layouts.ts';

const cell = cellNames({ 128: 'TOP', 256: 'BOTTOM' }, { from: 384, bytes: 4, name: 'cell' });

interface DequeCase {
  readonly name: string;
  readonly capacity: number;
  readonly start: number;
  readonly batch?: number;
  readonly bounds: Bounds;
  readonly threads: readonly Program[];
}

function scenario({ name, capacity, start, batch = 1, bounds, threads }: DequeCase): Scenario {
  return {
    name: `deque/${name}/${capacity}/${start}`,
    bounds,
    bytes: BYTES,
    threads,
    setup: ({ memory }) => void Deque.create(memory, AT, { capacity, batch, start }),
    after: (call) => {
      let value: number;
      do value = call('dequePop', AT);
      while (value >= 0);
    },
    model: dequeModel(capacity),
    invariant: ({ i32 }) => {
      const size = ((i32[64] as number) - (i32[32] as number)) | 0;
      return size < -1 || size > capacity ? `D1: BOTTOM - TOP = ${size}` : undefined;
    },
    cell,
    isQuiet,
  };
}

const push = (value: number) => ['dequePush', AT, value] as const;
const POP = ['dequePop', AT] as const;
const STEAL = ['dequeSteal', AT] as const;
const stealBatch = (thread: number, max: number) =>
  ['dequeStealBatch', AT, batchOf(thread), max] as const;
const THIEF = sequence(STEAL);

export const dequeScenarios: readonly Scenario[] = [
  scenario({
    name: 'size',
    capacity: 2,
    start: 2 ** 32 - 3,
    bounds: { preemptions: 2 },
    threads: [sequence(push(1), POP, push(2), push(3), POP), THIEF, sequence(['dequeSize', AT])],
  }),
  // Every interleaving of the race for the last item.
  ...variants([2], STARTS, (capacity, start) =>
    scenario({
      name: 'last-item',
      capacity,
      start,
      bounds: { preemptions: Number.POSITIVE_INFINITY },
      threads: [sequence(push(1), POP), THIEF, THIEF],
    }),
  ),
  // Owner against two thieves, across the wrap, with stores held back.
  ...variants([2, 4], STARTS, (capacity, start) =>
    scenario({
      name: 'two-thieves',
      capacity,
      start,
      bounds: { preemptions: 2, delays: 1 },
      threads: [sequence(push(1), push(2), POP, push(3), POP), sequence(STEAL, STEAL), THIEF],
    }),
  ),
  ...variants([2], STARTS, (capacity, start) =>
    scenario({
      name: 'full',
      capacity,
      start,
      bounds: { preemptions: 3, delays: 1 },
      threads: [sequence(push(1), push(2), push(3), push(4)), sequence(STEAL, STEAL)],
    }),
  ),
  // Batches: the owner pops what a thief is about to take several of.
  ...variants([2, 4], STARTS, (capacity, start) =>
    scenario({
      name: 'batch',
      capacity,
      start,
      batch: 2,
      bounds: { preemptions: 2, delays: 1 },
      threads: [
        sequence(push(1), push(2), push(3), POP, POP),
        sequence(stealBatch(1, 2)),
        sequence(stealBatch(2, 2)),
      ],
    }),
  ),
  ...variants([4], [2 ** 32 - 3], (capacity, start) =>
    scenario({
      name: 'batch-refill',
      capacity,
      start,
      batch: 4,
      bounds: { preemptions: 3 },
      threads: [
        sequence(push(1), push(2), push(3), push(4), POP, POP, push(5), POP),
        sequence(stealBatch(1, 4), stealBatch(1, 4)),
      ],
    }),
  ),
  markScenario(),
  pushMarkScenario('push-mark', { preemptions: 3, delays: 1 }),
  pushMarkScenario('killed-push-mark', { preemptions: 2, kills: 1 }),
];

/** The holder's mark stands beside each value that is gone, wherever its thief was killed (T). */
function markScenario(): Scenario {
  const thief = (id: number): Program => sequence(['dequeStealMark', AT, STATES, 4, 100 + id]);
  const base = scenario({
    name: 'killed-thief',
    capacity: 4,
    start: 0,
    bounds: { preemptions: 2, kills: 1 },
    threads: [sequence(push(1), push(2)), thief(1), thief(2)],
  });
  const { model: _, ...rest } = base;
  return {
    ...rest,
    killable: [1, 2],
    final: ({ i32 }, history) => {
      const left = history
        .filter(({ name, result = -1 }) => name === 'dequePop' && result >= 0)
        .map(({ result }) => result);
      for (const value of [1, 2]) {
        const mark = i32[(STATES >> 2) + value] as number;
        if (left.includes(value) !== (mark === 0))
          return `value ${value}: mark ${mark}, left: ${left.join()}`;
      }
      return undefined;
    },
  };
}

/** Each value's state says where it is, wherever owner or thief was killed: 0 = not pushed, QUEUED = in the deque, and else its thief. */
function pushMarkScenario(name: string, bounds: Bounds): Scenario {
  const QUEUED = 7;
  const pushMark = (value: number) =>
    ['dequePushMark', AT, value, STATES + 4 * value, QUEUED] as const;
  const steal = ['dequeStealMark', AT, STATES, 4, 100] as const;
  return {
    ...scenario({
      name,
      capacity: 2,
      start: 2 ** 32 - 1,
      bounds,
      // The third value may find the deque full.
      threads: [sequence(pushMark(1), pushMark(2), pushMark(3)), sequence(steal, steal)],
    }),
    // Thieves see that the values are in their order; the owner of them may be dead.
    after: (call) => {
      let value: number;
      do value = call('dequeSteal', AT);
      while (value >= 0);
    },
    final: ({ i32 }, history) => {
      for (const value of [1, 2, 3]) {
        const left = history.some((op) => op.name === 'dequeSteal' && op.result === value);
        const stolen = history.some((op) => op.name === 'dequeStealMark' && op.result === value);
        const isFull = history.some((op) => op.args[1] === value && op.result === -3);
        const state = i32[(STATES >> 2) + value] as number;
        const where = left ? QUEUED : stolen ? 100 : 0;
        // Killed between claim and answer: the mark is all that tells of it.
        if (state !== where && !(state === 100 && !left))
          return `value ${value}: state ${state}, should be ${where}`;
        if (isFull && state !== 0) return `value ${value} was refused and is marked ${state}`;
      }
      return undefined;
    },
  };
}
