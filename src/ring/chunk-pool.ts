/**
 * Fixed chunks for bodies that do not fit into a request slot, and the chains that bodies make of them.
 *
 * A chain is a record of CHAIN_BYTES in the holder's memory (layout in chain.wat); it belongs to one thread at a time.
 */
import type { RingFunctions } from './api.ts';
import type { FreeList } from './free-list.ts';
import { attachRing } from './ring-module.ts';

/** FIRST, LAST, COUNT, BYTES. */
export const CHAIN_BYTES = 16;
/** Offset of FIRST (index + 1, 0 = none) and of BYTES in a chain record. */
export const CHAIN_FIRST = 0;
export const CHAIN_LENGTH = 12;

export class ChunkPool {
  readonly chunkBytes: number;
  readonly list: FreeList;
  readonly #fn: RingFunctions;
  readonly #chunks: number;

  /** Over the `chunkBytes * list.count` bytes from `chunksAddress` on, of the memory that the list is in. */
  constructor(list: FreeList, chunksAddress: number, chunkBytes: number) {
    this.chunkBytes = chunkBytes;
    this.list = list;
    this.#fn = attachRing(list.memory).fn;
    this.#chunks = chunksAddress;
  }

  /** Takes a chunk and links it behind the chain's last: its index, or EMPTY. */
  append(chain: number): number {
    return this.#fn.chainAppend(chain, this.list.address);
  }

  /** The chunk behind `index`, or EMPTY. */
  next(index: number): number {
    return this.#fn.chainNext(this.list.address, index);
  }

  /** Gives all chunks of the chain back; the chain is empty then. */
  release(chain: number): void {
    this.#fn.chainRelease(chain, this.list.address);
  }

  /** Byte address of a chunk. */
  addressOf(index: number): number {
    return this.#chunks + index * this.chunkBytes;
  }

  get free(): number {
    return this.list.free;
  }
}
