/**
 * Push and steal of deque.wat in TypeScript over Atomics: the baseline. TOP is an i32 without TAG, as in the paper: a 64-bit one would
 * be a BigInt, and TAG matters only to an owner that pops. Number and kind of the accesses are the same.
 */
import { Deque, EMPTY, FULL, RETRY } from '../../src/ring/index.ts';

const MASK = 1;
const TOP = 32;
const BOTTOM = 64;
const CELLS = 96;

export class TsDeque {
  readonly #i32: Int32Array<SharedArrayBuffer>;
  readonly #mask: number;

  private constructor(memory: WebAssembly.Memory) {
    this.#i32 = new Int32Array(memory.buffer as SharedArrayBuffer);
    this.#mask = this.#i32[MASK] as number;
  }

  static create(memory: WebAssembly.Memory, capacity: number): TsDeque {
    Deque.create(memory, 0, { capacity });
    return new TsDeque(memory);
  }

  push(value: number): number {
    const i32 = this.#i32;
    const b = Atomics.load(i32, BOTTOM);
    if (((b - Atomics.load(i32, TOP)) | 0) > this.#mask) return FULL;
    i32[CELLS + (b & this.#mask)] = value;
    Atomics.store(i32, BOTTOM, (b + 1) | 0);
    return 0;
  }

  steal(): number {
    const i32 = this.#i32;
    const t = Atomics.load(i32, TOP);
    if (((Atomics.load(i32, BOTTOM) - t) | 0) <= 0) return EMPTY;
    const value = i32[CELLS + (t & this.#mask)] as number;
    return Atomics.compareExchange(i32, TOP, t, (t + 1) | 0) === t ? value : RETRY;
  }
}
