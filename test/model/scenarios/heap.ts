/** The keyed heap under its lock. */
import { Heap } from '../../../src/ring/index.ts';
import { heapModel } from '../models.ts';
import type { Bounds, Cells, DirectCall, Scenario } from '../scenario.ts';
import { AT, BYTES, cellNames, isQuiet, type Program, STATES, sequence } from './layouts.ts';

const CAPACITY = 12;
const ENTRIES = Math.ceil((512 + 4 * CAPACITY) / 64) * 64 + 48;
const NONE = 2n ** 63n - 1n;

/** `before`: pushed in setup, [key, value]. */
function heap(
  name: string,
  before: readonly (readonly [number, number])[],
  bounds: Bounds,
  threads: readonly Program[],
  capacity: number = CAPACITY,
): Scenario {
  const fill: Program[] = [];
  return {
    name: `heap/${name}/${capacity}/0`,
    bounds,
    bytes: BYTES,
    threads: [...fill, ...threads],
    setup: ({ memory }) => {
      const made = Heap.create(memory, AT, { capacity, values: CAPACITY, spins: 1 }, 9);
      for (const [key, value] of before) made.push(key, value);
    },
    after: drain,
    model: {
      ...heapModel(capacity),
      initial: [...before]
        .sort(([a], [b]) => a - b)
        .map(([key, value]) => `${key}:${value}`)
        .join(),
    },
    invariant: heapFault,
    cell: cellNames(
      {
        128: 'LOCK',
        256: 'MIN',
        264: 'COUNT',
        384: 'OP',
        388: 'HOLE',
        392: 'TARGET',
        396: 'TAKEN',
        400: 'ITEM.key',
        408: 'ITEM.sequence',
        412: 'ITEM.value',
        416: 'SEQUENCE',
      },
      { from: ENTRIES, bytes: 16, name: 'entry' },
    ),
    // What only the holder touches is no step of its own, except where stores are held back: then it is all the same to the others.
    isQuiet: (address) =>
      isQuiet(address) || (bounds.delays === undefined && address >= AT + 384 && address < STATES),
  };
}

function drain(call: DirectCall): void {
  let value: number;
  do value = call('heapPopMin', AT, 9, 0, 0, 0);
  while (value >= 0);
}

/** H1: looked at whenever the lock is free. */
function heapFault({ i32, i64 }: Cells): string | undefined {
  if (i32[32] !== 0) return undefined;
  const count = i32[66] as number;
  if (i32[96] !== 0) return 'H1: OP is set';
  const entry = (i: number): { key: bigint; sequence: number; value: number } => {
    const at = ENTRIES + 16 * i;
    return {
      key: i64[at >> 3] as bigint,
      sequence: i32[(at + 8) >> 2] as number,
      value: i32[(at + 12) >> 2] as number,
    };
  };
  const placed = i32.subarray(128, 128 + CAPACITY).filter((place) => place !== 0).length;
  if (placed !== count) return `H1: ${placed} places for ${count} entries`;
  for (let i = 0; i < count; i++) {
    const { key, sequence, value } = entry(i);
    if (i32[128 + value] !== i + 1)
      return `H1: value ${value} is in entry ${i}, its place says ${i32[128 + value]}`;
    if (i === 0) continue;
    const parent = entry((i - 1) >> 2);
    const isBefore =
      key < parent.key || (key === parent.key && ((sequence - parent.sequence) | 0) < 0);
    if (isBefore) return `H1: entry ${i} is before its parent`;
  }
  const min = i64[32] as bigint;
  if (min !== (count === 0 ? NONE : entry(0).key)) return `H1: MIN is ${min}`;
  return undefined;
}

const push = (holder: number, key: number, value: number) =>
  ['heapPush', AT, holder, key, value] as const;
const pop = (holder: number) => ['heapPopMin', AT, holder, 0, 0, 0] as const;
const remove = (holder: number, value: number) => ['heapRemove', AT, holder, value] as const;
const PEEK = ['heapPeek', AT] as const;
/** Entries 5 to 8 hang under key 10, entry 9, the last, under key 2: a removal of one of the former moves the last upwards. */
const TEN = [
  [1, 0],
  [10, 1],
  [2, 2],
  [20, 3],
  [21, 4],
  [11, 5],
  [12, 6],
  [13, 7],
  [14, 8],
  [3, 9],
] as const;
const SIX = TEN.slice(0, 6);

/** A holder dies anywhere in its operation; the supervisor recovers and puts back what carries no mark. */
function killed(name: string, threads: readonly Program[]): Scenario {
  const {
    model: _,
    invariant: __,
    ...rest
  } = heap(name, SIX, { preemptions: 1, kills: 1 }, threads);
  return {
    ...rest,
    killable: [0],
    after: (call, cells, died) => {
      for (const thread of died) {
        const taken = call('heapRecover', AT, thread);
        if (taken >= 0) call('heapPush', AT, 9, 5, taken);
      }
      const fault = heapFault(cells);
      if (fault !== undefined) throw new Error(fault);
      drain(call);
    },
    final: ({ i32 }, history) => {
      const out = history
        .filter(
          ({ name: op, args, result = -1 }) => op === 'heapPopMin' && args[2] === 0 && result >= 0,
        )
        .map(({ result }) => result);
      for (let value = 0; value < 6; value++) {
        const marked = i32[(STATES >> 2) + value] === 77 ? 1 : 0;
        const times = marked + out.filter((v) => v === value).length;
        if (times !== 1) return `value ${value} came out ${times} times (${marked} marked)`;
      }
      return undefined;
    },
  };
}

export const heapScenarios: readonly Scenario[] = [
  heap('push-pop', [], { preemptions: 2 }, [
    sequence(push(1, 5, 0), push(1, 3, 1)),
    sequence(pop(2), pop(2)),
    sequence(PEEK, push(3, 4, 2)),
  ]),
  heap('equal-keys', [], { preemptions: 2 }, [
    sequence(push(1, 5, 0), push(1, 5, 1)),
    sequence(push(2, 5, 2), pop(2)),
  ]),
  heap('remove', TEN, { preemptions: 2 }, [
    sequence(remove(1, 5), PEEK),
    sequence(remove(2, 2), pop(2)),
    sequence(pop(3)),
  ]),
  heap('rekey', SIX, { preemptions: 2 }, [
    sequence(push(1, 0, 5), push(1, 20, 0)),
    sequence(pop(2), PEEK, pop(2)),
  ]),
  heap(
    'full',
    [],
    { preemptions: 3 },
    [sequence(push(1, 1, 0), push(1, 2, 1), push(1, 3, 2)), sequence(pop(2), push(2, 4, 3))],
    2,
  ),
  heap('held-back', [[7, 7]], { preemptions: 1, delays: 1 }, [
    sequence(push(1, 5, 0)),
    sequence(pop(2)),
  ]),
  killed('killed-pop', [
    sequence(['heapPopMin', AT, 0, STATES, 4, 77]),
    sequence(push(1, 0, 3), PEEK),
  ]),
  killed('killed-push', [sequence(push(0, 1, 4)), sequence(['heapPopMin', AT, 1, STATES, 4, 77])]),
  killed('killed-rekey', [sequence(push(0, 20, 0)), sequence(push(1, 0, 3))]),
];
