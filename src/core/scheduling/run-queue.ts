/** A growing circular buffer: a queue whose operations do not move the others. */
export class RunQueue<T> {
  #items: (T | undefined)[] = new Array<T | undefined>(64).fill(undefined);
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    if (this.#size === this.#items.length) this.#grow();
    this.#items[(this.#head + this.#size) & (this.#items.length - 1)] = item;
    this.#size++;
  }

  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#size--;
    return item;
  }

  #grow(): void {
    const { length } = this.#items;
    const items = new Array<T | undefined>(2 * length).fill(undefined);
    for (let i = 0; i < length; i++) items[i] = this.#items[(this.#head + i) & (length - 1)];
    this.#items = items;
    this.#head = 0;
  }
}
