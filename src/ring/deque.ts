/** Chase–Lev deque; contract, layout and invariants stand in ring.wat. */
import { PADDING_BYTES, type Ring, type RingFunctions } from './api.ts';

const CELLS = 3 * PADDING_BYTES;

/** One owner pushes and pops at the bottom; any thread steals from the top. */
export class Deque {
  readonly address: number;
  readonly #fn: RingFunctions;

  constructor(ring: Ring, address: number) {
    this.address = address;
    this.#fn = ring.fn;
  }

  /** Bytes that a deque of `capacity` (a power of two) values takes. */
  static bytes(capacity: number): number {
    return CELLS + 4 * powerOfTwo(capacity);
  }

  static create(ring: Ring, address: number, capacity: number): Deque {
    ring.i32[address >> 2] = powerOfTwo(capacity) - 1;
    return new Deque(ring, address);
  }

  /** Owner only: 0, or FULL. */
  push(value: number): number {
    return this.#fn.dequePush(this.address, value);
  }

  /** Owner only: the newest value, or EMPTY. */
  pop(): number {
    return this.#fn.dequePop(this.address);
  }

  /** Any thread: the oldest value, EMPTY, or RETRY. */
  steal(): number {
    return this.#fn.dequeSteal(this.address);
  }

  /** As `steal`, and stores `mark` in the i32 at `states + value * strideBytes` before anything can stop the thread. */
  stealMark(states: number, strideBytes: number, mark: number): number {
    return this.#fn.dequeStealMark(this.address, states, strideBytes, mark);
  }

  /** How many values wait; may be old on return. */
  get size(): number {
    return this.#fn.dequeSize(this.address);
  }
}

/** Throws unless `n` is a power of two that a ring can have; masks depend on it. */
export function powerOfTwo(n: number): number {
  if (!Number.isInteger(n) || n < 1 || n > 2 ** 24 || (n & (n - 1)) !== 0) {
    throw new RangeError(`a ring's capacity must be a power of two up to 2^24, not ${n}`);
  }
  return n;
}
