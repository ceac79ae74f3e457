import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attachRing, CompletionRing, EMPTY, RETRY } from '../../src/ring/index.ts';
import { changedBy, SHAPES, sharedMemory } from './memories.ts';
import { cellsOf, claimTicket, publishTicket } from './tickets.ts';

const ADDRESS = 128;
const TAIL = ADDRESS + 128;
const HEAD = ADDRESS + 256;
const STATE = 1024;

interface Setup {
  readonly memory: WebAssembly.Memory;
  readonly ring: CompletionRing;
  readonly i32: Int32Array<SharedArrayBuffer>;
}

function ringOf(options: { readonly capacity: number; readonly start?: number }): Setup {
  const memory = sharedMemory();
  const ring = CompletionRing.create(memory, ADDRESS, options);
  return { memory, ring, i32: attachRing(memory).i32 };
}

describe.each(SHAPES)('capacity $capacity, counters from $start', (shape) => {
  const { capacity, start } = shape;
  const all = [...Array(capacity).keys()];

  it('C1_capacity_values_fit_lap_after_lap', () => {
    const { ring } = ringOf(shape);
    for (let lap = 0; lap < 3; lap++) {
      expect(ring.pop()).toBe(EMPTY);
      for (const value of all) ring.push(value);
      expect(all.map(() => ring.pop())).toEqual(all);
    }
    expect(ring.pop()).toBe(EMPTY);
  });

  it('C2_a_push_writes_the_cell_of_its_ticket_and_a_pop_none', () => {
    const { memory, ring } = ringOf(shape);
    for (let ticket = start; ticket < start + 3 * capacity; ticket++) {
      const cells = cellsOf(memory, ADDRESS, ticket);
      const value = 1 + ticket - start;
      expect(changedBy(memory, () => ring.push(value))).toEqual([TAIL, ...cells]);
      expect(changedBy(memory, () => expect(ring.pop()).toBe(value))).toEqual([HEAD]);
      expect(changedBy(memory, () => expect(ring.pop()).toBe(EMPTY))).toEqual([]);
    }
  });

  it('C2_a_claimed_ticket_answers_RETRY_and_hides_later_ones_until_it_is_published', () => {
    const { memory, ring } = ringOf(shape);
    for (let lap = 0; lap < 3; lap++) {
      const tickets = all.map(() => claimTicket(memory, ADDRESS));
      for (const value of all.toReversed()) {
        expect(changedBy(memory, () => expect(ring.pop()).toBe(RETRY))).toEqual([]);
        publishTicket(memory, ADDRESS, tickets[value] as number, value);
      }
      expect(all.map(() => ring.pop())).toEqual(all);
      expect(ring.pop()).toBe(EMPTY);
    }
  });

  it('C3_it_answers_as_an_array_does', () => {
    const operation = fc.constantFrom('push', 'finish', 'pop');
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const { ring, i32 } = ringOf(shape);
        const model: number[] = [];
        let value = 2 ** 31 - 20;
        for (const name of operations) {
          if (name === 'pop') {
            expect(ring.pop()).toBe(model.shift() ?? EMPTY);
          } else if (model.length < capacity) {
            value = (value + 1) % 2 ** 31;
            model.push(value);
            i32[STATE >> 2] = 5;
            if (name === 'push') ring.push(value);
            else expect(ring.finish(value, STATE, 5, 6)).toBe(true);
          }
        }
        expect(model.map(() => ring.pop())).toEqual(model);
        expect(ring.pop()).toBe(EMPTY);
      }),
      { numRuns: 50 },
    );
  });
});

it('finish_completes_once_and_only_from_the_expected_state', () => {
  const { memory, ring, i32 } = ringOf({ capacity: 4 });
  i32[STATE >> 2] = 0x101;
  expect(changedBy(memory, () => expect(ring.finish(0, STATE, 0x100, 3)).toBe(false))).toEqual([]);
  expect(ring.finish(0, STATE, 0x101, 3)).toBe(true);
  expect(ring.finish(0, STATE, 0x101, 3)).toBe(false);
  expect([i32[STATE >> 2], ring.pop(), ring.pop()]).toEqual([3, 0, EMPTY]);
});

it('popMark_marks_what_it_takes_and_isReady_tells_that_there_is_something', () => {
  const memory = sharedMemory();
  const ring = CompletionRing.create(memory, ADDRESS, { capacity: 4, start: 2 ** 31 - 1 });
  const { i32 } = attachRing(memory);
  expect([ring.isReady, ring.popMark(4096, 128, 5)]).toEqual([false, EMPTY]);
  ring.push(3);
  ring.push(1);
  expect([ring.isReady, ring.popMark(4096, 128, 5), i32[(4096 + 3 * 128) >> 2]]).toEqual([
    true,
    3,
    5,
  ]);
  expect(i32[(4096 + 128) >> 2]).toBe(0);
  expect([ring.popMark(4096, 128, 6), i32[(4096 + 128) >> 2], ring.isReady]).toEqual([1, 6, false]);
});
