/**
 * A response that goes out while its guest still runs: it is handed over in parts, one at a time.
 *
 *   worker    fills body n -- seal --> fills body n+1 … (no seal while a part is out) … -- seal --> …
 *   consumer             part n: writes it out, gives its chunks back -- drain -->    part n+1 …
 *
 *   byte  name     written by         read by   meaning (offsets in the slot; exchange.ts has the others)
 *     60  STREAMS  producer           worker    1 = whoever submitted it takes parts
 *    104  SEALED   worker, atomic     all       parts handed over
 *    108  BYTES    worker             worker    bytes of the last of them
 *    160  EVEN     chain              see S1    body of the parts 0, 2, …: the only one of a response that is not streamed
 *    176  ODD      chain              see S1    body of the parts 1, 3, …: chunks alone
 *    192  DRAINED  consumer, atomic   all       parts given back
 *
 * One worker seals, one consumer (the thread that submitted the request) drains. Both cells are 0 when the slot is opened.
 * S1  0 <= SEALED - DRAINED <= 1. Body SEALED & 1 is the worker's, which fills it. While SEALED - DRAINED = 1 the other one is the consumer's, and
 *     otherwise it is empty and nobody's. So a chain has one holder at a time, as everywhere (chain.wat), and each side moves one cell.
 * S2  From the first seal on status, headers and TYPED are the consumer's, too: they stay as they are.
 * S3  The worker seals (release), then pushes the slot, marked, to the producer's completion ring, then rings its bell. Until the slot's completion the consumer
 *     drains only what it was told of: so a part is popped before the next one can be sealed, a slot has at most two values in that ring, which has
 *     room for them, and nobody is told of a part that is drained already.
 * S4  A worker that dies between seal and push leaves a part that nobody was told of. The supervisor's answer for the slot comes behind it: at a completion
 *     the consumer looks at the cells, not at what it was told. The part comes first, then body SEALED & 1: the last part, or the message of a failure.
 * S5  The consumer gives the chunks back, stores DRAINED (release), stores STIR of the worker (worker-control.ts) and wakes it in the lot, in this
 *     order; the worker clears STIR, then looks at DRAINED. A worker that sleeps has looked at STIR behind its bit in the lot (lot.wat, P1).
 * S6  Behind DONE the worker touches nothing: `free` gives back both bodies.
 * Progress: wait-free on both sides; nothing blocks, and neither side waits for the other but by being told.
 * Rejected: one chain that the worker lengthens while the consumer shortens it: both would write FIRST and LAST when it runs empty, and a thread that is
 * killed in between would leave it to nobody (ring.wat, T). Two chains cost 16 bytes a slot and no instruction where nothing is streamed.
 */
import { type Arena, CHAIN_BYTES } from '../ring/index.ts';
import { Payload } from './payload.ts';

const STREAMS = 60;
const SEALED = 104;
const BYTES = 108;
const EVEN = 160;
const ODD = EVEN + CHAIN_BYTES;
const DRAINED = 192;

export class Parts {
  readonly #arena: Arena;
  readonly #i32: Int32Array<SharedArrayBuffer>;
  readonly #slot: number;
  readonly #even: Payload;
  readonly #odd: Payload;
  /** What is being filled, or the last part of a response that is complete. */
  filling: Payload;

  /** `slot` and `inline` are byte addresses in the arena. */
  constructor(arena: Arena, slot: number, inline: number, inlineBytes: number) {
    this.#arena = arena;
    this.#i32 = arena.ring.i32;
    this.#slot = slot;
    this.#even = new Payload(arena, slot + EVEN, inline, inlineBytes);
    this.#odd = new Payload(arena, slot + ODD, inline + inlineBytes, 0);
    this.filling = this.#even;
  }

  /** The producer, with a slot that nobody else has. */
  open(): void {
    this.#i32[(this.#slot + STREAMS) >> 2] = 0;
    const { fn } = this.#arena.ring;
    // A look costs 6 ns, an atomic store 18; most responses go out whole.
    if (this.#sealed() !== 0) fn.store32(this.#slot + SEALED, 0);
    if (fn.load32(this.#slot + DRAINED) !== 0) fn.store32(this.#slot + DRAINED, 0);
    this.#even.attach();
    this.filling = this.#even;
  }

  /** A thread that was handed the slot, or was told of a part. */
  attach(): void {
    const sealed = this.#sealed();
    this.filling = (sealed & 1) === 0 ? this.#even : this.#odd;
    this.filling.attach();
    if (sealed !== 0) this.#other().attach();
  }

  /** Behind DONE, or before the slot is submitted. */
  release(): void {
    this.#even.release();
    if (this.#sealed() !== 0) this.#odd.release();
  }

  /** Whether whoever submitted the request takes parts; set before it is submitted. */
  get taken(): boolean {
    return this.#i32[(this.#slot + STREAMS) >> 2] !== 0;
  }

  set taken(taken: boolean) {
    this.#i32[(this.#slot + STREAMS) >> 2] = taken ? 1 : 0;
  }

  /** Whether a part was handed over at any time: the head is fixed then. */
  get hasBegun(): boolean {
    return this.#sealed() !== 0;
  }

  /** Whether a part is out: sealed and not drained. */
  get isOut(): boolean {
    return this.#sealed() !== this.#arena.ring.fn.load32(this.#slot + DRAINED);
  }

  /** The worker: bytes that were written and have not been drained. */
  get waitingBytes(): number {
    const out = this.isOut ? (this.#i32[(this.#slot + BYTES) >> 2] as number) : 0;
    return out + this.filling.length;
  }

  /** The worker, while no part is out: what was filled is the consumer's. It has to be told (S3). */
  seal(): void {
    const sealed = this.#sealed();
    this.#i32[(this.#slot + BYTES) >> 2] = this.filling.length;
    this.filling = (sealed & 1) === 0 ? this.#odd : this.#even;
    this.filling.attach();
    this.#arena.ring.fn.store32(this.#slot + SEALED, sealed + 1);
  }

  /** The consumer, while a part is out. */
  get part(): Payload {
    return this.#other();
  }

  /** The consumer, while a part is out: gives it back. The worker has to be told (S5). */
  drain(): void {
    this.#other().release();
    const { fn } = this.#arena.ring;
    fn.store32(this.#slot + DRAINED, fn.load32(this.#slot + DRAINED) + 1);
  }

  /** A method, like the next: private getters are calls of the engine's runtime even in optimized code (12 ns against 3). */
  #sealed(): number {
    return this.#arena.ring.fn.load32(this.#slot + SEALED);
  }

  /** The body that is not being filled. */
  #other(): Payload {
    return (this.#sealed() & 1) === 0 ? this.#odd : this.#even;
  }
}
