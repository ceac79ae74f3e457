/**
 * mtds: tenants share the workers, and some have a reservation: a budget of running time in each period (ring/budget.wat, a deferrable
 * server). Two classes: guests of a tenant whose budget is not used up, and all others (best effort); inside a class, the earliest
 * deadline first. A tenant that used its budget up is best effort until its next period begins.
 *
 * Contract: a tenant that has budget left runs before all that have none, at the next tick at the latest; so it gets its budget in each
 * period if the budgets of all tenants together fit into the workers. Before others it runs no longer than its budget, but for the quantum (of
 * each worker that runs it) in which the budget ends. What nobody reserved, or uses, goes to best effort.
 * Not guaranteed: anything to best effort, and deadlines (a budget says how much, not when).
 *
 * SLEdge moves tenants between heaps at timeouts of its own; here a budget is a function of the time, asked whenever ranks are compared: there
 * is nothing to replenish, promote or demote, and so nothing to forget. Each tenant with a reservation has a heap, all others share one:
 * a decision looks at the heads of all (0.16 µs with one of 17 in use, 0.53 with 16), which is why the number of reservations is a setting (16).
 */
import type { Guest, Policy, PolicyContext, QueuedRequest, QueueOrder } from './policy.ts';
import { RunHeap } from './run-heap.ts';

/** Above every deadline (2^53 ns are 104 days). */
const BEST_EFFORT = 2 ** 53;
const KEY_MAX = Number.MAX_SAFE_INTEGER;

export class Reserved<G extends Guest> implements Policy<G> {
  readonly name = 'mtds';
  readonly order: QueueOrder;
  readonly preempts = true;
  readonly #budgets: PolicyContext['budgets'];
  /** By reservation + 1; the first is for those without. */
  readonly #heaps: readonly RunHeap<G>[];
  #waiting = 0;

  constructor({ budgets }: PolicyContext) {
    this.#budgets = budgets;
    this.#heaps = Array.from({ length: budgets.length + 1 }, () => new RunHeap<G>());
    this.order = {
      heaps: this.#heaps.length,
      heapOf: ({ reservation }) => reservation + 1,
      keyOf: deadlineOf,
      offset: (heap, now) => this.#offset(heap, now),
    };
  }

  get waiting(): number {
    return this.#waiting;
  }

  add(guest: G): void {
    this.#waiting++;
    (this.#heaps[guest.reservation + 1] as RunHeap<G>).push(deadlineOf(guest), guest);
  }

  next(now: number): G | undefined {
    const heap = this.#first(now);
    if (heap < 0) return undefined;
    this.#waiting--;
    return (this.#heaps[heap] as RunHeap<G>).pop();
  }

  bound(now: number): number {
    return this.#leastRank(now);
  }

  yields(running: G, firstRank: number, now: number): boolean {
    const rank = deadlineOf(running) + this.#offset(running.reservation + 1, now);
    return firstRank < rank || this.#leastRank(now) < rank;
  }

  /** Classes change with the time, which the ticker knows nothing of. */
  runningRank(): number {
    return Number.POSITIVE_INFINITY;
  }

  waitingRank(): number {
    return this.#waiting === 0 ? Number.POSITIVE_INFINITY : 0;
  }

  ran({ reservation }: G, ns: number, now: number): void {
    this.#budgets[reservation]?.charge(now, ns);
  }

  #offset(heap: number, now: number): number {
    const budget = this.#budgets[heap - 1];
    return budget !== undefined && budget.leftNs(now) > 0 ? 0 : BEST_EFFORT;
  }

  #leastRank(now: number): number {
    const heap = this.#first(now);
    if (heap < 0) return Number.POSITIVE_INFINITY;
    return (this.#heaps[heap] as RunHeap<G>).leastKey + this.#offset(heap, now);
  }

  /** The heap whose head goes first; -1 when all are empty. */
  #first(now: number): number {
    if (this.#waiting === 0) return -1;
    let first = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.#heaps.length; i++) {
      const key = (this.#heaps[i] as RunHeap<G>).leastKey;
      if (key === Number.POSITIVE_INFINITY) continue;
      const rank = key + this.#offset(i, now);
      if (rank < least) {
        least = rank;
        first = i;
      }
    }
    return first;
  }
}

function deadlineOf({ deadlineNs }: QueuedRequest): number {
  return Math.min(deadlineNs, KEY_MAX);
}
