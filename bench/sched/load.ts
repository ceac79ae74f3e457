/** A runtime in a process of its own (load-child.ts), and the calls that it is given: open loop, at times that were settled before. */
import { type ChildProcess, fork } from 'node:child_process';
import type { RuntimeOptions } from '../../src/core/index.ts';
import { answer } from '../ring/candidate.ts';

export interface FunctionSetup {
  readonly name: string;
  readonly tenant?: string;
}

export interface LoadSetup {
  readonly runtime: Pick<RuntimeOptions, 'scheduler' | 'quantumUs' | 'workers' | 'admission'>;
  /** All of them are the same guest (steps.wat). */
  readonly functions: readonly FunctionSetup[];
  readonly budgets?: readonly {
    readonly tenant: string;
    readonly budgetMs: number;
    readonly periodMs: number;
  }[];
}

export interface Call {
  /** From the round's begin. */
  readonly atMs: number;
  /** Which function. */
  readonly fn: number;
  /** Its work, as the time that the guest takes for it alone. */
  readonly ms: number;
  /** From `atMs` on; the runtime ends it there. */
  readonly deadlineMs: number;
}

/** Calls that are made again as soon as they are answered, up to the end of a round: they keep the workers busy. */
export interface Hogs {
  readonly fn: number;
  readonly count: number;
  readonly ms: number;
}

export interface Round {
  readonly calls: readonly Call[];
  readonly hogs?: Hogs;
}

/** What became of the calls, by their number. */
export interface RoundReport {
  /** From when the call was to start until its answer, or error, was there. */
  readonly latencyMs: readonly number[];
  /** '' = answered, and rightly; else the error's code. */
  readonly codes: readonly string[];
  /** How much later than intended it was made. */
  readonly lateMs: readonly number[];
  /** For how long its guest ran. */
  readonly runMs: readonly number[];
  /** Hogs answered. */
  readonly hogs: number;
  /** What a millisecond of work was. */
  readonly stepsPerMs: number;
  readonly preemptions: number;
}

/** Calibration and the longest round, with room for a machine that others use. */
const TIMEOUT_MS = 60_000;

export class LoadChild {
  readonly name: string;
  readonly #child: ChildProcess;

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
  }

  static async start(name: string, setup: LoadSetup): Promise<LoadChild> {
    const child = fork(new URL('./load-child.ts', import.meta.url), [JSON.stringify(setup)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const started = new LoadChild(name, child);
    try {
      await started.#answer();
      return started;
    } catch (error) {
      started.end();
      throw error;
    }
  }

  async round(round: Round): Promise<RoundReport> {
    const report = this.#answer<RoundReport>();
    this.#child.send(round);
    const { codes } = await report;
    if (codes.length !== round.calls.length) {
      throw new Error(`${this.name}: ${codes.length} reports of ${round.calls.length} calls`);
    }
    return report;
  }

  #answer<T>(): Promise<T> {
    const listen = (resolve: (value: T) => void): void =>
      void this.#child.once('message', resolve as (value: unknown) => void);
    return answer(this.#child, this.name, listen, TIMEOUT_MS);
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }
}

/** A process for each setup; all are ended, whatever happens. They wait while others have their round. */
export async function withChildren<K extends string, T>(
  setups: Readonly<Record<K, LoadSetup>>,
  work: (children: Readonly<Record<K, LoadChild>>) => Promise<T>,
): Promise<T> {
  const children: Partial<Record<K, LoadChild>> = {};
  try {
    for (const name of Object.keys(setups) as K[]) {
      children[name] = await LoadChild.start(name, setups[name]);
    }
    return await work(children as Record<K, LoadChild>);
  } finally {
    for (const child of Object.values(children) as LoadChild[]) child.end();
  }
}
