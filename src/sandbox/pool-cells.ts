/**
 * What the workers tell of one function's sandboxes (or of one tenant's), and how they keep to a common limit without asking each other:
 * a shared buffer with a line for each worker, that only this worker writes.
 *
 *   byte  name      written by           read by    meaning
 *      0  LIMIT     embedder, atomic     workers    most sandboxes that may be in use, of all workers; 0 = any number
 *      4  IDLE      embedder, atomic     workers    1 + most that may be ready, of all workers; 0 = any number
 *      8  PRESSED   workers, atomic      workers    how often one retired what it had just used, as it had nothing colder
 *     12  RESERVED  embedder, atomic     workers    a tenant's budget in the arena, + 1; 0 = none
 *    128  a line for each worker:
 *     +0  IN_USE    its worker, atomic   workers    sandboxes that have a request
 *     +4  READY     its worker, atomic   workers    like new, waiting; plain where there is no limit
 *     +8  MADE      its worker           stats      ever
 *    +12  RETIRED   its worker           stats      ever
 *    +16  PAGES     its worker           stats      of 64 KiB that its memories have now, those in use included
 *
 * L1  the sum of IN_USE never exceeds the limit: a worker raises its own cell first and then sums up all, so that of two which meet at the
 *     limit at least one sees both. Both may step back then: a request is refused that had just fitted, and none too many runs.
 * L2  a dead worker holds nothing: the supervisor clears IN_USE, READY and PAGES of its line before a new thread takes its number.
 * L3  the sum of READY exceeds its limit only while a worker is in the middle of giving a sandbox back: it raises its cell first, then retires ready ones
 *     of its own as long as the sum is too much and it has any. So the last one that raised sees all the others, or has none itself. As with L1, two that
 *     meet there may both retire one.
 * Rejected: one counter for all, which a worker that is killed between its two steps leaves wrong for good.
 */
const LINE_CELLS = 32;
const LIMIT = 0;
const IDLE = 1;
const PRESSED = 2;
const RESERVED = 3;
const IN_USE = 0;
const READY = 1;
const MADE = 2;
const RETIRED = 3;
const PAGES = 4;

export interface PoolLine {
  readonly inUse: number;
  readonly ready: number;
  readonly made: number;
  readonly retired: number;
  readonly pages: number;
}

export class PoolCells {
  readonly buffer: SharedArrayBuffer;
  readonly #i32: Int32Array<SharedArrayBuffer>;
  readonly #base: number;

  /** `worker`: whose line this thread writes. */
  constructor(buffer: SharedArrayBuffer, worker = 0) {
    this.buffer = buffer;
    this.#i32 = new Int32Array(buffer);
    this.#base = lineOf(worker);
  }

  static create(workers: number, limit: number = Number.POSITIVE_INFINITY): PoolCells {
    const cells = new PoolCells(new SharedArrayBuffer(lineOf(workers) * 4));
    cells.limit = limit;
    return cells;
  }

  /** Infinity: none. A lower one ends nothing that runs. */
  get limit(): number {
    return Atomics.load(this.#i32, LIMIT) || Number.POSITIVE_INFINITY;
  }

  set limit(most: number) {
    Atomics.store(this.#i32, LIMIT, most === Number.POSITIVE_INFINITY ? 0 : most);
  }

  /** Number of the tenant's budget, or -1. */
  get reservation(): number {
    return (this.#i32[RESERVED] as number) - 1;
  }

  set reservation(budget: number) {
    Atomics.store(this.#i32, RESERVED, budget + 1);
  }

  /** One more is in use, unless that makes more of all workers than the limit. */
  tryEnter(): boolean {
    const own = this.#base + IN_USE;
    const count = (this.#i32[own] as number) + 1;
    const most = this.#i32[LIMIT] as number;
    if (most === 0) {
      this.#i32[own] = count;
      return true;
    }
    // Publish before the sum is taken: store-load, which Atomics order.
    Atomics.store(this.#i32, own, count);
    if (this.total() <= most) return true;
    Atomics.store(this.#i32, own, count - 1);
    return false;
  }

  leave(): void {
    const own = this.#base + IN_USE;
    const count = (this.#i32[own] as number) - 1;
    // Only where somebody sums up: an atomic store costs 20 ns.
    if (this.#i32[LIMIT] === 0) this.#i32[own] = count;
    else Atomics.store(this.#i32, own, count);
  }

  /** Of a cell, by default IN_USE, of all workers. */
  total(cell: number = IN_USE): number {
    let sum = 0;
    for (let at = lineOf(0) + cell; at < this.#i32.length; at += LINE_CELLS)
      sum += Atomics.load(this.#i32, at);
    return sum;
  }

  set ready(count: number) {
    const own = this.#base + READY;
    // Publish before the sum is taken, as in `tryEnter`.
    if (this.#i32[IDLE] === 0) this.#i32[own] = count;
    else Atomics.store(this.#i32, own, count);
  }

  /** Of those that are ready, Infinity: none. A lower one retires nothing by itself. */
  get idleLimit(): number {
    const cell = Atomics.load(this.#i32, IDLE);
    return cell === 0 ? Number.POSITIVE_INFINITY : cell - 1;
  }

  set idleLimit(most: number) {
    Atomics.store(this.#i32, IDLE, most === Number.POSITIVE_INFINITY ? 0 : most + 1);
  }

  /** Whether more are ready, of all workers, than may be (L3). */
  get isOverIdle(): boolean {
    const cell = this.#i32[IDLE] as number;
    return cell !== 0 && this.total(READY) >= cell;
  }

  /** Whether one more may be ready; a hint. */
  get hasIdleRoom(): boolean {
    const cell = this.#i32[IDLE] as number;
    return cell === 0 || this.total(READY) + 1 < cell;
  }

  get pressed(): number {
    return Atomics.load(this.#i32, PRESSED);
  }

  press(): void {
    Atomics.add(this.#i32, PRESSED, 1);
  }

  /** `pages` come and go with the sandbox. */
  made(pages: number): void {
    this.#add(MADE, 1);
    this.#add(PAGES, pages);
  }

  /** The memories of a sandbox grew. */
  grown(pages: number): void {
    this.#add(PAGES, pages);
  }

  retired(pages: number): void {
    this.#add(RETIRED, 1);
    this.#add(PAGES, -pages);
  }

  read(worker: number): PoolLine {
    const cell = (at: number): number => this.#i32[lineOf(worker) + at] as number;
    return {
      inUse: cell(IN_USE),
      ready: cell(READY),
      made: cell(MADE),
      retired: cell(RETIRED),
      pages: cell(PAGES),
    };
  }

  /** The supervisor, for a worker that died (L2). */
  clear(worker: number): void {
    for (const at of [IN_USE, READY, PAGES]) Atomics.store(this.#i32, lineOf(worker) + at, 0);
  }

  #add(at: number, by: number): void {
    this.#i32[this.#base + at] = (this.#i32[this.#base + at] as number) + by;
  }
}

function lineOf(worker: number): number {
  return (1 + worker) * LINE_CELLS;
}
