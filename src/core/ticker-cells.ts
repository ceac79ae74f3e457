/** The ticker's counters, on the line of the cell that it sleeps on: 4 TICKS, 8 INTERRUPTS; only the ticker writes them. */
import type { Arena } from '../ring/index.ts';

export class TickerCells {
  readonly #i32: Int32Array<SharedArrayBuffer>;
  readonly #index: number;

  constructor(arena: Arena) {
    this.#i32 = arena.ring.i32;
    this.#index = arena.layout.beatAddress >> 2;
  }

  get ticks(): number {
    return this.#i32[this.#index + 1] as number;
  }

  set ticks(count: number) {
    this.#i32[this.#index + 1] = count;
  }

  get interrupts(): number {
    return this.#i32[this.#index + 2] as number;
  }

  set interrupts(count: number) {
    this.#i32[this.#index + 2] = count;
  }
}
