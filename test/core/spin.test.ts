import { expect, it } from 'vitest';
import { Spin } from '../../src/core/spin.ts';

it('polling_shrinks_with_long_gaps_and_comes_back_with_short_ones', () => {
  const spin = new Spin(1600);
  expect(spin.ns).toBe(1600);
  const learned = (gaps: readonly number[]): number[] =>
    gaps.map((gap) => {
      spin.learn(gap);
      return spin.ns;
    });
  expect(learned([1601, 1e9, 1e9, 1e9, 1e9, 1e9])).toEqual([800, 400, 200, 100, 100, 100]);
  // A gap that it slept through and might have polled through counts as one that it polled through.
  expect(learned([1600, 300, 300, 300, 300])).toEqual([200, 400, 800, 1600, 1600]);
});

it('polling_that_is_off_stays_off', () => {
  const spin = new Spin(0);
  for (const gap of [0, 1, 1e9]) spin.learn(gap);
  expect(spin.ns).toBe(0);
});
