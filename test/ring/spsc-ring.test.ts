import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attachRing, Batch, EMPTY, FULL, SpscRing } from '../../src/ring/index.ts';
import { ahead, changedBy, SHAPES, sharedMemory } from './memories.ts';

const ADDRESS = 128;
const TAIL = ADDRESS + 128;
const HEAD_SEEN = ADDRESS + 132;
const HEAD = ADDRESS + 256;
const CELLS = ADDRESS + 384;
const BATCH_CAPACITY = 12;

interface Setup {
  readonly memory: WebAssembly.Memory;
  readonly ring: SpscRing;
  readonly input: Batch;
  readonly output: Batch;
  readonly at: (address: number) => number;
}

function ringOf(options: { readonly capacity: number; readonly start?: number }): Setup {
  const memory = sharedMemory();
  const { i32 } = attachRing(memory);
  return {
    memory,
    ring: SpscRing.create(memory, ADDRESS, options),
    input: new Batch(memory, 2048, BATCH_CAPACITY),
    output: new Batch(memory, 4096, BATCH_CAPACITY),
    at: (address) => i32[address >> 2] as number,
  };
}

type Step = readonly ['push' | 'pop'] | readonly ['pushMany' | 'popMany', number];
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.constantFrom<Step>(['push'], ['pop']),
    fc.tuple(fc.constantFrom('pushMany' as const, 'popMany' as const), fc.nat(BATCH_CAPACITY)),
  ),
  { maxLength: 60 },
);

/** Does the steps on the ring and on an array, and compares all answers; `look` sees each step's changes. */
function compare(
  { memory, ring, input, output }: Setup,
  all: readonly Step[],
  look?: (step: Step, changed: readonly number[], waiting: number) => void,
): void {
  const model: number[] = [];
  let next = 2 ** 31 - 100;
  const fresh = (): number => next++ % 2 ** 31;
  for (const step of all) {
    const [name, n = 0] = step;
    const room = ring.capacity - model.length;
    const waiting = model.length;
    const doIt = (): void => {
      if (name === 'push') {
        const value = fresh();
        expect(ring.push(value)).toBe(room > 0 ? 0 : FULL);
        if (room > 0) model.push(value);
      } else if (name === 'pop') {
        expect(ring.pop()).toBe(model.shift() ?? EMPTY);
      } else if (name === 'pushMany') {
        const taken = Math.min(n, room);
        expect(ring.pushMany(input, n)).toBe(n > 0 && room === 0 ? FULL : taken);
        model.push(...input.values.subarray(0, taken));
      } else {
        const expected = model.splice(0, n);
        const isEmpty = n > 0 && expected.length === 0;
        expect(ring.popMany(output, n)).toBe(isEmpty ? EMPTY : expected.length);
        expect([...output.values.subarray(0, output.count)]).toEqual(expected);
      }
    };
    if (name === 'pushMany') input.values.set(Array.from({ length: n }, fresh));
    if (look === undefined) doIt();
    else look(step, changedBy(memory, doIt), waiting);
    expect(ring.size).toBe(model.length);
  }
  expect(model.map(() => ring.pop())).toEqual(model);
  expect(ring.pop()).toBe(EMPTY);
}

describe.each(SHAPES)('capacity $capacity, counters from $start', (shape) => {
  const { capacity, start } = shape;

  it('S1_the_counters_differ_by_what_waits_and_no_copy_is_ahead', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const setup = ringOf(shape);
        const { at } = setup;
        compare(setup, all, () => {
          const waiting = ahead(at(TAIL), at(HEAD));
          expect(waiting).toBeGreaterThanOrEqual(0);
          expect(waiting).toBeLessThanOrEqual(capacity);
          expect(ahead(at(HEAD), at(HEAD_SEEN))).toBeGreaterThanOrEqual(0);
        });
      }),
      { numRuns: 15 },
    );
  });

  it('S2_the_producer_writes_free_cells_and_its_line_and_the_consumer_head_alone', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const setup = ringOf(shape);
        let tail = start;
        compare(setup, all, ([name], changed, waiting) => {
          if (name === 'pop' || name === 'popMany') {
            const inRing = changed.filter((at) => at < setup.output.address);
            expect(inRing.filter((at) => at !== HEAD)).toEqual([]);
            return;
          }
          const free = Array.from(
            { length: capacity - waiting },
            (_, i) => CELLS + 8 * ((tail + i) & (capacity - 1)),
          ).flatMap((cell) => [cell, cell + 4]);
          const allowed = [TAIL, HEAD_SEEN, ...free];
          expect(changed.filter((at) => !allowed.includes(at))).toEqual([]);
          tail = setup.at(TAIL);
        });
      }),
      { numRuns: 15 },
    );
  });

  it('S3_it_answers_as_an_array_does', () => {
    fc.assert(
      fc.property(steps, (all) => compare(ringOf(shape), all)),
      { numRuns: 50 },
    );
  });

  it('the_consumers_counter_is_read_only_when_the_copy_says_full', () => {
    const { memory, ring, at } = ringOf(shape);
    for (let i = 0; i < capacity; i++) {
      const changed = changedBy(memory, () => expect(ring.push(i)).toBe(0));
      expect(changed).not.toContain(HEAD_SEEN);
    }
    for (let i = 0; i < capacity; i++) {
      expect(ring.pop()).toBe(i);
    }
    // A lap later: the first push looks, and sees all of it free.
    for (let i = 0; i < capacity; i++) {
      expect(ring.push(i)).toBe(0);
      expect(ahead(at(HEAD_SEEN), start)).toBe(capacity);
    }
    expect(ring.push(0)).toBe(FULL);
  });
});

it('it_is_ready_when_a_value_waits', () => {
  const { ring, input } = ringOf({ capacity: 2, start: 2 ** 32 - 1 });
  expect(ring.isReady).toBe(false);
  ring.pushMany(input, 2);
  expect([ring.isReady, ring.pop(), ring.isReady]).toEqual([true, input.values[0], true]);
  expect([ring.pop(), ring.isReady]).toEqual([input.values[1], false]);
});

it('S4_the_cells_behind_the_first_are_not_looked_at_before_it', () => {
  const { memory, ring, input, output } = ringOf({ capacity: 4 });
  const { i32 } = attachRing(memory);
  input.values.set([7, 8, 9]);
  expect(ring.pushMany(input, 3)).toBe(3);
  // As if the publishing store of the first cell had not happened yet.
  const turn = (CELLS + 4) >> 2;
  const first = i32[turn] as number;
  i32[turn] = first - 4;
  expect([ring.pop(), ring.popMany(output, 4), ring.isReady]).toEqual([EMPTY, EMPTY, false]);
  i32[turn] = first;
  expect([ring.popMany(output, 4), ...output.values.subarray(0, 3)]).toEqual([3, 7, 8, 9]);
});

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
    expect([ring.popMany(output), output.count]).toEqual([EMPTY, 0]);
  });
});
