/** MPMC, SPSC and completion rings. */
import { CompletionRing, MpmcRing, SpscRing } from '../../../src/ring/index.ts';
import { queueModel } from '../models.ts';
import type { Bounds, DirectCall, OperationName, Scenario } from '../scenario.ts';
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
  until,
  variants,
} from './layouts.ts';

const UNBOUNDED = { preemptions: Number.POSITIVE_INFINITY };

function drain(name: OperationName): (call: DirectCall) => void {
  return (call) => {
    let value: number;
    do value = call(name, AT);
    while (value >= 0);
  };
}

// --- MPMC ----------------------------------------------------------------------------------------------------------

function mpmc(
  name: string,
  capacity: number,
  start: number,
  bounds: Bounds,
  threads: readonly Program[],
): Scenario {
  return {
    name: `mpmc/${name}/${capacity}/${start}`,
    bounds,
    bytes: BYTES,
    threads,
    setup: ({ memory, i32 }) => {
      MpmcRing.create(memory, AT, { capacity, start, spins: 0 });
      for (let thread = 0; thread < 4; thread++) {
        for (let k = 0; k < 9; k++) i32[(batchOf(thread) >> 2) + 1 + k] = 10 * (thread + 1) + k;
      }
    },
    after: drain('mpmcPop'),
    model: queueModel(capacity),
    invariant: ({ i32 }) => {
      const [tail, seen, head] = [i32[32] as number, i32[33] as number, i32[64] as number];
      const size = (tail - head) | 0;
      if (size < 0 || size > capacity) return `M1: TAIL - HEAD = ${size}`;
      return ((head - seen) | 0) < 0 ? `M1: HEAD_SEEN ${seen} is ahead of HEAD ${head}` : undefined;
    },
    cell: cellNames(
      { 128: 'TAIL', 132: 'HEAD_SEEN', 256: 'HEAD' },
      { from: 384, bytes: 8, name: 'cell' },
    ),
    isQuiet,
  };
}

const mpush = (value: number) => ['mpmcPush', AT, value] as const;
const MPOP = ['mpmcPop', AT] as const;
const mpushMany = (thread: number, count: number) =>
  ['mpmcPushMany', AT, batchOf(thread) + 4, count] as const;
const mpopMany = (thread: number, max: number) =>
  ['mpmcPopMany', AT, batchOf(thread), max] as const;

export const mpmcScenarios: readonly Scenario[] = [
  mpmc('size', 2, 2 ** 32 - 3, { preemptions: 2 }, [
    sequence(mpush(1), mpush(2), mpush(3)),
    sequence(MPOP, MPOP),
    sequence(['mpmcSize', AT]),
  ]),
  ...variants([2], STARTS, (capacity, start) => [
    mpmc('one-each', capacity, start, UNBOUNDED, [sequence(mpush(1)), sequence(MPOP)]),
    mpmc('two-producers', capacity, start, UNBOUNDED, [
      sequence(mpush(1)),
      sequence(mpush(2)),
      sequence(MPOP),
    ]),
  ]),
  ...variants([2, 4], STARTS, (capacity, start) =>
    mpmc('2x2', capacity, start, { preemptions: 2 }, [
      sequence(mpush(1), mpush(2)),
      sequence(mpush(3), mpush(4)),
      sequence(MPOP, MPOP),
      sequence(MPOP),
    ]),
  ),
  ...variants([2], STARTS, (capacity, start) =>
    mpmc('full-and-lap', capacity, start, { preemptions: 3 }, [
      sequence(mpush(1), mpush(2), mpush(3), mpush(4)),
      sequence(MPOP, MPOP, MPOP),
    ]),
  ),
  ...variants([2, 4], STARTS, (capacity, start) =>
    mpmc('batches', capacity, start, { preemptions: 2 }, [
      sequence(mpushMany(0, 2)),
      sequence(mpushMany(1, 2)),
      sequence(mpopMany(2, 2), mpopMany(2, 2)),
      sequence(MPOP),
    ]),
  ),
  mpmc('batch-of-nine', 16, 2 ** 32 - 3, { preemptions: 1 }, [
    sequence(mpushMany(0, 9)),
    sequence(mpopMany(2, 9)),
  ]),
  ...variants([2], [2 ** 32 - 3], (capacity, start) =>
    mpmc('batches-lap', capacity, start, { preemptions: 3 }, [
      sequence(mpushMany(0, 2), mpushMany(0, 2)),
      sequence(mpopMany(2, 3), mpopMany(2, 3)),
    ]),
  ),
];

// --- SPSC ----------------------------------------------------------------------------------------------------------

function spsc(
  name: string,
  capacity: number,
  start: number,
  bounds: Bounds,
  threads: readonly Program[],
): Scenario {
  return {
    name: `spsc/${name}/${capacity}/${start}`,
    bounds,
    bytes: BYTES,
    threads,
    setup: ({ memory, i32 }) => {
      SpscRing.create(memory, AT, { capacity, start });
      for (let k = 0; k < 4; k++) i32[(batchOf(0) >> 2) + 1 + k] = 10 + k;
    },
    after: drain('spscPop'),
    model: queueModel(capacity),
    invariant: ({ i32 }) => {
      const [headSeen, head] = [i32[33] as number, i32[64] as number];
      return ((head - headSeen) | 0) < 0
        ? `S1: HEAD_SEEN ${headSeen} is ahead of HEAD ${head}`
        : undefined;
    },
    final: ({ i32 }) => (i32[32] === i32[64] ? undefined : `S1: TAIL ${i32[32]}, HEAD ${i32[64]}`),
    cell: cellNames(
      { 128: 'TAIL', 132: 'HEAD_SEEN', 256: 'HEAD' },
      { from: 384, bytes: 8, name: 'cell' },
    ),
    isQuiet: (address) => isQuiet(address) || address === AT + 132,
    mayMix: (address) => address >= AT + 384, // S4
  };
}

const spush = (value: number) => ['spscPush', AT, value] as const;
const SPOP = ['spscPop', AT] as const;
const SIZES = sequence(['spscSize', AT]);

export const spscScenarios: readonly Scenario[] = [
  spsc('size', 2, 2 ** 32 - 3, { preemptions: 2 }, [
    sequence(spush(1), spush(2), spush(3), spush(4)),
    sequence(SPOP, SPOP, SPOP),
    SIZES,
  ]),
  ...variants([2], STARTS, (capacity, start) =>
    spsc('lap', capacity, start, UNBOUNDED, [
      sequence(spush(1), spush(2), spush(3)),
      sequence(SPOP, SPOP, SPOP),
    ]),
  ),
  ...variants([2, 4], STARTS, (capacity, start) => [
    spsc('held-back', capacity, start, { preemptions: 3, delays: 1 }, [
      sequence(spush(1), spush(2), spush(3), spush(4), spush(5)),
      sequence(SPOP, SPOP, SPOP, SPOP),
    ]),
    spsc('batches', capacity, start, { preemptions: 4, delays: 1 }, [
      sequence(['spscPushMany', AT, batchOf(0) + 4, 3], spush(1), [
        'spscPushMany',
        AT,
        batchOf(0) + 4,
        2,
      ]),
      sequence(['spscPopMany', AT, batchOf(1), 2], SPOP, ['spscPopMany', AT, batchOf(1), 3]),
    ]),
  ]),
];

// --- completions -----------------------------------------------------------------------------------------------------

function completion(
  name: string,
  start: number,
  bounds: Bounds,
  threads: readonly Program[],
): Scenario {
  return {
    name: `completion/${name}/4/${start}`,
    bounds,
    bytes: BYTES,
    threads,
    setup: ({ memory }) => void CompletionRing.create(memory, AT, { capacity: 4, start }),
    after: drain('completionPop'),
    model: queueModel(4),
    cell: cellNames({ 128: 'TAIL', 256: 'HEAD' }, { from: 384, bytes: 8, name: 'cell' }),
    isQuiet: (address) => isQuiet(address) || address === AT + 256,
  };
}

const cpush = (value: number) => ['completionPush', AT, value] as const;
const CPOP = until(3, 'completionPop', AT);

export const completionScenarios: readonly Scenario[] = [
  ...variants([4], STARTS, (_, start) => [
    completion('two-producers', start, UNBOUNDED, [sequence(cpush(1)), sequence(cpush(2)), CPOP]),
    completion('lap', start, { preemptions: 3 }, [
      sequence(cpush(1), cpush(2)),
      sequence(cpush(3), cpush(4)),
      sequence(['completionPop', AT], ['completionPop', AT], ['completionPop', AT]),
    ]),
  ]),
  popMarkScenario('pop-mark', { preemptions: 3, delays: 1 }),
  popMarkScenario('killed-pop-mark', { preemptions: 2, kills: 1 }),
  finishScenario(),
];

/** A consumer that is a worker, and may be killed: each value is still in the ring, or carries its mark, and never both. */
function popMarkScenario(name: string, bounds: Bounds): Scenario {
  const MARK = 7;
  const popMark = until(3, 'completionPopMark', AT, STATES, 4, MARK);
  return {
    ...completion(name, 2 ** 32 - 1, bounds, [
      sequence(cpush(1), cpush(2)),
      sequence(cpush(3)),
      async (call) => {
        await popMark(call);
        await popMark(call);
      },
    ]),
    final: ({ i32 }, history) => {
      for (const value of [1, 2, 3]) {
        const of = (op: string): boolean =>
          history.some(({ name: n, result }) => n === op && result === value);
        const pushed = history.find((op) => op.name === 'completionPush' && op.args[1] === value);
        const isMarked = i32[(STATES >> 2) + value] === MARK;
        if (of('completionPopMark') && !isMarked) return `value ${value} was taken without a mark`;
        const places = Number(isMarked) + Number(of('completionPop'));
        const wanted = pushed === undefined ? 0 : 1;
        if (places !== wanted && !(places === 0 && pushed?.result === undefined))
          return `value ${value} is in ${places} places`;
      }
      return undefined;
    },
  };
}

/** A worker and the supervisor that takes it for dead complete the same two requests; the worker may really die. */
function finishScenario(): Scenario {
  const finish = (request: number) =>
    ['completionFinish', AT, 3 + request, STATES + 4 * request, 7, 9] as const;
  const both = sequence(finish(0), finish(1));
  const { model: _, ...rest } = completion('finish-once', 0, { preemptions: 2, kills: 1 }, [
    both,
    both,
    CPOP,
  ]);
  return {
    ...rest,
    setup: (cells) => {
      rest.setup(cells);
      cells.i32.fill(7, STATES >> 2, (STATES >> 2) + 2);
    },
    killable: [0],
    final: ({ i32 }, history, died) => {
      const ends = (name: string, result: number): number =>
        history.filter((op) => op.name === name && op.result === result).length;
      for (const request of [0, 1]) {
        const times = ends('completionPop', 3 + request);
        if (times !== 1) return `request ${request} came back ${times} times`;
        if (i32[(STATES >> 2) + request] !== 9)
          return `the state of request ${request} did not move`;
      }
      const [won, lost] = [ends('completionFinish', 1), ends('completionFinish', 0)];
      if (died.length === 0)
        return won === 2 && lost === 2 ? undefined : `${won} won, ${lost} lost`;
      return won + lost < 2 ? `only ${won + lost} answers` : undefined;
    },
  };
}
