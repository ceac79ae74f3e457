/** What one would write without threads: a binary heap of numbers in plain arrays. No order among equal keys, no removal. */
export class JsHeap {
  readonly #keys: number[] = [];
  readonly #values: number[] = [];

  push(key: number, value: number): void {
    const keys = this.#keys;
    const values = this.#values;
    let i = keys.length;
    keys.push(key);
    values.push(value);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = keys[parent] as number;
      if (above <= key) break;
      keys[i] = above;
      values[i] = values[parent] as number;
      i = parent;
    }
    keys[i] = key;
    values[i] = value;
  }

  /** The value with the least key; -1 when there is none. */
  popMin(): number {
    const keys = this.#keys;
    const values = this.#values;
    const n = keys.length - 1;
    if (n < 0) return -1;
    const least = values[0] as number;
    const key = keys.pop() as number;
    const value = values.pop() as number;
    if (n === 0) return least;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= n) break;
      if (child + 1 < n && (keys[child + 1] as number) < (keys[child] as number)) child++;
      const below = keys[child] as number;
      if (below >= key) break;
      keys[i] = below;
      values[i] = values[child] as number;
      i = child;
    }
    keys[i] = key;
    values[i] = value;
    return least;
  }
}
