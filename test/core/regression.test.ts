/** The fitted line: that it finds what is there, and what wild, few and equal runs do to it. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FIT_BYTES, FitCells } from '../../src/core/fit-cells.ts';
import { learn, lineOf, REGRESSION_CELLS } from '../../src/core/regression.ts';

/** Numbers from 0 to 1, the same each time. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Run {
  readonly x: number;
  readonly z: number;
  readonly ns: number;
}

/** Behind all runs; the percentile is told to be `percentileNs`. */
function fitted(runs: readonly Run[], percentileNs = 1e6, quantile = 0.5) {
  const state = new Float64Array(REGRESSION_CELLS);
  for (const { x, z, ns } of runs) learn(state, x, z, ns, percentileNs, quantile);
  const line = lineOf(state);
  return { ...line, at: (x: number, z: number) => line.biasNs + x * line.slopeX + z * line.slopeZ };
}

/** Weighted least squares by the book: all sums anew, two equations. */
function byTheBook(runs: readonly Run[]): [number, number] {
  const weights = runs.map((_, i) => (1 - 1 / 256) ** (runs.length - 1 - i));
  const total = weights.reduce((a, b) => a + b, 0);
  const mean = (of: (run: Run) => number): number =>
    runs.reduce((sum, run, i) => sum + (weights[i] as number) * of(run), 0) / total;
  const [mx, mz, my] = [mean((r) => r.x), mean((r) => r.z), mean((r) => r.ns)];
  const xx = mean((r) => (r.x - mx) ** 2);
  const zz = mean((r) => (r.z - mz) ** 2);
  const xz = mean((r) => (r.x - mx) * (r.z - mz));
  const xy = mean((r) => (r.x - mx) * (r.ns - my));
  const zy = mean((r) => (r.z - mz) * (r.ns - my));
  const determinant = xx * zz - xz * xz;
  return [(zz * xy - xz * zy) / determinant, (xx * zy - xz * xy) / determinant];
}

it('it_finds_the_line_behind_the_runs', () => {
  const next = chance(1);
  const runs = Array.from({ length: 400 }, () => {
    const [x, z] = [next() * 1e6, next() * 40];
    return { x, z, ns: 5000 + 0.4 * x + 30_000 * z };
  });
  const { at, isBetter } = fitted(runs);
  for (const [x, z] of [
    [0, 20],
    [1e6, 0],
    [5e5, 40],
  ] as const) {
    const truth = 5000 + 0.4 * x + 30_000 * z;
    expect(Math.abs(at(x, z) / truth - 1)).toBeLessThan(0.02);
  }
  expect(isBetter).toBe(true);
});

it('its_slopes_are_those_of_weighted_least_squares', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e6 }), (seed) => {
      const next = chance(seed);
      const runs = Array.from({ length: 300 }, () => {
        const [x, z] = [next() * 1000, next() * 10];
        return { x, z, ns: 1e5 + 100 * x + 5000 * z + 20_000 * next() };
      });
      const { slopeX, slopeZ } = fitted(runs);
      const [bookX, bookZ] = byTheBook(runs);
      // The ridge takes a thousandth.
      expect(Math.abs(slopeX / bookX - 1)).toBeLessThan(0.01);
      expect(Math.abs(slopeZ / bookZ - 1)).toBeLessThan(0.01);
    }),
    { numRuns: 40 },
  );
});

const feature = fc.oneof(
  fc.double({ min: 0, max: 1e12, noNaN: true }),
  fc.constantFrom(0, 1, 1e12, 1e-9, Number.NaN, Number.POSITIVE_INFINITY, -1e12),
);
const time = fc.oneof(
  fc.double({ min: 0, max: 1e13, noNaN: true }),
  fc.constantFrom(0, 1, 1e13, Number.NaN, Number.POSITIVE_INFINITY, -5),
);

it('whatever_comes_its_cells_stay_finite', () => {
  const run = fc.record({ x: feature, z: feature, ns: time });
  fc.assert(
    fc.property(
      fc.array(run, { maxLength: 300, size: 'max' }),
      fc.integer({ min: 50, max: 99 }),
      (runs, p) => {
        const state = new Float64Array(REGRESSION_CELLS);
        for (const { x, z, ns } of runs) learn(state, x, z, ns, 1e6, p / 100);
        expect([...state].every(Number.isFinite)).toBe(true);
        expect(state[5]).toBeGreaterThanOrEqual(0);
        expect(state[6]).toBeGreaterThanOrEqual(0);
      },
    ),
    { numRuns: 300 },
  );
});

it('a_run_without_a_number_is_not_taken', () => {
  const state = new Float64Array(REGRESSION_CELLS);
  expect(learn(state, Number.NaN, 0, 1, 1, 0.5)).toBe(false);
  expect(learn(state, 0, Number.POSITIVE_INFINITY, 1, 1, 0.5)).toBe(false);
  expect(learn(state, 0, 0, -1, 1, 0.5)).toBe(false);
  expect([...state]).toEqual([...new Float64Array(REGRESSION_CELLS)]);
});

it('a_feature_that_stands_still_has_no_slope', () => {
  const next = chance(3);
  const runs = Array.from({ length: 200 }, () => {
    const z = next() * 10;
    return { x: 4096, z, ns: 100 * z };
  });
  const { slopeX, at } = fitted(runs);
  expect(slopeX).toBe(0);
  expect(Math.abs(at(4096, 5) - 500)).toBeLessThan(20);
});

it('two_features_that_vary_alike_share_their_slope', () => {
  const runs = Array.from({ length: 300 }, (_, i) => {
    const x = (i * 37) % 100;
    return { x, z: x * 3, ns: 1000 + 60 * x };
  });
  const { slopeX, slopeZ, at } = fitted(runs);
  expect(Math.abs(at(50, 150) / 4000 - 1)).toBeLessThan(0.02);
  expect(Math.abs(slopeX)).toBeLessThan(60);
  expect(Math.abs(slopeZ)).toBeLessThan(20);
});

it('one_wild_run_moves_little', () => {
  const next = chance(5);
  const runs = Array.from({ length: 300 }, () => {
    const z = 10 + next() * 20;
    return { x: 0, z, ns: 1000 * z + 500 * next() };
  });
  const before = fitted(runs).at(0, 20);
  for (const wild of [
    { x: 0, z: 20, ns: 1e12 },
    { x: 0, z: 1e12, ns: 300 },
    { x: 1e12, z: 20, ns: 300 },
  ]) {
    expect(Math.abs(fitted([...runs, wild]).at(0, 20) / before - 1)).toBeLessThan(0.2);
  }
});

it('a_change_that_stays_is_followed', () => {
  const next = chance(7);
  const run = (nsPerUnit: number) => (): Run => {
    const z = 10 + next() * 20;
    return { x: 0, z, ns: nsPerUnit * z };
  };
  const runs = [
    ...Array.from({ length: 300 }, run(1000)),
    ...Array.from({ length: 1500 }, run(50_000)),
  ];
  expect(Math.abs(fitted(runs).at(0, 20) / 1e6 - 1)).toBeLessThan(0.1);
});

it('few_runs_are_not_gone_by', () => {
  const runs = Array.from({ length: 31 }, (_, i) => ({ x: i, z: 0, ns: 10 * i }));
  expect(fitted(runs).isBetter).toBe(false);
  expect(fitted([...runs, { x: 31, z: 0, ns: 310 }]).isBetter).toBe(true);
});

it('where_the_features_tell_nothing_the_percentile_is_gone_by', () => {
  const next = chance(11);
  // Bimodal, whatever comes: its 90th percentile is 1000, and no line is better than a constant.
  const runs = Array.from({ length: 600 }, () => {
    return { x: next() * 100, z: next() * 100, ns: next() < 0.5 ? 10 : 1000 };
  });
  expect(fitted(runs, 1000, 0.9).isBetter).toBe(false);
});

it('the_line_is_lifted_to_the_percentile', () => {
  const next = chance(13);
  const runs = Array.from({ length: 2000 }, () => {
    const z = next() * 10;
    return { x: 0, z, ns: 10_000 * z + 8000 * next() };
  });
  const { at } = fitted(runs, 1e5, 0.9);
  const below = runs.slice(-500).filter(({ z, ns }) => ns <= at(0, z)).length / 500;
  expect(below).toBeGreaterThan(0.8);
  expect(below).toBeLessThan(0.99);
});

// The shared one

function cells(workers: number): FitCells[] {
  const buffer = new SharedArrayBuffer(FIT_BYTES);
  return Array.from({ length: workers }, (_, w) => new FitCells(buffer, 0, w));
}

it('workers_add_to_one_line', () => {
  const fits = cells(2);
  for (let i = 0; i < 400; i++) {
    const z = (i * 7) % 50;
    fits[i % 2]!.record(0, z, 1000 + 200 * z, 9000, 0.7);
  }
  expect(fits[1]!.isBetter).toBe(true);
  expect(Math.abs((fits[0]!.predict(0, 30) as number) / 7000 - 1)).toBeLessThan(0.02);
});

it('a_run_is_left_out_while_another_worker_is_at_it', () => {
  const buffer = new SharedArrayBuffer(FIT_BYTES);
  const i32 = new Int32Array(buffer);
  const fit = new FitCells(buffer, 0, 0);
  i32[0] = 2;
  fit.record(0, 1, 5, 5, 0.5);
  expect(i32[1]).toBe(0);
  i32[0] = 0;
  fit.record(0, 1, 5, 5, 0.5);
  expect([i32[0], i32[1]]).toEqual([0, 1]);
});

it('a_dead_worker_holds_no_lock_and_has_changed_nothing', () => {
  const buffer = new SharedArrayBuffer(FIT_BYTES);
  const i32 = new Int32Array(buffer);
  const f64 = new Float64Array(buffer, 256);
  const [fit, other] = [new FitCells(buffer, 0, 0), new FitCells(buffer, 0, 1)];
  for (let i = 0; i < 100; i++) fit.record(i, 0, 10 * i + 5, 700, 0.5);
  const before = fit.predict(50, 0);
  // It died with the lock, in the middle of the other state.
  i32[0] = 1;
  const spare = (1 - ((i32[1] as number) & 1)) * REGRESSION_CELLS;
  for (let i = 0; i < 9; i++) f64[spare + i] = Number.NaN;
  other.recover(1);
  expect(i32[0], 'the lock of another one stays').toBe(1);
  other.recover(0);
  expect(i32[0]).toBe(0);
  other.record(50, 0, 505, 700, 0.5);
  expect(Math.abs((other.predict(50, 0) as number) / (before as number) - 1)).toBeLessThan(0.05);
});
