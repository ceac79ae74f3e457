/**
 * How exact preemption is, with the JavaScript ticker and with the native timer (native/timer.cc), in turns in one run.
 *
 *   preempt_latency_us_{p50,p99,max}_{js,native}   quantum of 1 ms: from when the tick that raised the flag was due until the guest was in
 *                                                  the host function that its poll calls; _q50: quantum of 50 µs
 *   tick_late_us_{p50,p99}_{js,native}             the part of it until the tick came
 *   flag_noticed_us_{p50,p99}_{js,native}          the part of it behind that: flag raised, seen by the poll, host function entered
 *   ticks_missed_percent_{js,native}               of the quanta that went by, those without a tick, as the one before was late
 *   tick_cpu_us_{js,native}                        CPU time that a tick takes, all threads but the guest's
 *   timer_idle_cpu_percent_{js,native}             CPU time while no guest runs, in percent of a core
 *
 * A process for each round and timer. Medians over the rounds and their quartiles; max is that of all.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TimerName } from '../src/core/index.ts';
import { nativeAddon } from '../src/sandbox/index.ts';
import { type Figure, figure, header, quantile } from './figures.ts';
import type { TimerReport } from './timer/timer-child.ts';

const ROUNDS = 7;
/** Quanta in µs, samples a round, and what the figures' names end with. */
const CASES = [
  { quantumUs: 1000, samples: 500, suffix: '' },
  { quantumUs: 50, samples: 5000, suffix: '_q50' },
] as const;

export async function timer(): Promise<Figure[]> {
  header(2);
  const timers: TimerName[] = ['js', 'native'];
  if (nativeAddon() === undefined) {
    process.stderr.write('the native addon was not built: the JavaScript ticker alone\n');
    timers.pop();
  }
  const figures: Figure[] = [];
  for (const { quantumUs, samples, suffix } of CASES) {
    const reports = timers.map((): TimerReport[] => []);
    for (let round = 0; round < ROUNDS; round++) {
      timers.forEach((name, i) => {
        reports[i]?.push(child(name, quantumUs, samples));
      });
      process.stderr.write('.');
    }
    timers.forEach((name, i) => {
      figures.push(...figuresOf(reports[i] as TimerReport[], `${name}${suffix}`));
    });
  }
  process.stderr.write('\n');
  return figures;
}

export function child(name: TimerName, quantumUs: number, samples: number): TimerReport {
  const path = fileURLToPath(new URL('./timer/timer-child.ts', import.meta.url));
  const args = [path, name, String(quantumUs), String(samples)];
  const report = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
  if (report.latenciesUs.length !== samples) throw new Error(`${name}: samples are missing`);
  return report as TimerReport;
}

function figuresOf(reports: readonly TimerReport[], ending: string): Figure[] {
  const at = (name: string, q: number, of: (report: TimerReport) => readonly number[]): Figure =>
    figure(
      `${name}_us_p${q * 100}_${ending}`,
      'us',
      reports.map((report) => quantile(of(report), q)),
    );
  const most = Math.max(...reports.flatMap(({ latenciesUs }) => latenciesUs));
  return [
    at('preempt_latency', 0.5, ({ latenciesUs }) => latenciesUs),
    at('preempt_latency', 0.99, ({ latenciesUs }) => latenciesUs),
    { name: `preempt_latency_us_max_${ending}`, unit: 'us', value: Number(most.toPrecision(4)) },
    at('tick_late', 0.5, ({ lateUs }) => lateUs),
    at('tick_late', 0.99, ({ lateUs }) => lateUs),
    at('flag_noticed', 0.5, ({ noticedUs }) => noticedUs),
    at('flag_noticed', 0.99, ({ noticedUs }) => noticedUs),
    figure(
      `ticks_missed_percent_${ending}`,
      '%',
      reports.map(({ missedPercent }) => missedPercent),
    ),
    figure(
      `tick_cpu_us_${ending}`,
      'us',
      reports.map(({ tickCpuUs }) => tickCpuUs),
    ),
    figure(
      `timer_idle_cpu_percent_${ending}`,
      '%',
      reports.map(({ idleCpuPercent }) => idleCpuPercent),
    ),
  ];
}
