/**
 * Guests that wait for the body of their request: the worker's side of sandbox/feed.ts.
 *
 *   nothing to read --> await: WAITING, one more look, asleep --sealed, or ended--> stirred: due, the guest goes on and reads
 *   read to the end of a part --> drained: its producer is told
 *
 * A guest that waits is asleep like any other: its deadline, a cancellation or a kill find it there. Time in which it waits does not count for its CPU limit.
 */
import type { Arena } from '../ring/index.ts';
import type { Exchange, Sandbox } from '../sandbox/index.ts';
import { askForBody, deliverDrained } from './delivery.ts';

export class GuestInputs {
  readonly #arena: Arena;
  readonly #worker: number;
  readonly #waiting: Sandbox[] = [];

  constructor(arena: Arena, worker: number) {
    this.#arena = arena;
    this.#worker = worker;
  }

  /** `sandbox` is about to sleep until more of its body is there. False when that is so already (feed.ts, F3). */
  await(sandbox: Sandbox): boolean {
    const exchange = sandbox.exchange as Exchange;
    const { feed } = exchange;
    feed.awaitBy(this.#worker);
    if (feed.isReady) {
      feed.awaitNoMore();
      return false;
    }
    if (feed.takeAsked()) askForBody(this.#arena, exchange);
    if (!sandbox.isAwaitingInput) this.#waiting.push(sandbox);
    sandbox.isAwaitingInput = true;
    return true;
  }

  /** Some body has gone on: whoever waited for it is due. */
  stirred(): void {
    for (let i = this.#waiting.length - 1; i >= 0; i--) {
      const sandbox = this.#waiting[i] as Sandbox;
      if (!(sandbox.exchange as Exchange).feed.isReady) continue;
      this.#forget(i);
      sandbox.wakeAtNs = 0;
    }
  }

  /** It goes on, or has ended, whether what it waited for has come or not. */
  leave(sandbox: Sandbox): void {
    if (sandbox.isAwaitingInput) this.#forget(this.#waiting.indexOf(sandbox));
  }

  drained(exchange: Exchange): void {
    deliverDrained(this.#arena, exchange);
  }

  #forget(at: number): void {
    const sandbox = this.#waiting[at] as Sandbox;
    sandbox.isAwaitingInput = false;
    (sandbox.exchange as Exchange).feed.awaitNoMore();
    this.#waiting[at] = this.#waiting[this.#waiting.length - 1] as Sandbox;
    this.#waiting.pop();
  }
}
