/**
 * What is admitted of one runtime, or of one tenant in it: a shared buffer with a line for each thread that submits requests, which only this
 * thread writes.
 *
 *   byte  name      written by            read by     meaning
 *      0  CAPACITY  embedder, atomic      producers   what may be admitted, in millionths of a worker; 0 = any amount
 *    128  a line for each producer:
 *     +0  ADMITTED  its producer, atomic  producers   sum of the utilizations that it has admitted and not taken back
 *     +4  REQUESTS  its producer          stats       of so many requests
 *     +8  WORK_US   its producer, f64     producers   their estimates together, in whole microseconds
 *    +16  REFUSED   its producer          stats       ever
 *
 * A1  A request is admitted where the sum of ADMITTED with its own utilization stays below CAPACITY, or where nothing else is admitted: else a
 *     function whose estimate is too high would never run, and so never be measured.
 * A2  A producer raises its own cell first and then sums up all, so that of two which meet at the limit at least one sees both. Both may step back
 *     then: a request is refused that had just fitted, and none too many is admitted.
 * A3  ADMITTED, REQUESTS and WORK_US of a line are the sums over this producer's requests under way, whole numbers added and taken back as they were:
 *     0 when none is. A producer that has died holds nothing once its line is cleared.
 * To admit and to give back costs 0.13 µs with nine lines (tenant without a capacity of its own, runtime with one).
 * Rejected: one counter for all, as SLEdge has: a thread that dies takes its part of it away for good.
 */
export const MILLION = 1e6;

const LINE_CELLS = 32;
const CAPACITY = 0;
const ADMITTED = 0;
const REQUESTS = 1;
const WORK_US = 1;
const REFUSED = 4;

export interface AdmittedTotal {
  readonly utilization: number;
  readonly requests: number;
  readonly workUs: number;
  readonly refused: number;
}

export class AdmissionCells {
  readonly buffer: SharedArrayBuffer;
  readonly #i32: Int32Array<SharedArrayBuffer>;
  readonly #f64: Float64Array<SharedArrayBuffer>;
  readonly #line: number;

  /** `producer`: whose line this thread writes. */
  constructor(buffer: SharedArrayBuffer, producer = 0) {
    this.buffer = buffer;
    this.#i32 = new Int32Array(buffer);
    this.#f64 = new Float64Array(buffer);
    this.#line = lineOf(producer);
  }

  static create(producers: number, capacity: number = Number.POSITIVE_INFINITY): AdmissionCells {
    const cells = new AdmissionCells(new SharedArrayBuffer(lineOf(producers) * 4));
    cells.capacity = capacity;
    return cells;
  }

  /** In millionths of a worker; Infinity: any amount. A lower one takes nothing back. */
  get capacity(): number {
    return Atomics.load(this.#i32, CAPACITY) || Number.POSITIVE_INFINITY;
  }

  set capacity(most: number) {
    Atomics.store(this.#i32, CAPACITY, most === Number.POSITIVE_INFINITY ? 0 : Math.ceil(most));
  }

  /** A request of that utilization, which must be a whole number above 0 (A1). */
  tryAdmit(utilization: number, workUs: number): boolean {
    const own = this.#line + ADMITTED;
    const before = this.#i32[own] as number;
    // Publish before the sum is taken: store-load, which Atomics order.
    Atomics.store(this.#i32, own, before + utilization);
    if (!this.#fits(utilization)) {
      Atomics.store(this.#i32, own, before);
      return false;
    }
    this.#count(1, workUs);
    return true;
  }

  #fits(utilization: number): boolean {
    const capacity = Atomics.load(this.#i32, CAPACITY);
    if (capacity === 0) return true;
    const sum = this.#sum();
    return sum < capacity || sum === utilization;
  }

  giveBack(utilization: number, workUs: number): void {
    const own = this.#line + ADMITTED;
    Atomics.store(this.#i32, own, (this.#i32[own] as number) - utilization);
    this.#count(-1, -workUs);
  }

  #count(requests: number, workUs: number): void {
    const at = this.#line;
    this.#i32[at + REQUESTS] = (this.#i32[at + REQUESTS] as number) + requests;
    this.#f64[(at >> 1) + WORK_US] = (this.#f64[(at >> 1) + WORK_US] as number) + workUs;
  }

  refused(): void {
    const at = this.#line + REFUSED;
    this.#i32[at] = (this.#i32[at] as number) + 1;
  }

  /**
   * After how long so much will have ended that this utilization fits, if all that is admitted had just begun and its workers did nothing else: the
   * part of the work that is in the way, at the rate of the capacity. An estimate of estimates.
   */
  waitUs(utilization: number): number {
    const { capacity } = this;
    const { utilization: admitted, workUs } = this.total();
    if (admitted === 0 || capacity === Number.POSITIVE_INFINITY) return 0;
    const inTheWay = Math.min(Math.max(admitted + utilization - capacity, 0), admitted);
    return (workUs * (inTheWay / admitted) * MILLION) / capacity;
  }

  #sum(): number {
    let sum = 0;
    for (let at = lineOf(0); at < this.#i32.length; at += LINE_CELLS) {
      sum += Atomics.load(this.#i32, at + ADMITTED);
    }
    return sum;
  }

  /** Of all producers. */
  total(): AdmittedTotal {
    let requests = 0;
    let workUs = 0;
    let refused = 0;
    for (let at = lineOf(0); at < this.#i32.length; at += LINE_CELLS) {
      requests += this.#i32[at + REQUESTS] as number;
      workUs += this.#f64[(at >> 1) + WORK_US] as number;
      refused += this.#i32[at + REFUSED] as number;
    }
    return { utilization: this.#sum(), requests, workUs, refused };
  }

  /** For a producer whose thread has died (A3). */
  clear(producer: number): void {
    const at = lineOf(producer);
    Atomics.store(this.#i32, at + ADMITTED, 0);
    this.#i32[at + REQUESTS] = 0;
    this.#f64[(at >> 1) + WORK_US] = 0;
  }
}

function lineOf(producer: number): number {
  return (1 + producer) * LINE_CELLS;
}
