import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attachRing, Batch, EMPTY, FULL, MpmcRing, RETRY } from '../../src/ring/index.ts';
import { ahead, changedBy, SHAPES, sharedMemory } from './memories.ts';
import { cellsOf, claimTicket, publishTicket } from './tickets.ts';

const ADDRESS = 128;
const TAIL = ADDRESS + 128;
const HEAD_SEEN = ADDRESS + 132;
const HEAD = ADDRESS + 256;
/** More than two claims of pushMany, and more than the smallest rings hold. */
const BATCH_CAPACITY = 20;

interface Setup {
  readonly memory: WebAssembly.Memory;
  readonly ring: MpmcRing;
  readonly input: Batch;
  readonly output: Batch;
  readonly at: (address: number) => number;
}

function ringOf(options: { readonly capacity: number; readonly start?: number }): Setup {
  const memory = sharedMemory();
  const { i32 } = attachRing(memory);
  return {
    memory,
    ring: MpmcRing.create(memory, ADDRESS, options),
    input: new Batch(memory, 2048, BATCH_CAPACITY),
    output: new Batch(memory, 4096, BATCH_CAPACITY),
    at: (address) => i32[address >> 2] as number,
  };
}

type Step = readonly ['push' | 'pop'] | readonly ['pushMany' | 'popMany', number];
const many = fc.nat(BATCH_CAPACITY);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.constantFrom<Step>(['push'], ['pop']),
    fc.tuple(fc.constantFrom('pushMany' as const, 'popMany' as const), many),
  ),
  { maxLength: 60 },
);

/** Does the steps on the ring and on an array, and compares all answers. */
function compare({ ring, input, output }: Setup, all: readonly Step[], look: () => void): void {
  const model: number[] = [];
  // The largest values are among them: a value is all 31 bits.
  let next = 2 ** 31 - 100;
  const fresh = (): number => next++ % 2 ** 31;
  for (const [name, n = 0] of all) {
    const room = ring.capacity - model.length;
    if (name === 'push') {
      const value = fresh();
      expect(ring.push(value)).toBe(room > 0 ? 0 : FULL);
      if (room > 0) model.push(value);
    } else if (name === 'pop') {
      expect(ring.pop()).toBe(model.shift() ?? EMPTY);
    } else if (name === 'pushMany') {
      const values = Array.from({ length: n }, fresh);
      input.values.set(values);
      const taken = Math.min(n, room);
      expect(ring.pushMany(input, n)).toBe(n > 0 && room === 0 ? FULL : taken);
      model.push(...values.slice(0, taken));
    } else {
      const expected = model.splice(0, n);
      const isEmpty = n > 0 && expected.length === 0;
      expect(ring.popMany(output, n)).toBe(isEmpty ? EMPTY : expected.length);
      expect([...output.values.subarray(0, output.count)]).toEqual(expected);
    }
    expect(ring.size).toBe(model.length);
    look();
  }
  expect(model.map(() => ring.pop())).toEqual(model);
  expect(ring.pop()).toBe(EMPTY);
}

describe.each(SHAPES)('capacity $capacity, counters from $start', (shape) => {
  const { capacity, start } = shape;

  it('it_answers_as_an_array_does', () => {
    fc.assert(
      fc.property(steps, (all) => compare(ringOf(shape), all, () => {})),
      { numRuns: 50 },
    );
  });

  it('M1_the_counters_differ_by_what_waits_and_the_seen_head_is_never_ahead', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const setup = ringOf(shape);
        compare(setup, all, () => {
          const waiting = ahead(setup.at(TAIL), setup.at(HEAD));
          expect(waiting).toBeGreaterThanOrEqual(0);
          expect(waiting).toBeLessThanOrEqual(capacity);
          expect(ahead(setup.at(HEAD), setup.at(HEAD_SEEN))).toBeGreaterThanOrEqual(0);
        });
      }),
      { numRuns: 20 },
    );
  });

  it('M2_a_cell_is_not_written_again_before_its_value_was_taken', () => {
    const { memory, ring, input } = ringOf(shape);
    for (let i = 0; i < capacity; i++) expect(ring.push(i)).toBe(0);
    for (let lap = 0; lap < 3 * capacity; lap++) {
      expect(changedBy(memory, () => expect(ring.push(99)).toBe(FULL))).not.toContain(TAIL);
      expect(ring.pushMany(input, 3)).toBe(FULL);
      expect(ring.pop()).toBe(lap);
      const cells = cellsOf(memory, ADDRESS, start + lap);
      const changed = changedBy(memory, () => expect(ring.push(capacity + lap)).toBe(0));
      expect(changed.filter((at) => at !== HEAD_SEEN)).toEqual([TAIL, ...cells]);
    }
  });

  it('M2_a_seen_head_that_is_far_behind_does_no_harm', () => {
    const { memory, ring } = ringOf(shape);
    attachRing(memory).i32[HEAD_SEEN >> 2] = start - 1000;
    for (let i = 0; i < capacity; i++) expect(ring.push(i)).toBe(0);
    expect(ring.push(9)).toBe(FULL);
    for (let i = 0; i < capacity; i++) expect(ring.pop()).toBe(i);
    expect(ring.pop()).toBe(EMPTY);
  });

  it('M3_a_consumer_writes_nothing_but_the_head', () => {
    const { memory, ring, output } = ringOf(shape);
    for (let lap = 0; lap < 3; lap++) {
      for (let i = 0; i < capacity; i++) ring.push(i);
      expect(changedBy(memory, () => expect(ring.pop()).toBe(0))).toEqual([HEAD]);
      ring.push(capacity);
      const taken = changedBy(memory, () => expect(ring.popMany(output)).toBe(capacity));
      expect(taken.filter((at) => at < output.address)).toEqual([HEAD]);
      expect(changedBy(memory, () => expect(ring.pop()).toBe(EMPTY))).toEqual([]);
    }
  });

  it('M3_values_come_out_in_the_order_of_the_tickets_however_they_are_published', () => {
    const { memory, ring } = ringOf(shape);
    for (let lap = 0; lap < 3; lap++) {
      const tickets = Array.from({ length: capacity }, () => claimTicket(memory, ADDRESS));
      for (const [i, ticket] of tickets.entries()) {
        if (i > 0) publishTicket(memory, ADDRESS, ticket, i);
      }
      expect(ring.pop()).toBe(RETRY);
      publishTicket(memory, ADDRESS, tickets[0] as number, 0);
      expect(tickets.map(() => ring.pop())).toEqual(tickets.map((_, i) => i));
      expect(ring.pop()).toBe(EMPTY);
    }
  });

  it('a_claimed_ticket_answers_RETRY_and_takes_its_room', () => {
    const { memory, ring, output } = ringOf(shape);
    const ticket = claimTicket(memory, ADDRESS);
    for (let i = 1; i < capacity; i++) expect(ring.push(i)).toBe(0);
    expect([ring.push(9), ring.size]).toEqual([FULL, capacity]);
    expect([ring.pop(), ring.popMany(output), output.count]).toEqual([RETRY, RETRY, 0]);
    publishTicket(memory, ADDRESS, ticket, 0);
    expect(ring.popMany(output)).toBe(capacity);
    expect([...output.values.subarray(0, capacity)]).toEqual([...Array(capacity).keys()]);
  });
});

it('popMany_stops_in_front_of_a_ticket_that_is_not_published', () => {
  const { memory, ring, output } = ringOf({ capacity: 8 });
  ring.push(1);
  ring.push(2);
  const ticket = claimTicket(memory, ADDRESS);
  ring.push(4);
  expect([ring.popMany(output), output.count]).toEqual([2, 2]);
  expect([...output.values.subarray(0, 2)]).toEqual([1, 2]);
  expect([ring.popMany(output), output.count]).toEqual([RETRY, 0]);
  publishTicket(memory, ADDRESS, ticket, 3);
  expect([ring.popMany(output), output.count]).toEqual([2, 2]);
  expect([...output.values.subarray(0, 2)]).toEqual([3, 4]);
  expect([ring.popMany(output), output.count]).toEqual([EMPTY, 0]);
});

it.each(Array.from({ length: BATCH_CAPACITY + 1 }, (_, n) => n))(
  'pushMany_of_%d_in_claims_of_eight_keeps_the_order',
  (n) => {
    const { memory, ring, input, output, at } = ringOf({ capacity: 32, start: 2 ** 31 - 5 });
    input.values.set(input.values.map((_, i) => 100 + i));
    const changed = changedBy(memory, () => expect(ring.pushMany(input, n)).toBe(n));
    expect(changed.filter((address) => address >= input.address)).toEqual([]);
    expect(ahead(at(TAIL), 2 ** 31 - 5)).toBe(n);
    expect(ring.popMany(output)).toBe(n === 0 ? EMPTY : n);
    expect([...output.values.subarray(0, output.count)]).toEqual([...input.values.subarray(0, n)]);
  },
);

describe('limits', () => {
  it('a_count_or_max_of_0_moves_nothing_whatever_is_there', () => {
    const { memory, ring, input, output } = ringOf({ capacity: 2 });
    for (const isFull of [false, true]) {
      if (isFull) expect(ring.pushMany(input, 2)).toBe(2);
      const changed = changedBy(memory, () => {
        expect([ring.pushMany(input, 0), ring.popMany(output, 0)]).toEqual([0, 0]);
      });
      expect([changed, output.count]).toEqual([[], 0]);
    }
  });

  it('more_than_the_batch_holds_is_as_much_as_it_holds', () => {
    const { memory, ring } = ringOf({ capacity: 8 });
    const small = new Batch(memory, 2048, 3);
    const behind = attachRing(memory).i32.subarray((2048 + Batch.bytes(3)) >> 2);
    behind[0] = 77;
    small.values.set([5, 6, 7]);
    expect([ring.pushMany(small, 100), ring.pushMany(small)]).toEqual([3, 3]);
    expect([ring.popMany(small, 100), ring.popMany(small)]).toEqual([3, 3]);
    expect([...small.values, behind[0]]).toEqual([5, 6, 7, 77]);
  });

  it('a_negative_count_or_max_is_0', () => {
    const { ring, input, output } = ringOf({ capacity: 8 });
    expect([ring.pushMany(input, -1), ring.size]).toEqual([0, 0]);
    ring.push(1);
    expect([ring.popMany(output, -1), output.count, ring.size]).toEqual([0, 0, 1]);
  });

  it('a_batch_larger_than_the_ring_goes_in_by_parts', () => {
    const { ring, input, output } = ringOf({ capacity: 4 });
    input.values.set([1, 2, 3, 4, 5, 6]);
    expect([ring.pushMany(input, 6), ring.pushMany(input, 6)]).toEqual([4, FULL]);
    ring.pop();
    expect([ring.pushMany(input, 6), ring.popMany(output)]).toEqual([1, 4]);
    expect([...output.values.subarray(0, 4)]).toEqual([2, 3, 4, 1]);
  });
});
