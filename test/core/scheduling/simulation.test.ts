/** The contracts of the policies, held by the real code over thousands of seeded schedules on a virtual clock. */
import { describe, expect, it } from 'vitest';
import { SCHEDULERS, type SchedulerName } from '../../../src/core/index.ts';
import { madeFeasible, Random, randomJobs } from './jobs.ts';
import { reference } from './reference.ts';
import { type Job, type Setup, Simulation, type Stretch } from './simulator.ts';

const QUANTUM_NS = 1e6;
const SEEDS = 400;

function each(check: (random: Random, seed: number) => void): void {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      check(new Random(seed), seed);
    } catch (error) {
      if (error instanceof Error) error.message = `seed ${seed}: ${error.message}`;
      throw error;
    }
  }
}

function budgetsFor(random: Random): NonNullable<Setup['budgets']> {
  return Array.from({ length: random.between(1, 3) }, () => {
    const periodNs = random.between(5, 20) * QUANTUM_NS;
    return { mostNs: Math.floor(periodNs * random.next()), periodNs };
  });
}

function setupOf(scheduler: SchedulerName, random: Random, workers: number, producers = 1): Setup {
  const budgets = scheduler === 'mtds' ? budgetsFor(random) : [];
  const load = 0.4 + random.next();
  const options = { count: random.between(5, 40), load, workers, quantumNs: QUANTUM_NS, producers };
  const jobs = randomJobs(random, { ...options, reservations: budgets.length });
  return { scheduler, workers, quantumNs: QUANTUM_NS, jobs, budgets };
}

const ranNs = (trace: readonly Stretch[], job: number): number =>
  trace.filter((one) => one.job === job).reduce((sum, { fromNs, toNs }) => sum + toNs - fromNs, 0);

describe.each(SCHEDULERS)('%s', (scheduler) => {
  it('runs_on_one_worker_as_its_reference_does', () => {
    each((random) => {
      const setup = setupOf(scheduler, random, 1);
      expect(new Simulation(setup).run().trace).toEqual(reference(setup));
    });
  });

  it('runs_each_request_once_to_its_end_and_leaves_no_worker_idle', () => {
    each((random) => {
      const setup = setupOf(scheduler, random, random.between(1, 4), 2);
      const simulation = new Simulation(setup).run();
      for (const { id, runNs, arrivalNs } of setup.jobs) {
        expect(ranNs(simulation.trace, id)).toBe(runNs);
        expect(simulation.endNs.get(id)).toBeGreaterThanOrEqual(arrivalNs + runNs);
      }
      expect(simulation.idleFaults).toEqual([]);
      expect(simulation.freeSlots).toBe(setup.jobs.length);
      // A guest stays with its worker, which runs one at a time.
      for (const { id } of setup.jobs) {
        const workers = simulation.trace
          .filter(({ job }) => job === id)
          .map(({ worker }) => worker);
        expect(new Set(workers).size).toBe(1);
      }
      for (let w = 0; w < setup.workers; w++) {
        const own = simulation.trace.filter(({ worker }) => worker === w);
        own.slice(1).forEach(({ fromNs }, i) => {
          expect(fromNs).toBeGreaterThanOrEqual((own[i] as Stretch).toNs);
        });
      }
    });
  });
});

it('edf_meets_every_deadline_of_a_feasible_set_on_one_worker', () => {
  each((random) => {
    const { jobs, ...setup } = setupOf('edf', random, 1);
    const feasible = madeFeasible(jobs, 2 * QUANTUM_NS);
    const { endNs } = new Simulation({ ...setup, jobs: feasible }).run();
    const late = feasible.filter(({ id, deadlineNs }) => (endNs.get(id) as number) > deadlineNs);
    expect(late).toEqual([]);
  });
});

it('edf_is_late_where_a_set_is_not_feasible', () => {
  // So that the test above cannot pass by an accident of its loads.
  let missed = 0;
  each((random) => {
    const setup = setupOf('fifo', random, 1);
    const jobs = madeFeasible(setup.jobs, 2 * QUANTUM_NS);
    const { endNs } = new Simulation({ ...setup, jobs }).run();
    if (jobs.some(({ id, deadlineNs }) => (endNs.get(id) as number) > deadlineNs)) missed++;
  });
  expect(missed).toBeGreaterThan(SEEDS / 4);
});

it('rr_lets_no_request_wait_for_ever', () => {
  each((random) => {
    const setup = setupOf('rr', random, 1);
    const { endNs } = new Simulation(setup).run();
    for (const { id, arrivalNs, runNs } of setup.jobs) {
      // A quantum of its own takes at most two of each of the others, and as many of those that came before it and have not begun.
      const turns = Math.ceil(runNs / QUANTUM_NS) + 1;
      const boundNs = 2 * QUANTUM_NS * (2 * setup.jobs.length * turns + setup.jobs.length);
      expect((endNs.get(id) as number) - arrivalNs).toBeLessThanOrEqual(boundNs);
    }
  });
});

it('rr_runs_a_short_request_when_the_hog_that_runs_has_had_its_quantum', () => {
  each((random) => {
    const hogs = random.between(1, 6);
    const job = (id: number, arrivalNs: number, runNs: number): Job => ({
      ...{
        id,
        producer: 0,
        arrivalNs,
        deadlineNs: 1e13 + id,
        runNs,
        estimateNs: runNs,
        reservation: -1,
      },
    });
    const long = Array.from({ length: hogs }, (_, i) => job(i, i, 100 * QUANTUM_NS));
    const arrivalNs = random.between(20 * QUANTUM_NS, 60 * QUANTUM_NS);
    const jobs = [...long, job(hogs, arrivalNs, random.between(1, QUANTUM_NS / 2))];
    const { endNs } = new Simulation({
      scheduler: 'rr',
      workers: 1,
      quantumNs: QUANTUM_NS,
      jobs,
    }).run();
    expect((endNs.get(hogs) as number) - arrivalNs).toBeLessThanOrEqual(1.5 * QUANTUM_NS);
  });
});

describe('mtds', () => {
  /** Running time of a tenant by period, of those stretches, or parts of them, that lie in whole periods up to `untilNs`. */
  function byPeriod(
    trace: readonly Stretch[],
    jobs: readonly Job[],
    reservation: number,
    periodNs: number,
    untilNs: number,
  ): number[] {
    const sums = new Array<number>(Math.floor(untilNs / periodNs)).fill(0);
    for (const { job, fromNs, toNs } of trace) {
      if (jobs[job]?.reservation !== reservation) continue;
      for (let period = Math.floor(fromNs / periodNs); period < sums.length; period++) {
        const ns = Math.min(toNs, (period + 1) * periodNs) - Math.max(fromNs, period * periodNs);
        if (ns > 0) sums[period] = (sums[period] as number) + ns;
      }
    }
    return sums;
  }

  /** Two tenants and one without a budget that all want the worker all the time; the latter's deadlines are the earliest. */
  function greedy(random: Random) {
    const periodNs = random.between(20, 40) * QUANTUM_NS;
    const share = 0.1 + 0.25 * random.next();
    const budgets = [
      { mostNs: Math.floor(periodNs * share), periodNs },
      { mostNs: Math.floor(periodNs * (0.5 - share)), periodNs },
    ];
    const jobs = Array.from({ length: 90 }, (_, id): Job => {
      const reservation = (id % 3) - 1;
      const runNs = random.between(1, 8) * QUANTUM_NS - random.between(0, QUANTUM_NS - 1);
      return {
        id,
        producer: 0,
        arrivalNs: 0,
        deadlineNs: (reservation < 0 ? 1e10 : 1e12) + random.between(0, 1e6) * 100 + id,
        runNs,
        estimateNs: runNs,
        reservation,
      };
    });
    return {
      setup: { scheduler: 'mtds' as const, workers: 1, quantumNs: QUANTUM_NS, jobs, budgets },
      budgets,
      periodNs,
    };
  }

  it('gives_each_tenant_its_budget_in_each_period_in_which_it_asks_and_not_much_more', () => {
    each((random) => {
      const { setup, budgets, periodNs } = greedy(random);
      const { trace, endNs } = new Simulation(setup).run();
      // As long as all three still wait.
      const lastOf = (reservation: number): number =>
        Math.max(
          ...setup.jobs
            .filter((job) => job.reservation === reservation)
            .map(({ id }) => endNs.get(id) as number),
        );
      const untilNs = Math.min(lastOf(-1), lastOf(0), lastOf(1)) - 9 * QUANTUM_NS;
      budgets.forEach(({ mostNs }, reservation) => {
        for (const ns of byPeriod(trace, setup.jobs, reservation, periodNs, untilNs)) {
          // A tick finds a guest due that ran through the last one: 2 quanta to get in, 2 to be put out, of this and the period before.
          expect(ns).toBeGreaterThanOrEqual(mostNs - 2 * QUANTUM_NS);
          expect(ns).toBeLessThanOrEqual(mostNs + 4 * QUANTUM_NS);
        }
      });
    });
  });

  it('gives_to_best_effort_what_nobody_uses', () => {
    each((random) => {
      const { setup } = greedy(random);
      const { trace } = new Simulation(setup).run();
      const total = setup.jobs.reduce((sum, { runNs }) => sum + runNs, 0);
      expect(trace.at(-1)?.toNs).toBe(total);
    });
  });
});
