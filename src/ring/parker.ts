/**
 * Waiting. With lot.wat the only file that may block a thread (Atomics.wait) or arm an asynchronous wait (Atomics.waitAsync).
 *
 * A futex round trip between two parked threads costs 50-100 µs on a small VM, so a worker may spin a bounded while before it
 * parks. For how long is the caller's to know (core/spin.ts).
 */
import { PADDING_BYTES, type Ring, type RingFunctions } from './api.ts';
import { expectCount, expectIdentity, expectRoom, identify } from './identity.ts';
import { attachRing } from './ring-module.ts';

const WORKERS = 4;
const WAKE = 3 * PADDING_BYTES;
/** Checks between two looks at the clock: about 1 µs. */
const CHECKS_PER_CLOCK = 32;

/** How many workers a lot has places for: its masks are 64-bit. */
export const WORKERS_MAX = 64;

export interface ParkingLotOptions {
  /** 1 to WORKERS_MAX. */
  readonly workers: number;
}

/** Where workers sleep; contract and invariants (P1-P3) stand in lot.wat. */
export class ParkingLot {
  readonly address: number;
  readonly workers: number;
  readonly ring: Ring;
  readonly #fn: RingFunctions;

  private constructor(memory: WebAssembly.Memory, address: number) {
    const ring = attachRing(memory);
    expectIdentity(ring, address, 'lot');
    this.ring = ring;
    this.address = address;
    this.workers = ring.i32[(address + WORKERS) >> 2] as number;
    expectRoom(ring, address, ParkingLot.bytes(this));
    this.#fn = ring.fn;
  }

  static bytes({ workers }: ParkingLotOptions): number {
    return WAKE + PADDING_BYTES * expectCount('workers of a lot', workers, 1, WORKERS_MAX);
  }

  static create(
    memory: WebAssembly.Memory,
    address: number,
    options: ParkingLotOptions,
  ): ParkingLot {
    const ring = attachRing(memory);
    const bytes = ParkingLot.bytes(options);
    expectRoom(ring, address, bytes);
    ring.i32.fill(0, address >> 2, (address + bytes) >> 2);
    ring.i32[(address + WORKERS) >> 2] = options.workers;
    identify(ring, address, 'lot');
    return new ParkingLot(memory, address);
  }

  /** The lot that `create` made at this address, on any thread. Throws a RingError when it is none. */
  static attach(memory: WebAssembly.Memory, address: number): ParkingLot {
    return new ParkingLot(memory, address);
  }

  /** Call behind each publish. Wakes a sleeper unless a searcher will find the work: its number, or -1. */
  wakeOne(): number {
    return this.#fn.wakeOne(this.address);
  }

  /** Wakes worker `w` if it sleeps. */
  wake(w: number): boolean {
    return this.#fn.wakeWorker(this.address, w) === 1;
  }

  /** Removes a dead worker, and lets another one search in its place: it may have been woken for work. */
  forget(w: number): void {
    this.#fn.lotForget(this.address, w);
    this.#fn.wakeAny(this.address);
  }

  get searchers(): number {
    return this.#fn.searchers(this.address);
  }
}

/** A worker's own side of the lot. */
export class Parker {
  readonly #fn: RingFunctions;
  readonly #lot: number;
  readonly #worker: number;

  constructor(lot: ParkingLot, worker: number) {
    expectCount('worker', worker, 0, lot.workers - 1);
    this.#fn = lot.ring.fn;
    this.#lot = lot.address;
    this.#worker = worker;
  }

  searchBegin(): void {
    this.#fn.searchBegin(this.#lot, this.#worker);
  }

  /** True when this was the last searcher: it must look for more work and hand the search on (P3). */
  searchEnd(): boolean {
    return this.#fn.searchEnd(this.#lot, this.#worker) === 1;
  }

  /** Polls `ready` for up to `spinNs`; true as soon as it is. `now` is a clock in nanoseconds. */
  spin(ready: () => boolean, spinNs: number, now: () => number): boolean {
    if (spinNs <= 0) return ready();
    const until = now() + spinNs;
    do {
      for (let i = 0; i < CHECKS_PER_CLOCK; i++) if (ready()) return true;
    } while (now() < until);
    return false;
  }

  /**
   * Sleeps until woken or until `timeoutNs` (Infinity = no limit) has passed, unless `ready` holds once the bit is set (P1).
   * The caller searches before and behind it. Wake-ups may be spurious: look at the queues again.
   */
  park(ready: () => boolean, timeoutNs: number): void {
    this.#fn.sleepBegin(this.#lot, this.#worker);
    if (!ready()) this.#fn.sleepWait(this.#lot, this.#worker, timeoutNs);
    this.#fn.sleepEnd(this.#lot, this.#worker);
  }
}

/** Wakes one thread that sleeps in its event loop; invariant B1 stands in bell.wat. */
export class Bell {
  readonly #fn: RingFunctions;
  readonly #i32: Int32Array<SharedArrayBuffer>;
  readonly #address: number;

  /** Over PADDING_BYTES of the memory that are 0. */
  constructor(memory: WebAssembly.Memory, address: number) {
    const ring = attachRing(memory);
    expectRoom(ring, address, PADDING_BYTES);
    this.#fn = ring.fn;
    this.#i32 = ring.i32;
    this.#address = address;
  }

  /** Call behind each publish. */
  ring(): void {
    this.#fn.bellRing(this.#address);
  }

  /**
   * Arms the bell; `onRing` runs once, on the event loop, when it is rung. Look at the ring behind this call: what
   * was published before it did not ring. waitAsync and postMessage measured the same round trip (50 µs); this
   * one needs no port and costs a ringer nothing while the bell is not armed.
   */
  arm(onRing: () => void): void {
    this.#fn.store32(this.#address, 1);
    const result = Atomics.waitAsync(this.#i32, this.#address >> 2, 1);
    if (result.async) void result.value.then(onRing);
    else queueMicrotask(onRing);
  }
}

/** A pause that another thread can cut short by changing the cell and notifying it: the ticker's beat. */
export class Beat {
  readonly #ring: Ring;
  readonly #address: number;

  /** Over PADDING_BYTES of the memory. */
  constructor(memory: WebAssembly.Memory, address: number) {
    const ring = attachRing(memory);
    expectRoom(ring, address, PADDING_BYTES);
    this.#ring = ring;
    this.#address = address;
  }

  /** Blocks for `timeoutMs`, or until the cell is no longer `expected`. */
  pause(expected: number, timeoutMs: number): void {
    Atomics.wait(this.#ring.i32, this.#address >> 2, expected, timeoutMs);
  }

  get value(): number {
    return this.#ring.fn.load32(this.#address);
  }

  /** Stores `value` and wakes the pauser. */
  set(value: number): void {
    this.#ring.fn.store32(this.#address, value);
    Atomics.notify(this.#ring.i32, this.#address >> 2);
  }
}
