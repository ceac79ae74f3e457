/**
 * What a thread does behind a try in vain: it tries again, but once in a while it sleeps for a moment. With more threads than
 * cores the one that it waits for may need its core.
 */

/** About 10 µs of tries; picked out of thin air. */
const TRIES = 200;
const NAP_MS = 0.02;

export class Patience {
  #tries = 0;
  readonly #cell: Int32Array<SharedArrayBuffer> = new Int32Array(new SharedArrayBuffer(4));

  wait(): void {
    this.#tries++;
    if (this.#tries % TRIES === 0) this.nap();
  }

  nap(): void {
    Atomics.wait(this.#cell, 0, 0, NAP_MS);
  }
}
