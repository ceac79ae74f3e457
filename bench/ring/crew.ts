/** The threads of a configuration: each is given one round at a time, begins it behind a common barrier and tells when. */
import { once } from 'node:events';
import { parentPort, Worker, workerData } from 'node:worker_threads';

export interface ThreadReport {
  /** process.hrtime, which is one clock for all threads. */
  readonly startNs: bigint;
  readonly endNs: bigint;
  /** Of the values that went through, modulo 2^32: what they are is the configuration's business. */
  readonly sum: number;
}

export interface CrewReport {
  /** From the first start to the last end. */
  readonly ns: number;
  readonly sums: readonly number[];
}

/** Counts arrivals; a round is open when all threads of all rounds so far have arrived. */
type Barrier = Int32Array<SharedArrayBuffer>;

export class Crew {
  readonly #workers: readonly Worker[];

  private constructor(workers: readonly Worker[]) {
    this.#workers = workers;
  }

  /** A thread that runs `<file>.ts` of this folder for each of the data. An error in one ends the process. */
  static async start(file: string, data: readonly object[]): Promise<Crew> {
    const barrier = new Int32Array(new SharedArrayBuffer(4));
    const workers = data.map(
      (own) =>
        new Worker(new URL(`./${file}.ts`, import.meta.url), {
          workerData: { ...own, barrier, threads: data.length },
        }),
    );
    await Promise.all(workers.map((worker) => once(worker, 'online')));
    return new Crew(workers);
  }

  async round(): Promise<CrewReport> {
    const answers = this.#workers.map((worker) => once(worker, 'message'));
    for (const worker of this.#workers) worker.postMessage('round');
    const reports = (await Promise.all(answers)).map(([report]) => report as ThreadReport);
    const starts = reports.map(({ startNs }) => startNs);
    const ends = reports.map(({ endNs }) => endNs);
    const least = starts.reduce((a, b) => (a < b ? a : b));
    const most = ends.reduce((a, b) => (a > b ? a : b));
    return { ns: Number(most - least), sums: reports.map(({ sum }) => sum) };
  }
}

/** The thread's side: runs `work` for each round. It spins at the barrier, so that nobody starts from a sleep. */
export function serveCrew(work: () => number): void {
  const { barrier, threads } = workerData as { barrier: Barrier; threads: number };
  let round = 0;
  parentPort!.on('message', () => {
    round++;
    Atomics.add(barrier, 0, 1);
    while (Atomics.load(barrier, 0) < threads * round);
    const startNs = process.hrtime.bigint();
    const sum = work();
    parentPort!.postMessage({ startNs, endNs: process.hrtime.bigint(), sum });
  });
}
