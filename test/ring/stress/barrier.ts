/** Where threads wait for each other: all of them start at once, as often as they like. */

const SPINS = 2000;

export class Barrier {
  /** 0: how many have arrived; 1: how often all have. */
  readonly #cells: Int32Array<SharedArrayBuffer>;
  readonly #parties: number;

  constructor(cells: Int32Array<SharedArrayBuffer>, parties: number) {
    this.#cells = cells;
    this.#parties = parties;
  }

  static cells(): Int32Array<SharedArrayBuffer> {
    return new Int32Array(new SharedArrayBuffer(8));
  }

  /** Returns when all have arrived. What each wrote before is seen by all behind it. */
  arrive(): void {
    const times = Atomics.load(this.#cells, 1);
    if (Atomics.add(this.#cells, 0, 1) + 1 === this.#parties) {
      Atomics.store(this.#cells, 0, 0);
      Atomics.add(this.#cells, 1, 1);
      Atomics.notify(this.#cells, 1);
      return;
    }
    // Spinning first: who is awake starts together with the last one, not a futex round trip behind it.
    for (let i = 0; i < SPINS; i++) if (Atomics.load(this.#cells, 1) !== times) return;
    while (Atomics.load(this.#cells, 1) === times) Atomics.wait(this.#cells, 1, times);
  }
}
