/**
 * spsc.wat in TypeScript, step for step, over Atomics: the baseline. JavaScript has no cheap 64-bit atomics, so TURN and VALUE are two
 * words, and VALUE is written, plainly, before TURN.
 */
import { type Batch, EMPTY, FULL, SpscRing } from '../../src/ring/index.ts';

const MASK = 1;
const TAIL = 32;
const HEAD_SEEN = 33;
const HEAD = 64;
const VALUES = 96;
const TURNS = 97;

export class TsSpsc {
  readonly #i32: Int32Array<SharedArrayBuffer>;
  readonly #mask: number;

  /** Over the ring that `create` made at byte 0. */
  constructor(memory: WebAssembly.Memory) {
    this.#i32 = new Int32Array(memory.buffer as SharedArrayBuffer);
    this.#mask = this.#i32[MASK] as number;
  }

  static create(memory: WebAssembly.Memory, capacity: number): TsSpsc {
    SpscRing.create(memory, 0, { capacity });
    return new TsSpsc(memory);
  }

  push(value: number): number {
    const i32 = this.#i32;
    const mask = this.#mask;
    const t = i32[TAIL] as number;
    if (((t - (i32[HEAD_SEEN] as number)) | 0) > mask) {
      const head = Atomics.load(i32, HEAD);
      i32[HEAD_SEEN] = head;
      if (((t - head) | 0) > mask) return FULL;
    }
    const cell = 2 * (t & mask);
    i32[VALUES + cell] = value;
    Atomics.store(i32, TURNS + cell, (t + 1) | 0);
    i32[TAIL] = (t + 1) | 0;
    return 0;
  }

  pop(): number {
    const i32 = this.#i32;
    const h = Atomics.load(i32, HEAD);
    const cell = 2 * (h & this.#mask);
    if (Atomics.load(i32, TURNS + cell) !== ((h + 1) | 0)) return EMPTY;
    const value = i32[VALUES + cell] as number;
    Atomics.store(i32, HEAD, (h + 1) | 0);
    return value;
  }

  pushMany(batch: Batch, count: number): number {
    const i32 = this.#i32;
    const mask = this.#mask;
    const t = i32[TAIL] as number;
    let room = mask + 1 - ((t - (i32[HEAD_SEEN] as number)) | 0);
    if (room < count) {
      const head = Atomics.load(i32, HEAD);
      i32[HEAD_SEEN] = head;
      room = mask + 1 - ((t - head) | 0);
      if (room === 0) return FULL;
    }
    const n = Math.min(count, room);
    for (let i = 1; i < n; i++) {
      const cell = 2 * ((t + i) & mask);
      i32[VALUES + cell] = batch.values[i] as number;
      i32[TURNS + cell] = (t + i + 1) | 0;
    }
    const first = 2 * (t & mask);
    i32[VALUES + first] = batch.values[0] as number;
    Atomics.store(i32, TURNS + first, (t + 1) | 0);
    i32[TAIL] = (t + n) | 0;
    return n;
  }

  popMany(batch: Batch, max: number): number {
    const i32 = this.#i32;
    const h = Atomics.load(i32, HEAD);
    let n = 0;
    for (; n < max; n++) {
      const cell = 2 * ((h + n) & this.#mask);
      if (Atomics.load(i32, TURNS + cell) !== ((h + n + 1) | 0)) break;
      batch.values[n] = i32[VALUES + cell] as number;
    }
    if (n === 0) return EMPTY;
    Atomics.store(i32, HEAD, (h + n) | 0);
    return n;
  }
}
