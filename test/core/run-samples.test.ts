/** The percentile of the last runs, against a plain list. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { percentileRank, selectRank } from '../../src/core/percentile.ts';
import { isDue, RunSamples, SAMPLE_BYTES } from '../../src/core/run-samples.ts';

const f32 = Math.fround;

/** What is published behind each run. */
class Model {
  readonly #runs: number[] = [];
  readonly #percentile: number;
  estimateNs: number;
  measured = 0;

  constructor(percentile: number, expectedNs: number) {
    this.#percentile = percentile;
    this.estimateNs = f32(expectedNs);
  }

  record(ns: number): void {
    this.#runs.push(f32(Math.max(1, ns)));
    const count = this.#runs.length;
    if (count > 32 && count % 64 !== 0) return;
    const last = this.#runs.slice(-256).sort((a, b) => a - b);
    // The smallest that at least p of a hundred do not exceed.
    this.estimateNs = last.find(
      (value) => last.filter((v) => v <= value).length * 100 >= this.#percentile * last.length,
    ) as number;
    this.measured = last.length;
  }
}

function samples(percentile: number, expectedNs = 5): [RunSamples, SharedArrayBuffer] {
  const buffer = new SharedArrayBuffer(SAMPLE_BYTES);
  const own = new RunSamples(buffer, percentile);
  own.expect(expectedNs);
  return [own, buffer];
}

const ns = fc.oneof(
  fc.double({ min: 0, max: 3.6e12, noNaN: true }),
  fc.integer({ min: 0, max: 5 }),
  fc.constantFrom(0, 1, 1e3, 1e6),
);

it('it_is_what_a_sorted_list_of_the_last_256_says', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 50, max: 99 }),
      fc.array(ns, { minLength: 1, maxLength: 700, size: 'max' }),
      (percentile, runs) => {
        const [own] = samples(percentile);
        const model = new Model(percentile, 5);
        for (const run of runs) {
          own.record(run);
          model.record(run);
          expect([own.estimateNs, own.measured]).toEqual([model.estimateNs, model.measured]);
        }
      },
    ),
    { numRuns: 30 },
  );
});

it('selection_finds_what_sorting_finds', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), {
        minLength: 1,
        maxLength: 256,
        size: 'max',
      }),
      fc.nat(255),
      (values, at) => {
        const rank = at % values.length;
        const copy = Uint32Array.from([...values, 7, 7]);
        const sorted = Uint32Array.from(values).sort();
        expect(selectRank(copy, values.length, rank)).toBe(sorted[rank]);
        expect(Uint32Array.from(copy.subarray(0, values.length)).sort()).toEqual(sorted);
        expect([...copy.subarray(values.length)]).toEqual([7, 7]);
      },
    ),
    { numRuns: 300 },
  );
});

it('selection_ends_for_sorted_equal_and_reversed_values', () => {
  for (const value of [(i: number) => i, () => 3, (i: number) => 300 - i, (i: number) => i % 2]) {
    const values = Uint32Array.from({ length: 256 }, (_, i) => value(i));
    const sorted = Uint32Array.from(values).sort();
    for (const rank of [0, 1, 127, 128, 254, 255]) {
      expect(selectRank(Uint32Array.from(values), 256, rank)).toBe(sorted[rank]);
    }
  }
});

it('the_rank_is_a_place_in_the_list', () => {
  expect([1, 2, 3, 10, 256].map((count) => percentileRank(count, 50))).toEqual([0, 0, 1, 4, 127]);
  expect([1, 2, 3, 10, 256].map((count) => percentileRank(count, 99))).toEqual([0, 1, 2, 9, 253]);
  for (let percentile = 50; percentile <= 99; percentile++) {
    for (let count = 1; count <= 256; count++) {
      const rank = percentileRank(count, percentile);
      // At least so many of a hundred are at or below it, and one place lower they would not be.
      expect((rank + 1) * 100 >= percentile * count && rank * 100 < percentile * count).toBe(true);
    }
  }
});

it('before_the_first_run_it_is_what_was_expected_and_says_so', () => {
  const [own] = samples(70, 1e6);
  expect([own.estimateNs, own.measured]).toEqual([1e6, 0]);
  own.record(2000);
  expect([own.estimateNs, own.measured]).toEqual([2000, 1]);
});

it('a_run_of_no_time_counts_as_one', () => {
  const [own] = samples(70);
  for (let i = 0; i < 3; i++) own.record(0);
  expect([own.estimateNs, own.measured]).toEqual([1, 3]);
});

it('due_are_the_first_32_and_every_64th', () => {
  const due = Array.from({ length: 200 }, (_, i) => i + 1).filter(isDue);
  expect(due).toEqual([...Array.from({ length: 32 }, (_, i) => i + 1), 64, 128, 192]);
});

it('a_taker_that_died_before_its_store_takes_nothing_with_it', () => {
  const [own, buffer] = samples(99);
  own.record(100);
  // A ticket whose sample never came.
  Atomics.add(new Uint32Array(buffer), 32, 1);
  own.record(300);
  expect([own.estimateNs, own.measured]).toEqual([300, 2]);
});

it('tickets_may_wrap', () => {
  const [own, buffer] = samples(50);
  Atomics.store(new Uint32Array(buffer), 32, 2 ** 32 - 3);
  for (let i = 1; i <= 6; i++) own.record(i * 10);
  expect([own.estimateNs, own.measured]).toEqual([30, 6]);
  for (let i = 0; i < 512; i++) own.record(500);
  expect([own.estimateNs, own.measured]).toEqual([500, 256]);
});

it('workers_add_to_one_window', () => {
  const [one, buffer] = samples(50);
  const other = new RunSamples(buffer, 50);
  for (let i = 0; i < 128; i++) {
    one.record(10);
    other.record(20);
  }
  expect([other.estimateNs, other.measured]).toEqual([10, 256]);
  expect(one.estimateNs).toBe(other.estimateNs);
});
