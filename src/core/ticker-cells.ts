/**
 * What threads count that are no workers, on the line of the cell that the ticker sleeps on. Only the ticker writes them, but for ENDED_IN_QUEUE.
 *
 *   byte  name        meaning
 *      0  BEAT        (the supervisor's) what a JavaScript ticker sleeps on; 1 = it shall end
 *      4  TICKS       how often it looked at the workers
 *      8  INTERRUPTS  flags that it raised
 *     16  DUE_NS      f64 atomic, when the last tick was due
 *     24  AT_NS       f64 atomic, when it came
 *     32  ENDED_IN_QUEUE  (producers, atomic) requests that they took back from there
 */
import type { Arena, RingFunctions } from '../ring/index.ts';

const DUE_NS = 16;
const AT_NS = 24;
const ENDED_IN_QUEUE = 32;

export class TickerCells {
  readonly #fn: RingFunctions;
  readonly #i32: Int32Array<SharedArrayBuffer>;
  readonly #address: number;
  readonly #index: number;

  constructor(arena: Arena) {
    this.#fn = arena.ring.fn;
    this.#i32 = arena.ring.i32;
    this.#address = arena.layout.beatAddress;
    this.#index = this.#address >> 2;
  }

  get ticks(): number {
    return this.#i32[this.#index + 1] as number;
  }

  set ticks(count: number) {
    this.#i32[this.#index + 1] = count;
  }

  get interrupts(): number {
    return this.#i32[this.#index + 2] as number;
  }

  set interrupts(count: number) {
    this.#i32[this.#index + 2] = count;
  }

  get endedInQueue(): number {
    return this.#fn.load32(this.#address + ENDED_IN_QUEUE) >>> 0;
  }

  /** Any producer. */
  countEndInQueue(): void {
    this.#fn.add32(this.#address + ENDED_IN_QUEUE, 1);
  }

  get dueNs(): number {
    return this.#fn.loadF64(this.#address + DUE_NS);
  }

  get atNs(): number {
    return this.#fn.loadF64(this.#address + AT_NS);
  }

  /** The ticker: a tick begins. Read together they may be of two ticks, unless flags are what they are read for: those are raised behind them. */
  began(dueNs: number, atNs: number): void {
    this.#fn.storeF64(this.#address + DUE_NS, dueNs);
    this.#fn.storeF64(this.#address + AT_NS, atNs);
  }
}
