/**
 * Round robin.
 * Contract: a runnable guest gets a quantum after at most 2 x (guests that this worker holds) quanta; a request that waits in the global
 * queue is taken before the worker begins another round, in the order of arrival. So short requests pass long ones, and none waits for ever.
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
  /** Whether a guest of the rotation was run since the last fresh one: both get their turn under any load. */
  #turn = false;

  get waiting(): number {
    return this.#fresh.size + this.#rotation.size;
  }

  add(guest: G, isNew: boolean): void {
    (isNew ? this.#fresh : this.#rotation).push(guest);
  }

  next(): G | undefined {
    this.#turn = !this.#turn;
    return this.#turn
      ? (this.#fresh.shift() ?? this.#rotation.shift())
      : (this.#rotation.shift() ?? this.#fresh.shift());
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
