/**
 * Which guest a worker runs next, and which requests it takes for that. Each worker has a policy object of its own, on one thread; what the
 * workers share lies in the global queue, in the order that the policy gives it. `worker loop -> Scheduler -> Policy, GlobalQueue`.
 *
 * Ranks: a number for each request and guest; the smaller one goes first. What a policy guarantees stands at its head:
 *
 *   fifo  fifo.ts            order of arrival, each to its end                       the baseline
 *   rr    round-robin.ts     turns of a quantum; short ones pass long ones
 *   edf   keyed.ts           earliest deadline first; the default
 *   sjf   keyed.ts           shortest remaining time first
 *   mtds  reserved.ts        tenants with a budget first, by deadline
 *
 * An embedder's own policy is a module that exports `createPolicy(context)`, made in each worker; `keyedPolicy` makes one of a function
 * that gives the rank (docs/SCHEDULING.md has least laxity). What such a policy throws ends the worker: it is part of the runtime.
 */
import type { Budget } from '../../ring/index.ts';

/** What a policy may know of a request that waits. */
export interface QueuedRequest {
  readonly arrivalNs: number;
  /** Absolute, of the clock of `now`; Infinity = none. */
  readonly deadlineNs: number;
  /** How long it is expected to run. */
  readonly estimateNs: number;
  /** Its tenant's budget, or -1. */
  readonly reservation: number;
}

/** A request that has a sandbox. */
export interface Guest extends QueuedRequest {
  /** Time for which it has run, up to the last switch or poll. */
  readonly ranNs: number;
}

/** How the global queue sorts requests that no worker has taken. */
export interface QueueOrder {
  /** 0: they are taken in the order of arrival, and the rest below is not asked. */
  readonly heaps: number;
  /** Where a request goes: 0 to heaps - 1. Asked once. */
  heapOf(request: QueuedRequest): number;
  /** Its rank among those of its heap. Asked once; the heap has whole numbers up to 2^53. */
  keyOf(request: QueuedRequest): number;
  /** What is added to the ranks of a heap at this time, to compare them with those of others. */
  offset(heap: number, now: number): number;
}

export interface Policy<G extends Guest = Guest> {
  readonly name: string;
  readonly order: QueueOrder;
  /** Whether a guest may be preempted because others wait. */
  readonly preempts: boolean;
  /** Guests that are runnable and wait in this policy's queue. */
  readonly waiting: number;
  /** A guest became runnable: new (`isNew`), preempted or woken. */
  add(guest: G, isNew: boolean, now: number): void;
  /** Takes the next guest to run out of the queue. */
  next(now: number): G | undefined;
  /** Requests of the global queue whose rank is below it shall be taken before `next` is asked; Infinity = any, -Infinity = none. */
  bound(now: number): number;
  /** Whether `running` shall leave the worker; `firstRank` is the least of the global queue, Infinity if that is empty. */
  yields(running: G, firstRank: number, now: number): boolean;
  /**
   * For the ticker, which raises a guest's flag if a rank below this one waits in a heap of the global queue or, as `waitingRank` tells, in
   * this worker: Infinity = whenever anything waits. A flag too many costs a look at the queue, one too few a missed turn.
   */
  runningRank(running: G, now: number): number;
  /** The least rank in this policy's queue, Infinity when that is empty; as `runningRank` has it. */
  waitingRank(now: number): number;
  /** `running` has run for `ns` more, up to `now`. */
  ran(running: G, ns: number, now: number): void;
}

/** What a policy is made with. */
export interface PolicyContext {
  /** The number of the worker. */
  readonly worker: number;
  /** How long a guest runs before others may have the worker; 0 = it is not preempted for them. */
  readonly quantumNs: number;
  /** Budgets of tenants, by reservation. */
  readonly budgets: readonly Pick<Budget, 'leftNs' | 'charge'>[];
  /** What the embedder passed along. */
  readonly options: unknown;
}

/** In the order of arrival. */
export const ARRIVAL: QueueOrder = {
  heaps: 0,
  heapOf: () => 0,
  keyOf: () => 0,
  offset: () => 0,
};
