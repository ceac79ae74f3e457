import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Budget, PADDING_BYTES } from '../../src/ring/index.ts';
import { sharedMemory } from './memories.ts';

const UNIT_NS = 1024;
const AT = PADDING_BYTES;

function budgetOf(mostNs: number, periodNs: number, now = 0): Budget {
  const budget = Budget.create(sharedMemory(), AT);
  budget.set(mostNs, periodNs, now);
  return budget;
}

it('a_budget_is_of_nothing_until_it_is_set', () => {
  const budget = Budget.create(sharedMemory(), AT);
  expect(budget.leftNs(1e9)).toBeLessThanOrEqual(0);
  budget.charge(1e9, 1e6);
  expect(budget.leftNs(1e9)).toBeLessThanOrEqual(0);
});

it('what_is_left_is_the_budget_less_what_was_charged_in_the_period', () => {
  const step = fc.record({
    afterNs: fc.integer({ min: 0, max: 4e6 }),
    ns: fc.integer({ min: 0, max: 3e6 }),
  });
  // Clocks of a machine that has run for minutes, and for years.
  const startNs = fc.constantFrom(0, 1e9, 7e15);
  fc.assert(
    fc.property(
      startNs,
      fc.integer({ min: 1, max: 10 }),
      fc.array(step, { maxLength: 60 }),
      (start, ms, steps) => {
        const periodNs = ms * 1e6;
        const mostNs = 2e6;
        const budget = budgetOf(mostNs, periodNs, start);
        let now = start;
        let charged = 0;
        let period = Math.floor(now / periodNs);
        for (const { afterNs, ns } of steps) {
          now += afterNs;
          if (Math.floor(now / periodNs) !== period) charged = 0;
          period = Math.floor(now / periodNs);
          budget.charge(now, ns);
          charged += ns;
          // A unit at most is on its way.
          expect(Math.abs(mostNs - charged - budget.leftNs(now))).toBeLessThanOrEqual(UNIT_NS);
        }
      },
    ),
    { numRuns: 200 },
  );
});

it('less_than_a_unit_is_charged_with_the_next', () => {
  const budget = budgetOf(1e6, 1e9);
  for (let i = 0; i < 1000; i++) budget.charge(0, 100);
  expect(1e6 - budget.leftNs(0)).toBeGreaterThan(100_000 - UNIT_NS);
});

it('two_handles_charge_one_budget', () => {
  const memory = sharedMemory();
  const first = Budget.create(memory, AT);
  first.set(1e6, 1e9, 0);
  const second = Budget.attach(memory, AT);
  first.charge(10, 4096);
  second.charge(20, 8192);
  expect([first.leftNs(30), second.leftNs(30)]).toEqual([1e6 - 12_288, 1e6 - 12_288]);
});

it('a_late_charge_counts_in_the_new_period', () => {
  const budget = budgetOf(1e6, 1000, 0);
  budget.charge(5000, 2048);
  budget.charge(4999, 1024);
  expect(budget.leftNs(5001)).toBe(1e6 - 3072);
});

it('a_budget_that_nobody_used_for_long_is_whole', () => {
  const budget = budgetOf(1e6, 1e6, 0);
  budget.charge(10, 1e6);
  // Around the places where a difference of period numbers changes its sign, and where numbers come back.
  for (const periods of [2 ** 31 - 1, 2 ** 31, 2 ** 31 + 7, 2 ** 32 - 2000]) {
    expect(budget.leftNs(periods * 1e6), String(periods)).toBe(1e6);
  }
});

it('a_charge_beyond_all_bounds_stays_in_its_period', () => {
  const budget = budgetOf(1e6, 1e12, 0);
  for (let i = 0; i < 3; i++) budget.charge(1, 2 ** 42);
  expect(budget.leftNs(1)).toBeLessThan(-4e12);
  expect(budget.leftNs(1e12)).toBe(1e6);
});

describe('a_handle', () => {
  it('is_put_on_nothing_else', () => {
    expect(() => Budget.attach(sharedMemory(), AT)).toThrow(
      expect.objectContaining({ code: 'ERR_RING_FOREIGN' }),
    );
  });
});
