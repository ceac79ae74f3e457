/**
 * One request and its response, in a slot of the arena. Producers (listeners, `invoke`) write the request, a worker reads it and
 * writes the response, the producer reads that and frees the slot.
 *
 *   byte  name          written by              meaning
 *      0  STATE         see below, atomic       who holds the slot
 *      4  CANCEL        producer, atomic        1 = nobody wants the answer any more
 *      8  PRODUCER      producer                whose completion ring gets it
 *     12  FUNCTION      producer                id in the worker's table
 *     16  METHOD_BYTES  producer                \
 *     20  TARGET_BYTES  producer                 | the request's head is method | target | headers | peer, one behind the
 *     24  PATH_BYTES    producer                 | other at the start of the request payload; the path is the target up to '?';
 *     28  HEADERS_BYTES producer                 | headers are `Name: value CRLF` lines as they were received
 *     32  PEER_BYTES    producer                /  (+ SECURE: it came over TLS)
 *     36  STATUS        worker                  HTTP status
 *     40  OUTCOME       worker                  OUTCOME; the response body is a message when it is not OK
 *     44  TYPED         worker                  1 = the response headers hold a Content-Type; 0 = the route's is to be added
 *     48  WORKER        worker                  who ran it
 *     52  DEPTH         producer                calls above it: 0 = a client's own request
 *     56  CALLER        producer                slot + 1 of the request whose guest waits for this one; 0 = none
 *     64  ARRIVAL_NS    producer, f64           monotonic clock
 *     72  DEADLINE_NS   producer, f64           absolute; Infinity = none
 *     80  START_NS      worker, f64             when a worker took it
 *     88  END_NS        worker, f64             when the guest had ended
 *     96  RUN_NS        worker, f64             time in which the guest held the worker
 *    112  ESTIMATE_NS   producer, f64           RUN_NS as it was predicted at submission (core/estimate.ts); 0 = nothing is known
 *    120  PARAMETER     producer, f64           what the prediction's model took from the head; NaN = nothing
 *    128  REQUEST       chain (16 bytes)        head and body
 *    144  HEADERS       chain                   response headers, `Name: value CRLF` lines
 *    160  BODY          two chains              response body
 *     60, 104, 108, 192 parts.ts                a response that goes out before it is complete
 *    196 … 207, 256 … 319 feed.ts               a request body that comes in while its guest runs
 *    208  RUNNABLE_NS   worker, f64             in which it had a sandbox and waited for the worker, new or woken
 *    216  PREEMPTED_NS  worker, f64             in which it lay suspended at a poll
 *    224  ASLEEP_NS     worker, f64             in which it lay suspended in a host call
 *    232  CHARGED       producer                what it is admitted for, in millionths of a worker (core/admission.ts)
 *    236  CHARGED_TO    producer                the tenant's number
 *    240  CALLED_NS     worker, f64             RUN_NS of all functions that it called, and that those called
 *    248  RETRY_MS      producer                when it was not admitted: after how long it may be worth another try
 *    252  EXIT_CODE     worker                  what the guest ended with; where it ran to its end, or OUTCOME is EXIT
 *    384  inline parts: request | response headers | HEAD_ROOM | response body
 *
 * STATE: FREE -> FILLING (producer took it) -> QUEUED (pushed) -> CLAIMED + worker (stolen; stored by dequeStealMark right behind
 * the steal) -> DONE (completionFinish) -> FREE. Where the global queue is sorted, QUEUED -> MOVING + worker -> CLAIMED (core/scheduling/global-queue.ts). E1: only the holder touches the plain fields; each hand-over is an atomic step of the
 * ring layer. E2: CLAIMED -> DONE happens once, by CAS: the worker's own completion and the supervisor's answer for a
 * dead worker cannot both be sent.
 * E3: a request that waits (QUEUED or MOVING) is its producer's again when that sets WITHDRAWN in its state, by CAS: it answers it itself. The
 * index stays where it is in the queue, so the slot is free when both are through with it (ring.wat, M): STATE | WITHDRAWN -> DONE where
 * the index comes out first, and then `free` as ever; -> STATE | STALE where the producer frees it first: then -> RETURNED + worker -> FREE by whoever takes the index out.
 * A worker that calls another function is a producer that may be killed: while it fills the slot, and holds its answer, STATE is OWNED + its
 * number, and RETURNING + its number while the slot goes back; both are stored in one breath with what they tell of (ring.wat, T).
 * HEAD_ROOM lets a listener write the response's head right before the inline body, so that one write sends both.
 */
import { type Arena, CHAIN_BYTES, PADDING_BYTES } from '../ring/index.ts';
import { FED, Feed } from './feed.ts';
import { OUTCOME, type Outcome } from './outcome.ts';
import { Parts } from './parts.ts';
import { Payload } from './payload.ts';

export const SLOT_STATE = {
  FREE: 0,
  FILLING: 1,
  QUEUED: 2,
  DONE: 3,
  /** Plus the number of the worker. */
  CLAIMED: 0x100,
  /** Plus the number of the producer, where that is a worker. */
  OWNED: 0x200,
  RETURNING: 0x300,
  /** Plus the number of the worker: in a heap of the global queue, or on its way there. */
  MOVING: 0x400,
  /** Plus the number of the worker that took a STALE one's index out, and gives the slot back. */
  RETURNED: 0x500,
} as const;

/** Beside QUEUED or MOVING (ring.wat, M). */
export const WITHDRAWN = 0x1000;
export const STALE = 0x2000;

/** What `Exchange.claim` found. */
export const CLAIM = {
  TAKEN: 0,
  /** Its producer has it again, and frees it. */
  WITHDRAWN: 1,
  /** It is nobody's: to be given back. */
  STALE: 2,
} as const;

/** A state without what its producer has to say, who may have taken it back. */
export function placeOf(state: number): number {
  return state & ~(WITHDRAWN | STALE);
}

function waits(state: number): boolean {
  return state === SLOT_STATE.QUEUED || (state >= SLOT_STATE.MOVING && state < SLOT_STATE.RETURNED);
}

const CANCEL = 4;
const PRODUCER = 8;
const FUNCTION = 12;
const METHOD_BYTES = 16;
const TARGET_BYTES = 20;
const PATH_BYTES = 24;
const HEADERS_BYTES = 28;
const PEER_BYTES = 32;
const STATUS = 36;
const OUTCOME_CELL = 40;
const TYPED = 44;
const WORKER = 48;
const DEPTH = 52;
const CALLER = 56;
const ARRIVAL_NS = 64;
const DEADLINE_NS = 72;
const START_NS = 80;
const END_NS = 88;
const RUN_NS = 96;
const ESTIMATE_NS = 112;
const PARAMETER = 120;
const RUNNABLE_NS = 208;
const PREEMPTED_NS = 216;
const ASLEEP_NS = 224;
const CHARGED = 232;
const CHARGED_TO = 236;
const CALLED_NS = 240;
/** Above the length of any address. */
const SECURE = 0x10000;
const RETRY_MS = 248;
const EXIT_CODE = 252;
const REQUEST = 128;
const RESPONSE_HEADERS = REQUEST + CHAIN_BYTES;
const META_BYTES = 3 * PADDING_BYTES;

/** Room for a response's head in front of the inline body. */
export const HEAD_ROOM_BYTES = 384;
const HEADERS_INLINE_BYTES = 384;
/** What a slot takes at least: META, HEADERS, HEAD_ROOM and a little of each payload. */
export const SLOT_BYTES_MIN = 2048;
/** The default: requests of up to 1.4 KB and answers of up to 1.5 KB stay inside, and a slot is one OS page. */
export const SLOT_BYTES = 4096;

export class Exchange {
  readonly slot: number;
  readonly address: number;
  readonly request: Payload;
  readonly headers: Payload;
  readonly parts: Parts;
  readonly #arena: Arena;
  readonly #i32: Int32Array<SharedArrayBuffer>;
  readonly #f64: Float64Array<SharedArrayBuffer>;
  readonly #cell: number;
  readonly #wide: number;
  #feed: Feed | undefined = undefined;

  constructor(arena: Arena, slot: number) {
    const address = arena.slotAddress(slot);
    const { slotBytes } = arena.constraints;
    const rest = slotBytes - META_BYTES - HEADERS_INLINE_BYTES - HEAD_ROOM_BYTES;
    const requestBytes = (rest >> 1) & ~7;
    this.slot = slot;
    this.address = address;
    this.#arena = arena;
    this.#i32 = arena.ring.i32;
    this.#f64 = arena.ring.f64;
    this.#cell = address >> 2;
    this.#wide = address >> 3;
    let at = address + META_BYTES;
    this.request = new Payload(arena, address + REQUEST, at, requestBytes);
    at += requestBytes;
    this.headers = new Payload(arena, address + RESPONSE_HEADERS, at, HEADERS_INLINE_BYTES);
    at += HEADERS_INLINE_BYTES + HEAD_ROOM_BYTES;
    this.parts = new Parts(arena, address, at, rest - requestBytes);
  }

  /** For bodies of all requests that do not fit into their slots. */
  get bodyMemoryBytes(): number {
    const { chunks, chunkBytes } = this.#arena.constraints;
    return chunks * chunkBytes;
  }

  /** The response's; of one that goes out in parts, the part that is being filled. */
  get body(): Payload {
    return this.parts.filling;
  }

  /** Where `isFed`. Made when it is first needed: most slots never have one. */
  get feed(): Feed {
    this.#feed ??= new Feed(this.#arena, this.address);
    return this.#feed;
  }

  /** Whether the body comes in parts, and may not be complete. */
  get isFed(): boolean {
    return this.#i32[this.#cell + (FED >> 2)] !== 0;
  }

  // The producer's side

  /** First step with a slot from the free list. Times are in nanoseconds of the monotonic clock. */
  open(
    producer: number,
    fn: number,
    arrivalNs: number,
    deadlineNs: number,
    state: number = SLOT_STATE.FILLING,
    caller?: Exchange,
  ): void {
    const i = this.#cell;
    // Before the state (core/lost-seat.ts).
    this.#i32[i + (PRODUCER >> 2)] = producer;
    this.#arena.ring.fn.store32(this.address, state);
    // A look costs 6 ns, an atomic store 18; it is set in few.
    if (this.isCancelled) this.#arena.ring.fn.store32(this.address + CANCEL, 0);
    this.#i32[i + (FUNCTION >> 2)] = fn;
    this.#i32[i + (STATUS >> 2)] = 200;
    this.#i32[i + (OUTCOME_CELL >> 2)] = OUTCOME.OK;
    this.#i32[i + (TYPED >> 2)] = 0;
    this.#i32[i + (DEPTH >> 2)] = caller === undefined ? 0 : caller.depth + 1;
    this.#i32[i + (CALLER >> 2)] = caller === undefined ? 0 : caller.slot + 1;
    const w = this.#wide;
    this.#f64[w + (ARRIVAL_NS >> 3)] = arrivalNs;
    this.#f64[w + (DEADLINE_NS >> 3)] = deadlineNs;
    this.#f64[w + (START_NS >> 3)] = 0;
    this.#f64[w + (END_NS >> 3)] = 0;
    this.#f64[w + (RUN_NS >> 3)] = 0;
    this.predicted(0, Number.NaN);
    this.calledNs = 0;
    this.#i32[i + (FED >> 2)] = 0;
    this.suspended(0, 0, 0);
    this.request.attach();
    this.headers.attach();
    this.parts.open();
  }

  /** Lengths of the head's parts, which must be the first bytes of the request payload. */
  setHead(method: number, target: number, path: number, headers: number, peer: number): void {
    const i = this.#cell;
    this.#i32[i + (METHOD_BYTES >> 2)] = method;
    this.#i32[i + (TARGET_BYTES >> 2)] = target;
    this.#i32[i + (PATH_BYTES >> 2)] = path;
    this.#i32[i + (HEADERS_BYTES >> 2)] = headers;
    this.#i32[i + (PEER_BYTES >> 2)] = peer;
  }

  /** It came over TLS. To be set behind `setHead`. */
  set isSecure(isSecure: boolean) {
    const i = this.#cell + (PEER_BYTES >> 2);
    this.#i32[i] = this.peerBytes + (isSecure ? SECURE : 0);
  }

  get isSecure(): boolean {
    return (this.#i32[this.#cell + (PEER_BYTES >> 2)] as number) >= SECURE;
  }

  /** Before it is submitted: how long it will run, and from which parameter that was told. */
  predicted(estimateNs: number, parameter: number): void {
    this.#f64[this.#wide + (ESTIMATE_NS >> 3)] = estimateNs;
    this.#f64[this.#wide + (PARAMETER >> 3)] = parameter;
  }

  /** Where there is admission control, before it is submitted, and when it is back. */
  charge(utilization: number, tenant: number): void {
    this.#i32[this.#cell + (CHARGED >> 2)] = utilization;
    this.#i32[this.#cell + (CHARGED_TO >> 2)] = tenant;
  }

  get charged(): number {
    return this.#i32[this.#cell + (CHARGED >> 2)] as number;
  }

  get chargedTenant(): number {
    return this.#i32[this.#cell + (CHARGED_TO >> 2)] as number;
  }

  /** Of a request that was not admitted. */
  get retryAfterMs(): number {
    return this.#i32[this.#cell + (RETRY_MS >> 2)] as number;
  }

  set retryAfterMs(ms: number) {
    this.#i32[this.#cell + (RETRY_MS >> 2)] = ms;
  }

  /** Any thread: whoever runs it will stop at its next poll. */
  cancel(): void {
    this.#arena.ring.fn.store32(this.address + CANCEL, 1);
  }

  get isCancelled(): boolean {
    return this.#arena.ring.fn.load32(this.address + CANCEL) !== 0;
  }

  /** Takes it back from the queue in which it waits (E3): it is to be answered like one that has come back. False: a worker has it, or has had it. */
  withdraw(): boolean {
    const { fn } = this.#arena.ring;
    for (;;) {
      const { state } = this;
      if (!waits(state)) return false;
      if (fn.cas32(this.address, state, state | WITHDRAWN) === state) return true;
    }
  }

  /** Gives chunks and slot back. The holder must not touch the exchange behind this. */
  free(): void {
    this.request.release();
    this.headers.release();
    this.parts.release();
    if (this.isFed) this.feed.release();
    const { fn } = this.#arena.ring;
    const state = fn.cas32(this.address, SLOT_STATE.DONE, SLOT_STATE.FREE);
    if (state !== SLOT_STATE.DONE) {
      const isInQueue = (state & WITHDRAWN) !== 0;
      if (isInQueue && fn.cas32(this.address, state, placeOf(state) | STALE) === state) return;
      fn.store32(this.address, SLOT_STATE.FREE);
    }
    this.#arena.slotList.push(this.slot);
  }

  /** `free` for a slot that is OWNED by `producer`, whose thread may be killed at any time, or is dead. */
  freeOwned(producer: number): void {
    const mark = SLOT_STATE.RETURNING + producer;
    if (this.state !== mark) {
      this.request.release();
      this.headers.release();
      this.parts.release();
      this.state = mark;
    }
    this.#arena.slotList.pushMark(this.slot, this.address, mark);
  }

  // The worker's side

  /** First step of a thread that was handed the slot, or a part. */
  attach(): void {
    this.request.attach();
    this.headers.attach();
    this.parts.attach();
  }

  get state(): number {
    return this.#arena.ring.fn.load32(this.address);
  }

  set state(state: number) {
    this.#arena.ring.fn.store32(this.address, state);
  }

  /** Whoever has taken its index out of the queue, and marks it; what dequeStealMark does in one breath. */
  claim(mark: number): (typeof CLAIM)[keyof typeof CLAIM] {
    const { fn } = this.#arena.ring;
    for (;;) {
      const { state } = this;
      if ((state & STALE) !== 0) return CLAIM.STALE;
      const isWithdrawn = (state & WITHDRAWN) !== 0;
      if (fn.cas32(this.address, state, isWithdrawn ? SLOT_STATE.DONE : mark) !== state) continue;
      return isWithdrawn ? CLAIM.WITHDRAWN : CLAIM.TAKEN;
    }
  }

  /** Gives a slot back that was STALE, its index being out of the queue: by a thread that is not killed. */
  discard(): void {
    this.state = SLOT_STATE.FREE;
    this.#arena.slotList.push(this.slot);
  }

  /** The same with a RETURNED slot, by the worker that marked it so, or, where that is dead, by the supervisor. */
  giveBack(mark: number): void {
    this.#arena.slotList.pushMark(this.slot, this.address, mark);
  }

  get producer(): number {
    return this.#i32[this.#cell + (PRODUCER >> 2)] as number;
  }

  get fn(): number {
    return this.#i32[this.#cell + (FUNCTION >> 2)] as number;
  }

  get depth(): number {
    return this.#i32[this.#cell + (DEPTH >> 2)] as number;
  }

  get callerSlot(): number {
    return (this.#i32[this.#cell + (CALLER >> 2)] as number) - 1;
  }

  get methodBytes(): number {
    return this.#i32[this.#cell + (METHOD_BYTES >> 2)] as number;
  }

  get targetBytes(): number {
    return this.#i32[this.#cell + (TARGET_BYTES >> 2)] as number;
  }

  get pathBytes(): number {
    return this.#i32[this.#cell + (PATH_BYTES >> 2)] as number;
  }

  get headersBytes(): number {
    return this.#i32[this.#cell + (HEADERS_BYTES >> 2)] as number;
  }

  get peerBytes(): number {
    return (this.#i32[this.#cell + (PEER_BYTES >> 2)] as number) & (SECURE - 1);
  }

  /** Where the request's body starts in the request payload. */
  get bodyOffset(): number {
    return this.methodBytes + this.targetBytes + this.headersBytes + this.peerBytes;
  }

  /** Of the body; of one that comes in parts what is known of its length: 0 where that is nothing. */
  get bodyBytes(): number {
    return this.isFed ? Math.max(0, this.feed.lengthBytes) : this.bodyBytesHere;
  }

  /** Of the body, what came with the head: all of it, unless it comes in parts. */
  get bodyBytesHere(): number {
    return this.request.length - this.bodyOffset;
  }

  method(): string {
    return this.request.latin1(0, this.methodBytes);
  }

  path(): string {
    return this.request.latin1(this.methodBytes, this.pathBytes);
  }

  /** Without the '?'; empty when there is none. */
  query(): string {
    const from = this.pathBytes + 1;
    if (from >= this.targetBytes) return '';
    return this.request.latin1(this.methodBytes + from, this.targetBytes - from);
  }

  /** The header lines as they were received. */
  headerLines(): string {
    return this.request.latin1(this.methodBytes + this.targetBytes, this.headersBytes);
  }

  peer(): string {
    const from = this.methodBytes + this.targetBytes + this.headersBytes;
    return this.request.latin1(from, this.peerBytes);
  }

  get status(): number {
    return this.#i32[this.#cell + (STATUS >> 2)] as number;
  }

  set status(status: number) {
    this.#i32[this.#cell + (STATUS >> 2)] = status;
  }

  get exitCode(): number {
    return (this.#i32[this.#cell + (EXIT_CODE >> 2)] as number) >>> 0;
  }

  set exitCode(code: number) {
    this.#i32[this.#cell + (EXIT_CODE >> 2)] = code;
  }

  get outcome(): Outcome {
    return this.#i32[this.#cell + (OUTCOME_CELL >> 2)] as Outcome;
  }

  get isTyped(): boolean {
    return this.#i32[this.#cell + (TYPED >> 2)] !== 0;
  }

  set isTyped(typed: boolean) {
    this.#i32[this.#cell + (TYPED >> 2)] = typed ? 1 : 0;
  }

  get worker(): number {
    return this.#i32[this.#cell + (WORKER >> 2)] as number;
  }

  /** Who runs it, and from when. */
  started(worker: number, startNs: number): void {
    this.#i32[this.#cell + (WORKER >> 2)] = worker;
    this.#f64[this.#wide + (START_NS >> 3)] = startNs;
  }

  ended(endNs: number, runNs: number): void {
    this.#f64[this.#wide + (END_NS >> 3)] = endNs;
    this.#f64[this.#wide + (RUN_NS >> 3)] = runNs;
  }

  /** What the functions that it called took of the workers; behind `ended`. */
  get calledNs(): number {
    return this.#f64[this.#wide + (CALLED_NS >> 3)] as number;
  }

  set calledNs(ns: number) {
    this.#f64[this.#wide + (CALLED_NS >> 3)] = ns;
  }

  /** How long it had a sandbox and did not run, by state: START + RUNNABLE + PREEMPTED + ASLEEP + RUN = END. */
  suspended(runnableNs: number, preemptedNs: number, asleepNs: number): void {
    this.#f64[this.#wide + (RUNNABLE_NS >> 3)] = runnableNs;
    this.#f64[this.#wide + (PREEMPTED_NS >> 3)] = preemptedNs;
    this.#f64[this.#wide + (ASLEEP_NS >> 3)] = asleepNs;
  }

  /** Replaces whatever the guest answered, and has not gone out yet, by an outcome and a message for whoever asked. */
  fail(outcome: Outcome, message: string): void {
    if (!this.parts.hasBegun) this.headers.release();
    this.body.release();
    const text = Buffer.from(message.slice(0, 400), 'utf8');
    this.body.append(text, 0, text.length);
    this.#i32[this.#cell + (OUTCOME_CELL >> 2)] = outcome;
  }

  get arrivalNs(): number {
    return this.#f64[this.#wide + (ARRIVAL_NS >> 3)] as number;
  }

  get deadlineNs(): number {
    return this.#f64[this.#wide + (DEADLINE_NS >> 3)] as number;
  }

  get startNs(): number {
    return this.#f64[this.#wide + (START_NS >> 3)] as number;
  }

  get endNs(): number {
    return this.#f64[this.#wide + (END_NS >> 3)] as number;
  }

  get runNs(): number {
    return this.#f64[this.#wide + (RUN_NS >> 3)] as number;
  }

  get estimateNs(): number {
    return this.#f64[this.#wide + (ESTIMATE_NS >> 3)] as number;
  }

  get parameter(): number {
    return this.#f64[this.#wide + (PARAMETER >> 3)] as number;
  }

  get runnableNs(): number {
    return this.#f64[this.#wide + (RUNNABLE_NS >> 3)] as number;
  }

  get preemptedNs(): number {
    return this.#f64[this.#wide + (PREEMPTED_NS >> 3)] as number;
  }

  get asleepNs(): number {
    return this.#f64[this.#wide + (ASLEEP_NS >> 3)] as number;
  }
}

/** One Exchange object per slot and thread, made when it is first needed: nothing is allocated per request. */
export class ExchangeTable {
  readonly #arena: Arena;
  readonly #exchanges: (Exchange | undefined)[];

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#exchanges = new Array<Exchange | undefined>(arena.constraints.slots).fill(undefined);
  }

  at(slot: number): Exchange {
    let exchange = this.#exchanges[slot];
    if (exchange === undefined) {
      exchange = new Exchange(this.#arena, slot);
      this.#exchanges[slot] = exchange;
    }
    return exchange;
  }

  /**
   * Whether nobody wants the answer any more: it, or one that waits for it, was cancelled. The latter's worker may be busy with this very
   * guest. When a caller ends, its callee is cancelled itself: so a caller's slot that has been reused misleads nobody.
   */
  isCancelled(exchange: Exchange): boolean {
    let at = exchange;
    // Counted, as slots that are being reused might lead in a circle.
    for (let left = exchange.depth; left >= 0; left--) {
      if (at.isCancelled) return true;
      if (at.callerSlot < 0) return false;
      at = this.at(at.callerSlot);
    }
    return false;
  }
}
