/** What an experiment is, and the loads that several of them share. */
import { Random } from '../../test/core/scheduling/jobs.ts';
import type { Figure } from '../figures.ts';
import type { Call, RoundReport } from './load.ts';

export const EXPERIMENT_NAMES = [
  'bimodal',
  'deadlines',
  'tenants',
  'admission',
  'preempt',
  'invoke',
] as const;
export type ExperimentName = (typeof EXPERIMENT_NAMES)[number];

/** How much of it: `--quick` is for a look whether it works. */
export interface Scale {
  readonly isQuick: boolean;
}

export interface Outcome {
  readonly figures: readonly Figure[];
  /** SVG by the name of its file, without the ending. */
  readonly plots: Readonly<Record<string, string>>;
  /** What the plots show, and what was found out on the way. */
  readonly details: unknown;
}

export type Experiment = (scale: Scale) => Promise<Outcome>;

export interface PoissonOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly fn: number;
  readonly ms: (random: Random) => number;
  readonly deadlineMs: (random: Random) => number;
}

/** Calls at random times, independent of each other. */
export function poisson({ seed, seconds, perSecond, fn, ms, deadlineMs }: PoissonOptions): Call[] {
  const random = new Random(seed);
  const calls: Call[] = [];
  const gapNs = 1e9 / perSecond;
  for (let atNs = random.exponential(gapNs); atNs < seconds * 1e9; ) {
    calls.push({ atMs: atNs / 1e6, fn, ms: ms(random), deadlineMs: deadlineMs(random) });
    atNs += random.exponential(gapNs);
  }
  return calls;
}

export interface PeriodicOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly tasks: number;
  /** Sum of work over period. */
  readonly load: number;
  readonly periodMs: readonly [number, number];
}

/**
 * Tasks that are due once a period, with random phases, and have to be done by the next: EDF meets all deadlines of such a set up to a load of 1 (Liu & Layland). The
 * loads of the tasks are random with the given sum, their periods between the two given, log-uniform.
 */
export function periodic({ seed, seconds, tasks, load, periodMs }: PeriodicOptions): Call[] {
  const random = new Random(seed);
  const weights = Array.from({ length: tasks }, () => 0.5 + random.next());
  const sum = weights.reduce((a, b) => a + b, 0);
  const [least, most] = periodMs;
  const calls = weights.flatMap((weight) => {
    const period = least * (most / least) ** random.next();
    const phase = period * random.next();
    const count = Math.max(0, Math.ceil((seconds * 1e3 - phase) / period));
    const call = { fn: 0, ms: (load * weight * period) / sum, deadlineMs: period };
    return Array.from({ length: count }, (_, i): Call => ({ ...call, atMs: phase + i * period }));
  });
  return inOrder(calls);
}

export function inOrder(calls: readonly Call[]): Call[] {
  return [...calls].sort((a, b) => a.atMs - b.atMs);
}

/** The values whose calls are of this function. */
export function ofFunction(
  values: readonly number[],
  calls: readonly Call[],
  fn: number,
): number[] {
  return values.filter((_, i) => calls[i]?.fn === fn);
}

/** A call is missed that has no answer, or has it behind its deadline. */
export function missesOf({ codes, latencyMs }: RoundReport, calls: readonly Call[]): boolean[] {
  return calls.map(({ deadlineMs }, i) => codes[i] !== '' || (latencyMs[i] as number) > deadlineMs);
}

export function shareOf(flags: readonly boolean[]): number {
  return flags.filter(Boolean).length / flags.length;
}

export function dotted(): void {
  process.stderr.write('.');
}

export function mapped<K extends string, T>(
  names: readonly K[],
  value: (name: K) => T,
): Record<K, T> {
  return Object.fromEntries(names.map((name) => [name, value(name)])) as Record<K, T>;
}
