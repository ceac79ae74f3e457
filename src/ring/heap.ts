/** Array heap keyed by deadline; contract, layout and invariants stand in heap.wat. */
import { PADDING_BYTES, type RingFunctions } from './api.ts';
import { expectCount, expectIdentity, expectRoom, identify } from './identity.ts';
import { RingError } from './ring-error.ts';
import { attachRing } from './ring-module.ts';

const CAPACITY = 4;
const VALUES = 8;
const SPINS = 12;
const ENTRIES = 16;
const LOCK = PADDING_BYTES;
const MIN = 2 * PADDING_BYTES;
const COUNT = MIN + 8;
const JOURNAL = 3 * PADDING_BYTES;
const PLACE = 4 * PADDING_BYTES;
const ENTRY_BYTES = 16;
const COUNT_MAX = 2 ** 24;
/** LOCK holds one more as an i32. */
const HOLDER_MAX = 2 ** 31 - 2;
/** About 0.3 µs, the time that a push or a pop among a thousand takes. */
const SPINS_DEFAULT = 100;

export interface HeapOptions {
  /** Entries that there is room for. */
  readonly capacity: number;
  /** Values are 0 … values - 1, each in the heap at most once; the capacity by default. */
  readonly values?: number;
  /** How often a held lock is looked at before the answer is RETRY. */
  readonly spins?: number;
}

/** Any thread pushes, takes the least and removes; nobody waits. */
export class Heap {
  readonly address: number;
  readonly capacity: number;
  readonly values: number;
  /** This thread's number, by which a supervisor can `recover` what it left behind. */
  readonly holder: number;
  readonly #push: RingFunctions['heapPush'];
  readonly #pushKey64: RingFunctions['heapPushKey64'];
  readonly #popMin: RingFunctions['heapPopMin'];
  readonly #popMinBelow: RingFunctions['heapPopMinBelow'];
  readonly #remove: RingFunctions['heapRemove'];
  readonly #recover: RingFunctions['heapRecover'];
  readonly #peek: RingFunctions['heapPeek'];
  readonly #peekKey64: RingFunctions['heapPeekKey64'];
  readonly #size: RingFunctions['heapSize'];

  private constructor(memory: WebAssembly.Memory, address: number, holder: number) {
    const ring = attachRing(memory);
    expectIdentity(ring, address, 'heap');
    this.address = address;
    this.capacity = ring.i32[(address + CAPACITY) >> 2] as number;
    this.values = ring.i32[(address + VALUES) >> 2] as number;
    this.holder = expectCount('holder', holder, 0, HOLDER_MAX);
    expectRoom(ring, address, Heap.bytes(this));
    this.#push = ring.fn.heapPush;
    this.#pushKey64 = ring.fn.heapPushKey64;
    this.#popMin = ring.fn.heapPopMin;
    this.#popMinBelow = ring.fn.heapPopMinBelow;
    this.#remove = ring.fn.heapRemove;
    this.#recover = ring.fn.heapRecover;
    this.#peek = ring.fn.heapPeek;
    this.#peekKey64 = ring.fn.heapPeekKey64;
    this.#size = ring.fn.heapSize;
  }

  static bytes(options: HeapOptions): number {
    return entriesOffset(options) + ENTRY_BYTES * options.capacity;
  }

  static create(
    memory: WebAssembly.Memory,
    address: number,
    options: HeapOptions,
    holder: number = 0,
  ): Heap {
    const ring = attachRing(memory);
    const { capacity, values = capacity, spins = SPINS_DEFAULT } = options;
    expectRoom(ring, address, Heap.bytes(options));
    expectCount('spins', spins, 0, 2 ** 20);
    expectCount('holder', holder, 0, HOLDER_MAX);
    const { i32 } = ring;
    i32[(address + CAPACITY) >> 2] = capacity;
    i32[(address + VALUES) >> 2] = values;
    i32[(address + SPINS) >> 2] = spins;
    i32[(address + ENTRIES) >> 2] = entriesOffset(options);
    i32[(address + LOCK) >> 2] = 0;
    i32[(address + COUNT) >> 2] = 0;
    i32.fill(0, (address + JOURNAL) >> 2, (address + PLACE + 4 * values) >> 2);
    new BigInt64Array(i32.buffer, address + MIN, 1)[0] = 2n ** 63n - 1n;
    identify(ring, address, 'heap');
    return new Heap(memory, address, holder);
  }

  /** The heap that `create` made at this address. `holder`: a number that no other thread uses. Throws a RingError when it is none. */
  static attach(memory: WebAssembly.Memory, address: number, holder: number): Heap {
    return new Heap(memory, address, holder);
  }

  /**
   * Puts a value in, or moves it to its new key where it is in already: 0, FULL, or RETRY. The key is a whole number up to 2^53
   * (nanoseconds of 104 days), or Infinity for the last.
   */
  push(key: number, value: number): number {
    return this.#push(this.address, this.holder, key, this.#checked(value));
  }

  /** `push` with any signed 64-bit key below 2^63 - 1. */
  pushKey64(key: bigint, value: number): number {
    return this.#pushKey64(this.address, this.holder, key, this.#checked(value));
  }

  /** The value with the least key, EMPTY, or RETRY. */
  popMin(): number {
    return this.#popMin(this.address, this.holder, 0, 0, 0);
  }

  /** As `popMin`, and puts `mark` into the i32 at `states + value * strideBytes` while the heap is still locked; or GONE - value. */
  popMinMark(states: number, strideBytes: number, mark: number): number {
    return this.#popMin(this.address, this.holder, states, strideBytes, mark);
  }

  /** As `popMinMark`, but EMPTY unless the least key is below `below`. */
  popMinBelowMark(below: number, states: number, strideBytes: number, mark: number): number {
    return this.#popMinBelow(this.address, this.holder, below, states, strideBytes, mark);
  }

  /** Takes a value out wherever it is: the value, EMPTY when it is not in, or RETRY. */
  remove(value: number): number {
    return this.#remove(this.address, this.holder, this.#checked(value));
  }

  /**
   * For a supervisor: finishes what the dead thread `holder` had begun and frees the lock, if it held it. The value that it was
   * taking out and has no mark for, or EMPTY.
   */
  recover(holder: number): number {
    return this.#recover(this.address, holder);
  }

  /** The least key, without the lock; Infinity when the heap is empty. */
  peek(): number {
    return this.#peek(this.address);
  }

  /** The least key, without the lock; 2^63 - 1 when the heap is empty. */
  peekKey64(): bigint {
    return this.#peekKey64(this.address);
  }

  /** Entries; may be old on return. */
  get size(): number {
    return this.#size(this.address);
  }

  /** A value out of range would write behind PLACE; the function itself traps. */
  #checked(value: number): number {
    if (value >>> 0 !== value || value >= this.values) {
      throw new RingError(
        'ERR_RING_CAPACITY',
        `a value of this heap is a whole number from 0 to ${this.values - 1}, not ${value}`,
      );
    }
    return value;
  }
}

function entriesOffset({ capacity, values = capacity }: HeapOptions): number {
  expectCount('capacity of a heap', capacity, 1, COUNT_MAX);
  expectCount('values of a heap', values, 1, COUNT_MAX);
  return Math.ceil((PLACE + 4 * values) / 64) * 64 + 48;
}
