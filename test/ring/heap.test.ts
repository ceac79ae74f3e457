import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attachRing, EMPTY, FULL, Heap, type HeapOptions, RETRY } from '../../src/ring/index.ts';
import { COUNTER_STARTS } from './arenas.ts';
import { HeapCells, NO_KEY } from './heap-cells.ts';
import { changedBy, refusalOf, sharedMemory } from './memories.ts';

const ADDRESS = 128;
const STATES = 16384;
const STRIDE_BYTES = 128;
/** Where Infinity and what is above it lie: 2^63 - 1 means that there is nothing. */
const LAST_KEY = NO_KEY - 1n;

interface Setup {
  readonly memory: WebAssembly.Memory;
  readonly heap: Heap;
  readonly cells: HeapCells;
}

function heapOf(options: HeapOptions, sequence: number = 0): Setup {
  const memory = sharedMemory();
  const heap = Heap.create(memory, ADDRESS, options);
  const cells = new HeapCells(memory, ADDRESS);
  cells.sequence = sequence;
  return { memory, heap, cells };
}

/** Pushes keys[i] for value i. */
function fill(heap: Heap, keys: readonly number[]): void {
  for (const [value, key] of keys.entries()) expect(heap.push(key, value)).toBe(0);
}

function drain(heap: Heap): number[] {
  const values: number[] = [];
  for (let value = heap.popMin(); value !== EMPTY; value = heap.popMin()) values.push(value);
  return values;
}

type Step =
  | readonly ['push' | 'push64', bigint, number]
  | readonly ['popMin' | 'popMinMark']
  | readonly ['remove', number];

const fewKeys = fc.bigInt({ min: -4n, max: 4n });
const anyKeys = fc.bigInt({ min: -(2n ** 63n), max: LAST_KEY });
const exactKeys = fc.bigInt({ min: -(2n ** 53n), max: 2n ** 53n });

/** Pushes that nearly fill the heap, so that it has its depth, and then anything. */
function stepsOf(capacity: number, values: number): fc.Arbitrary<Step[]> {
  const value = fc.nat(values - 1);
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 3, arbitrary: fc.tuple(fc.constant('push' as const), fewKeys, value) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('push' as const), exactKeys, value) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('push64' as const), anyKeys, value) },
    { weight: 1, arbitrary: fc.constantFrom<Step>(['popMin'], ['popMinMark']) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('remove' as const), value) },
  );
  const pushes = fc
    .array(fewKeys, { maxLength: capacity, minLength: capacity >> 1 })
    .map((keys) => keys.map((key, i): Step => ['push64', key, i]));
  return fc.tuple(pushes, fc.array(step, { maxLength: 60 })).map((parts) => parts.flat());
}

/** Pairs of key and value in the order of their pushes: the first of the least keys is the next. */
class Model {
  readonly capacity: number;
  pairs: { key: bigint; value: number }[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  push(key: bigint, value: number): number {
    const others = this.pairs.filter((pair) => pair.value !== value);
    if (others.length === this.capacity) return FULL;
    this.pairs = [...others, { key, value }];
    return 0;
  }

  get least(): bigint {
    return this.pairs.reduce((least, { key }) => (key < least ? key : least), NO_KEY);
  }

  popMin(): number {
    const { least } = this;
    return this.remove(this.pairs.find(({ key }) => key === least)?.value ?? EMPTY);
  }

  remove(value: number): number {
    const isIn = this.pairs.some((pair) => pair.value === value);
    this.pairs = this.pairs.filter((pair) => pair.value !== value);
    return isIn ? value : EMPTY;
  }
}

/** Does the steps on the heap and on the model, and compares all answers. */
function compare({ memory, heap, cells }: Setup, steps: readonly Step[]): void {
  const { i32 } = attachRing(memory);
  const model = new Model(heap.capacity);
  for (const step of steps) {
    if (step[0] === 'push') {
      const [, key, value] = step;
      expect(heap.push(Number(key), value)).toBe(model.push(key, value));
    } else if (step[0] === 'push64') {
      const [, key, value] = step;
      expect(heap.pushKey64(key, value)).toBe(model.push(key, value));
    } else if (step[0] === 'remove') {
      expect(heap.remove(step[1])).toBe(model.remove(step[1]));
    } else if (step[0] === 'popMin') {
      expect(heap.popMin()).toBe(model.popMin());
    } else {
      const value = model.popMin();
      i32.fill(0, STATES >> 2);
      expect(heap.popMinMark(STATES, STRIDE_BYTES, 77)).toBe(value);
      const marks = i32.subarray(STATES >> 2);
      const marked = marks.findIndex((mark) => mark !== 0);
      expect(marked).toBe(value === EMPTY ? -1 : (value * STRIDE_BYTES) >> 2);
      if (value !== EMPTY) {
        expect([marks[marked], marks.subarray(marked + 1).some((m) => m !== 0)]).toEqual([
          77,
          false,
        ]);
      }
    }
    cells.expectWhole();
    expect(heap.size).toBe(model.pairs.length);
    expect(heap.peekKey64()).toBe(model.least);
    const peek = model.pairs.length === 0 ? Number.POSITIVE_INFINITY : Number(model.least);
    expect(heap.peek()).toBe(peek);
  }
  const rest = model.pairs.map(() => model.popMin());
  expect(drain(heap)).toEqual(rest);
}

describe.each(COUNTER_STARTS)('sequence from %d', (start) => {
  it.each([1, 2, 4, 8, 40])('H1_a_heap_of_%d_answers_as_an_array_does_and_is_whole', (capacity) => {
    const values = capacity + 3;
    fc.assert(
      fc.property(stepsOf(capacity, values), (steps) =>
        compare(heapOf({ capacity, values }, start), steps),
      ),
      { numRuns: 30 },
    );
  });

  it('H4_equal_keys_leave_in_the_order_of_their_pushes', () => {
    const { heap } = heapOf({ capacity: 24 }, start);
    const keys = Array.from({ length: 24 }, (_, i) => (i * 7) % 3);
    fill(heap, keys);
    const expected = [0, 1, 2].flatMap((key) => keys.flatMap((k, v) => (k === key ? [v] : [])));
    expect(drain(heap)).toEqual(expected);
  });

  it('H4_a_value_pushed_again_goes_behind_its_equals', () => {
    const { heap } = heapOf({ capacity: 6 }, start);
    fill(heap, [5, 5, 5, 5, 5, 5]);
    for (const value of [2, 0]) expect(heap.push(5, value)).toBe(0);
    expect(heap.size).toBe(6);
    expect(drain(heap)).toEqual([1, 3, 4, 5, 2, 0]);
  });
});

describe('keys', () => {
  it('a_number_is_exact_up_to_2^53_on_both_sides_of_0', () => {
    const { heap } = heapOf({ capacity: 8 });
    const top = 2 ** 53;
    fill(heap, [top, top - 1, 1, 0, -1, -top + 1, -top]);
    expect(heap.peek()).toBe(-top);
    const keys: bigint[] = [];
    const values: number[] = [];
    while (heap.size > 0) {
      keys.push(heap.peekKey64());
      values.push(heap.popMin());
    }
    expect(values).toEqual([6, 5, 4, 3, 2, 1, 0]);
    const most = 2n ** 53n;
    expect(keys).toEqual([-most, -most + 1n, -1n, 0n, 1n, most - 1n, most]);
  });

  it('64_bit_keys_that_are_the_same_number_are_told_apart', () => {
    const { heap } = heapOf({ capacity: 4 });
    const key = 2n ** 62n;
    expect(Number(key)).toBe(Number(key + 1n));
    heap.pushKey64(key + 1n, 0);
    heap.pushKey64(key, 1);
    heap.pushKey64(-(2n ** 63n), 2);
    expect([heap.peekKey64(), heap.peek()]).toEqual([-(2n ** 63n), -(2 ** 63)]);
    expect(drain(heap)).toEqual([2, 1, 0]);
  });

  it('Infinity_is_the_last_and_not_the_same_as_nothing', () => {
    const { heap } = heapOf({ capacity: 4 });
    expect(heap.push(Number.POSITIVE_INFINITY, 0)).toBe(0);
    expect([heap.peekKey64(), Number.isFinite(heap.peek())]).toEqual([LAST_KEY, true]);
    expect(heap.pushKey64(NO_KEY, 1)).toBe(0); // no key is the key of nothing
    expect(heap.push(2 ** 53, 2)).toBe(0);
    expect(drain(heap)).toEqual([2, 0, 1]);
    expect([heap.peekKey64(), heap.peek()]).toEqual([NO_KEY, Number.POSITIVE_INFINITY]);
  });
});

describe('order', () => {
  it('H1_a_removal_from_the_middle_sifts_up_when_the_last_entry_is_of_another_branch', () => {
    const { heap, cells } = heapOf({ capacity: 10 });
    // As an array: entry 1 and its children 5 to 8 are late, entry 2 and its child 9 early.
    const keys = [0, 100, 1, 1, 1, 200, 201, 202, 203, 2];
    fill(heap, keys);
    expect(cells.entries().map(({ key }) => Number(key))).toEqual(keys);
    expect(heap.remove(5)).toBe(5);
    cells.expectWhole();
    expect(
      cells
        .entries()
        .slice(0, 6)
        .map(({ value }) => value),
    ).toEqual([0, 9, 2, 3, 4, 1]);
    expect(drain(heap)).toEqual([0, 2, 3, 4, 9, 1, 6, 7, 8]);
  });

  it('a_push_of_what_is_in_moves_it_up_and_down', () => {
    const { heap, cells } = heapOf({ capacity: 24 });
    fill(
      heap,
      Array.from({ length: 24 }, (_, i) => 10 * i),
    );
    for (const [key, value] of [
      [-1, 23],
      [1000, 0],
      [55, 5],
      [45, 5],
      [-2, 23],
    ] as const) {
      expect(heap.push(key, value)).toBe(0);
      expect(heap.size).toBe(24);
      cells.expectWhole();
    }
    expect(drain(heap)).toEqual([
      23,
      1,
      2,
      3,
      4,
      5,
      6,
      ...Array.from(Array(16), (_, i) => 7 + i),
      0,
    ]);
  });

  it('each_entry_can_be_removed_and_the_rest_stays_in_order', () => {
    for (let value = 0; value < 24; value++) {
      const { heap, cells } = heapOf({ capacity: 24 });
      fill(
        heap,
        Array.from({ length: 24 }, (_, i) => (i * 11) % 24),
      );
      expect([heap.remove(value), heap.remove(value), heap.size]).toEqual([value, EMPTY, 23]);
      cells.expectWhole();
      const keys = drain(heap).map((v) => (v * 11) % 24);
      expect(keys).toEqual([...Array(24).keys()].filter((key) => key !== (value * 11) % 24));
    }
  });
});

describe('room', () => {
  it('a_full_heap_answers_FULL_to_new_values_only', () => {
    const { memory, heap, cells } = heapOf({ capacity: 2, values: 5 });
    fill(heap, [10, 20]);
    expect(changedBy(memory, () => expect(heap.push(1, 4)).toBe(FULL))).toEqual([]);
    expect([heap.push(5, 1), heap.peek(), heap.size]).toEqual([0, 5, 2]);
    cells.expectWhole();
    expect([heap.popMin(), heap.push(1, 4), heap.popMin(), heap.popMin()]).toEqual([1, 0, 4, 0]);
  });

  it('values_may_be_fewer_than_the_capacity', () => {
    const { heap } = heapOf({ capacity: 8, values: 2 });
    fill(heap, [2, 1]);
    expect([heap.push(0, 0), heap.size, ...drain(heap)]).toEqual([0, 2, 0, 1]);
  });

  it.each([-1, 3, 1.5, Number.NaN, 2 ** 32])('a_value_of_%d_of_3_is_refused', (value) => {
    const { memory, heap } = heapOf({ capacity: 3 });
    const changed = changedBy(memory, () => {
      for (const call of [
        () => heap.push(1, value),
        () => heap.pushKey64(1n, value),
        () => heap.remove(value),
      ]) {
        expect(refusalOf(call)).toBe('ERR_RING_CAPACITY');
      }
    });
    expect(changed).toEqual([]);
  });

  it('the_functions_trap_on_a_value_out_of_range', () => {
    const { memory } = heapOf({ capacity: 3 });
    const { fn } = attachRing(memory);
    const changed = changedBy(memory, () => {
      for (const value of [3, -1]) {
        expect(() => fn.heapPush(ADDRESS, 0, 1, value)).toThrow(WebAssembly.RuntimeError);
        expect(() => fn.heapPushKey64(ADDRESS, 0, 1n, value)).toThrow(WebAssembly.RuntimeError);
        expect(() => fn.heapRemove(ADDRESS, 0, value)).toThrow(WebAssembly.RuntimeError);
      }
    });
    expect(changed).toEqual([]);
  });

  it.each([1, 2, 5, 16, 17, 100])('four_children_share_a_line_with_%d_values', (values) => {
    const { heap, cells } = heapOf({ capacity: 21, values });
    expect(heap.values).toBe(values);
    for (let i = 0; i < 5; i++) expect(cells.entryAddress(4 * i + 1) % 64).toBe(0);
    expect(cells.entryAddress(0)).toBeGreaterThanOrEqual(ADDRESS + 512 + 4 * values);
    expect(cells.entryAddress(21) - ADDRESS).toBe(Heap.bytes({ capacity: 21, values }));
  });
});

describe.each([0, 1, 100])('a_lock_that_another_holds with %d spins', (spins) => {
  it('H2_all_say_RETRY_and_write_nothing', () => {
    const { memory, heap, cells } = heapOf({ capacity: 4, spins });
    fill(heap, [2, 1]);
    cells.lock = 7 + 1;
    const changed = changedBy(memory, () => {
      expect([heap.push(0, 3), heap.push(0, 1), heap.pushKey64(0n, 3)]).toEqual(
        Array(3).fill(RETRY),
      );
      expect([heap.remove(0), heap.remove(3), heap.popMin()]).toEqual(Array(3).fill(RETRY));
      expect(heap.popMinMark(STATES, STRIDE_BYTES, 5)).toBe(RETRY);
    });
    expect(changed).toEqual([]);
    cells.lock = 0;
    expect(drain(heap)).toEqual([1, 0]);
  });

  it('H2_peek_and_size_answer_without_the_lock', () => {
    const { heap, cells } = heapOf({ capacity: 4, spins });
    fill(heap, [2, 1]);
    cells.lock = 7 + 1;
    expect([heap.peek(), heap.peekKey64(), heap.size]).toEqual([1, 1n, 2]);
  });

  it('an_empty_heap_is_EMPTY_without_the_lock', () => {
    const { heap, cells } = heapOf({ capacity: 4, spins });
    cells.lock = 7 + 1;
    expect([heap.popMin(), heap.popMinMark(STATES, STRIDE_BYTES, 5)]).toEqual([EMPTY, EMPTY]);
  });

  it('H2_a_free_lock_is_taken_at_the_first_look_and_free_afterwards', () => {
    const { heap, cells } = heapOf({ capacity: 1, values: 2, spins });
    expect([heap.push(1, 0), cells.lock]).toEqual([0, 0]);
    expect([heap.push(1, 1), cells.lock]).toEqual([FULL, 0]);
    expect([heap.remove(1), cells.lock]).toEqual([EMPTY, 0]);
    expect([heap.popMin(), cells.lock]).toEqual([0, 0]);
  });
});
