/**
 * Deadlines missed, by offered load and policy, on one worker; two kinds of load:
 *
 *   periodic  30 tasks, periods of 20 to 200 ms, random phases, each job due by its task's next: EDF can meet all of them up to a load of 1
 *   poisson   calls at random times, exponential work of 2 ms on average, due within 5 to 30 ms: nobody can meet all
 *
 *   edf_miss_ratio_load90                  periodic, load 0.9, edf
 *   deadlines_<kind>_<policy>_load<n>      share of calls without an answer at their deadline, counted from when they were to start
 *   deadlines_<kind>_ideal_load<n>         what preemptive EDF without any cost misses of the same calls (ideal.ts)
 *
 * The runtime ends a call at its deadline, under every policy, and so does the ideal. sjf knows what each call will take; mtds has no budgets here and so
 * nothing but deadlines to go by. The work is steps of a guest, of which each round finds out anew how many a millisecond has.
 */
import { SCHEDULERS, type SchedulerName } from '../../src/core/index.ts';
import { type Figure, figure, quantile } from '../figures.ts';
import {
  dotted,
  type Experiment,
  mapped,
  missesOf,
  type Outcome,
  periodic,
  poisson,
  shareOf,
} from './experiment.ts';
import { idealMisses } from './ideal.ts';
import { type Call, type LoadSetup, type RoundReport, withChildren } from './load.ts';
import { lineChart } from './plot.ts';

const LOADS = [0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.2] as const;
const KINDS = ['periodic', 'poisson'] as const;
type Kind = (typeof KINDS)[number];
const QUICK_LOADS: readonly number[] = [0.5, 0.9, 1.2];
const POISSON_MS = 2;

interface Point {
  readonly kind: Kind;
  readonly load: number;
  readonly ideal: number[];
  readonly missed: Record<SchedulerName, number[]>;
}

const workOf = (calls: readonly Call[]): number => calls.reduce((sum, { ms }) => sum + ms, 0);

function callsOf(kind: Kind, load: number, seed: number, seconds: number): Call[] {
  if (kind === 'periodic') {
    return periodic({ seed, seconds, tasks: 30, load, periodMs: [20, 200] });
  }
  return poisson({
    ...{ seed, seconds, perSecond: (load * 1e3) / POISSON_MS, fn: 0 },
    ms: (random) => Math.max(0.02, random.exponential(POISSON_MS * 1e6) / 1e6),
    deadlineMs: (random) => 5 + 25 * random.next(),
  });
}

export const deadlines: Experiment = async ({ isQuick }) => {
  const rounds = isQuick ? 1 : 3;
  const seconds = isQuick ? 0.4 : 0.6;
  const loads = isQuick ? QUICK_LOADS : LOADS;
  const points = KINDS.flatMap((kind) =>
    loads.map((load): Point => ({ kind, load, ideal: [], missed: mapped(SCHEDULERS, () => []) })),
  );
  const reports: RoundReport[] = [];
  /** Running time over what the calls were to take, where all were answered. */
  const overWork: number[] = [];
  const setups = mapped(
    SCHEDULERS,
    (scheduler): LoadSetup => ({
      runtime: { scheduler, workers: 1 },
      functions: [{ name: 'work' }],
    }),
  );
  await withChildren(setups, async (children) => {
    for (let round = 0; round < rounds; round++) {
      for (const { kind, load, ideal, missed } of points) {
        const calls = callsOf(kind, load, 1000 * round + Math.round(100 * load), seconds);
        ideal.push(idealMisses(calls) / calls.length);
        for (const name of SCHEDULERS) {
          const report = await children[name].round({ calls });
          checkCodes(report, name);
          missed[name].push(shareOf(missesOf(report, calls)));
          reports.push(report);
          if (report.codes.every((code) => code === '')) {
            overWork.push(workOf(report.runMs.map((ms) => ({ ms }) as Call)) / workOf(calls));
          }
        }
        dotted();
      }
    }
  });
  return outcomeOf(points, reports, overWork);
};

function checkCodes({ codes }: RoundReport, name: string): void {
  const fault = codes.find((code) => code !== '' && code !== 'ERR_DEADLINE');
  if (fault !== undefined) throw new Error(`${name}: a call ended with ${fault}`);
}

function outcomeOf(
  points: readonly Point[],
  reports: readonly RoundReport[],
  overWork: readonly number[],
): Outcome {
  const figures = points.flatMap(({ kind, load, ideal, missed }): Figure[] => {
    const ending = `load${Math.round(load * 100)}`;
    return [
      figure(`deadlines_${kind}_ideal_${ending}`, 'share', ideal),
      ...SCHEDULERS.map((name) =>
        figure(`deadlines_${kind}_${name}_${ending}`, 'share', missed[name]),
      ),
    ];
  });
  const held = points.find(({ kind, load }) => kind === 'periodic' && load === 0.9) as Point;
  const steps = reports.map(({ stepsPerMs }) => stepsPerMs);
  const calibration = [0, 0.25, 0.5, 0.75, 1].map((q) => Math.round(quantile(steps, q)));
  const lateMs = quantile(
    reports.flatMap((report) => report.lateMs),
    0.99,
  );
  const [least, , middle, , most] = calibration;
  process.stderr.write(
    `\n  a millisecond of work: ${middle} steps (${least} - ${most} over ${steps.length} rounds)`,
  );
  return {
    figures: [
      figure('edf_miss_ratio_load90', 'share', held.missed.edf, { most: 0.01 }),
      figure('deadlines_steps_per_ms', '1/ms', steps),
      ...(overWork.length > 0 ? [figure('deadlines_ran_over_work', 'x', overWork)] : []),
      ...figures,
    ],
    plots: Object.fromEntries(KINDS.map((kind) => [`deadlines-${kind}`, plotOf(kind, points)])),
    details: { points, calibration, madeLateMsP99: lateMs },
  };
}

function plotOf(kind: Kind, points: readonly Point[]): string {
  const own = points.filter((point) => point.kind === kind);
  const series = (samples: (point: Point) => readonly number[]): [number, number][] =>
    own.map((point) => [point.load, quantile(samples(point), 0.5)]);
  return lineChart({
    title: `Deadlines missed, ${kind} calls, one worker`,
    x: { label: 'offered load' },
    y: { label: 'share of calls' },
    series: [
      { name: 'ideal EDF', points: series(({ ideal }) => ideal), isDashed: true },
      ...SCHEDULERS.map((name) => ({ name, points: series(({ missed }) => missed[name]) })),
    ],
  });
}
