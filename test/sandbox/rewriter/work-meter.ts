/**
 * Counts the work of the rewriter instead of timing it: how often each block of its source is executed, as V8's coverage
 * has it. A block is straight code, so that the sum grows as the steps do; what a built-in does within itself is not seen,
 * and is bounded by what goes into it and comes out.
 */
import { Session } from 'node:inspector';

interface Coverage {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly { readonly ranges: readonly { readonly count: number }[] }[];
  }[];
}

const SOURCES = /\/src\/sandbox\/rewriter\//;

export class WorkMeter {
  readonly #session: Session;

  /** Functions that ran before have no counters for their blocks: the modules are to be imported afterwards. */
  constructor() {
    this.#session = new Session();
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Executions of blocks since it was asked last. */
  take(): number {
    let sum = 0;
    this.#session.post('Profiler.takePreciseCoverage', (error, coverage) => {
      if (error !== null) throw error;
      for (const { url, functions } of (coverage as unknown as Coverage).result) {
        if (!SOURCES.test(url)) continue;
        for (const { ranges } of functions) {
          for (const { count } of ranges) sum += count;
        }
      }
    });
    return sum;
  }

  close(): void {
    this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }
}
