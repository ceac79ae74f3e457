/**
 * Which guest a worker runs next. A policy belongs to one worker and one thread.
 *
 * fifo  Contract: requests start in the order of arrival on the global deque; each runs to its end unless it sleeps in a host call.
 *       Not guaranteed: any bound on waiting behind a long guest. The baseline.
 * rr    Contract: a runnable guest gets a quantum after at most (guests that this worker holds) quanta; a request that
 *       waits in the global deque is taken before the worker begins another round. So a short request passes long ones.
 *       Not guaranteed: order of completion, fairness between tenants.
 */
import type { Sandbox } from '../sandbox/index.ts';
import type { SchedulerName } from './api.ts';

export interface Policy {
  readonly name: string;
  /** Whether a guest may be preempted because others wait. */
  readonly preempts: boolean;
  /** Guests that are runnable and wait in this policy's queue. */
  readonly waiting: number;
  /** A guest became runnable: new (`isNew`), preempted or woken. */
  add(sandbox: Sandbox, isNew: boolean): void;
  /** Takes the next guest to run out of the queue. */
  next(): Sandbox | undefined;
  /** Whether the worker should take a request from the global deque before it runs the next guest. */
  pulls(): boolean;
}

/** A growing circular buffer of sandboxes: a queue whose operations do not move the others. */
export class RunQueue {
  #items: (Sandbox | undefined)[] = new Array<Sandbox | undefined>(64).fill(undefined);
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(sandbox: Sandbox): void {
    if (this.#size === this.#items.length) this.#grow();
    this.#items[(this.#head + this.#size) & (this.#items.length - 1)] = sandbox;
    this.#size++;
  }

  shift(): Sandbox | undefined {
    if (this.#size === 0) return undefined;
    const sandbox = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#size--;
    return sandbox;
  }

  #grow(): void {
    const { length } = this.#items;
    const items = new Array<Sandbox | undefined>(2 * length).fill(undefined);
    for (let i = 0; i < length; i++) items[i] = this.#items[(this.#head + i) & (length - 1)];
    this.#items = items;
    this.#head = 0;
  }
}

class Fifo implements Policy {
  readonly name = 'fifo';
  readonly preempts = false;
  readonly #queue = new RunQueue();

  get waiting(): number {
    return this.#queue.size;
  }

  add(sandbox: Sandbox): void {
    this.#queue.push(sandbox);
  }

  next(): Sandbox | undefined {
    return this.#queue.shift();
  }

  pulls(): boolean {
    return this.#queue.size === 0;
  }
}

class RoundRobin implements Policy {
  readonly name = 'rr';
  readonly preempts = true;
  /** New ones go first: their first quantum is what most short requests need. */
  readonly #fresh = new RunQueue();
  readonly #rotation = new RunQueue();
  /** Whether a guest of the rotation was run since the last fresh one: both get their turn under any load. */
  #turn = false;

  get waiting(): number {
    return this.#fresh.size + this.#rotation.size;
  }

  add(sandbox: Sandbox, isNew: boolean): void {
    (isNew ? this.#fresh : this.#rotation).push(sandbox);
  }

  next(): Sandbox | undefined {
    this.#turn = !this.#turn;
    return this.#turn
      ? (this.#fresh.shift() ?? this.#rotation.shift())
      : (this.#rotation.shift() ?? this.#fresh.shift());
  }

  pulls(): boolean {
    return this.#fresh.size === 0;
  }
}

export function createPolicy(name: SchedulerName): Policy {
  return name === 'fifo' ? new Fifo() : new RoundRobin();
}
