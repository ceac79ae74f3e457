/**
 * A thread that submits requests and gets them back: a listener, or the embedder's own through `invoke`. It owns a deque (workers
 * steal from it), a completion ring (workers push to it) and a bell (they wake it). Of the responses that it takes in parts it is the consumer (parts.ts).
 *
 * A request that waits is answered when its time there is up, or nobody wants it any more, though all workers may be busy: the producer takes it back
 * (exchange.ts, E3) and completes it itself. The slot comes back with its index: from whoever takes that out of the queue, or, when there is no other slot
 * left, by #compact. Requests of guests, whose producer is a worker, wait for one: the worker that could resume the caller takes the callee first.
 */
import { type Arena, type Bell, type CompletionRing, type Deque, EMPTY } from '../ring/index.ts';
import {
  CLAIM,
  type Exchange,
  ExchangeTable,
  type FunctionSpec,
  monotonicNs,
  OUTCOME,
  SLOT_STATE,
} from '../sandbox/index.ts';
import { Admission } from './admission.ts';
import { BodyFeed, type BodyFeedOptions } from './body-feed.ts';
import { askedMark, drainedMark, partMark } from './delivery.ts';
import { Estimates } from './estimates.ts';
import type { SubmittedCells } from './messages.ts';
import { CANCELLED_IN_QUEUE, type QueueEnd, queueEnd } from './queue-end.ts';
import { QueueWatch } from './queue-watch.ts';
import { TickerCells } from './ticker-cells.ts';
import { WorkerControl } from './worker-control.ts';

/** A wake-up is put off until this many requests wait for it, or the event loop has handled all sockets that were ready. */
const WAKE_BATCH = 16;

export interface ProducerPlace {
  readonly arena: Arena;
  readonly index: number;
  /** The runtime's AdmissionCells; undefined: everything is admitted. */
  readonly admission: SharedArrayBuffer | undefined;
  /** How long it polls for the answer of a single short request before it sleeps. */
  readonly spinNs: number;
}

export class Producer {
  readonly index: number;
  readonly #arena: Arena;
  readonly #deque: Deque;
  readonly #completions: CompletionRing;
  readonly #bell: Bell;
  readonly #exchanges: ExchangeTable;
  readonly #estimates: Estimates = new Estimates();
  readonly #watch: QueueWatch;
  /** By function. */
  readonly #queueTimeoutNs: number[] = [];
  readonly #admission: Admission | undefined;
  readonly #onComplete: (exchange: Exchange) => void;
  readonly #onPart: ((exchange: Exchange) => void) | undefined;
  readonly #partMark: number;
  readonly #drainedMark: number;
  readonly #askedMark: number;
  /** By slot; those of whole bodies have none. */
  readonly #feeds = new Map<number, BodyFeed>();
  readonly #workers: readonly WorkerControl[];
  readonly #onRing: () => void;
  readonly #onTurn: () => void;
  #isArmed = false;
  /** Requests pushed and not announced. */
  #unannounced = 0;
  #turnPending = false;
  /** Requests taken back since the deque was last looked through for their indices. */
  #withdrawn = 0;
  /** With more of them their slots are looked for before there are none: other producers want some, too. A look at the whole deque is one in so many then. */
  readonly #withdrawnMax: number;
  readonly #counters: TickerCells;
  readonly #spinNs: number;
  /** 0: not at all. */
  #pollUntilNs = 0;
  /** Requests submitted and not back yet. */
  inFlight = 0;

  /**
   * `onComplete` gets each exchange once, on this thread; it must call `free` on it when it is done with it. `onPart` gets one that was submitted with
   * `parts.taken`, each time that it has a part; `drained` is to be called when that is used. The last parts may come with the completion alone.
   */
  constructor(
    { arena, index, admission, spinNs }: ProducerPlace,
    onComplete: (exchange: Exchange) => void,
    onPart?: (exchange: Exchange) => void,
  ) {
    this.index = index;
    this.#spinNs = spinNs;
    this.#admission = admission && new Admission(admission, index);
    this.#arena = arena;
    this.#deque = arena.deque(index);
    this.#completions = arena.completions(index);
    this.#bell = arena.bell(index);
    this.#exchanges = new ExchangeTable(arena);
    this.#withdrawnMax = arena.constraints.slots >> 3;
    this.#watch = new QueueWatch(arena.constraints.slots, (slot, now) => this.#late(slot, now));
    this.#counters = new TickerCells(arena);
    this.#onComplete = onComplete;
    this.#onPart = onPart;
    this.#partMark = partMark(arena);
    this.#drainedMark = drainedMark(arena);
    this.#askedMark = askedMark(arena);
    this.#workers = Array.from(
      { length: arena.constraints.workers },
      (_, w) => new WorkerControl(arena, w),
    );
    this.#onTurn = () => {
      this.#turnPending = false;
      this.#announce();
      if (this.#polls()) this.#nextTurn();
      else this.drain();
    };
    this.#onRing = () => {
      this.#isArmed = false;
      this.drain();
    };
  }

  /** A function whose requests it submits; others may not be submitted. */
  add(spec: FunctionSpec, { estimate, admission }: SubmittedCells): void {
    this.#estimates.add(spec, estimate);
    this.#queueTimeoutNs[spec.id] = spec.queueTimeoutNs;
    if (admission !== undefined) this.#admission?.add(spec.id, spec.tenantId, admission);
  }

  /** Its requests may be under way. */
  remove(id: number): void {
    this.#estimates.remove(id);
  }

  /** A free slot, opened for `fn`; undefined when all are taken. It must be submitted or freed. */
  acquire(fn: number, arrivalNs: number, deadlineNs: number): Exchange | undefined {
    if (this.#withdrawn > this.#withdrawnMax) this.#compact();
    let slot = this.#arena.slotList.pop();
    if (slot === EMPTY) {
      if (this.#withdrawn > 0) this.#compact();
      slot = this.#arena.slotList.pop();
      if (slot === EMPTY) return undefined;
    }
    const exchange = this.#exchanges.at(slot);
    exchange.open(this.index, fn, arrivalNs, deadlineNs);
    return exchange;
  }

  /** The body of `exchange`, which is about to be submitted, goes on coming in behind that. */
  feed(exchange: Exchange, options: BodyFeedOptions): BodyFeed {
    const feed = new BodyFeed(exchange, options, (worker) => this.#stir(worker));
    this.#feeds.set(exchange.slot, feed);
    return feed;
  }

  /**
   * Pushes at once, and wakes a sleeping worker at once if this producer has nothing else in flight. Under load the wake-up waits for the
   * end of the event loop's turn: a worker is done with a short request before the next socket is read, so that one futex call a
   * request was paid on each side (1.0 a request, 5 µs each; 0.05 with this).
   * One that is not admitted comes back at the end of the turn, too.
   */
  submit(exchange: Exchange): void {
    this.#estimates.predict(exchange);
    this.inFlight++;
    if (this.#admission?.admit(exchange) === false) {
      this.#refuse(exchange, this.#admission);
    } else {
      const { slot, fn } = exchange;
      const queuedUntilNs = exchange.arrivalNs + (this.#queueTimeoutNs[fn] as number);
      this.#watch.begin(slot, Math.min(exchange.deadlineNs, queuedUntilNs));
      exchange.state = SLOT_STATE.QUEUED;
      this.#deque.push(slot);
      this.#unannounced++;
      if (this.inFlight === 1 || this.#unannounced >= WAKE_BATCH) this.#announce();
    }
    if (this.inFlight === 1) {
      const { estimateNs, arrivalNs } = exchange;
      const isShort = estimateNs > 0 && estimateNs < this.#spinNs;
      this.#pollUntilNs = isShort ? arrivalNs + this.#spinNs : 0;
    }
    this.#nextTurn();
  }

  #nextTurn(): void {
    if (this.#turnPending) return;
    this.#turnPending = true;
    setImmediate(this.#onTurn);
  }

  /**
   * Whether it shall look again at the next turn of the event loop, which handles sockets and timers meanwhile: a request that is alone and
   * short is back before the bell could wake a thread (5 µs against 65).
   */
  #polls(): boolean {
    if (this.#pollUntilNs === 0) return false;
    const value = this.#completions.pop();
    if (value >= 0) this.#take(value);
    return this.inFlight === 1 && monotonicNs() < this.#pollUntilNs;
  }

  /** No worker ever sees it. */
  #refuse(exchange: Exchange, { retryAfterMs, isTenantFull }: Admission): void {
    const whose = isTenantFull ? 'the share of its tenant (limits.utilization)' : 'the capacity';
    exchange.retryAfterMs = retryAfterMs;
    exchange.state = SLOT_STATE.DONE;
    const message = `not admitted: with it ${whose} would be exceeded`;
    this.#answer(exchange, { outcome: OUTCOME.NOT_ADMITTED, message }, exchange.arrivalNs);
  }

  /** Completes it here, at the end of the turn. */
  #answer(exchange: Exchange, { outcome, message }: QueueEnd, now: number): void {
    exchange.fail(outcome, message);
    exchange.started(0, now);
    exchange.ended(now, 0);
    this.#completions.push(exchange.slot);
    this.#nextTurn();
  }

  /** A request whose time in the queue is up, unless a worker has it: it will see for itself. */
  #late(slot: number, now: number): void {
    const exchange = this.#exchanges.at(slot);
    const end = queueEnd(exchange, now, this.#queueTimeoutNs[exchange.fn] as number);
    if (end !== undefined && this.#withdraw(exchange)) this.#answer(exchange, end, now);
  }

  #withdraw(exchange: Exchange): boolean {
    if (!exchange.withdraw()) return false;
    this.#withdrawn++;
    this.#counters.countEndInQueue();
    return true;
  }

  /**
   * Gives the slots back of requests that were taken back and whose indices are still in the deque. For a moment nothing is in there, so that a worker that looks
   * may go to sleep: it is woken.
   */
  #compact(): void {
    const kept: number[] = [];
    this.#withdrawn = 0;
    for (let slot = this.#deque.pop(); slot !== EMPTY; slot = this.#deque.pop()) {
      const claim = this.#exchanges.at(slot).claim(SLOT_STATE.QUEUED);
      if (claim === CLAIM.TAKEN) kept.push(slot);
      else if (claim === CLAIM.STALE) this.#exchanges.at(slot).discard();
    }
    for (let i = kept.length - 1; i >= 0; i--) this.#deque.push(kept[i] as number);
    this.#unannounced = 0;
    this.#arena.lot.wakeOne();
  }

  #announce(): void {
    if (this.#unannounced === 0) return;
    this.#unannounced = 0;
    this.#arena.lot.wakeOne();
  }

  /** Asks for the end of the requests in these slots, which must be this producer's and in flight. */
  cancelAll(slots: Iterable<number>): void {
    for (const slot of slots) this.cancel(this.#exchanges.at(slot));
  }

  /** Nobody wants the answer of this request any more, which is this producer's. One in flight comes back as soon as it can, never within this call. */
  cancel(exchange: Exchange): void {
    exchange.cancel();
    if (this.#withdraw(exchange)) this.#answer(exchange, CANCELLED_IN_QUEUE, monotonicNs());
  }

  /**
   * Hands over what has come back. Called by the bell; a caller that is awake anyway may call it too. RETRY ends it like EMPTY: who
   * is about to publish rings behind that.
   */
  drain(): void {
    for (let value = this.#completions.pop(); value >= 0; value = this.#completions.pop()) {
      this.#take(value);
    }
    if (this.inFlight > 0) this.#arm();
  }

  /** One armed wait at a time. What was published before it was armed did not ring: look once more. */
  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#bell.arm(this.#onRing);
    const value = this.#completions.pop();
    if (value >= 0) {
      this.#take(value);
      this.drain();
    }
  }

  #take(value: number): void {
    if (value >= this.#drainedMark) {
      this.#feedTold(value);
      return;
    }
    const isPart = value >= this.#partMark;
    const exchange = this.#exchanges.at(isPart ? value - this.#partMark : value);
    exchange.attach();
    if (isPart) {
      this.#onPart?.(exchange);
      return;
    }
    if (exchange.isFed) this.#stopFeed(exchange.slot);
    this.inFlight--;
    this.#watch.end(exchange.slot);
    this.#admission?.giveBack(exchange);
    this.#onComplete(exchange);
  }

  #feedTold(value: number): void {
    if (value >= this.#askedMark) this.#feeds.get(value - this.#askedMark)?.asked();
    else this.#feeds.get(value - this.#drainedMark)?.told();
  }

  /** Before its owner hears of the end, which may free the slot. */
  #stopFeed(slot: number): void {
    const feed = this.#feeds.get(slot);
    this.#feeds.delete(slot);
    feed?.stop();
  }

  /** The part that is out is used up: gives it back, and lets the guest go on that may wait for that (parts.ts, S5). */
  drained(exchange: Exchange): void {
    exchange.parts.drain();
    this.#stir(exchange.worker);
  }

  #stir(worker: number): void {
    (this.#workers[worker] as WorkerControl).hasStir = true;
    this.#arena.lot.wake(worker);
  }
}
