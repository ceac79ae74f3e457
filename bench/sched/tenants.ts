/**
 * A greedy tenant beside a modest one on one worker: the greedy one offers three times what the worker can do, the other a tenth of it. All calls are alike (1 ms of
 * work, due within 50 ms), so that nothing but who sends them tells them apart. Under mtds the victim has a budget of 30 ms in each 100 ms.
 *
 *   victim_p99_ratio_<policy>   99th percentile of the victim's latency over the same without the greedy tenant, under mtds
 *   victim_p99_ms_<policy>      a call that missed its deadline counts with the time at which that was told
 *   victim_misses_<policy>, greedy_answers_per_s_<policy>
 */
import type { SchedulerName } from '../../src/core/index.ts';
import { figure, quantile } from '../figures.ts';
import {
  dotted,
  type Experiment,
  inOrder,
  mapped,
  missesOf,
  type Outcome,
  ofFunction,
  poisson,
  shareOf,
} from './experiment.ts';
import { type Call, type LoadSetup, type RoundReport, withChildren } from './load.ts';
import { barChart } from './plot.ts';

const VICTIM = 0;
const GREEDY = 1;
const WORK_MS = 1;
const DEADLINE_MS = 50;
const VICTIM_PER_SECOND = 100;
const GREEDY_PER_SECOND = 3000;

const CASES = ['alone', 'mtds', 'edf', 'rr'] as const;
type Case = (typeof CASES)[number];

interface Measured {
  readonly p99Ms: number[];
  readonly missed: number[];
  readonly greedyPerS: number[];
}

function setupOf(name: Case): LoadSetup {
  const scheduler: SchedulerName = name === 'alone' ? 'mtds' : name;
  return {
    runtime: { scheduler, workers: 1 },
    functions: [
      { name: 'victim', tenant: 'victim' },
      { name: 'greedy', tenant: 'greedy' },
    ],
    budgets: scheduler === 'mtds' ? [{ tenant: 'victim', budgetMs: 30, periodMs: 100 }] : [],
  };
}

function callsOf(name: Case, seed: number, seconds: number): Call[] {
  const alike = { seconds, ms: () => WORK_MS, deadlineMs: () => DEADLINE_MS };
  const victim = poisson({ ...alike, seed, perSecond: VICTIM_PER_SECOND, fn: VICTIM });
  if (name === 'alone') return victim;
  const greedy = poisson({ ...alike, seed: -seed, perSecond: GREEDY_PER_SECOND, fn: GREEDY });
  return inOrder([...victim, ...greedy]);
}

export const tenants: Experiment = async ({ isQuick }) => {
  const rounds = isQuick ? 2 : 5;
  const seconds = isQuick ? 0.5 : 1.5;
  const measured = mapped(CASES, (): Measured => ({ p99Ms: [], missed: [], greedyPerS: [] }));
  await withChildren(mapped(CASES, setupOf), async (children) => {
    for (let round = 1; round <= rounds; round++) {
      for (const name of CASES) {
        const calls = callsOf(name, round, seconds);
        note(measured[name], await children[name].round({ calls }), calls, seconds);
      }
      dotted();
    }
  });
  return outcomeOf(measured);
};

function note(to: Measured, report: RoundReport, calls: readonly Call[], seconds: number): void {
  const fault = report.codes.find((code) => code !== '' && code !== 'ERR_DEADLINE');
  if (fault !== undefined) throw new Error(`a call ended with ${fault}`);
  const misses = missesOf(report, calls);
  to.p99Ms.push(quantile(ofFunction(report.latencyMs, calls, VICTIM), 0.99));
  to.missed.push(shareOf(misses.filter((_, i) => calls[i]?.fn === VICTIM)));
  const answered = misses.filter((isMissed, i) => !isMissed && calls[i]?.fn === GREEDY);
  to.greedyPerS.push(answered.length / seconds);
}

function outcomeOf(measured: Readonly<Record<Case, Measured>>): Outcome {
  const ratios = (name: Case): number[] =>
    measured[name].p99Ms.map((ms, i) => ms / (measured.alone.p99Ms[i] as number));
  const beside = CASES.filter((name) => name !== 'alone');
  return {
    figures: [
      figure('victim_p99_ratio_mtds', 'x', ratios('mtds'), { most: 2 }),
      figure('victim_p99_ratio_edf', 'x', ratios('edf')),
      figure('victim_p99_ratio_rr', 'x', ratios('rr')),
      ...CASES.map((name) => figure(`victim_p99_ms_${name}`, 'ms', measured[name].p99Ms)),
      ...CASES.map((name) => figure(`victim_misses_${name}`, 'share', measured[name].missed)),
      ...beside.map((name) =>
        figure(`greedy_answers_per_s_${name}`, '1/s', measured[name].greedyPerS),
      ),
    ],
    plots: {
      tenants: barChart({
        title: 'A modest tenant beside one that offers 3 times the capacity',
        y: { label: "99th percentile of the modest tenant's latency, ms", isLog: true },
        bars: ['p99'],
        groups: CASES.map((name) => ({ name, values: [quantile(measured[name].p99Ms, 0.5)] })),
      }),
    },
    details: measured,
  };
}
