/** Who has each index: a cell an index, 0 while it is free. Taken from 0 and given back to 0, or somebody else has it too. */
import type { Ledger } from './ledger.ts';

export class Ownership {
  readonly #cells: Int32Array<SharedArrayBuffer>;
  readonly #self: number;

  constructor({ hits }: Ledger, thread: number) {
    this.#cells = hits;
    this.#self = thread + 1;
  }

  take(index: number): void {
    if (!(index >= 0 && index < this.#cells.length)) throw new Error(`${index} is not an index`);
    this.#move(index, 0, this.#self);
  }

  /** To be called before the index is given back: whoever takes it then expects 0. */
  release(index: number): void {
    this.#move(index, this.#self, 0);
  }

  /** For a supervisor: the thread is dead and has nothing any more. */
  forget(): void {
    this.#cells.forEach((_, i) => {
      Atomics.compareExchange(this.#cells, i, this.#self, 0);
    });
  }

  #move(index: number, from: number, to: number): void {
    const found = Atomics.compareExchange(this.#cells, index, from, to);
    if (found !== from) {
      const whose = found === 0 ? 'nobody' : `thread ${found - 1}`;
      throw new Error(`index ${index} is in the hands of ${whose}`);
    }
  }
}
