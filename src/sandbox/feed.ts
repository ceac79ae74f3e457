/**
 * The body of a request that comes in while its guest runs already: it is handed over in parts, one at a time. The mirror image of parts.ts.
 *
 *   producer  fills body n -- seal --> fills body n+1 … (no seal while a part is out) … -- seal --> … -- end: the rest goes with it
 *   worker               part n: the guest reads it, its chunks go back -- drain -->   part n+1 …        the rest
 *
 *   byte  name     written by         read by    meaning (offsets in the slot; exchange.ts has the others)
 *    196  FED      producer           worker     1 = the body comes in parts. Plain: fixed before the request is submitted
 *    200  WAITING  worker, atomic     producer   number + 1 of the worker whose guest waits for more
 *    204  DRAINED  worker, atomic     all        parts given back
 *    256  SEALED   producer, atomic   all        parts handed over
 *    260  ENDED    producer, atomic   worker     1 = the body is complete: what is filled is handed over, too
 *    264  LENGTH   producer, atomic   worker     f64: bytes of the body, behind the head in the request payload included; -1 = nobody knows yet
 *    272  ASKED    see F6             see F6     1 = the producer wants to know when the guest waits for the first time
 *    288  EVEN     chain              see F1     body of the parts 0, 2, …: chunks alone, as below
 *    304  ODD      chain              see F1     body of the parts 1, 3, …
 *
 * One thread, the one that submitted the request, seals; the worker that runs it drains. What had come with the head lies behind it in the request payload, as
 * a whole body does, and is read first. A body that was complete before the request was submitted is no feed at all (FED = 0).
 * F1  0 <= SEALED - DRAINED <= 1. Body SEALED & 1 is the producer's, which fills it, up to ENDED. While SEALED - DRAINED = 1 the other one is the worker's, and otherwise it
 *     is empty and nobody's. With ENDED body SEALED & 1 becomes the worker's, too; SEALED stays as it is from there on.
 * F2  The worker looks at ENDED first, then at SEALED: so what it takes for the rest is not a part that was sealed in between.
 * F3  The producer stores SEALED, or ENDED (release), then looks at WAITING: if that names a worker, it stores the worker's STIR and wakes it in the lot (worker-control.ts).
 *     The worker stores WAITING, then looks at ENDED and SEALED again, and sleeps if there is nothing: one of the two sees the other (both are sequentially consistent).
 *     It clears STIR, then looks. So a guest that has something to read costs the producer one load a part.
 * F4  The worker gives the chunks back, stores DRAINED (release), then pushes the slot, marked, to the producer's completion ring, then rings its bell; not once it has seen ENDED. The
 *     producer seals only when it was told of the part before: so at most one such word of a slot is in that ring.
 * F5  A worker that dies between drain and push leaves a part of which the producer is never told. The supervisor's answer for the slot ends the feed all the same.
 * F6  ASKED is written before the request is submitted, and cleared by the worker, which pushes the slot with a mark of its own the first time that the guest waits: a client that
 *     sent `Expect: 100-continue` is told to go on only then. A slot has at most four values in its producer's ring: this one, that of F4, one of parts.ts and its completion.
 * F7  Behind DONE the worker touches nothing, and the producer fills and seals nothing: `free` gives back both bodies. A body that breaks (its client went away, or sent what is
 *     no body) has no mark here: its request is cancelled, so that no guest takes what it has for the whole.
 * Progress: wait-free on both sides; nothing blocks, and neither side waits for the other but by being told.
 */
import { type Arena, CHAIN_BYTES } from '../ring/index.ts';
import { Payload } from './payload.ts';

export const FED = 196;
const WAITING = 200;
const DRAINED = 204;
const SEALED = 256;
const ENDED = 260;
const LENGTH = 264;
const ASKED = 272;
const EVEN = 288;
const ODD = EVEN + CHAIN_BYTES;

/** There is nothing to read, and the body is not complete. */
export const NOTHING_YET = -1;
/** Nobody knows how long the body is. */
export const LENGTH_UNKNOWN = -1;

export class Feed {
  readonly #arena: Arena;
  readonly #fn: Arena['ring']['fn'];
  readonly #i32: Int32Array<SharedArrayBuffer>;
  readonly #slot: number;
  readonly #even: Payload;
  readonly #odd: Payload;
  /** The worker: of the part that it reads, what was read. */
  #readBytes = 0;

  /** `slot` is a byte address in the arena. */
  constructor(arena: Arena, slot: number) {
    this.#arena = arena;
    this.#fn = arena.ring.fn;
    this.#i32 = arena.ring.i32;
    this.#slot = slot;
    this.#even = new Payload(arena, slot + EVEN, slot, 0);
    this.#odd = new Payload(arena, slot + ODD, slot, 0);
  }

  // The producer's side

  /** Before the request is submitted. `asks`: it wants to be told when the guest waits for the first time. */
  open(lengthBytes: number, asks: boolean): void {
    const { fn } = this.#arena.ring;
    this.#i32[(this.#slot + FED) >> 2] = 1;
    fn.store32(this.#slot + WAITING, 0);
    fn.store32(this.#slot + DRAINED, 0);
    fn.store32(this.#slot + SEALED, 0);
    fn.store32(this.#slot + ENDED, 0);
    fn.storeF64(this.#slot + LENGTH, lengthBytes);
    fn.store32(this.#slot + ASKED, asks ? 1 : 0);
  }

  /** What is being filled; not behind `end`. */
  get filling(): Payload {
    return this.#body(this.#fn.load32(this.#slot + SEALED));
  }

  /** While no part is out, of which this thread was told: what was filled is the worker's. The number of a worker that has to be told, or -1 (F3). */
  seal(): number {
    this.#fn.store32(this.#slot + SEALED, this.#fn.load32(this.#slot + SEALED) + 1);
    return this.#waiter();
  }

  /** The body is complete, with what is filled. As `seal`. */
  end(lengthBytes: number): number {
    this.#fn.storeF64(this.#slot + LENGTH, lengthBytes);
    this.#fn.store32(this.#slot + ENDED, 1);
    return this.#waiter();
  }

  #waiter(): number {
    return this.#fn.load32(this.#slot + WAITING) - 1;
  }

  /** Behind DONE, or before the slot is submitted. */
  release(): void {
    this.#even.release();
    this.#odd.release();
  }

  // The worker's side

  /** With the request. */
  attach(): void {
    this.#readBytes = 0;
    this.#even.attach();
    this.#odd.attach();
  }

  /** Whether there is something to read, or the end. */
  get isReady(): boolean {
    return this.hasEnded || this.#hasPart();
  }

  get hasEnded(): boolean {
    return this.#fn.load32(this.#slot + ENDED) !== 0;
  }

  #hasPart(): boolean {
    return this.#fn.load32(this.#slot + SEALED) !== this.#fn.load32(this.#slot + DRAINED);
  }

  /** Of the whole body, or LENGTH_UNKNOWN. */
  get lengthBytes(): number {
    return this.#fn.loadF64(this.#slot + LENGTH);
  }

  /** What can be read at once. */
  get readyBytes(): number {
    const payload = this.#readable(this.hasEnded);
    return payload === undefined ? 0 : payload.length - this.#readBytes;
  }

  /**
   * Copies up to `count` bytes that come next to target[at …); how many there were: 0 at the end of the body, NOTHING_YET while there are none. What is read to its end has to be
   * given back: `isUsedUp`.
   */
  read(target: Uint8Array, at: number, count: number): number {
    const payload = this.#readable(this.hasEnded);
    if (payload === undefined) return NOTHING_YET;
    const read = payload.read(this.#readBytes, target, at, count);
    this.#readBytes += read;
    return read;
  }

  /** As `read`, but nobody wants them. */
  skip(count: number): number {
    const payload = this.#readable(this.hasEnded);
    if (payload === undefined) return NOTHING_YET;
    const skipped = Math.min(count, payload.length - this.#readBytes);
    this.#readBytes += skipped;
    return skipped;
  }

  /** F2: whether the body has ended was looked at before. */
  #readable(hasEnded: boolean): Payload | undefined {
    const sealed = this.#fn.load32(this.#slot + SEALED);
    if (sealed !== this.#fn.load32(this.#slot + DRAINED)) return this.#body(sealed - 1);
    return hasEnded ? this.#body(sealed) : undefined;
  }

  /** Whether all of the part that is out was read. */
  get isUsedUp(): boolean {
    if (!this.#hasPart()) return false;
    return this.#readBytes === this.#body(this.#fn.load32(this.#slot + SEALED) - 1).length;
  }

  /** While a part is out: gives it back. True when the producer has to be told (F4). */
  drain(): boolean {
    const drained = this.#fn.load32(this.#slot + DRAINED);
    this.#body(drained).release();
    this.#readBytes = 0;
    this.#fn.store32(this.#slot + DRAINED, drained + 1);
    return !this.hasEnded;
  }

  /** The guest waits: whoever seals or ends tells this worker. Look at `isReady` behind it (F3). */
  awaitBy(worker: number): void {
    this.#fn.store32(this.#slot + WAITING, worker + 1);
  }

  awaitNoMore(): void {
    this.#fn.store32(this.#slot + WAITING, 0);
  }

  /** True once, if the producer wants to know that the guest waits (F6). */
  takeAsked(): boolean {
    if (this.#fn.load32(this.#slot + ASKED) === 0) return false;
    this.#fn.store32(this.#slot + ASKED, 0);
    return true;
  }

  #body(part: number): Payload {
    return (part & 1) === 0 ? this.#even : this.#odd;
  }
}
