/** When ticks are due. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TickSchedule } from '../../src/core/tick-schedule.ts';

const QUANTUM = 1000;
const IDLE_MAX = 4000;

/** Due times of some ticks that come at the given lateness. */
function dues(late: readonly number[], isBusy: boolean): number[] {
  const schedule = new TickSchedule(QUANTUM, IDLE_MAX, 0);
  return late.map((by) => {
    const { dueNs } = schedule;
    schedule.advance(dueNs + by, isBusy);
    return dueNs;
  });
}

describe('ticks', () => {
  it('lateness_does_not_add_up', () => {
    expect(dues([90, 400, 0, 499, 0], true)).toEqual([1000, 2000, 3000, 4000, 5000]);
  });

  it('a_late_one_swallows_those_that_it_ran_into_and_the_one_right_behind', () => {
    expect(dues([500, 501, 2600, 0], true)).toEqual([1000, 2000, 4000, 8000]);
  });

  it('pauses_double_while_nothing_runs_up_to_their_bound', () => {
    expect(dues([0, 0, 0, 0, 0], false)).toEqual([1000, 3000, 7000, 11_000, 15_000]);
  });

  it('the_first_busy_tick_ends_the_long_pauses', () => {
    const schedule = new TickSchedule(QUANTUM, IDLE_MAX, 0);
    for (let i = 0; i < 4; i++) schedule.advance(schedule.dueNs, false);
    const { dueNs } = schedule;
    schedule.advance(dueNs, true);
    expect(schedule.dueNs).toBe(dueNs + QUANTUM);
  });

  it('a_quantum_beyond_the_bound_is_the_pause', () => {
    const schedule = new TickSchedule(1e9, IDLE_MAX, 0);
    for (let i = 1; i < 4; i++) {
      expect(schedule.dueNs).toBe(i * 1e9);
      schedule.advance(schedule.dueNs, false);
    }
  });

  it('who_always_comes_late_wakes_as_much_earlier', () => {
    for (const late of [0, 3000, 35_000]) {
      const schedule = new TickSchedule(1e6, 4e6, 0);
      let error = 0;
      for (let i = 0; i < 200; i++) {
        const at = schedule.wakeNs + late;
        error = at - schedule.dueNs;
        schedule.advance(at, true);
      }
      expect(Math.abs(error)).toBeLessThanOrEqual(500);
    }
  });

  it('a_lead_that_is_not_needed_any_more_goes_and_one_hiccup_does_not_matter', () => {
    const schedule = new TickSchedule(1e6, 4e6, 0);
    for (let i = 0; i < 100; i++) schedule.advance(schedule.dueNs + 30_000, true);
    const lead = schedule.dueNs - schedule.wakeNs;
    expect(lead).toBe(50_000);
    schedule.advance(schedule.dueNs + 9e6, true);
    expect(schedule.dueNs - schedule.wakeNs).toBe(lead + 500);
    for (let i = 0; i < 101; i++) schedule.advance(schedule.dueNs, true);
    expect(schedule.wakeNs).toBe(schedule.dueNs);
  });

  it('are_on_the_grid_and_half_a_quantum_apart_whatever_happens', () => {
    const step = fc.record({ late: fc.nat(20_000), isBusy: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const schedule = new TickSchedule(QUANTUM, IDLE_MAX, 0);
        for (const { late, isBusy } of steps) {
          const at = schedule.dueNs + late;
          schedule.advance(at, isBusy);
          expect(schedule.dueNs % QUANTUM).toBe(0);
          expect(schedule.dueNs).toBeGreaterThanOrEqual(at + QUANTUM / 2);
          expect(schedule.wakeNs).toBeGreaterThanOrEqual(at + QUANTUM / 4);
          expect(schedule.wakeNs).toBeLessThanOrEqual(schedule.dueNs);
          expect(schedule.dueNs).toBeLessThan(at + IDLE_MAX + QUANTUM * 1.5);
        }
      }),
    );
  });
});
