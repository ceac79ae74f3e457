/**
 * Round robin.
 * Contract: a runnable guest gets a quantum after at most 2 x (guests that this worker holds) quanta; a request that waits in the global
 * queue is taken before the worker begins another round, in the order of arrival. A new request is the next to run, unless the last one was new, too, and passed
 * others: so a short one waits for one guest's quantum, however many long ones there are, and none waits for ever.
 * Not guaranteed: order of completion, fairness between tenants.
 */
import { ARRIVAL, type Guest, type Policy, type QueueOrder } from './policy.ts';
import { RunQueue } from './run-queue.ts';

export class RoundRobin<G extends Guest> implements Policy<G> {
  readonly name = 'rr';
  readonly order: QueueOrder = ARRIVAL;
  readonly preempts = true;
  /** New ones go first: their first quantum is what most short requests need. */
  readonly #fresh = new RunQueue<G>();
  readonly #rotation = new RunQueue<G>();
  /** A fresh guest has passed the rotation, whose turn is next: both get theirs under any load. */
  #isOwed = false;

  get waiting(): number {
    return this.#fresh.size + this.#rotation.size;
  }

  add(guest: G, isNew: boolean): void {
    (isNew ? this.#fresh : this.#rotation).push(guest);
  }

  next(): G | undefined {
    if (!this.#isOwed || this.#rotation.size === 0) {
      const guest = this.#fresh.shift();
      this.#isOwed = guest !== undefined && this.#rotation.size > 0;
      if (guest !== undefined) return guest;
    }
    this.#isOwed = false;
    return this.#rotation.shift();
  }

  bound(): number {
    return this.#fresh.size === 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  }

  yields(_running: G, firstRank: number): boolean {
    return this.waiting > 0 || firstRank < Number.POSITIVE_INFINITY;
  }

  runningRank(): number {
    return Number.POSITIVE_INFINITY;
  }

  waitingRank(): number {
    return this.waiting === 0 ? Number.POSITIVE_INFINITY : 0;
  }

  ran(): void {}
}
