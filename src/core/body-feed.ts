/**
 * The producer's side of a request body that comes in while its guest runs (sandbox/feed.ts): what whoever has the bytes talks to.
 *
 *   write … write, publish --> a part goes to the guest, or will as soon as the one before it is used up
 *   isFull --> stop reading --told: used up--> onRoom: read on
 *   end --> the guest sees the end behind what was written
 *   the request has ended, whichever way --> stop, onStop: nothing is written any more, the rest of the body is the caller's to drop
 *
 * At most `highWaterBytes` wait for the guest, unless the caller writes more than there is room for: `roomBytes` says how much that is.
 */
import type { Exchange } from '../sandbox/index.ts';

export interface BodyFeedOptions {
  readonly highWaterBytes: number;
  /** Of the body, where that is known already: LENGTH_UNKNOWN otherwise. */
  readonly lengthBytes: number;
  /** There is room again, where there was none. */
  readonly onRoom: () => void;
  /** The request has ended, or was refused: nobody reads the rest. */
  readonly onStop: () => void;
  /** The guest waits for the body, for the first time. */
  readonly onAsked?: (() => void) | undefined;
}

export class BodyFeed {
  readonly exchange: Exchange;
  readonly #options: BodyFeedOptions;
  readonly #stir: (worker: number) => void;
  /** Of all that was written, what came with the head included. */
  #bytes: number;
  /** Of the part that is out; 0 = none is, as far as we were told. */
  #outBytes = 0;
  #hasEnded = false;
  isStopped = false;

  /** Made by a Producer, before the request is submitted. `stir` tells a worker that some body has gone on. */
  constructor(exchange: Exchange, options: BodyFeedOptions, stir: (worker: number) => void) {
    this.exchange = exchange;
    this.#options = options;
    this.#stir = stir;
    this.#bytes = exchange.bodyBytesHere;
    exchange.feed.open(options.lengthBytes, options.onAsked !== undefined);
  }

  /** How much may be written now. */
  get roomBytes(): number {
    if (this.isStopped) return 0;
    const waiting = this.#outBytes + this.exchange.feed.filling.length;
    return Math.max(0, this.#options.highWaterBytes - waiting);
  }

  get isFull(): boolean {
    return this.roomBytes === 0;
  }

  /** Takes source[from … to); `publish` has to follow. False when there is no memory for it: then the request has to be given up. */
  write(source: Uint8Array, from: number, to: number): boolean {
    this.#bytes += to - from;
    return this.exchange.feed.filling.append(source, from, to);
  }

  /** What was written goes to the guest, if none is with it. */
  publish(): void {
    if (this.#outBytes > 0 || this.isStopped || this.#hasEnded) return;
    const { feed } = this.exchange;
    const { length } = feed.filling;
    if (length === 0) return;
    this.#outBytes = length;
    this.#wake(feed.seal());
  }

  /** The body is complete. */
  end(): void {
    if (this.isStopped || this.#hasEnded) return;
    this.#hasEnded = true;
    this.#wake(this.exchange.feed.end(this.#bytes));
  }

  // What its Producer tells

  /** The part that was out is used up. */
  told(): void {
    const wasFull = this.isFull;
    this.#outBytes = 0;
    this.publish();
    if (wasFull && !this.#hasEnded && !this.isFull) this.#options.onRoom();
  }

  asked(): void {
    this.#options.onAsked?.();
  }

  stop(): void {
    this.isStopped = true;
    if (!this.#hasEnded) this.#options.onStop();
  }

  #wake(worker: number): void {
    if (worker >= 0) this.#stir(worker);
  }
}
