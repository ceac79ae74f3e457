/** spsc.wat in TypeScript, step for step, over Atomics: the baseline. What is plain there is plain here. */
import { type Batch, EMPTY, FULL, SpscRing } from '../../src/ring/index.ts';

const MASK = 1;
const TAIL = 32;
const HEAD_SEEN = 33;
const HEAD = 64;
const TAIL_SEEN = 65;
const CELLS = 96;

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
    const t = Atomics.load(i32, TAIL);
    if (((t - (i32[HEAD_SEEN] as number)) | 0) > mask) {
      const head = Atomics.load(i32, HEAD);
      i32[HEAD_SEEN] = head;
      if (((t - head) | 0) > mask) return FULL;
    }
    i32[CELLS + (t & mask)] = value;
    Atomics.store(i32, TAIL, (t + 1) | 0);
    return 0;
  }

  pop(): number {
    const i32 = this.#i32;
    const h = Atomics.load(i32, HEAD);
    if (h === i32[TAIL_SEEN]) {
      const tail = Atomics.load(i32, TAIL);
      i32[TAIL_SEEN] = tail;
      if (h === tail) return EMPTY;
    }
    const value = i32[CELLS + (h & this.#mask)] as number;
    Atomics.store(i32, HEAD, (h + 1) | 0);
    return value;
  }

  pushMany(batch: Batch, count: number): number {
    const i32 = this.#i32;
    const mask = this.#mask;
    const t = Atomics.load(i32, TAIL);
    let room = mask + 1 - ((t - (i32[HEAD_SEEN] as number)) | 0);
    if (room < count) {
      const head = Atomics.load(i32, HEAD);
      i32[HEAD_SEEN] = head;
      room = mask + 1 - ((t - head) | 0);
      if (room === 0) return FULL;
    }
    const n = Math.min(count, room);
    for (let i = 0; i < n; i++) i32[CELLS + ((t + i) & mask)] = batch.values[i] as number;
    Atomics.store(i32, TAIL, (t + n) | 0);
    return n;
  }

  popMany(batch: Batch, max: number): number {
    const i32 = this.#i32;
    const h = Atomics.load(i32, HEAD);
    let there = ((i32[TAIL_SEEN] as number) - h) | 0;
    if (there < max) {
      const tail = Atomics.load(i32, TAIL);
      i32[TAIL_SEEN] = tail;
      there = (tail - h) | 0;
      if (there === 0) return EMPTY;
    }
    const n = Math.min(max, there);
    for (let i = 0; i < n; i++) batch.values[i] = i32[CELLS + ((h + i) & this.#mask)] as number;
    Atomics.store(i32, HEAD, (h + n) | 0);
    return n;
  }
}
