/**
 * The requests that no worker has taken: a deque for each producer, and, where the policy sorts them, heaps.
 *
 *   producers --push--> deques --steal, mark MOVING + w--> heaps --popMin, mark CLAIMED + w--> worker w
 *                          +------- no heaps, or a single request: steal, mark CLAIMED + w ------->
 *
 * Producers never wait: sorting is the workers' work, each time that they look for some. A heap has a short lock, and a thread
 * that the kernel stops while it holds that keeps other workers out of it, but never a listener.
 *
 * Q1  A slot is in at most one place: a deque, a heap, or marked CLAIMED. While it is MOVING + w it is in a heap or on its way into one.
 * Q2  A worker can die at any point; queue-recovery.ts queues anew what it had in its hands.
 * Q3  Requests that a worker has moved and leaves in the heaps are announced: another one may have looked while they were in neither place.
 * Q4  A worker takes from a heap only what ranks before what it has: otherwise it would keep a request from those who are idle.
 * Q5  A request that its producer has taken back (exchange.ts, E3) stays where it is until somebody takes it out, and is nobody's then: who takes it
 *     out gives its slot back where the producer is through with it, and goes on looking. It may count as waiting until then.
 *
 * Measured on one thread (a loop of pushes and takes, 2 runs): through a deque 32-41 ns a request, through deque and heap 124-131 in batches of 64 and
 * 145-173 one by one, where the short way for a single request takes 81-132.
 * Rejected: producers that push into the heap (a listener would wait for its lock); a heap for each worker (work would have to be moved);
 * popping first and putting back what ranks behind (two moves, and a moment in which nobody else can have it).
 */
import { type Arena, type Deque, EMPTY, GONE, type Heap, RETRY } from '../../ring/index.ts';
import { SLOT_STATE } from '../../sandbox/index.ts';
import type { QueuedRequest, QueueOrder } from './policy.ts';

/** Requests that are moved in one go: about 10 µs. */
const GATHER_MAX = 64;

export interface GlobalQueueOptions {
  readonly arena: Arena;
  readonly worker: number;
  readonly order: QueueOrder;
  /** What is in a slot. The answer is used up before the next call: it may be the same object each time. */
  readonly requestAt: (slot: number) => QueuedRequest;
}

export class GlobalQueue {
  readonly #arena: Arena;
  readonly #order: QueueOrder;
  readonly #requestAt: (slot: number) => QueuedRequest;
  readonly #deques: readonly Deque[];
  readonly #heaps: readonly Heap[];
  readonly #claimed: number;
  readonly #moving: number;
  readonly #returned: number;
  readonly #slots: number;
  readonly #slotBytes: number;
  /** Where the last one was found: each producer gets its turn. */
  #next: number;

  constructor({ arena, worker, order, requestAt }: GlobalQueueOptions) {
    this.#arena = arena;
    this.#order = order;
    this.#requestAt = requestAt;
    this.#deques = Array.from({ length: arena.constraints.producers }, (_, p) => arena.deque(p));
    this.#heaps = Array.from({ length: order.heaps }, (_, h) => arena.heap(h, worker));
    this.#claimed = SLOT_STATE.CLAIMED + worker;
    this.#moving = SLOT_STATE.MOVING + worker;
    this.#returned = SLOT_STATE.RETURNED + worker;
    this.#slots = arena.layout.slotsAddress;
    this.#slotBytes = arena.constraints.slotBytes;
    this.#next = worker % this.#deques.length;
  }

  /** Whether requests wait: a hint. */
  get hasValues(): boolean {
    return this.#arena.deques.hasValues || this.#hasSorted();
  }

  /** The least rank of all that wait; Infinity when nothing does. In the order of arrival all have 0. */
  firstRank(now: number): number {
    if (this.#heaps.length === 0)
      return this.#arena.deques.hasValues ? 0 : Number.POSITIVE_INFINITY;
    if (this.#gather() > 0) this.#arena.lot.wakeOne();
    const heap = this.#first(now);
    return heap < 0 ? Number.POSITIVE_INFINITY : this.#rank(heap, now);
  }

  /** Takes the first request if it ranks before `below`: its slot, marked as this worker's, or EMPTY. */
  take(now: number, below: number): number {
    if (below === Number.NEGATIVE_INFINITY) return EMPTY;
    if (this.#heaps.length === 0) return this.#steal(this.#claimed);
    if (below === Number.POSITIVE_INFINITY && !this.#hasSorted() && this.#isSingle()) {
      return this.#steal(this.#claimed);
    }
    const moved = this.#gather();
    const slot = this.#takeSorted(now, below);
    if (moved > (slot === EMPTY ? 0 : 1)) this.#arena.lot.wakeOne();
    return slot;
  }

  #takeSorted(now: number, below: number): number {
    // Bounded, since others take from the heaps, too.
    for (let tries = 0; tries <= 2 * this.#heaps.length; tries++) {
      const at = this.#first(now);
      if (at < 0 || this.#rank(at, now) >= below) return EMPTY;
      const least = below - this.#order.offset(at, now);
      const heap = this.#heaps[at] as Heap;
      let slot: number;
      do slot = heap.popMinBelowMark(least, this.#slots, this.#slotBytes, this.#claimed);
      while (this.#isToAskAgain(slot));
      if (slot !== EMPTY) return slot;
    }
    return EMPTY;
  }

  /** Another thread was faster, or the request was taken back (Q5). */
  #isToAskAgain(taken: number): boolean {
    if (taken >= EMPTY) return false;
    if (taken !== RETRY) {
      const slot = GONE - taken;
      const address = this.#slots + slot * this.#slotBytes;
      this.#arena.slotList.pushMark(slot, address, this.#returned);
    }
    return true;
  }

  /** One request, from each deque in turn; EMPTY when there was none. */
  #steal(mark: number): number {
    const count = this.#deques.length;
    // Bounded, since what is found may have been taken by the time it is asked for.
    for (let tries = 0; tries < count; tries++) {
      const found = this.#arena.deques.find(this.#next);
      if (found === EMPTY) return EMPTY;
      const deque = this.#deques[found] as Deque;
      this.#next = (found + 1) % count;
      let slot: number;
      do slot = deque.stealMark(this.#slots, this.#slotBytes, mark);
      while (this.#isToAskAgain(slot));
      if (slot !== EMPTY) return slot;
    }
    return EMPTY;
  }

  /** Whether there is one request alone in the deques. */
  #isSingle(): boolean {
    const { deques } = this.#arena;
    const found = deques.find(this.#next);
    if (found === EMPTY || (this.#deques[found] as Deque).size !== 1) return false;
    const count = this.#deques.length;
    return deques.find((found + 1) % count) === found;
  }

  /** Sorts what has come in. How many were moved. */
  #gather(): number {
    let moved = 0;
    for (; moved < GATHER_MAX; moved++) {
      const slot = this.#steal(this.#moving);
      if (slot === EMPTY) break;
      const request = this.#requestAt(slot);
      const heap = this.#heaps[this.#order.heapOf(request)] as Heap;
      const key = this.#order.keyOf(request);
      // There is room for all slots. Whoever holds the lock lets go of it, or is dead and recovered.
      while (heap.push(key, slot) === RETRY);
    }
    return moved;
  }

  #hasSorted(): boolean {
    for (const heap of this.#heaps) if (heap.size > 0) return true;
    return false;
  }

  #rank(heap: number, now: number): number {
    return (this.#heaps[heap] as Heap).peek() + this.#order.offset(heap, now);
  }

  /** The heap whose first request goes first; -1 when all are empty. */
  #first(now: number): number {
    if (this.#heaps.length === 1) return (this.#heaps[0] as Heap).size > 0 ? 0 : -1;
    let first = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let h = 0; h < this.#heaps.length; h++) {
      if ((this.#heaps[h] as Heap).size === 0) continue;
      const rank = this.#rank(h, now);
      if (rank < least) {
        least = rank;
        first = h;
      }
    }
    return first;
  }
}
