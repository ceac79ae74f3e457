/**
 * First in, first out.
 * Contract: requests start in the order of arrival (of one producer; between producers, the workers take turns); each runs to its end
 * unless it sleeps in a host call, and one that was woken goes behind those that wait in its worker.
 * Not guaranteed: any bound on waiting behind a long guest.
 */
import { ARRIVAL, type Guest, type Policy, type QueueOrder } from './policy.ts';
import { RunQueue } from './run-queue.ts';

export class Fifo<G extends Guest> implements Policy<G> {
  readonly name = 'fifo';
  readonly order: QueueOrder = ARRIVAL;
  readonly preempts = false;
  readonly #queue = new RunQueue<G>();

  get waiting(): number {
    return this.#queue.size;
  }

  add(guest: G): void {
    this.#queue.push(guest);
  }

  next(): G | undefined {
    return this.#queue.shift();
  }

  bound(): number {
    return this.#queue.size === 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  }

  yields(): boolean {
    return false;
  }

  runningRank(): number {
    return Number.NEGATIVE_INFINITY;
  }

  waitingRank(): number {
    return this.#queue.size === 0 ? Number.POSITIVE_INFINITY : 0;
  }

  ran(): void {}
}
