/** Completions on their way back to the thread that submitted; contract, layout and invariants stand in completion.wat. */
import { PADDING_BYTES, type RingFunctions, type RingOptions } from './api.ts';
import {
  capacityAt,
  expectCapacity,
  expectIdentity,
  expectRoom,
  identify,
  MASK,
} from './identity.ts';
import { attachRing } from './ring-module.ts';
import { fillTurns } from './turns.ts';

const TAIL = PADDING_BYTES;
const HEAD = 2 * PADDING_BYTES;
const CELLS = 3 * PADDING_BYTES;

/** Any thread pushes, one thread pops; the caller sees to it that there is always room (C1). */
export class CompletionRing {
  readonly address: number;
  readonly capacity: number;
  readonly #push: RingFunctions['completionPush'];
  readonly #finish: RingFunctions['completionFinish'];
  readonly #pop: RingFunctions['completionPop'];
  readonly #popMark: RingFunctions['completionPopMark'];
  readonly #ready: RingFunctions['completionReady'];

  private constructor(memory: WebAssembly.Memory, address: number) {
    const ring = attachRing(memory);
    expectIdentity(ring, address, 'completion');
    this.address = address;
    this.capacity = capacityAt(ring, address);
    expectRoom(ring, address, CompletionRing.bytes(this));
    this.#push = ring.fn.completionPush;
    this.#finish = ring.fn.completionFinish;
    this.#pop = ring.fn.completionPop;
    this.#popMark = ring.fn.completionPopMark;
    this.#ready = ring.fn.completionReady;
  }

  static bytes({ capacity }: RingOptions): number {
    return CELLS + 8 * expectCapacity(capacity);
  }

  static create(memory: WebAssembly.Memory, address: number, options: RingOptions): CompletionRing {
    const ring = attachRing(memory);
    const { capacity, start = 0 } = options;
    expectRoom(ring, address, CompletionRing.bytes(options));
    const { i32 } = ring;
    i32[(address + MASK) >> 2] = capacity - 1;
    for (const cell of [TAIL, HEAD]) i32[(address + cell) >> 2] = start;
    fillTurns(i32, address + CELLS, capacity, start);
    identify(ring, address, 'completion');
    return new CompletionRing(memory, address);
  }

  /** The ring that `create` made at this address, on any thread. Throws a RingError when it is none. */
  static attach(memory: WebAssembly.Memory, address: number): CompletionRing {
    return new CompletionRing(memory, address);
  }

  push(value: number): void {
    this.#push(this.address, value);
  }

  /** Moves the i32 at `state` from `expected` to `next` and pushes; false when another thread had moved it. */
  finish(value: number, state: number, expected: number, next: number): boolean {
    return this.#finish(this.address, value, state, expected, next) === 1;
  }

  /** The consumer only: a value, EMPTY, or RETRY: the next one is on its way. */
  pop(): number {
    return this.#pop(this.address);
  }

  /** As `pop`, and stores `mark` in the i32 at `states + value * strideBytes`, in one breath: for a consumer that may be killed. */
  popMark(states: number, strideBytes: number, mark: number): number {
    return this.#popMark(this.address, states, strideBytes, mark);
  }

  /** Any thread: whether there is something to take, or on its way. May be old on return. */
  get isReady(): boolean {
    return this.#ready(this.address) === 1;
  }
}
