/**
 * A function's regression, shared: workers take turns to add runs to it, whoever submits reads its line.
 *
 *   byte  name         written by                      read by     meaning
 *      0  LOCK         workers, CAS; supervisor        workers     0 = free, else the number of its holder + 1
 *      4  VERSION      holder of the lock, atomic      workers     finished updates; state VERSION & 1 holds
 *    128  LINE         holder of the lock              all         bias, slope of the body's bytes, of the parameter: float32 bits, ns
 *    140  IS_BETTER    holder of the lock              all         1 = LINE is better than the percentile
 *    256  two states   holder of the lock              workers     doubles, in the order of regression.ts
 *
 * F1  Nobody waits for the lock: whoever finds it held leaves its run out. The line is an estimate, and there are more runs.
 * F2  The holder reads one state, writes the other one whole, then moves VERSION: one that dies in between has changed nothing. The supervisor frees
 *     the lock of a dead worker before another thread takes its number.
 * F3  A reader of LINE may meet slopes of two updates that follow each other. They differ by one run's worth; what is made of them is bounded
 *     anyhow (estimate.ts). A lock or a sequence number for readers would cost every request what no request needs.
 */
import { learn, lineOf, REGRESSION_CELLS } from './regression.ts';
import { float32Bits, float32Of } from './run-samples.ts';

const LOCK = 0;
const VERSION = 1;
const LINE = 32;
const IS_BETTER = 35;
const STATES = 64;
export const FIT_BYTES: number = STATES * 4 + 2 * REGRESSION_CELLS * 8;

/** A thread's own copy of the state that it works on. */
const scratch = new Float64Array(REGRESSION_CELLS);

export class FitCells {
  readonly #i32: Int32Array<SharedArrayBuffer>;
  readonly #u32: Uint32Array<SharedArrayBuffer>;
  readonly #f64: Float64Array<SharedArrayBuffer>;
  readonly #holder: number;

  /** At a multiple of 8. `worker`: whose thread this is, if it adds runs. */
  constructor(buffer: SharedArrayBuffer, byteOffset: number, worker = -1) {
    this.#i32 = new Int32Array(buffer, byteOffset, FIT_BYTES / 4);
    this.#u32 = new Uint32Array(buffer, byteOffset, FIT_BYTES / 4);
    this.#f64 = new Float64Array(buffer, byteOffset + STATES * 4, 2 * REGRESSION_CELLS);
    this.#holder = worker + 1;
  }

  /** Undefined while the percentile is as good. */
  predict(bytes: number, parameter: number): number | undefined {
    if (this.#u32[IS_BETTER] === 0) return undefined;
    return this.#line(0) + bytes * this.#line(1) + parameter * this.#line(2);
  }

  /** Of the line as it is, better or not. */
  get biasNs(): number {
    return this.#line(0);
  }

  get byteNs(): number {
    return this.#line(1);
  }

  get parameterNs(): number {
    return this.#line(2);
  }

  get isBetter(): boolean {
    return this.#u32[IS_BETTER] !== 0;
  }

  #line(at: number): number {
    return float32Of(this.#u32[LINE + at] as number);
  }

  /** A run; left out while another worker is at it. `quantile`: which one `percentileNs` is, of 1. */
  record(
    bytes: number,
    parameter: number,
    ns: number,
    percentileNs: number,
    quantile: number,
  ): void {
    if (Atomics.compareExchange(this.#i32, LOCK, 0, this.#holder) !== 0) return;
    const version = this.#i32[VERSION] as number;
    const from = (version & 1) * REGRESSION_CELLS;
    for (let i = 0; i < REGRESSION_CELLS; i++) scratch[i] = this.#f64[from + i] as number;
    if (learn(scratch, bytes, parameter, ns, percentileNs, quantile)) {
      const to = REGRESSION_CELLS - from;
      for (let i = 0; i < REGRESSION_CELLS; i++) this.#f64[to + i] = scratch[i] as number;
      // Publish: the state behind it is whole.
      Atomics.store(this.#i32, VERSION, (version + 1) | 0);
      this.#publish();
    }
    Atomics.store(this.#i32, LOCK, 0);
  }

  #publish(): void {
    const { biasNs, slopeX, slopeZ, isBetter } = lineOf(scratch);
    this.#u32[LINE] = float32Bits(biasNs);
    this.#u32[LINE + 1] = float32Bits(slopeX);
    this.#u32[LINE + 2] = float32Bits(slopeZ);
    this.#u32[IS_BETTER] = isBetter ? 1 : 0;
  }

  /** The supervisor, for a worker that died (F2). */
  recover(worker: number): void {
    Atomics.compareExchange(this.#i32, LOCK, worker + 1, 0);
  }
}
