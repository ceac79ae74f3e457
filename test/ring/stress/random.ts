/** Choices that can be repeated: numbers from a seed. */

const NOTHING = new Int32Array(1);

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A whole number from 0 to n - 1 (mulberry32). */
  below(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  }

  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  /** Does nothing for up to about 1 µs, now and then: threads that all do the same fall into step otherwise. */
  dawdle(): void {
    if (this.below(8) !== 0) return;
    for (let left = this.below(64); left > 0; left--) Atomics.load(NOTHING, 0);
  }
}

/** A seed of its own for whatever the label names (FNV-1a). */
export function seedFor(seed: number, label: string): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < label.length; i++) {
    hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}
