/** Ring for any number of producers and consumers; contract, layout and invariants stand in mpmc.wat. */
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
import { fillTurns } from './turns.ts';

const SPINS = 8;
const TAIL = PADDING_BYTES;
const HEAD_SEEN = PADDING_BYTES + 4;
const HEAD = 2 * PADDING_BYTES;
const CELLS = 3 * PADDING_BYTES;

/** See the head of mpmc.wat; `npm run bench -- ring` has the rates. */
const SPINS_DEFAULT = 32;

export interface MpmcRingOptions extends RingOptions {
  /** How often a consumer looks again for a value that is not there yet before it says EMPTY. */
  readonly spins?: number;
}

export class MpmcRing {
  readonly address: number;
  readonly capacity: number;
  readonly #push: RingFunctions['mpmcPush'];
  readonly #pop: RingFunctions['mpmcPop'];
  readonly #pushMany: RingFunctions['mpmcPushMany'];
  readonly #popMany: RingFunctions['mpmcPopMany'];
  readonly #size: RingFunctions['mpmcSize'];

  private constructor(memory: WebAssembly.Memory, address: number) {
    const ring = attachRing(memory);
    expectIdentity(ring, address, 'mpmc');
    this.address = address;
    this.capacity = capacityAt(ring, address);
    expectRoom(ring, address, MpmcRing.bytes(this));
    this.#push = ring.fn.mpmcPush;
    this.#pop = ring.fn.mpmcPop;
    this.#pushMany = ring.fn.mpmcPushMany;
    this.#popMany = ring.fn.mpmcPopMany;
    this.#size = ring.fn.mpmcSize;
  }

  static bytes({ capacity }: MpmcRingOptions): number {
    return CELLS + 8 * expectCapacity(capacity);
  }

  static create(memory: WebAssembly.Memory, address: number, options: MpmcRingOptions): MpmcRing {
    const ring = attachRing(memory);
    const { capacity, start = 0, spins = SPINS_DEFAULT } = options;
    expectCount('spins', spins, 0, 2 ** 20);
    expectRoom(ring, address, MpmcRing.bytes(options));
    const { i32 } = ring;
    i32[(address + MASK) >> 2] = capacity - 1;
    i32[(address + SPINS) >> 2] = spins;
    for (const cell of [TAIL, HEAD_SEEN, HEAD]) i32[(address + cell) >> 2] = start;
    fillTurns(i32, address + CELLS, capacity, start);
    identify(ring, address, 'mpmc');
    return new MpmcRing(memory, address);
  }

  /** The ring that `create` made at this address, on any thread. Throws a RingError when it is none. */
  static attach(memory: WebAssembly.Memory, address: number): MpmcRing {
    return new MpmcRing(memory, address);
  }

  /** 0, or FULL. */
  push(value: number): number {
    return this.#push(this.address, value);
  }

  /** The oldest value, EMPTY, or RETRY: its producer has not finished. */
  pop(): number {
    return this.#pop(this.address);
  }

  /** Pushes the first `count` values of the batch, in order: how many, or FULL. Others' values may come between. */
  pushMany(batch: Batch, count: number = batch.capacity): number {
    return this.#pushMany(this.address, batch.valuesAddress, batch.atMost(count));
  }

  /** Takes up to `max` values into the batch: how many, EMPTY, or RETRY. */
  popMany(batch: Batch, max: number = batch.capacity): number {
    return this.#popMany(this.address, batch.address, batch.atMost(max));
  }

  /** How many values wait or are being written; may be old on return. */
  get size(): number {
    return this.#size(this.address);
  }
}
