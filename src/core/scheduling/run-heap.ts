/**
 * A binary heap of one thread: the least key first, equal keys in the order of their pushes. Arrays of numbers beside one of items, since
 * an object for each entry would be garbage for each switch. Nothing is ever removed from its middle: a guest that waits is taken when
 * its turn has come, also to be ended.
 */
export class RunHeap<T> {
  readonly #keys: number[] = [];
  readonly #sequences: number[] = [];
  readonly #items: T[] = [];
  #sequence = 0;

  get size(): number {
    return this.#items.length;
  }

  /** The least key; Infinity when there is none. */
  get leastKey(): number {
    return this.#items.length === 0 ? Number.POSITIVE_INFINITY : (this.#keys[0] as number);
  }

  push(key: number, item: T): void {
    const sequence = this.#sequence++;
    let hole = this.#items.length;
    this.#keys.push(key);
    this.#sequences.push(sequence);
    this.#items.push(item);
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      // The newest is behind its equals.
      if ((this.#keys[parent] as number) <= key) break;
      this.#move(parent, hole);
      hole = parent;
    }
    this.#put(hole, key, sequence, item);
  }

  pop(): T | undefined {
    const first = this.#items[0];
    if (first === undefined) return undefined;
    const key = this.#keys.pop() as number;
    const sequence = this.#sequences.pop() as number;
    const item = this.#items.pop() as T;
    const size = this.#items.length;
    if (size === 0) {
      this.#sequence = 0;
      return first;
    }
    let hole = 0;
    for (let child = 1; child < size; child = 2 * hole + 1) {
      if (child + 1 < size && this.#isBefore(child + 1, child)) child++;
      if (this.#isOrdered(key, sequence, child)) break;
      this.#move(child, hole);
      hole = child;
    }
    this.#put(hole, key, sequence, item);
    return first;
  }

  #isBefore(a: number, b: number): boolean {
    return !this.#isOrdered(this.#keys[b] as number, this.#sequences[b] as number, a);
  }

  /** Whether an entry of `key` and `sequence` is before the one at `at`. */
  #isOrdered(key: number, sequence: number, at: number): boolean {
    const other = this.#keys[at] as number;
    return key < other || (key === other && sequence < (this.#sequences[at] as number));
  }

  #move(from: number, to: number): void {
    this.#put(
      to,
      this.#keys[from] as number,
      this.#sequences[from] as number,
      this.#items[from] as T,
    );
  }

  #put(at: number, key: number, sequence: number, item: T): void {
    this.#keys[at] = key;
    this.#sequences[at] = sequence;
    this.#items[at] = item;
  }
}
