/**
 * Short calls beside guests that never seem to end: two hogs for each worker, 100 ms of work each, made again as soon as they are answered. How long do calls of 0.1 ms
 * take, alone and beside them?
 *
 *   bimodal_short_p99_ms_<policy>[_q250][_alone]   from when the call was to start until its answer; _q250: quantum of 250 µs
 *   bimodal_short_p99_ratio_rr                     beside hogs over alone
 *   bimodal_short_p99_above_alone_quanta_rr        the difference, in quanta: what the hogs cost a short call
 *   bimodal_short_p99_fifo_to_<policy>             how much longer they take where nobody preempts
 *
 * Under edf, and only there, the short calls have a deadline of 20 ms: it is what tells edf that they are urgent.
 */
import { availableParallelism } from 'node:os';
import type { SchedulerName } from '../../src/core/index.ts';
import { type Figure, figure, quantile } from '../figures.ts';
import { dotted, type Experiment, mapped, type Outcome, poisson } from './experiment.ts';
import { type LoadChild, type LoadSetup, type RoundReport, withChildren } from './load.ts';
import { lineChart } from './plot.ts';

const WORKERS = Math.max(1, availableParallelism() - 1);
const HOGS = { fn: 1, count: 2 * WORKERS, ms: 100 };
const SHORT_MS = 0.1;
const PER_SECOND = 250;
const DEADLINE_MS = { edf: 20, others: 10_000 };

const CASES = {
  fifo: { scheduler: 'fifo', quantumUs: 1000 },
  rr: { scheduler: 'rr', quantumUs: 1000 },
  edf: { scheduler: 'edf', quantumUs: 1000 },
  rr_q250: { scheduler: 'rr', quantumUs: 250 },
  edf_q250: { scheduler: 'edf', quantumUs: 250 },
} as const satisfies Record<string, { scheduler: SchedulerName; quantumUs: number }>;

type Case = keyof typeof CASES;
type Reports = Readonly<Record<Case, { alone: RoundReport[]; beside: RoundReport[] }>>;

export const bimodal: Experiment = async ({ isQuick }) => {
  const functions = [{ name: 'short' }, { name: 'long' }];
  const names = Object.keys(CASES) as Case[];
  const setups = mapped(
    names,
    (name): LoadSetup => ({ runtime: { ...CASES[name], workers: WORKERS }, functions }),
  );
  const rounds = isQuick ? 2 : 7;
  const seconds = isQuick ? 0.3 : 0.8;
  const reports = mapped(names, () => ({
    alone: [] as RoundReport[],
    beside: [] as RoundReport[],
  }));
  await withChildren(setups, async (children) => {
    for (let round = 0; round < rounds; round++) {
      for (const name of names) {
        const { alone, beside } = reports[name];
        alone.push(await play(children[name], name, 2 * round + 1, seconds, false));
        beside.push(await play(children[name], name, 2 * round + 2, seconds, true));
      }
      dotted();
    }
  });
  return outcomeOf(names, reports);
};

async function play(
  child: LoadChild,
  name: Case,
  seed: number,
  seconds: number,
  hasHogs: boolean,
): Promise<RoundReport> {
  const deadlineMs = CASES[name].scheduler === 'edf' ? DEADLINE_MS.edf : DEADLINE_MS.others;
  const calls = poisson({
    ...{ seed, seconds, perSecond: PER_SECOND, fn: 0 },
    ms: () => SHORT_MS,
    deadlineMs: () => deadlineMs,
  });
  const report = await child.round({ calls, ...(hasHogs && { hogs: HOGS }) });
  const fault = report.codes.find((code) => code !== '' && code !== 'ERR_DEADLINE');
  if (fault !== undefined) throw new Error(`${child.name}: a short call ended with ${fault}`);
  if (hasHogs && report.hogs === 0) throw new Error(`${child.name}: no hog was answered`);
  return report;
}

const p99 = ({ latencyMs }: RoundReport): number => quantile(latencyMs, 0.99);

function outcomeOf(names: readonly Case[], reports: Reports): Outcome {
  const samples = mapped(names, (name) => ({
    alone: reports[name].alone.map(p99),
    beside: reports[name].beside.map(p99),
  }));
  const each = (name: Case, value: (beside: number, alone: number) => number): number[] =>
    samples[name].beside.map((beside, i) => value(beside, samples[name].alone[i] as number));
  const quanta = (name: Case): Figure =>
    figure(
      `bimodal_short_p99_above_alone_quanta_${name}`,
      'quanta',
      each(name, (beside, alone) => ((beside - alone) * 1e3) / CASES[name].quantumUs),
      { most: 3 },
    );
  const toFifo = (name: Case): Figure =>
    figure(
      `bimodal_short_p99_fifo_to_${name}`,
      'x',
      samples.fifo.beside.map((fifo, i) => fifo / (samples[name].beside[i] as number)),
      { least: 20 },
    );
  const preempting = names.filter((name) => name !== 'fifo');
  return {
    figures: [
      ...names.flatMap((name) => [
        figure(`bimodal_short_p99_ms_${name}_alone`, 'ms', samples[name].alone),
        figure(`bimodal_short_p99_ms_${name}`, 'ms', samples[name].beside),
      ]),
      figure(
        'bimodal_short_p99_ratio_rr',
        'x',
        each('rr', (beside, alone) => beside / alone),
      ),
      ...preempting.map(quanta),
      ...preempting.map(toFifo),
    ],
    plots: {
      bimodal: lineChart({
        title: `Short calls (${SHORT_MS} ms) beside ${HOGS.count} hogs`,
        x: { label: 'latency, ms', isLog: true },
        y: { label: 'share of calls that take longer', isLog: true },
        series: [
          { name: 'alone', points: tail(reports.rr.alone), isDashed: true },
          ...names.map((name) => ({
            name: `${CASES[name].scheduler}, ${CASES[name].quantumUs} µs`,
            points: tail(reports[name].beside),
          })),
        ],
      }),
    },
    details: mapped(names, (name) => ({
      alone: summaryOf(reports[name].alone),
      beside: summaryOf(reports[name].beside),
    })),
  };
}

const QUANTILES = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999] as const;

/** Latency and the share of calls above it, of all rounds. */
function tail(reports: readonly RoundReport[]): [number, number][] {
  const all = reports.flatMap(({ latencyMs }) => latencyMs);
  const known = QUANTILES.filter((q) => (1 - q) * all.length >= 1);
  return known.map((q) => [quantile(all, q), 1 - q]);
}

function summaryOf(reports: readonly RoundReport[]) {
  return {
    calls: reports.reduce((sum, { codes }) => sum + codes.length, 0),
    hogs: reports.map(({ hogs }) => hogs),
    preemptions: reports.map(({ preemptions }) => preemptions),
    stepsPerMs: reports.map(({ stepsPerMs }) => Math.round(stepsPerMs)),
    madeLateMsP99: quantile(
      reports.flatMap(({ lateMs }) => lateMs),
      0.99,
    ),
    tail: tail(reports),
  };
}
