/** Seeded loads for the simulation. */
import type { Job } from './simulator.ts';

/** xorshift32: the same numbers for the same seed, everywhere. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 2_654_435_761) | 0 || 1;
    for (let i = 0; i < 8; i++) this.next();
  }

  /** 0 <= x < 1 */
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) / 2 ** 32;
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /** Poisson's gaps. */
  exponential(mean: number): number {
    return Math.round(-Math.log(1 - this.next()) * mean);
  }
}

export interface LoadOptions {
  readonly count: number;
  /** Of the workers' time that the jobs ask for, about. */
  readonly load: number;
  readonly workers: number;
  readonly quantumNs: number;
  readonly producers?: number;
  readonly reservations?: number;
}

/** Short and long jobs, in bursts and one by one; estimates are off by up to a factor of 2. Deadlines differ all. */
export function randomJobs(random: Random, options: LoadOptions): Job[] {
  const { count, load, workers, quantumNs, producers = 1, reservations = 0 } = options;
  const deadlines = new Set<number>();
  let arrivalNs = 0;
  return Array.from({ length: count }, (_, id) => {
    const isLong = random.next() < 0.2;
    const runNs = 1 + random.exponential(isLong ? 5 * quantumNs : quantumNs / 3);
    if (random.next() < 0.7) arrivalNs += random.exponential((1.3 * quantumNs) / load / workers);
    let deadlineNs = arrivalNs + 1 + Math.round(runNs * (1.2 + 10 * random.next()));
    while (deadlines.has(deadlineNs)) deadlineNs++;
    deadlines.add(deadlineNs);
    return {
      id,
      producer: random.between(0, producers - 1),
      arrivalNs,
      deadlineNs,
      runNs,
      estimateNs: Math.max(1, Math.round(runNs * (0.5 + 1.5 * random.next()))),
      reservation: reservations === 0 ? -1 : random.between(-1, reservations - 1),
    };
  });
}

/**
 * The same jobs with deadlines as late as EDF needs them on one worker where a later one may hold it for `blockingNs`: in each interval what
 * has to be done inside fits, the blocking included (the demand bound, with arrivals as they are).
 */
export function madeFeasible(jobs: readonly Job[], blockingNs: number): Job[] {
  let relaxed = [...jobs];
  for (;;) {
    const late = relaxed.filter((job) => !isMet(relaxed, job, blockingNs));
    if (late.length === 0) return relaxed;
    relaxed = relaxed.map((job) =>
      late.includes(job)
        ? { ...job, deadlineNs: job.arrivalNs + Math.ceil((job.deadlineNs - job.arrivalNs) * 1.3) }
        : job,
    );
  }
}

function isMet(jobs: readonly Job[], { deadlineNs }: Job, blockingNs: number): boolean {
  return jobs.every(({ arrivalNs }) => {
    if (arrivalNs >= deadlineNs) return true;
    const demandNs = jobs
      .filter((other) => other.arrivalNs >= arrivalNs && other.deadlineNs <= deadlineNs)
      .reduce((sum, { runNs }) => sum + runNs, 0);
    return demandNs === 0 || demandNs + blockingNs <= deadlineNs - arrivalNs;
  });
}
