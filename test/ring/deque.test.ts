import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attachRing, Deque, EMPTY, FULL } from '../../src/ring/index.ts';
import { COUNTER_STARTS, smallArena } from './arenas.ts';
import { sharedMemory } from './memories.ts';

/** A deque of four cells whose counters begin at `start`. */
function dequeAt(start: number): { deque: Deque; i32: Int32Array<SharedArrayBuffer> } {
  const memory = sharedMemory();
  const deque = Deque.create(memory, 128, { capacity: 4, start });
  return { deque, i32: attachRing(memory).i32 };
}

describe.each(COUNTER_STARTS)('counters from %d', (start) => {
  it('D1_it_holds_capacity_values_and_refuses_one_more', () => {
    const { deque } = dequeAt(start);
    for (let lap = 0; lap < 3; lap++) {
      expect([1, 2, 3, 4].map((value) => deque.push(value))).toEqual([0, 0, 0, 0]);
      expect(deque.push(5)).toBe(FULL);
      expect(deque.size).toBe(4);
      expect([1, 2, 3, 4].map(() => deque.steal())).toEqual([1, 2, 3, 4]);
      expect(deque.steal()).toBe(EMPTY);
      expect(deque.pop()).toBe(EMPTY);
      expect(deque.size).toBe(0);
    }
  });

  it('D2_the_last_item_goes_to_one_side', () => {
    const { deque } = dequeAt(start);
    deque.push(7);
    expect([deque.pop(), deque.steal(), deque.pop()]).toEqual([7, EMPTY, EMPTY]);
    deque.push(8);
    expect([deque.steal(), deque.pop(), deque.steal()]).toEqual([8, EMPTY, EMPTY]);
    expect(deque.push(9)).toBe(0);
    expect(deque.steal()).toBe(9);
  });

  it('D3_a_cell_is_reused_only_when_a_thief_has_passed_it', () => {
    const { deque } = dequeAt(start);
    for (let value = 0; value < 4; value++) deque.push(value);
    expect(deque.push(4)).toBe(FULL);
    expect(deque.steal()).toBe(0);
    expect(deque.push(4)).toBe(0);
    expect([0, 0, 0, 0].map(() => deque.steal())).toEqual([1, 2, 3, 4]);
  });

  it('it_answers_as_an_array_does', () => {
    const operation = fc.constantFrom('push', 'push', 'push', 'pop', 'steal', 'mark');
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const { deque, i32 } = dequeAt(start);
        const states = 1024;
        const model: number[] = [];
        let value = 0;
        for (const name of operations) {
          if (name === 'push') {
            expect(deque.push(value)).toBe(model.length < 4 ? 0 : FULL);
            if (model.length < 4) model.push(value);
            value = (value + 1) % 4;
          } else if (name === 'pop') {
            expect(deque.pop()).toBe(model.pop() ?? EMPTY);
          } else if (name === 'steal') {
            expect(deque.steal()).toBe(model.shift() ?? EMPTY);
          } else {
            const expected = model.shift() ?? EMPTY;
            i32.fill(0, states >> 2, (states >> 2) + 4 * 32);
            expect(deque.stealMark(states, 128, 77)).toBe(expected);
            const marks = [0, 1, 2, 3].map((slot) => i32[(states >> 2) + slot * 32]);
            expect(marks).toEqual([0, 1, 2, 3].map((slot) => (slot === expected ? 77 : 0)));
          }
          expect(deque.size).toBe(model.length);
        }
      }),
      { numRuns: 60 },
    );
  });
});

it.each([0, 3, 2.5, -4, 2 ** 25])('a_capacity_of_%d_is_refused', (capacity) => {
  expect(() => Deque.bytes({ capacity })).toThrow(/power of two up to 2\^24/);
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
