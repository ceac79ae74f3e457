/**
 * A worker's control block: what a worker tells the ticker, the supervisor and `stats()`. It lives in the arena.
 *
 *   byte  name           written by          read by             meaning
 *      0  EPOCH          worker, atomic      ticker              grows with each switch to a guest; even = no guest runs
 *      4  WAITERS        worker, atomic      ticker              guests that could run if this one yielded
 *      8  SLOT           worker, atomic      ticker              slot of the running guest
 *     16  KILL_AT_NS     worker, f64 atomic  ticker              when the running guest reaches a limit
 *     24  WAKE_AT_NS     worker, f64 atomic  ticker              when the first sleeping guest wants to go on
 *     32  RUN_KEY        worker, f64 atomic  ticker              of the running guest in the policy's order: the least runs first
 *     40  WAIT_KEY       worker, f64 atomic  ticker              the least in the worker's own queue; Infinity = nobody waits
 *    128  MAIL           supervisor, atomic  worker              1 = there are messages on its port
 *    132  STIR           producers, atomic   worker, ticker      1 = a part of some response was drained (parts.ts, S5), or some body has gone on (feed.ts, F3)
 *    256  counters       worker              stats               i32 each, in the order of COUNTERS
 *
 * W1: the worker writes SLOT, KILL_AT_NS and RUN_KEY before it makes EPOCH odd, so a ticker that sees the same odd EPOCH before and
 * after reading them has read those of one run.
 */
import type { Arena, RingFunctions } from '../ring/index.ts';
import type { WorkerStats } from './api.ts';

/** What a worker counts, in the order of the cells. */
export type Counter = Exclude<keyof WorkerStats, 'worker'>;

export const COUNTERS: readonly Counter[] = [
  'completed',
  'failed',
  'preemptions',
  'kills',
  'parks',
  'sandboxes',
  'sandboxesMade',
  'sandboxesRetired',
  'held',
  'memories',
  'memoriesIdle',
  'memoriesReused',
  'streamStops',
];

const EPOCH = 0;
const WAITERS = 4;
const SLOT = 8;
const KILL_AT_NS = 16;
const WAKE_AT_NS = 24;
const RUN_KEY = 32;
const WAIT_KEY = 40;
const MAIL = 128;
const STIR = 132;
const COUNTERS_AT = 256;
/** Room for 32 counters. */
export const CONTROL_BYTES = 384;

export class WorkerControl {
  readonly #fn: RingFunctions;
  readonly #i32: Int32Array<SharedArrayBuffer>;
  readonly #address: number;
  readonly #counters: number;
  // What `publishWaiters` has stored; nothing yet
  #waiters = -1;
  #waitKey = Number.NaN;

  constructor(arena: Arena, worker: number) {
    this.#fn = arena.ring.fn;
    this.#i32 = arena.ring.i32;
    this.#address = arena.controlAddress(worker);
    this.#counters = (this.#address + COUNTERS_AT) >> 2;
  }

  /** The worker: a guest begins to run. Its `runKey` is set before, by policies that have an order. */
  switchIn(slot: number, killAtNs: number): void {
    this.#fn.store32(this.#address + SLOT, slot);
    this.#fn.storeF64(this.#address + KILL_AT_NS, killAtNs);
    this.#fn.add32(this.#address + EPOCH, 1);
  }

  /** The worker: it left the guest. */
  switchOut(): void {
    this.#fn.add32(this.#address + EPOCH, 1);
  }

  /** The worker, and no other object but its own: who waits for it. Mostly nobody, as before; a store that is not needed would cost 18 ns, and there are two. */
  publishWaiters(count: number, leastKey: number): void {
    if (count !== this.#waiters) {
      this.#waiters = count;
      this.waiters = count;
    }
    if (leastKey !== this.#waitKey) {
      this.#waitKey = leastKey;
      this.waitKey = leastKey;
    }
  }

  get epoch(): number {
    return this.#fn.load32(this.#address + EPOCH);
  }

  get slot(): number {
    return this.#fn.load32(this.#address + SLOT);
  }

  get killAtNs(): number {
    return this.#fn.loadF64(this.#address + KILL_AT_NS);
  }

  get waiters(): number {
    return this.#fn.load32(this.#address + WAITERS);
  }

  set waiters(count: number) {
    this.#fn.store32(this.#address + WAITERS, count);
  }

  get wakeAtNs(): number {
    return this.#fn.loadF64(this.#address + WAKE_AT_NS);
  }

  set wakeAtNs(ns: number) {
    this.#fn.storeF64(this.#address + WAKE_AT_NS, ns);
  }

  get runKey(): number {
    return this.#fn.loadF64(this.#address + RUN_KEY);
  }

  set runKey(key: number) {
    this.#fn.storeF64(this.#address + RUN_KEY, key);
  }

  get waitKey(): number {
    return this.#fn.loadF64(this.#address + WAIT_KEY);
  }

  set waitKey(key: number) {
    this.#fn.storeF64(this.#address + WAIT_KEY, key);
  }

  /**
   * Atomic, though a plain load takes 1.5 ns and this 5.9: a worker that goes to sleep sets its bit in the lot, then looks here, while who leaves mail stores this,
   * then looks at the lot. With a plain load a processor such as an ARM may look first, and both see nothing.
   */
  get hasMail(): boolean {
    return this.#fn.load32(this.#address + MAIL) !== 0;
  }

  set hasMail(has: boolean) {
    this.#fn.store32(this.#address + MAIL, has ? 1 : 0);
  }

  /** As `hasMail`. */
  get hasStir(): boolean {
    return this.#fn.load32(this.#address + STIR) !== 0;
  }

  set hasStir(has: boolean) {
    this.#fn.store32(this.#address + STIR, has ? 1 : 0);
  }

  /** The worker only. */
  count(counter: number, by: number): void {
    const i = this.#counters + counter;
    this.#i32[i] = (this.#i32[i] as number) + by;
  }

  set(counter: number, value: number): void {
    this.#i32[this.#counters + counter] = value;
  }

  read(worker: number): WorkerStats {
    const entries = COUNTERS.map((name, i) => [name, this.#i32[this.#counters + i] as number]);
    return { worker, ...Object.fromEntries(entries) } as unknown as WorkerStats;
  }

  /** The supervisor, for the worker that takes a dead one's place: what counts up stays, the rest starts anew. */
  clear(): void {
    const held = ['sandboxes', 'held', 'memories', 'memoriesIdle'] as const;
    for (const name of held) this.set(COUNTERS.indexOf(name), 0);
    if ((this.epoch & 1) !== 0) this.switchOut();
    this.waiters = 0;
    this.waitKey = Number.POSITIVE_INFINITY;
    this.wakeAtNs = Number.POSITIVE_INFINITY;
    this.hasMail = false;
  }
}
