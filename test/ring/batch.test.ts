import { describe, expect, it } from 'vitest';
import {
  attachRing,
  Batch,
  Deque,
  EMPTY,
  MpmcRing,
  RETRY,
  SpscRing,
} from '../../src/ring/index.ts';
import { refusalOf, sharedMemory } from './memories.ts';
import { claimTicket } from './tickets.ts';

const RING = 128;
const BATCH = 2048;

/** Each structure that hands out batches, with seven values in it. */
const TAKERS: Record<
  string,
  (memory: WebAssembly.Memory) => (batch: Batch, max?: number) => number
> = {
  deque: (memory) => {
    const deque = Deque.create(memory, RING, { capacity: 8 });
    for (let value = 1; value < 8; value++) deque.push(value);
    return (batch, max) => deque.stealBatch(batch, max);
  },
  mpmc: (memory) => {
    const ring = MpmcRing.create(memory, RING, { capacity: 8 });
    for (let value = 1; value < 8; value++) ring.push(value);
    return (batch, max) => ring.popMany(batch, max);
  },
  spsc: (memory) => {
    const ring = SpscRing.create(memory, RING, { capacity: 8 });
    for (let value = 1; value < 8; value++) ring.push(value);
    return (batch, max) => ring.popMany(batch, max);
  },
};

describe.each(Object.entries(TAKERS))('%s', (_name, takerOf) => {
  it('count_says_what_the_last_take_left_and_0_behind_EMPTY', () => {
    const memory = sharedMemory();
    const take = takerOf(memory);
    const batch = new Batch(memory, BATCH, 3);
    const found: number[] = [];
    let n = take(batch);
    for (; n > 0; n = take(batch)) {
      expect(batch.count).toBe(n);
      found.push(...batch.values.subarray(0, n));
    }
    expect([n, batch.count]).toEqual([EMPTY, 0]);
    expect(found).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('a_take_of_nothing_clears_the_count', () => {
    const memory = sharedMemory();
    const take = takerOf(memory);
    const batch = new Batch(memory, BATCH, 3);
    expect(take(batch, 2)).toBe(2);
    expect([take(batch, 0), batch.count]).toEqual([0, 0]);
  });

  it('nothing_is_written_behind_the_batch', () => {
    const memory = sharedMemory();
    const take = takerOf(memory);
    const { i32 } = attachRing(memory);
    for (let capacity = 1; capacity < 5; capacity++) {
      const batch = new Batch(memory, BATCH, capacity);
      i32.fill(-7, BATCH >> 2, (BATCH >> 2) + 64);
      for (const max of [undefined, 100, -1, Number.POSITIVE_INFINITY, Number.NaN])
        take(batch, max);
      const behind = i32.subarray((BATCH + Batch.bytes(capacity)) >> 2, (BATCH >> 2) + 64);
      expect(behind.every((cell) => cell === -7)).toBe(true);
    }
  });
});

it('count_is_0_behind_RETRY', () => {
  const memory = sharedMemory();
  const ring = MpmcRing.create(memory, RING, { capacity: 8 });
  const batch = new Batch(memory, BATCH, 3);
  ring.push(1);
  expect([ring.popMany(batch), batch.count]).toEqual([1, 1]);
  claimTicket(memory, RING);
  expect([ring.popMany(batch), batch.count]).toEqual([RETRY, 0]);
});

it('a_batch_lies_where_it_says', () => {
  const memory = sharedMemory();
  const { i32 } = attachRing(memory);
  const batch = new Batch(memory, BATCH + 4, 3);
  batch.values.set([5, 6, 7]);
  i32[(BATCH + 4) >> 2] = 2;
  expect([batch.count, batch.address, batch.valuesAddress]).toEqual([2, BATCH + 4, BATCH + 8]);
  expect([...i32.subarray(batch.valuesAddress >> 2, (BATCH + 4 + Batch.bytes(3)) >> 2)]).toEqual([
    5, 6, 7,
  ]);
});

describe('a_batch_that_cannot_be_is_refused', () => {
  it.each([0, -1, 1.5, Number.NaN, 2 ** 24 + 1])('capacity %d', (capacity) => {
    expect(refusalOf(() => new Batch(sharedMemory(), BATCH, capacity))).toBe('ERR_RING_CAPACITY');
  });

  it.each([2, 65536 - 8, 65536, -8])('address %d', (address) => {
    expect(() => new Batch(sharedMemory(), address, 2)).toThrow(RangeError);
  });
});
