/** How often each value was handed out, in memory of its own that no bug of a structure reaches. */

export class Ledger {
  readonly hits: Int32Array<SharedArrayBuffer>;

  constructor(hits: Int32Array<SharedArrayBuffer>) {
    this.hits = hits;
  }

  static forValues(count: number): Ledger {
    return new Ledger(new Int32Array(new SharedArrayBuffer(4 * count)));
  }

  /** Records that the calling thread got the value. Throws when somebody had got it before. */
  take(value: number): void {
    if (!(value >= 0 && value < this.hits.length)) throw new Error(`${value} is not a value`);
    const times = Atomics.add(this.hits, value, 1) + 1;
    if (times > 1) throw new Error(`value ${value} was handed out ${times} times`);
  }

  /** Forgets the first `count` values, for another round. */
  clear(count: number): void {
    for (let value = 0; value < count; value++) Atomics.store(this.hits, value, 0);
  }

  /** Throws unless each value for which `isIn` holds was handed out once, and the others never. */
  check(isIn: (value: number) => boolean, count: number = this.hits.length): void {
    for (let value = 0; value < count; value++) {
      const expected = isIn(value) ? 1 : 0;
      const times = Atomics.load(this.hits, value);
      if (times !== expected) {
        throw new Error(`value ${value} was handed out ${times} times instead of ${expected}`);
      }
    }
  }
}
