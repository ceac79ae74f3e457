/** Values on their way in or out several at a time; the layout stands in ring.wat. It belongs to one thread. */
import { expectCount } from './identity.ts';
import { attachRing } from './ring-module.ts';

const VALUES = 4;

export class Batch {
  readonly address: number;
  readonly capacity: number;
  /** The values: to be filled before a push, valid up to `count` behind a take. */
  readonly values: Int32Array<SharedArrayBuffer>;
  readonly #i32: Int32Array<SharedArrayBuffer>;

  /** Over `Batch.bytes(capacity)` bytes of the memory; `address` is a multiple of 4. */
  constructor(memory: WebAssembly.Memory, address: number, capacity: number) {
    expectCount('capacity of a batch', capacity, 1, 2 ** 24);
    this.address = address;
    this.capacity = capacity;
    this.#i32 = attachRing(memory).i32;
    this.values = new Int32Array(this.#i32.buffer, address + VALUES, capacity);
  }

  static bytes(capacity: number): number {
    return VALUES + 4 * capacity;
  }

  /** How many values the last taking call left here. 0 when it took none, also when its thread was killed before it had. */
  get count(): number {
    return this.#i32[this.address >> 2] as number;
  }

  /** `n` as far as the batch has room; below 0 it would be a huge number to the functions, which take it without a sign. */
  atMost(n: number): number {
    return Math.max(0, Math.min(n, this.capacity));
  }

  /** Where the values lie: what the pushing functions read. */
  get valuesAddress(): number {
    return this.address + VALUES;
  }
}
