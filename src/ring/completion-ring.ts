/** Completions on their way back to the thread that submitted; contract, layout and invariants stand in ring.wat. */
import { PADDING_BYTES, type Ring, type RingFunctions } from './api.ts';
import { powerOfTwo } from './deque.ts';

const CELLS = 3 * PADDING_BYTES;

/** Any thread pushes, one thread pops; there is always room (C1). */
export class CompletionRing {
  readonly address: number;
  readonly #fn: RingFunctions;

  constructor(ring: Ring, address: number) {
    this.address = address;
    this.#fn = ring.fn;
  }

  static bytes(capacity: number): number {
    return CELLS + 4 * powerOfTwo(capacity);
  }

  static create(ring: Ring, address: number, capacity: number): CompletionRing {
    ring.i32[address >> 2] = powerOfTwo(capacity) - 1;
    return new CompletionRing(ring, address);
  }

  push(value: number): void {
    this.#fn.completionPush(this.address, value);
  }

  /** Moves the i32 at `state` from `expected` to `next` and pushes; false when another thread had moved it. */
  finish(value: number, state: number, expected: number, next: number): boolean {
    return this.#fn.completionFinish(this.address, value, state, expected, next) === 1;
  }

  /** The consumer only: a value, or EMPTY. */
  pop(): number {
    return this.#fn.completionPop(this.address);
  }
}
