/**
 * One and a half times what the worker can do (exponential work of 2 ms on average, due within 10 to 40 ms, edf), with admission control and without. Without, calls are
 * begun that cannot be done in time, and the work on them is lost.
 *
 *   admission_<on|off>_in_time_per_s   goodput: calls answered by their deadlines
 *   admission_<on|off>_work_in_time    the work in these, in parts of what the worker could have done
 *   admission_<on|off>_missed          share of all calls that were neither refused nor in time: they waited in vain
 *   admission_on_refused               share of all calls
 *   admission_goodput_ratio            calls in time, on over off
 */
import { figure, quantile } from '../figures.ts';
import {
  dotted,
  type Experiment,
  mapped,
  missesOf,
  type Outcome,
  poisson,
  shareOf,
} from './experiment.ts';
import { type Call, type LoadSetup, type RoundReport, withChildren } from './load.ts';
import { barChart } from './plot.ts';

const CASES = ['on', 'off'] as const;
type Case = (typeof CASES)[number];
const LOAD = 1.5;
const WORK_MS = 2;
const REFUSED = 'ERR_ADMISSION';

interface Measured {
  readonly perS: number[];
  readonly work: number[];
  readonly missed: number[];
  readonly refused: number[];
}

function setupOf(name: Case): LoadSetup {
  const runtime = { scheduler: 'edf', workers: 1, admission: name === 'on' } as const;
  return { runtime, functions: [{ name: 'work' }] };
}

export const admission: Experiment = async ({ isQuick }) => {
  const rounds = isQuick ? 2 : 7;
  const seconds = isQuick ? 0.4 : 1;
  const measured = mapped(CASES, (): Measured => ({ perS: [], work: [], missed: [], refused: [] }));
  await withChildren(mapped(CASES, setupOf), async (children) => {
    for (let seed = 1; seed <= rounds; seed++) {
      const calls = poisson({
        ...{ seed, seconds, perSecond: (LOAD * 1e3) / WORK_MS, fn: 0 },
        ms: (random) => Math.max(0.02, random.exponential(WORK_MS * 1e6) / 1e6),
        deadlineMs: (random) => 10 + 30 * random.next(),
      });
      for (const name of CASES) {
        note(measured[name], await children[name].round({ calls }), calls, seconds);
      }
      dotted();
    }
  });
  return outcomeOf(measured);
};

function note(to: Measured, report: RoundReport, calls: readonly Call[], seconds: number): void {
  const { codes } = report;
  const fault = codes.find((code) => code !== '' && code !== 'ERR_DEADLINE' && code !== REFUSED);
  if (fault !== undefined) throw new Error(`a call ended with ${fault}`);
  const misses = missesOf(report, calls);
  const inTime = calls.filter((_, i) => misses[i] === false);
  to.perS.push(inTime.length / seconds);
  to.work.push(inTime.reduce((sum, { ms }) => sum + ms, 0) / (seconds * 1e3));
  to.missed.push(shareOf(misses.map((isMissed, i) => isMissed && codes[i] !== REFUSED)));
  to.refused.push(shareOf(codes.map((code) => code === REFUSED)));
}

function outcomeOf(measured: Readonly<Record<Case, Measured>>): Outcome {
  const { on, off } = measured;
  const median = (samples: readonly number[]): number => quantile(samples, 0.5);
  return {
    figures: [
      ...CASES.flatMap((name) => [
        figure(`admission_${name}_in_time_per_s`, '1/s', measured[name].perS),
        figure(`admission_${name}_work_in_time`, 'share', measured[name].work),
        figure(`admission_${name}_missed`, 'share', measured[name].missed),
      ]),
      figure('admission_on_refused', 'share', on.refused),
      figure(
        'admission_goodput_ratio',
        'x',
        on.perS.map((perS, i) => perS / (off.perS[i] as number)),
      ),
    ],
    plots: {
      admission: barChart({
        title: `Admission control at ${LOAD} times the capacity`,
        y: { label: 'share of calls', most: 1 },
        bars: ['in time', 'refused at once', 'waited in vain'],
        groups: CASES.map((name) => {
          const { missed, refused } = measured[name];
          const [lost, sent] = [median(missed), median(refused)];
          return { name: `admission ${name}`, values: [1 - lost - sent, sent, lost] };
        }),
      }),
    },
    details: measured,
  };
}
