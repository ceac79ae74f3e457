/** Chase–Lev deque; contract, layout and invariants stand in deque.wat. */
import { PADDING_BYTES, type RingFunctions, type RingOptions } from './api.ts';
import type { Batch } from './batch.ts';
import {
  capacityAt,
  expectCapacity,
  expectCount,
  expectIdentity,
  expectRoom,
  identify,
  MASK,
} from './identity.ts';
import { attachRing } from './ring-module.ts';

const BATCH = 8;
const TOP = PADDING_BYTES;
const BOTTOM = 2 * PADDING_BYTES;
const CELLS = 3 * PADDING_BYTES;
/** Picked so that a batch of slots is a fraction of what is worth stealing; see the batch sizes in bench/ring. */
const BATCH_DEFAULT = 8;

export interface DequeOptions extends RingOptions {
  /** The most values that one steal takes, 8 (or the capacity) by default. A pop of one of the last so many costs a CAS. */
  readonly batch?: number;
}

/** One owner pushes and pops at the bottom; any thread steals from the top. */
export class Deque {
  readonly address: number;
  readonly capacity: number;
  readonly #push: RingFunctions['dequePush'];
  readonly #pushMark: RingFunctions['dequePushMark'];
  readonly #pop: RingFunctions['dequePop'];
  readonly #steal: RingFunctions['dequeSteal'];
  readonly #stealMark: RingFunctions['dequeStealMark'];
  readonly #stealBatch: RingFunctions['dequeStealBatch'];
  readonly #size: RingFunctions['dequeSize'];

  private constructor(memory: WebAssembly.Memory, address: number) {
    const ring = attachRing(memory);
    expectIdentity(ring, address, 'deque');
    this.address = address;
    this.capacity = capacityAt(ring, address);
    expectRoom(ring, address, Deque.bytes(this));
    this.#push = ring.fn.dequePush;
    this.#pushMark = ring.fn.dequePushMark;
    this.#pop = ring.fn.dequePop;
    this.#steal = ring.fn.dequeSteal;
    this.#stealMark = ring.fn.dequeStealMark;
    this.#stealBatch = ring.fn.dequeStealBatch;
    this.#size = ring.fn.dequeSize;
  }

  static bytes({ capacity }: DequeOptions): number {
    return CELLS + 4 * expectCapacity(capacity);
  }

  static create(memory: WebAssembly.Memory, address: number, options: DequeOptions): Deque {
    const ring = attachRing(memory);
    const { capacity, start = 0, batch = Math.min(BATCH_DEFAULT, capacity) } = options;
    expectRoom(ring, address, Deque.bytes(options));
    expectCount('batch of a deque', batch, 1, capacity);
    const { i32 } = ring;
    i32[(address + MASK) >> 2] = capacity - 1;
    i32[(address + BATCH) >> 2] = batch;
    i32[(address + TOP) >> 2] = start;
    i32[(address + TOP + 4) >> 2] = 0;
    i32[(address + BOTTOM) >> 2] = start;
    identify(ring, address, 'deque');
    return new Deque(memory, address);
  }

  /** The deque that `create` made at this address, on any thread. Throws a RingError when it is none. */
  static attach(memory: WebAssembly.Memory, address: number): Deque {
    return new Deque(memory, address);
  }

  /** Owner only: 0, or FULL. */
  push(value: number): number {
    return this.#push(this.address, value);
  }

  /** As `push`, and stores `mark` in the i32 at `state` before a thief can see the value, in one breath. */
  pushMark(value: number, state: number, mark: number): number {
    return this.#pushMark(this.address, value, state, mark);
  }

  /** Owner only: the newest value, or EMPTY. */
  pop(): number {
    return this.#pop(this.address);
  }

  /** Any thread: the oldest value, EMPTY, or RETRY. */
  steal(): number {
    return this.#steal(this.address);
  }

  /** As `steal`, and puts `mark` into the i32 at `states + value * strideBytes` before anything can stop the thread; or GONE - value. */
  stealMark(states: number, strideBytes: number, mark: number): number {
    return this.#stealMark(this.address, states, strideBytes, mark);
  }

  /** Any thread: takes up to `max` of the oldest values, at most half of them, into `batch`: how many, EMPTY, or RETRY. */
  stealBatch(batch: Batch, max: number = batch.capacity): number {
    return this.#stealBatch(this.address, batch.address, batch.atMost(max));
  }

  /** How many values wait; may be old on return. */
  get size(): number {
    return this.#size(this.address);
  }
}
