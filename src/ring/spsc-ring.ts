/** Ring for one producer and one consumer; contract, layout and invariants stand in spsc.wat. */
import { PADDING_BYTES, type RingFunctions, type RingOptions } from './api.ts';
import type { Batch } from './batch.ts';
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
const HEAD_SEEN = PADDING_BYTES + 4;
const HEAD = 2 * PADDING_BYTES;
const CELLS = 3 * PADDING_BYTES;

export class SpscRing {
  readonly address: number;
  readonly capacity: number;
  readonly #push: RingFunctions['spscPush'];
  readonly #pop: RingFunctions['spscPop'];
  readonly #pushMany: RingFunctions['spscPushMany'];
  readonly #popMany: RingFunctions['spscPopMany'];
  readonly #ready: RingFunctions['spscReady'];
  readonly #size: RingFunctions['spscSize'];

  private constructor(memory: WebAssembly.Memory, address: number) {
    const ring = attachRing(memory);
    expectIdentity(ring, address, 'spsc');
    this.address = address;
    this.capacity = capacityAt(ring, address);
    expectRoom(ring, address, SpscRing.bytes(this));
    this.#push = ring.fn.spscPush;
    this.#pop = ring.fn.spscPop;
    this.#pushMany = ring.fn.spscPushMany;
    this.#popMany = ring.fn.spscPopMany;
    this.#ready = ring.fn.spscReady;
    this.#size = ring.fn.spscSize;
  }

  static bytes({ capacity }: RingOptions): number {
    return CELLS + 8 * expectCapacity(capacity);
  }

  static create(memory: WebAssembly.Memory, address: number, options: RingOptions): SpscRing {
    const ring = attachRing(memory);
    const { capacity, start = 0 } = options;
    expectRoom(ring, address, SpscRing.bytes(options));
    const { i32 } = ring;
    i32[(address + MASK) >> 2] = capacity - 1;
    for (const cell of [TAIL, HEAD_SEEN, HEAD]) i32[(address + cell) >> 2] = start;
    fillTurns(i32, address + CELLS, capacity, start);
    identify(ring, address, 'spsc');
    return new SpscRing(memory, address);
  }

  /** The ring that `create` made at this address, on any thread. Throws a RingError when it is none. */
  static attach(memory: WebAssembly.Memory, address: number): SpscRing {
    return new SpscRing(memory, address);
  }

  /** Producer only: 0, or FULL. */
  push(value: number): number {
    return this.#push(this.address, value);
  }

  /** Consumer only: the oldest value, or EMPTY. */
  pop(): number {
    return this.#pop(this.address);
  }

  /** Producer only: pushes the first `count` values of the batch, or as many as there is room for: how many, or FULL. */
  pushMany(batch: Batch, count: number = batch.capacity): number {
    return this.#pushMany(this.address, batch.valuesAddress, batch.atMost(count));
  }

  /** Consumer only: takes up to `max` values into the batch: how many, or EMPTY. */
  popMany(batch: Batch, max: number = batch.capacity): number {
    return this.#popMany(this.address, batch.address, batch.atMost(max));
  }

  /** Consumer only: whether a value waits. What `Parker.park` is to look at: unlike `size` it misses no push. */
  get isReady(): boolean {
    return this.#ready(this.address) === 1;
  }

  /** How many values wait; may be old on return. */
  get size(): number {
    return this.#size(this.address);
  }
}
