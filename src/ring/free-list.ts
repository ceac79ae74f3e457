/** Free list of indices, safe from ABA; contract, layout and invariants stand in ring.wat. */
import { PADDING_BYTES, type Ring, type RingFunctions } from './api.ts';

const FREE = PADDING_BYTES;
const NEXT = 2 * PADDING_BYTES;

/** Any thread takes and gives back indices 0 … count-1. */
export class FreeList {
  readonly address: number;
  readonly #fn: RingFunctions;

  constructor(ring: Ring, address: number) {
    this.address = address;
    this.#fn = ring.fn;
  }

  static bytes(count: number): number {
    return NEXT + 4 * count;
  }

  /** A list that holds all indices, the lowest on top. */
  static create(ring: Ring, address: number, count: number): FreeList {
    const { i32 } = ring;
    i32[address >> 2] = count > 0 ? 1 : 0;
    i32[(address + FREE) >> 2] = count;
    for (let i = 0; i < count; i++) {
      i32[(address + NEXT + 4 * i) >> 2] = i + 1 < count ? i + 2 : 0;
    }
    return new FreeList(ring, address);
  }

  /** An index, or EMPTY. */
  pop(): number {
    return this.#fn.freePop(this.address);
  }

  push(index: number): void {
    this.#fn.freePushChain(this.address, index, index, 1);
  }

  /** How many are left; may be old on return. */
  get free(): number {
    return this.#fn.load32(this.address + FREE);
  }
}
