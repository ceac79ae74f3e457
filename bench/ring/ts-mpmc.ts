/**
 * mpmc.wat in TypeScript, step for step, over Atomics: the baseline. JavaScript has no 64-bit atomics without a BigInt for each access,
 * so a cell is two i32: VALUE, plain, written before TURN. That is right by the same invariants: a consumer reads VALUE behind TURN
 * and before its claim, and the cell is not overwritten before HEAD has passed it (M2). It costs one plain access more; the locked
 * instructions are the same three.
 */
import { type Batch, EMPTY, FULL, MpmcRing, RETRY } from '../../src/ring/index.ts';

const MASK = 1;
const TAIL = 32;
const HEAD_SEEN = 33;
const HEAD = 64;
const VALUE = 96;
const TURN = 97;
const CLAIM_MAX = 8;

export class TsMpmc {
  readonly #i32: Int32Array<SharedArrayBuffer>;
  readonly #mask: number;

  /** Over the ring that `create` made at byte 0. */
  constructor(memory: WebAssembly.Memory) {
    this.#i32 = new Int32Array(memory.buffer as SharedArrayBuffer);
    this.#mask = this.#i32[MASK] as number;
  }

  /** The layout is that of mpmc.wat, TURN being the upper half of the word. */
  static create(memory: WebAssembly.Memory, capacity: number): TsMpmc {
    MpmcRing.create(memory, 0, { capacity });
    return new TsMpmc(memory);
  }

  push(value: number): number {
    const i32 = this.#i32;
    const mask = this.#mask;
    for (;;) {
      const t = Atomics.load(i32, TAIL);
      const seen = Atomics.load(i32, HEAD_SEEN);
      if (((t - seen) | 0) > mask) {
        const head = Atomics.load(i32, HEAD);
        if (((t - head) | 0) > mask) return FULL;
        Atomics.compareExchange(i32, HEAD_SEEN, seen, head);
      }
      if (Atomics.compareExchange(i32, TAIL, t, (t + 1) | 0) === t) {
        const cell = 2 * (t & mask);
        i32[cell + VALUE] = value;
        Atomics.store(i32, cell + TURN, (t + 1) | 0);
        return 0;
      }
    }
  }

  pop(): number {
    const i32 = this.#i32;
    for (;;) {
      const h = Atomics.load(i32, HEAD);
      const cell = 2 * (h & this.#mask);
      if (Atomics.load(i32, cell + TURN) !== ((h + 1) | 0)) {
        if (Atomics.load(i32, TAIL) === h) return EMPTY;
        if (Atomics.load(i32, HEAD) !== h) continue;
        return RETRY;
      }
      const value = i32[cell + VALUE] as number;
      if (Atomics.compareExchange(i32, HEAD, h, (h + 1) | 0) === h) return value;
    }
  }

  pushMany(batch: Batch, count: number): number {
    const i32 = this.#i32;
    const mask = this.#mask;
    let done = 0;
    while (done < count) {
      let k = Math.min(count - done, CLAIM_MAX);
      const t = Atomics.load(i32, TAIL);
      const seen = Atomics.load(i32, HEAD_SEEN);
      if (((t + k - seen) | 0) > mask + 1) {
        const head = Atomics.load(i32, HEAD);
        Atomics.compareExchange(i32, HEAD_SEEN, seen, head);
        const room = mask + 1 - ((t - head) | 0);
        if (room <= 0) return done > 0 ? done : FULL;
        k = Math.min(k, room);
      }
      if (Atomics.compareExchange(i32, TAIL, t, (t + k) | 0) !== t) continue;
      for (let i = 0; i < k; i++) {
        const cell = 2 * ((t + i) & mask);
        i32[cell + VALUE] = batch.values[done + i] as number;
        Atomics.store(i32, cell + TURN, (t + i + 1) | 0);
      }
      done += k;
    }
    return done;
  }

  popMany(batch: Batch, max: number): number {
    const i32 = this.#i32;
    for (;;) {
      const h = Atomics.load(i32, HEAD);
      let n = 0;
      for (; n < max; n++) {
        const cell = 2 * ((h + n) & this.#mask);
        if (Atomics.load(i32, cell + TURN) !== ((h + n + 1) | 0)) break;
        batch.values[n] = i32[cell + VALUE] as number;
      }
      if (n === 0) {
        if (Atomics.load(i32, TAIL) === h) return EMPTY;
        if (Atomics.load(i32, HEAD) !== h) continue;
        return RETRY;
      }
      if (Atomics.compareExchange(i32, HEAD, h, (h + n) | 0) === h) return n;
    }
  }
}
