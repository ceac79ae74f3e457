/**
 * A fixed set of byte strings, each with a number >= 0, looked up by bytes in a buffer. Open addressing, at most half full, FNV-1a.
 *
 * The keys are the operator's (routes), so nobody can aim collisions at the table: a client chooses only what is looked
 * for, and what is longer than every key is answered without being hashed.
 */
import { equalsBytes } from './byte-class.ts';

/** No such key. */
export const ABSENT: number = -1;

const NO_KEY: Uint8Array = new Uint8Array(0);

export class ByteTable {
  readonly #mask: number;
  readonly #maxBytes: number;
  /** Per cell; a cell is free if its value is `ABSENT`. */
  readonly #keys: Uint8Array[];
  readonly #values: Int32Array;

  constructor(entries: readonly (readonly [key: Uint8Array, value: number])[]) {
    let cells = 4;
    while (cells < entries.length * 2) cells *= 2;
    this.#mask = cells - 1;
    this.#keys = new Array<Uint8Array>(cells).fill(NO_KEY);
    this.#values = new Int32Array(cells).fill(ABSENT);
    let maxBytes = -1;
    for (const [key, value] of entries) {
      const cell = this.#cell(key, 0, key.length);
      this.#keys[cell] = key;
      this.#values[cell] = value;
      maxBytes = Math.max(maxBytes, key.length);
    }
    this.#maxBytes = maxBytes;
  }

  /** The number of the key `buffer[from..to)`, or `ABSENT`. */
  find(buffer: Uint8Array, from: number, to: number): number {
    if (to - from > this.#maxBytes) return ABSENT;
    return this.#values[this.#cell(buffer, from, to)]!;
  }

  /** The cell that holds the key, or the free one where it would go. */
  #cell(buffer: Uint8Array, from: number, to: number): number {
    let hash = 0x811c9dc5 | 0;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ buffer[i]!, 0x01000193);
    let cell = (hash ^ (hash >>> 15)) & this.#mask;
    while (this.#values[cell] !== ABSENT && !equalsBytes(buffer, from, to, this.#keys[cell]!)) {
      cell = (cell + 1) & this.#mask;
    }
    return cell;
  }
}
