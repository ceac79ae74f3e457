/**
 * The bodies that come in on one HTTP/2 session at a time. Together they hold no more than `bytesMax` and what is in their windows; beyond it only the
 * oldest goes on, so that one of them is always on its way to its end. Without that, each stream of a connection could make the server hold a body.
 */

export interface BodyStream {
  readonly bodyBytes: number;
  pause(): void;
  resume(): void;
}

export class H2Bodies {
  readonly #bytesMax: number;
  /** In the order of their beginnings. */
  readonly #streams = new Set<BodyStream>();
  #bytes = 0;
  #isFull = false;

  /** `bytesMax` is at least that of one body. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  add(stream: BodyStream): void {
    this.#streams.add(stream);
    if (this.#isFull && this.#streams.size > 1) stream.pause();
  }

  /** Of one of them, `bytes` more are held. */
  grew(bytes: number): void {
    this.#bytes += bytes;
    if (this.#isFull || this.#bytes <= this.#bytesMax) return;
    this.#isFull = true;
    const [first] = this.#streams;
    for (const stream of this.#streams) if (stream !== first) stream.pause();
  }

  remove(stream: BodyStream): void {
    this.#streams.delete(stream);
    this.#bytes -= stream.bodyBytes;
    if (!this.#isFull) return;
    this.#isFull = this.#bytes > this.#bytesMax;
    for (const left of this.#streams) {
      left.resume();
      if (this.#isFull) return;
    }
  }
}
