/** What threads of one case tell each other besides what they test. */

const STOP = 0;
const ENDED = 1;
/** The rest is free for the roles of a case. */
const OWN = 8;
const CELLS = 64;

export class Signals {
  readonly #cells: Int32Array<SharedArrayBuffer>;

  constructor(cells: Int32Array<SharedArrayBuffer>) {
    this.#cells = cells;
  }

  static cells(): Int32Array<SharedArrayBuffer> {
    return new Int32Array(new SharedArrayBuffer(4 * CELLS));
  }

  /** The time is up: who makes work makes no more. */
  stop(): void {
    Atomics.store(this.#cells, STOP, 1);
  }

  get isStopped(): boolean {
    return Atomics.load(this.#cells, STOP) === 1;
  }

  /** This thread makes no more work. */
  end(): void {
    Atomics.add(this.#cells, ENDED, 1);
  }

  /** How many threads make no more work. */
  get ended(): number {
    return Atomics.load(this.#cells, ENDED);
  }

  /** Cell `i` of those that a case gives a meaning of its own. */
  load(i: number): number {
    return Atomics.load(this.#cells, OWN + i);
  }

  store(i: number, value: number): void {
    Atomics.store(this.#cells, OWN + i, value);
  }

  add(i: number, value: number): number {
    return Atomics.add(this.#cells, OWN + i, value);
  }

  /** Moves cell `i` from `expected` to `next`: what was there before. */
  swap(i: number, expected: number, next: number): number {
    return Atomics.compareExchange(this.#cells, OWN + i, expected, next);
  }

  /** Sleeps while cell `i` is `value`; without a limit, so that a wake-up that never comes is noticed. */
  sleepWhile(i: number, value: number): void {
    while (this.load(i) === value) Atomics.wait(this.#cells, OWN + i, value);
  }

  wake(i: number): void {
    Atomics.notify(this.#cells, OWN + i);
  }
}
