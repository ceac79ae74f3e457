import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  attachRing,
  Batch,
  Deque,
  DequeGroup,
  type DequeOptions,
  EMPTY,
  FULL,
} from '../../src/ring/index.ts';
import { smallArena } from './arenas.ts';
import { ahead, changedBy, SHAPES, sharedMemory } from './memories.ts';

const ADDRESS = 128;
const TOP = ADDRESS + 128;
const TAG = TOP + 4;
const BOTTOM = ADDRESS + 256;
const CELLS = ADDRESS + 384;
const STATES = 8192;
const STRIDE_BYTES = 128;

interface Setup {
  readonly memory: WebAssembly.Memory;
  readonly deque: Deque;
  readonly batch: Batch;
  readonly i32: Int32Array<SharedArrayBuffer>;
}

function dequeOf(options: DequeOptions): Setup {
  const memory = sharedMemory();
  return {
    memory,
    deque: Deque.create(memory, ADDRESS, options),
    batch: new Batch(memory, 2048, 16),
    i32: attachRing(memory).i32,
  };
}

function drain(deque: Deque): number[] {
  const values: number[] = [];
  for (let value = deque.steal(); value !== EMPTY; value = deque.steal()) values.push(value);
  return values;
}

/** What a batch steal takes of `waiting` values. */
function share(waiting: number, batch: number, max: number): number {
  return Math.min(Math.ceil(waiting / 2), batch, max);
}

/** A thief stopped between its look and its CAS: `claim` goes on, and says what it got. */
function thiefThatLooked({ i32 }: Setup, batch: number): { claim: () => number[] } {
  const tops = new BigInt64Array(i32.buffer, TOP, 1);
  const seen = tops[0] as bigint;
  const top = i32[TOP >> 2] as number;
  const mask = i32[(ADDRESS + 4) >> 2] as number;
  const n = share(ahead(i32[BOTTOM >> 2], top), batch, 16);
  const values = Array.from(
    { length: n },
    (_, i) => i32[(CELLS >> 2) + ((top + i) & mask)] as number,
  );
  const next = (seen & ~0xffffffffn) | BigInt((top + n) >>> 0);
  return {
    claim: () =>
      Atomics.compareExchange(tops, 0, seen, BigInt.asIntN(64, next)) === seen ? values : [],
  };
}

describe.each(SHAPES)('capacity $capacity, counters from $start', (shape) => {
  const { capacity } = shape;
  const batches = [...new Set([1, 2, capacity])].filter((batch) => batch <= capacity);
  const all = Array.from({ length: capacity }, (_, i) => i + 1);

  it('D1_it_holds_capacity_values_and_refuses_one_more', () => {
    const { memory, deque, i32 } = dequeOf(shape);
    for (let lap = 0; lap < 3; lap++) {
      expect(all.map((value) => deque.push(value))).toEqual(all.map(() => 0));
      expect(changedBy(memory, () => expect(deque.push(99)).toBe(FULL))).toEqual([]);
      expect([deque.size, ahead(i32[BOTTOM >> 2], i32[TOP >> 2])]).toEqual([capacity, capacity]);
      expect(all.map(() => deque.steal())).toEqual(all);
      expect([deque.steal(), deque.pop(), deque.size]).toEqual([EMPTY, EMPTY, 0]);
    }
  });

  it('D1_a_bottom_below_the_top_is_empty_to_thieves', () => {
    const { deque, batch, i32 } = dequeOf(shape);
    // The owner in the middle of a pop from an empty deque.
    i32[BOTTOM >> 2] = (i32[BOTTOM >> 2] as number) - 1;
    expect([deque.steal(), deque.stealBatch(batch), batch.count]).toEqual([EMPTY, EMPTY, 0]);
    expect(deque.stealMark(STATES, STRIDE_BYTES, 7)).toBe(EMPTY);
    expect(deque.size).toBe(0);
  });

  it('D2_the_last_item_goes_to_one_side', () => {
    const { deque } = dequeOf(shape);
    deque.push(7);
    expect([deque.pop(), deque.steal(), deque.pop()]).toEqual([7, EMPTY, EMPTY]);
    deque.push(8);
    expect([deque.steal(), deque.pop(), deque.steal()]).toEqual([8, EMPTY, EMPTY]);
    expect(deque.push(9)).toBe(0);
    expect(deque.steal()).toBe(9);
  });

  it('D2_a_value_goes_once_to_the_owner_or_to_a_thief_that_looked_before', () => {
    for (const batch of batches) {
      for (let pushed = 1; pushed <= capacity; pushed++) {
        for (let popped = 0; popped <= pushed; popped++) {
          for (let again = 0; again <= popped; again++) {
            const setup = dequeOf({ ...shape, batch });
            const { deque } = setup;
            for (let value = 0; value < pushed; value++) deque.push(value);
            const thief = thiefThatLooked(setup, batch);
            const owners = Array.from({ length: popped }, () => deque.pop());
            for (let value = 0; value < again; value++) deque.push(100 + value);
            const stolen = thief.claim();
            const where = { batch, pushed, popped, again, owners, stolen };
            const found = [...owners, ...stolen, ...drain(deque)].toSorted((a, b) => a - b);
            const expected = [
              ...Array(pushed).keys(),
              ...Array.from(Array(again), (_, i) => 100 + i),
            ];
            expect(found, JSON.stringify(where)).toEqual(expected);
          }
        }
      }
    }
  });

  it('D2_the_owner_changes_the_tag_only_within_the_reach_of_a_batch', () => {
    for (const batch of batches) {
      const { deque, i32 } = dequeOf({ ...shape, batch });
      for (const value of all) deque.push(value);
      for (let left = capacity - 1; left >= 0; left--) {
        const before = i32[TAG >> 2] as number;
        expect(deque.pop()).toBe(left + 1);
        expect(i32[TAG >> 2]).toBe(left < batch ? before + 1 : before);
      }
    }
  });

  it('D2_a_tag_that_wraps_leaves_the_top_alone', () => {
    const { deque, i32 } = dequeOf(shape);
    i32[TAG >> 2] = -1;
    deque.push(1);
    expect([deque.pop(), i32[TAG >> 2], i32[TOP >> 2]]).toEqual([1, 0, shape.start | 0]);
    deque.push(2);
    expect([deque.steal(), i32[TAG >> 2]]).toEqual([2, 0]);
  });

  it('D3_a_cell_is_reused_only_when_a_thief_has_passed_it', () => {
    const { memory, deque } = dequeOf(shape);
    for (let value = 0; value < capacity; value++) deque.push(value);
    for (let lap = 0; lap < 2 * capacity; lap++) {
      expect(deque.push(99)).toBe(FULL);
      expect(deque.steal()).toBe(lap);
      const cell = CELLS + 4 * ((shape.start + lap) & (capacity - 1));
      const changed = changedBy(memory, () => expect(deque.push(capacity + lap)).toBe(0));
      expect(changed).toEqual([BOTTOM, cell]);
    }
    expect(drain(deque)).toEqual(all.map((_, i) => 2 * capacity + i));
  });

  it('it_answers_as_an_array_does', () => {
    const plain = fc.constantFrom('push', 'push', 'push', 'pop', 'steal', 'mark');
    const step = fc.oneof(
      fc.tuple(plain, fc.constant(0)),
      fc.tuple(fc.constant('batch'), fc.nat(16)),
    );
    const steps = fc.array(step, { maxLength: 60 });
    fc.assert(
      fc.property(steps, fc.constantFrom(...batches), (operations, most) => {
        const { memory, deque, batch, i32 } = dequeOf({ ...shape, batch: most });
        const model: number[] = [];
        let value = 0;
        for (const [name, max] of operations) {
          if (name === 'push') {
            const isRoom = model.length < capacity;
            expect(deque.push(value)).toBe(isRoom ? 0 : FULL);
            if (isRoom) model.push(value);
            value = (value + 1) % 20;
          } else if (name === 'pop') {
            expect(deque.pop()).toBe(model.pop() ?? EMPTY);
          } else if (name === 'steal') {
            expect(deque.steal()).toBe(model.shift() ?? EMPTY);
          } else if (name === 'mark') {
            const expected = model.shift() ?? EMPTY;
            i32.fill(0, STATES >> 2);
            const changed = changedBy(memory, () => {
              expect(deque.stealMark(STATES, STRIDE_BYTES, 77)).toBe(expected);
            });
            const mark = STATES + expected * STRIDE_BYTES;
            expect(changed.filter((at) => at >= STATES)).toEqual(expected < 0 ? [] : [mark]);
            if (expected >= 0) expect(i32[mark >> 2]).toBe(77);
          } else {
            const isEmpty = max > 0 && model.length === 0;
            const taken = model.splice(0, share(model.length, most, max));
            expect(deque.stealBatch(batch, max)).toBe(isEmpty ? EMPTY : taken.length);
            expect([...batch.values.subarray(0, batch.count)]).toEqual(taken);
          }
          expect(deque.size).toBe(model.length);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('stealBatch', () => {
  it.each([
    [1, 8, 1],
    [2, 8, 1],
    [3, 8, 2],
    [8, 8, 4],
    [8, 3, 3],
    [8, 1, 1],
  ])('of_%d_values_with_a_batch_of_%d_takes_%d', (waiting, most, expected) => {
    const { deque, batch } = dequeOf({ capacity: 8, batch: most });
    for (let value = 0; value < waiting; value++) deque.push(value);
    expect([deque.stealBatch(batch), batch.count]).toEqual([expected, expected]);
    expect([...batch.values.subarray(0, expected)]).toEqual([...Array(expected).keys()]);
    expect(deque.size).toBe(waiting - expected);
  });

  it('takes_eight_at_most_unless_told_otherwise', () => {
    const { deque, batch } = dequeOf({ capacity: 64 });
    for (let value = 0; value < 64; value++) deque.push(value);
    expect(deque.stealBatch(batch)).toBe(8);
  });

  it('takes_no_more_than_the_batch_holds_and_nothing_for_a_max_below_1', () => {
    const { memory, deque, i32 } = dequeOf({ capacity: 8 });
    for (let value = 0; value < 8; value++) deque.push(value);
    const small = new Batch(memory, 4096, 2);
    i32[(4096 + Batch.bytes(2)) >> 2] = 77;
    for (const max of [0, -1]) {
      expect([deque.stealBatch(small, max), small.count, deque.size]).toEqual([0, 0, 8]);
    }
    expect([deque.stealBatch(small, 100), ...small.values]).toEqual([2, 0, 1]);
    expect(i32[(4096 + Batch.bytes(2)) >> 2]).toBe(77);
  });
});

it.each([0, 3, 2.5, -4, 2 ** 25, Number.NaN])('a_capacity_of_%d_is_refused', (capacity) => {
  expect(() => Deque.bytes({ capacity })).toThrow(/power of two up to 2\^24/);
});

it.each([0, 9, 1.5, -1])('a_batch_of_%d_of_8_values_is_refused', (batch) => {
  expect(() => dequeOf({ capacity: 8, batch })).toThrow(/batch .*from 1 to 8/);
});

it('two_thieves_and_the_owner_get_every_value_once', async () => {
  const COUNT = 20_000;
  const arena = smallArena({ slots: 64, slotBytes: 128 });
  const deque = arena.deque(0);
  const hits = new Int32Array(new SharedArrayBuffer(4 * (COUNT + 2)));
  const thieves = [0, 1].map(
    () =>
      new Worker(new URL('./thief.ts', import.meta.url), {
        workerData: { memory: arena.ring.memory, hits, count: COUNT },
      }),
  );
  const ends = thieves.map(
    (thief) =>
      new Promise((resolve, reject) => {
        thief.once('error', reject);
        thief.once('exit', resolve);
      }),
  );
  await Promise.all(
    thieves.map((thief) => new Promise((resolve) => thief.once('online', resolve))),
  );
  for (let value = 0; value < COUNT; ) {
    if (deque.push(value) === 0) value++;
    // Behind every other push, so that it is often the last item that both sides want.
    if (value % 2 === 0) {
      const own = deque.pop();
      if (own !== EMPTY) Atomics.add(hits, own, 1);
    }
  }
  // Behind the last push: the owner helps to empty it, which races for the last item.
  for (let own = deque.pop(); own !== EMPTY; own = deque.pop()) Atomics.add(hits, own, 1);
  Atomics.store(hits, COUNT, 1);
  await Promise.all(ends);
  const wrong = hits.subarray(0, COUNT).findIndex((times) => times !== 1);
  expect({ wrong, times: hits[wrong] }).toEqual({ wrong: -1, times: undefined });
});

it('pushMark_marks_the_value_and_marks_nothing_when_it_is_full', () => {
  const { deque, i32, memory } = dequeOf({ capacity: 1, start: 2 ** 31 - 1 });
  expect([deque.pushMark(5, STATES, 7), i32[STATES >> 2]]).toEqual([0, 7]);
  expect(changedBy(memory, () => expect(deque.pushMark(6, STATES, 8)).toBe(FULL))).toEqual([]);
  expect([deque.steal(), deque.size]).toEqual([5, 0]);
});

describe('several deques', () => {
  const COUNT = 5;
  const STRIDE = 1024;

  function groupOf(): { group: DequeGroup; deques: Deque[] } {
    const memory = sharedMemory();
    const deques = Array.from({ length: COUNT }, (_, at) =>
      Deque.create(memory, at * STRIDE, { capacity: 4 }),
    );
    return { group: new DequeGroup(memory, 0, STRIDE, COUNT), deques };
  }

  it('the_first_that_has_something_is_found_round_about', () => {
    const { group, deques } = groupOf();
    for (let from = 0; from < COUNT; from++) expect(group.find(from)).toBe(EMPTY);
    expect(group.hasValues).toBe(false);
    deques[1]?.push(7);
    deques[3]?.push(8);
    expect([0, 1, 2, 3, 4].map((from) => group.find(from))).toEqual([1, 1, 3, 3, 1]);
    expect(group.hasValues).toBe(true);
    deques[3]?.steal();
    expect([2, 3].map((from) => group.find(from))).toEqual([1, 1]);
    deques[1]?.pop();
    expect(group.find(4)).toBe(EMPTY);
  });

  it('one_that_lost_its_last_value_on_both_sides_is_empty', () => {
    const { group, deques } = groupOf();
    const [deque] = deques as [Deque];
    for (let round = 0; round < 20; round++) {
      deque.push(round);
      expect(group.find(2)).toBe(0);
      if (round % 2 === 0) deque.pop();
      else deque.steal();
      expect([deque.pop(), group.find(0)]).toEqual([EMPTY, EMPTY]);
    }
  });
});
