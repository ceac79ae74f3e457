/**
 * A thread that submits requests and gets them back: a listener, or the embedder's own through `invoke`. It owns a deque (workers
 * steal from it), a completion ring (workers push to it) and a bell (they wake it).
 */
import { type Arena, type Bell, type CompletionRing, type Deque, EMPTY } from '../ring/index.ts';
import { type Exchange, ExchangeTable, SLOT_STATE } from '../sandbox/index.ts';

export class Producer {
  readonly index: number;
  readonly #arena: Arena;
  readonly #deque: Deque;
  readonly #completions: CompletionRing;
  readonly #bell: Bell;
  readonly #exchanges: ExchangeTable;
  readonly #onComplete: (exchange: Exchange) => void;
  readonly #onRing: () => void;
  #isArmed = false;
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

  submit(exchange: Exchange): void {
    exchange.state = SLOT_STATE.QUEUED;
    this.#deque.push(exchange.slot);
    this.inFlight++;
    this.#arena.lot.wakeOne();
    this.#arm();
  }

  /** Asks for the end of the requests in these slots, which must be this producer's and in flight. */
  cancelAll(slots: Iterable<number>): void {
    for (const slot of slots) this.#exchanges.at(slot).cancel();
  }

  /** Hands over what has come back. Called by the bell; a caller that is awake anyway may call it too. */
  drain(): void {
    for (let slot = this.#completions.pop(); slot !== EMPTY; slot = this.#completions.pop()) {
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
    if (slot !== EMPTY) {
      const exchange = this.#exchanges.at(slot);
      exchange.attach();
      this.inFlight--;
      this.#onComplete(exchange);
      this.drain();
    }
  }
}
