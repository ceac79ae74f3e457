/** What a holder that was killed leaves behind (H3): each point at which it can be killed is made by hand. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attachRing, EMPTY, Heap, RETRY } from '../../src/ring/index.ts';
import { HeapCells } from './heap-cells.ts';
import { changedBy, sharedMemory } from './memories.ts';

const ADDRESS = 128;
const DEAD = 9;
const CAPACITY = 30;
const STATES = 16384;

interface Setup {
  readonly memory: WebAssembly.Memory;
  readonly heap: Heap;
  readonly cells: HeapCells;
}

function heapWith(keys: readonly number[]): Setup {
  const memory = sharedMemory();
  const heap = Heap.create(memory, ADDRESS, { capacity: CAPACITY, spins: 0 });
  for (const [value, key] of keys.entries()) heap.push(key, value);
  return { memory, heap, cells: new HeapCells(memory, ADDRESS) };
}

function contents(heap: Heap): [bigint, number][] {
  const pairs: [bigint, number][] = [];
  while (heap.size > 0) pairs.push([heap.peekKey64(), heap.popMin()]);
  return pairs;
}

/** How many pauses an operation has. */
function lengthOf(operation: Generator<void>): number {
  let n = 0;
  for (const _ of operation) n++;
  return n;
}

interface Operation {
  readonly begin: (cells: HeapCells) => Generator<void>;
  /** The same, done by the living. */
  readonly finish: (heap: Heap) => number;
  /** The answer of recover once the journal describes the operation. */
  readonly recovered: number;
}

/** Kills the operation at each of its pauses, and looks at what recover makes of it. */
function killEverywhere(keys: readonly number[], { begin, finish, recovered }: Operation): void {
  const before = contents(heapWith(keys).heap);
  const done = heapWith(keys).heap;
  finish(done);
  const after = contents(done);
  const pauses = lengthOf(begin(heapWith(keys).cells));
  expect(pauses).toBeGreaterThanOrEqual(2);
  for (let pause = 1; pause <= pauses; pause++) {
    const { memory, heap, cells } = heapWith(keys);
    const operation = begin(cells);
    for (let i = 0; i < pause; i++) operation.next();
    expect([heap.push(0, 0), heap.remove(0)]).toEqual([RETRY, RETRY]);
    for (const other of [0, DEAD - 1, DEAD + 1]) {
      expect(changedBy(memory, () => expect(heap.recover(other)).toBe(EMPTY))).toEqual([]);
    }
    const isBegun = pause > 1;
    expect(heap.recover(DEAD)).toBe(isBegun ? recovered : EMPTY);
    cells.expectWhole();
    expect(changedBy(memory, () => expect(heap.recover(DEAD)).toBe(EMPTY))).toEqual([]);
    expect(contents(heap), `killed at pause ${pause}`).toEqual(isBegun ? after : before);
  }
}

const keys = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: CAPACITY - 1 });
const key = fc.integer({ min: -1, max: 41 });

describe('H3_recover_goes_on_where_the_dead_holder_stopped', () => {
  it('a_push_of_a_new_value_is_done', () => {
    fc.assert(
      fc.property(keys, key, (all, k) => {
        killEverywhere(all, {
          begin: (cells) => cells.push(DEAD, BigInt(k), all.length),
          finish: (heap) => heap.push(k, all.length),
          recovered: EMPTY,
        });
      }),
      { numRuns: 60 },
    );
  });

  it('a_push_of_a_value_that_is_in_is_done', () => {
    fc.assert(
      fc.property(keys, key, fc.nat(), (all, k, choice) => {
        const value = choice % all.length;
        killEverywhere(all, {
          begin: (cells) => cells.push(DEAD, BigInt(k), value),
          finish: (heap) => heap.push(k, value),
          recovered: EMPTY,
        });
      }),
      { numRuns: 60 },
    );
  });

  it('a_value_that_was_to_be_removed_is_handed_over', () => {
    fc.assert(
      fc.property(keys, fc.nat(), (all, choice) => {
        const value = choice % all.length;
        killEverywhere(all, {
          begin: (cells) => cells.take(DEAD, value),
          finish: (heap) => heap.remove(value),
          recovered: value,
        });
      }),
      { numRuns: 60 },
    );
  });

  it('the_least_that_was_to_be_popped_is_handed_over', () => {
    fc.assert(
      fc.property(keys, (all) => {
        const least = heapWith(all).heap.popMin();
        killEverywhere(all, {
          begin: (cells) => cells.take(DEAD, least),
          finish: (heap) => heap.popMin(),
          recovered: least,
        });
      }),
      { numRuns: 60 },
    );
  });

  it('a_long_way_up_and_a_long_way_down_have_a_pause_for_each_level', () => {
    const sorted = Array.from({ length: 29 }, (_, i) => i);
    expect(lengthOf(heapWith(sorted).cells.push(DEAD, -1n, 29))).toBe(2 + 3);
    expect(lengthOf(heapWith(sorted).cells.take(DEAD, 0))).toBe(2 + 3);
  });
});

it('H3_a_first_push_and_a_last_pop_recover_too', () => {
  const { heap, cells } = heapWith([]);
  for (const _ of cells.push(DEAD, 5n, 3)) expect(heap.popMin()).toBe(EMPTY);
  expect([heap.recover(DEAD), heap.peek(), heap.size]).toEqual([EMPTY, 5, 1]);
  cells.expectWhole();
  for (const _ of cells.take(DEAD, 3)) expect(heap.peek()).toBe(5);
  expect([heap.recover(DEAD), heap.peek(), heap.size]).toEqual([3, Number.POSITIVE_INFINITY, 0]);
  cells.expectWhole();
});

it('H3_a_value_that_carries_the_mark_is_not_handed_over', () => {
  const { memory, heap } = heapWith([2, 1]);
  const dying = Heap.attach(memory, ADDRESS, DEAD);
  expect(dying.popMinMark(STATES, 4, DEAD)).toBe(1);
  expect(attachRing(memory).i32[(STATES + 4) >> 2]).toBe(DEAD);
  expect([heap.recover(DEAD), heap.size]).toEqual([EMPTY, 1]);
});

it('H3_a_holder_that_had_begun_nothing_hands_over_nothing', () => {
  const { heap, cells } = heapWith([2, 1, 3]);
  expect(heap.popMin()).toBe(1); // the journal still tells of it
  cells.lock = DEAD + 1;
  expect([heap.recover(DEAD), heap.size]).toEqual([EMPTY, 2]);
  cells.expectWhole();
});

it('H3_a_lock_that_nobody_holds_is_left_alone', () => {
  const { memory, heap } = heapWith([2, 1]);
  expect(changedBy(memory, () => expect(heap.recover(DEAD)).toBe(EMPTY))).toEqual([]);
});

it.each([0, 1, 2 ** 31 - 2])('H2_a_holder_of_number_%d_can_be_recovered', (holder) => {
  const { memory, cells } = heapWith([2, 1]);
  const supervisor = Heap.attach(memory, ADDRESS, 5);
  for (const _ of cells.take(holder, 0)) expect(cells.lock).toBe(holder + 1);
  expect([supervisor.recover(holder), cells.lock]).toEqual([0, 0]);
});
