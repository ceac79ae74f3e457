/** The decisions of one worker: its policy over the global queue. What the worker loop asks, and the simulation in the tests. */
import { EMPTY } from '../../ring/index.ts';
import type { GlobalQueue } from './global-queue.ts';
import type { Guest, Policy } from './policy.ts';

export class Scheduler<G extends Guest> {
  readonly policy: Policy<G>;
  readonly #queue: GlobalQueue;

  constructor(policy: Policy<G>, queue: GlobalQueue) {
    this.policy = policy;
    this.#queue = queue;
  }

  /** Whether requests wait in the global queue: a hint. */
  get hasQueued(): boolean {
    return this.#queue.hasValues;
  }

  /** The request that this worker shall begin before it goes on with what it has: its slot, or EMPTY. */
  take(now: number): number {
    const bound = this.policy.bound(now);
    return bound === Number.NEGATIVE_INFINITY ? EMPTY : this.#queue.take(now, bound);
  }

  /** Whether the guest that runs, and has run up to `now`, shall let another one go first. */
  yields(running: G, now: number): boolean {
    if (!this.policy.preempts) return false;
    return this.policy.yields(running, this.#queue.firstRank(now), now);
  }
}
