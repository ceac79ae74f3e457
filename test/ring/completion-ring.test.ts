import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attachRing, CompletionRing, EMPTY, RETRY } from '../../src/ring/index.ts';
import { COUNTER_STARTS } from './arenas.ts';
import { sharedMemory } from './memories.ts';

const TAIL = 128;
const CELLS = 384;
const CAPACITY = 4;

function ringAt(start: number): {
  ring: CompletionRing;
  i32: Int32Array<SharedArrayBuffer>;
  state: number;
} {
  const memory = sharedMemory();
  const ring = CompletionRing.create(memory, 128, { capacity: CAPACITY, start });
  return { ring, i32: attachRing(memory).i32, state: 1024 };
}

describe.each(COUNTER_STARTS)('counters from %d', (start) => {
  it('C1_capacity_values_fit_lap_after_lap', () => {
    const { ring } = ringAt(start);
    for (let lap = 0; lap < 3; lap++) {
      for (let value = 0; value < CAPACITY; value++) ring.push(value);
      expect([0, 1, 2, 3, 4].map(() => ring.pop())).toEqual([0, 1, 2, 3, EMPTY]);
    }
  });

  it('C2_a_ticket_not_yet_written_hides_later_ones', () => {
    const { ring, i32 } = ringAt(start);
    const cells = (ring.address + CELLS) >> 2;
    // A producer between its ticket and its store, played by hand.
    const tail = (ring.address + TAIL) >> 2;
    const ticket = Atomics.add(i32, tail, 1);
    ring.push(1);
    expect(ring.pop()).toBe(RETRY);
    const cell = cells + 2 * (ticket & (CAPACITY - 1));
    i32[cell] = 2;
    i32[cell + 1] = ticket + 1;
    expect([ring.pop(), ring.pop(), ring.pop()]).toEqual([2, 1, EMPTY]);
  });

  it('C3_it_answers_as_an_array_does', () => {
    const operation = fc.constantFrom('push', 'finish', 'pop');
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const { ring, i32, state } = ringAt(start);
        const model: number[] = [];
        let value = 0;
        for (const name of operations) {
          if (name === 'pop') {
            expect(ring.pop()).toBe(model.shift() ?? EMPTY);
          } else if (model.length < CAPACITY) {
            value = (value + 1) % 1000;
            model.push(value);
            i32[state >> 2] = 5;
            if (name === 'push') ring.push(value);
            else expect(ring.finish(value, state, 5, 6)).toBe(true);
          }
        }
        expect(model.map(() => ring.pop())).toEqual(model);
        expect(ring.pop()).toBe(EMPTY);
      }),
      { numRuns: 60 },
    );
  });
});

it('finish_completes_once_and_only_from_the_expected_state', () => {
  const { ring, i32, state } = ringAt(0);
  i32[state >> 2] = 0x101;
  expect(ring.finish(0, state, 0x100, 3)).toBe(false);
  expect([i32[state >> 2], ring.pop()]).toEqual([0x101, EMPTY]);
  expect(ring.finish(0, state, 0x101, 3)).toBe(true);
  expect(ring.finish(0, state, 0x101, 3)).toBe(false);
  expect([i32[state >> 2], ring.pop(), ring.pop()]).toEqual([3, 0, EMPTY]);
});
