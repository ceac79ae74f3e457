/**
 * A thread that submits requests and gets them back: a listener, or the embedder's own through `invoke`. It owns a deque (workers
 * steal from it), a completion ring (workers push to it) and a bell (they wake it).
 */
import { type Arena, type Bell, type CompletionRing, type Deque, EMPTY } from '../ring/index.ts';
import { type Exchange, ExchangeTable, SLOT_STATE } from '../sandbox/index.ts';

/** A wake-up is put off until this many requests wait for it, or the event loop has handled all sockets that were ready. */
const WAKE_BATCH = 16;

export class Producer {
  readonly index: number;
  readonly #arena: Arena;
  readonly #deque: Deque;
  readonly #completions: CompletionRing;
  readonly #bell: Bell;
  readonly #exchanges: ExchangeTable;
  readonly #onComplete: (exchange: Exchange) => void;
  readonly #onRing: () => void;
  readonly #onTurn: () => void;
  #isArmed = false;
  /** Requests pushed and not announced. */
  #unannounced = 0;
  #turnPending = false;
  /** Requests submitted and not back yet. */
  inFlight = 0;

  /** `onComplete` gets each exchange once, on this thread; it must call `free` on it when it is done with it. */
  constructor(arena: Arena, index: number, onComplete: (exchange: Exchange) => void) {
    this.index = index;
    this.#arena = arena;
    this.#deque = arena.deque(index);
    this.#completions = arena.completions(index);
    this.#bell = arena.bell(index);
    this.#exchanges = new ExchangeTable(arena);
    this.#onComplete = onComplete;
    this.#onTurn = () => {
      this.#turnPending = false;
      this.#announce();
      this.drain();
    };
    this.#onRing = () => {
      this.#isArmed = false;
      this.drain();
    };
  }

  /** A free slot, opened for `fn`; undefined when all are taken. It must be submitted or freed. */
  acquire(fn: number, arrivalNs: number, deadlineNs: number): Exchange | undefined {
    const slot = this.#arena.slotList.pop();
    if (slot === EMPTY) return undefined;
    const exchange = this.#exchanges.at(slot);
    exchange.open(this.index, fn, arrivalNs, deadlineNs);
    return exchange;
  }

  /**
   * Pushes at once, and wakes a sleeping worker at once if this producer has nothing else in flight. Under load the wake-up waits for the
   * end of the event loop's turn: a worker is done with a short request before the next socket is read, so that one futex call a
   * request was paid on each side (1.0 a request, 5 µs each; 0.05 with this).
   */
  submit(exchange: Exchange): void {
    exchange.state = SLOT_STATE.QUEUED;
    this.#deque.push(exchange.slot);
    this.inFlight++;
    this.#unannounced++;
    if (this.inFlight === 1 || this.#unannounced >= WAKE_BATCH) this.#announce();
    if (!this.#turnPending) {
      this.#turnPending = true;
      setImmediate(this.#onTurn);
    }
  }

  #announce(): void {
    if (this.#unannounced === 0) return;
    this.#unannounced = 0;
    this.#arena.lot.wakeOne();
  }

  /** Asks for the end of the requests in these slots, which must be this producer's and in flight. */
  cancelAll(slots: Iterable<number>): void {
    for (const slot of slots) this.#exchanges.at(slot).cancel();
  }

  /**
   * Hands over what has come back. Called by the bell; a caller that is awake anyway may call it too. RETRY ends it like EMPTY: who
   * is about to publish rings behind that.
   */
  drain(): void {
    for (let slot = this.#completions.pop(); slot >= 0; slot = this.#completions.pop()) {
      const exchange = this.#exchanges.at(slot);
      exchange.attach();
      this.inFlight--;
      this.#onComplete(exchange);
    }
    if (this.inFlight > 0) this.#arm();
  }

  /** One armed wait at a time. What was published before it was armed did not ring: look once more. */
  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    this.#bell.arm(this.#onRing);
    const slot = this.#completions.pop();
    if (slot >= 0) {
      const exchange = this.#exchanges.at(slot);
      exchange.attach();
      this.inFlight--;
      this.#onComplete(exchange);
      this.drain();
    }
  }
}
