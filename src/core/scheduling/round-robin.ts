/**
 * Round robin.
 * Contract: a request that waits in the global queue is taken before the worker begins another turn of those that have run, in the order of arrival.
 * New requests pass those for up to a quantum, all together; then one of those has a turn. So a short one waits for one guest's turn, however many long ones
 * there are, and the turns of each that has run come after at most a quantum and a turn for each of the others that it holds.
 * By time and not by number: with one new request between two turns, a worker with a long guest answered one short request in two quanta.
 * Not guaranteed: order of completion, fairness between tenants.
 */
import { ARRIVAL, type Guest, type Policy, type PolicyContext, type QueueOrder } from './policy.ts';
import { RunQueue } from './run-queue.ts';

export class RoundRobin<G extends Guest> implements Policy<G> {
  readonly name = 'rr';
  readonly order: QueueOrder = ARRIVAL;
  readonly preempts = true;
  /** New ones go first: their first quantum is what most short requests need. */
  readonly #fresh = new RunQueue<G>();
  readonly #rotation = new RunQueue<G>();
  readonly #quantumNs: number;
  /** When the first fresh one was run since the rotation, which waits, had its last turn; Infinity: none was. */
  #passedAtNs = Number.POSITIVE_INFINITY;

  constructor({ quantumNs }: Pick<PolicyContext, 'quantumNs'>) {
    this.#quantumNs = quantumNs;
  }

  get waiting(): number {
    return this.#fresh.size + this.#rotation.size;
  }

  add(guest: G, isNew: boolean): void {
    (isNew ? this.#fresh : this.#rotation).push(guest);
  }

  next(now: number): G | undefined {
    const isPassable = this.#rotation.size === 0 || now - this.#passedAtNs < this.#quantumNs;
    const fresh = isPassable ? this.#fresh.shift() : undefined;
    if (fresh === undefined || this.#rotation.size === 0) {
      this.#passedAtNs = Number.POSITIVE_INFINITY;
    } else if (this.#passedAtNs === Number.POSITIVE_INFINITY) {
      this.#passedAtNs = now;
    }
    return fresh ?? this.#rotation.shift();
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
