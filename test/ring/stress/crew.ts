/** The threads of one case: started together, told to stop when the time is up, and ended by force when they hang. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Barrier } from './barrier.ts';
import { Ledger } from './ledger.ts';
import { seedFor } from './random.ts';
import type { Numbers } from './role.ts';
import { Signals } from './signals.ts';
import type { Stage } from './stage.ts';
import { Thread } from './thread.ts';

/** How long threads may go on when the time is up, or take to start: nothing comes near it but a thread that hangs. */
const PATIENCE_MS = 20_000;
const CLOSE_MS = 5_000;

export interface CrewOptions {
  readonly stage: Stage;
  /** The file whose `roles` the threads play. */
  readonly roles: URL;
  /** Values 0 … values - 1 are counted. */
  readonly values: number;
  readonly seed: number;
  readonly timeMs: number;
}

export interface Part {
  readonly role: string;
  readonly options?: Numbers;
}

export class Crew {
  readonly ledger: Ledger;
  readonly signals: Signals;
  readonly #options: CrewOptions;
  readonly #barrier: Int32Array<SharedArrayBuffer> = Barrier.cells();
  readonly #signals: Int32Array<SharedArrayBuffer> = Signals.cells();
  readonly #threads: Thread[] = [];

  constructor(options: CrewOptions) {
    this.#options = options;
    this.ledger = Ledger.forValues(options.values);
    this.signals = new Signals(this.#signals);
  }

  /** Runs the parts until they end: their answers. They are told to stop when the time is up or `during` is done. */
  async run(parts: readonly Part[], during?: () => Promise<void>): Promise<Numbers[]> {
    const threads = parts.map((part) => this.#start(part, parts.length, false));
    const ends = Promise.all(threads.map(({ end }) => end));
    await this.#watched(Promise.race([ends, Promise.all(threads.map(({ ready }) => ready))]));
    // A fault ends the wait at once; threads that have nothing left to do end it too, but not what goes on meanwhile.
    if (during === undefined) await this.#watched(Promise.race([ends, this.#time()]));
    else await this.#watched(Promise.race([ends.then(() => new Promise(() => {})), during()]));
    this.signals.stop();
    const results = await this.#watched(ends);
    return results.map((result) => result ?? {});
  }

  /** Has so many threads ready to be launched. */
  async prepare(count: number): Promise<void> {
    await this.#watched(Thread.prepare(this.#options.roles.href, count));
  }

  /** A thread that starts alone and runs already, in order to be killed. */
  async launch(part: Part): Promise<Thread> {
    const thread = this.#start(part, 1, true);
    await this.#watched(thread.ready);
    return thread;
  }

  async close(): Promise<void> {
    const playing = this.#threads.filter(({ isPlaying }) => isPlaying);
    const ends = Promise.allSettled(playing.map((thread) => thread.kill()));
    // A thread that cannot even be ended must not keep the failure from being told.
    await Promise.race([ends, sleep(CLOSE_MS, undefined, { ref: false })]);
  }

  #start({ role, options = {} }: Part, parties: number, isLate: boolean): Thread {
    const { stage, roles, seed } = this.#options;
    const number = this.#threads.length;
    const thread = Thread.play({
      file: roles.href,
      role,
      number,
      parties,
      isLate,
      seed: seedFor(seed, `${role} ${number}`),
      memory: stage.memory,
      regions: stage.regions,
      barrier: this.#barrier,
      signals: this.#signals,
      hits: this.ledger.hits,
      options,
    });
    this.#threads.push(thread);
    return thread;
  }

  async #time(): Promise<void> {
    await sleep(this.#options.timeMs);
  }

  /** Every wait goes through here. */
  async #watched<T>(promise: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const names = this.#threads.filter(({ isPlaying }) => isPlaying).map(({ name }) => name);
        reject(new Error(`${names.join(', ') || 'new threads'} did not come to an end`));
      }, this.#options.timeMs + PATIENCE_MS);
    });
    try {
      return await Promise.race([promise, limit]);
    } finally {
      clearTimeout(timer);
    }
  }
}
