/** The order in which one thread gets the values of each producer: value = turn * producers + producer. */

export class Order {
  readonly #producers: number;
  readonly #last: Int32Array;

  constructor(producers: number) {
    this.#producers = producers;
    this.#last = new Int32Array(producers).fill(-1);
  }

  /** Throws unless the value is behind all that came from its producer before. */
  see(value: number): void {
    const producer = value % this.#producers;
    const turn = Math.floor(value / this.#producers);
    const last = this.#last[producer] as number;
    if (turn <= last) {
      throw new Error(`producer ${producer}: turn ${turn} came behind turn ${last}`);
    }
    this.#last[producer] = turn;
  }

  /** `see` for the only consumer, which misses none. */
  seeNext(value: number): void {
    const last = this.#last[value % this.#producers] as number;
    this.see(value);
    const turn = Math.floor(value / this.#producers);
    if (turn !== last + 1) {
      throw new Error(`producer ${value % this.#producers}: turn ${turn} came behind turn ${last}`);
    }
  }
}
