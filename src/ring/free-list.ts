/** Free list of indices, safe from ABA; contract, layout and invariants stand in free-list.wat. */
import { PADDING_BYTES, type RingFunctions } from './api.ts';
import { expectCount, expectIdentity, expectRoom, identify } from './identity.ts';
import { attachRing } from './ring-module.ts';

const COUNT = 4;
const HEAD = PADDING_BYTES;
const FREE = 2 * PADDING_BYTES;
const NEXT = 3 * PADDING_BYTES;
const COUNT_MAX = 2 ** 28;

export interface FreeListOptions {
  /** Indices are 0 … count - 1. */
  readonly count: number;
  /** The first tag, 0 by default: a test starts it just below 2^32. */
  readonly start?: number;
}

/** Any thread takes and gives back indices. */
export class FreeList {
  readonly address: number;
  readonly count: number;
  readonly memory: WebAssembly.Memory;
  readonly #pop: RingFunctions['freePop'];
  readonly #pushChain: RingFunctions['freePushChain'];
  readonly #popMark: RingFunctions['freePopMark'];
  readonly #pushMark: RingFunctions['freePushMark'];
  readonly #load: RingFunctions['load32'];

  private constructor(memory: WebAssembly.Memory, address: number) {
    const ring = attachRing(memory);
    expectIdentity(ring, address, 'freeList');
    this.memory = memory;
    this.address = address;
    this.count = ring.i32[(address + COUNT) >> 2] as number;
    expectRoom(ring, address, FreeList.bytes(this));
    this.#pop = ring.fn.freePop;
    this.#pushChain = ring.fn.freePushChain;
    this.#popMark = ring.fn.freePopMark;
    this.#pushMark = ring.fn.freePushMark;
    this.#load = ring.fn.load32;
  }

  static bytes({ count }: FreeListOptions): number {
    return NEXT + 4 * expectCount('count of a free list', count, 0, COUNT_MAX);
  }

  /** A list that holds all indices, the lowest on top. */
  static create(memory: WebAssembly.Memory, address: number, options: FreeListOptions): FreeList {
    const ring = attachRing(memory);
    const { count, start = 0 } = options;
    expectRoom(ring, address, FreeList.bytes(options));
    const { i32 } = ring;
    i32[(address + COUNT) >> 2] = count;
    i32[(address + HEAD) >> 2] = count > 0 ? 1 : 0;
    i32[(address + HEAD + 4) >> 2] = start;
    i32[(address + FREE) >> 2] = count;
    for (let i = 0; i < count; i++) {
      i32[(address + NEXT + 4 * i) >> 2] = i + 1 < count ? i + 2 : 0;
    }
    identify(ring, address, 'freeList');
    return new FreeList(memory, address);
  }

  /** The list that `create` made at this address, on any thread. Throws a RingError when it is none. */
  static attach(memory: WebAssembly.Memory, address: number): FreeList {
    return new FreeList(memory, address);
  }

  /** An index, or EMPTY. */
  pop(): number {
    return this.#pop(this.address);
  }

  /** Gives back an index that the caller holds: one that is in the list already would be in it twice. */
  push(index: number): void {
    this.#pushChain(this.address, index, index, 1);
  }

  /** As `pop`, and stores `mark` in the i32 at `states + index * strideBytes`, in one breath: for threads that may be killed. */
  popMark(states: number, strideBytes: number, mark: number): number {
    return this.#popMark(this.address, states, strideBytes, mark);
  }

  /** As `push`, for an index whose i32 at `state` is `mark`: that becomes 0 in one breath with the push. */
  pushMark(index: number, state: number, mark: number): void {
    this.#pushMark(this.address, index, state, mark);
  }

  /** How many are left; may be old on return. */
  get free(): number {
    return this.#load(this.address + FREE);
  }
}
