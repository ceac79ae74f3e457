/**
 * What a dead worker had in its hands of the global queue goes back: the supervisor's side of global-queue.ts (Q1, Q2).
 *
 *   made at once at each death  a heap whose lock it held is whole again and free, without that lock; what it was taking out, and has no mark for, is marked
 *                               MOVING + w: whoever had moved it there may be alive
 *   scan()                      each slot that is MOVING + w is taken out of the heaps, where it may be, and queued anew in a deque of the supervisor's
 *
 * R1  A slot that is MOVING + w and in no heap is nobody's: workers take and mark in one breath, so one that still is MOVING behind a look at
 *     all heaps was on its way.
 * R2  It does not wait for a lock: its holder may be dead, too, and then this thread has to hear of that. `scan` says so, and is called again
 *     from a later turn of the event loop; it may be repeated.
 * R3  A slot that was taken back by its producer while it was MOVING + w (exchange.ts, E3) still says so, beside that: it goes nowhere, and its slot
 *     comes back. The same for one whose index w had taken out for that, and not given back.
 * R4  The successor of w begins behind it: it uses the same marks. Behind it somebody is woken, even if nothing was found: a push that was
 *     finished here was announced by nobody.
 * The model checker has this with deaths at each point of workers, and workers that take beside it (test/model/scenarios/global-queue.ts); each
 * of these rules came from a schedule that it found.
 */
import { type Arena, type Deque, EMPTY, type Heap, RETRY } from '../../ring/index.ts';
import {
  CLAIM,
  type Exchange,
  type ExchangeTable,
  placeOf,
  SLOT_STATE,
} from '../../sandbox/index.ts';

export class QueueRecovery {
  readonly #heaps: readonly Heap[];
  readonly #exchanges: ExchangeTable;
  readonly #deque: Deque;
  readonly #moving: number;
  readonly #returned: number;
  readonly #slots: number;

  /** `deque` belongs to this thread. */
  constructor(arena: Arena, exchanges: ExchangeTable, w: number, deque: Deque) {
    const { heaps, workers, slots } = arena.constraints;
    this.#heaps = Array.from({ length: heaps }, (_, h) => arena.heap(h, workers));
    this.#exchanges = exchanges;
    this.#deque = deque;
    this.#moving = SLOT_STATE.MOVING + w;
    this.#returned = SLOT_STATE.RETURNED + w;
    this.#slots = slots;
    for (const heap of this.#heaps) {
      const taken = heap.recover(w);
      if (taken !== EMPTY) this.#isTaken(exchanges.at(taken), this.#moving);
    }
  }

  /** False: a lock is held, ask again later. */
  scan(): boolean {
    for (let slot = 0; slot < this.#slots; slot++) {
      const exchange = this.#exchanges.at(slot);
      const { state } = exchange;
      if (state === this.#returned) exchange.giveBack(state);
      if (placeOf(state) !== this.#moving) continue;
      const found = this.#removed(slot);
      if (found === RETRY) return false;
      if (found === EMPTY && placeOf(exchange.state) !== this.#moving) continue;
      if (this.#isTaken(exchange, SLOT_STATE.QUEUED)) this.#deque.push(slot);
    }
    return true;
  }

  /** Marks it, its index being in no queue. False: its producer has taken it back (R3). */
  #isTaken(exchange: Exchange, mark: number): boolean {
    const claim = exchange.claim(mark);
    if (claim === CLAIM.STALE) exchange.discard();
    return claim === CLAIM.TAKEN;
  }

  /** Out of the heap in which it is: the slot, EMPTY, or RETRY. */
  #removed(slot: number): number {
    for (const heap of this.#heaps) {
      const result = heap.remove(slot);
      if (result !== EMPTY) return result;
    }
    return EMPTY;
  }
}
