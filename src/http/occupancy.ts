/**
 * How many connections all listeners of a server have together, for the one limit on them. Cells of 32 bits, all atomic:
 *
 *   cell           written by                       meaning
 *   0              listener 0, once, before others   MAX: the limit in effect
 *   1 + 2i         listener i                        its connections
 *   2 + 2i         listener i                        its sockets in a TLS handshake
 *
 * O1  Whoever lets a connection in counts it first and adds up then, so that of two at the limit none gets in beyond it; it may be that neither does.
 * O2  Only a dead listener's cells are written by somebody else: the main thread, behind its exit. (One counter for all would keep what a dead one had counted.)
 */

const MAX = 0;
const CELL_BYTES = 4;

export class Occupancy {
  readonly buffer: SharedArrayBuffer;
  readonly #cells: Int32Array<SharedArrayBuffer>;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#cells = new Int32Array(buffer);
  }

  static create(listeners: number): Occupancy {
    return new Occupancy(new SharedArrayBuffer(CELL_BYTES * (1 + 2 * listeners)));
  }

  /** 0: not known yet. */
  get max(): number {
    return Atomics.load(this.#cells, MAX);
  }

  set max(count: number) {
    Atomics.store(this.#cells, MAX, count);
  }

  connections(listener: number): number {
    return Atomics.load(this.#cells, 1 + 2 * listener);
  }

  /** `listener` has `count` of them now. */
  set(listener: number, count: number): void {
    Atomics.store(this.#cells, 1 + 2 * listener, count);
  }

  /** Whether `listener`, which has `count` connections, may have one more; it is counted then. */
  enter(listener: number, count: number): boolean {
    this.set(listener, count + 1);
    if (this.#sum(1) <= this.max) return true;
    this.set(listener, count);
    return false;
  }

  addWaiting(listener: number, change: number): void {
    Atomics.add(this.#cells, 2 + 2 * listener, change);
  }

  /** Connections, and sockets that may become some. */
  get total(): number {
    return this.#sum(1) + this.#sum(2);
  }

  /** `listener` is dead, and its sockets with it. */
  clear(listener: number): void {
    this.set(listener, 0);
    Atomics.store(this.#cells, 2 + 2 * listener, 0);
  }

  #sum(from: number): number {
    let sum = 0;
    for (let i = from; i < this.#cells.length; i += 2) sum += Atomics.load(this.#cells, i);
    return sum;
  }
}
