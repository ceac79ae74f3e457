/**
 * Policies whose order is one number for each guest, the least first: in the global queue, in each worker, and between the two. A guest
 * that has begun stays with its worker.
 *
 * edf  Key: the deadline. Contract: of all that is runnable and not held by other workers, the one with the earliest deadline runs; a later one leaves
 *      at the tick that finds it running for a quantum. On one worker every deadline of a set is met that EDF meets with preemption at ticks
 *      alone (Liu & Layland 1973: on one processor that is every feasible set, up to 2 quanta of blocking). Requests without a deadline
 *      run when none has one. Not guaranteed: any deadline under overload (admission control is for that; what is late is dropped or
 *      ended at its deadline), an optimum on several workers (Dhall & Liu 1978), a turn for those with late deadlines.
 * sjf  Key: what is left of the estimated run time; of a guest that ran beyond its estimate, what it ran so far (a run that is
 *      longer than foreseen will likely be much longer). Contract: of all that is runnable and not held by other workers the one with the least is run.
 *      Not guaranteed: that a long one ever runs while short ones keep coming. It is as good as its estimates.
 */
import type { Guest, Policy, PolicyContext, QueuedRequest, QueueOrder } from './policy.ts';
import { RunHeap } from './run-heap.ts';

export interface KeyedPolicyOptions {
  readonly name: string;
  /** The rank of a request that has run for `ranNs` (0 in the queue): the smaller goes first. Not NaN. */
  readonly key: (request: QueuedRequest, ranNs: number) => number;
  /** Whether a guest's rank is the same however long it ran: the ticker can then tell by itself when another has to take over. Default false. */
  readonly isStatic?: boolean;
}

/** Keys are whole numbers up to 2^53, as the global queue has them: a rank is the same in both. */
const KEY_MAX = Number.MAX_SAFE_INTEGER;

class KeyedPolicy<G extends Guest> implements Policy<G> {
  readonly name: string;
  readonly order: QueueOrder;
  readonly preempts = true;
  readonly #key: KeyedPolicyOptions['key'];
  readonly #isStatic: boolean;
  readonly #heap = new RunHeap<G>();

  constructor({ name, key, isStatic = false }: KeyedPolicyOptions) {
    this.name = name;
    this.#key = key;
    this.#isStatic = isStatic;
    this.order = {
      heaps: 1,
      heapOf: () => 0,
      keyOf: (request) => this.#rank(request, 0),
      offset: () => 0,
    };
  }

  get waiting(): number {
    return this.#heap.size;
  }

  add(guest: G): void {
    this.#heap.push(this.#rank(guest, guest.ranNs), guest);
  }

  next(): G | undefined {
    return this.#heap.pop();
  }

  bound(): number {
    return this.#heap.leastKey;
  }

  yields(running: G, firstRank: number): boolean {
    return Math.min(firstRank, this.#heap.leastKey) < this.#rank(running, running.ranNs);
  }

  runningRank(running: G): number {
    return this.#isStatic ? this.#rank(running, running.ranNs) : Number.POSITIVE_INFINITY;
  }

  waitingRank(): number {
    return this.#heap.leastKey;
  }

  ran(): void {}

  #rank(request: QueuedRequest, ranNs: number): number {
    return Math.max(-KEY_MAX, Math.min(Math.floor(this.#key(request, ranNs)), KEY_MAX));
  }
}

/** A policy that runs the guest with the least key. For an embedder's own: `export const createPolicy = keyedPolicy({ … })`. */
export function keyedPolicy(
  options: KeyedPolicyOptions,
): <G extends Guest = Guest>(context?: PolicyContext) => Policy<G> {
  return <G extends Guest>() => new KeyedPolicy<G>(options);
}

export const EDF: KeyedPolicyOptions = {
  name: 'edf',
  key: ({ deadlineNs }) => deadlineNs,
  isStatic: true,
};

export const SJF: KeyedPolicyOptions = {
  name: 'sjf',
  key: ({ estimateNs }, ranNs) => (ranNs <= estimateNs ? estimateNs - ranNs : ranNs),
};
