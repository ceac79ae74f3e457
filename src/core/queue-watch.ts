/**
 * When a producer has to look after its requests: at the time at which the first of those that may still wait in the queue is to be answered, whether
 * a worker has come to it or not.
 *
 * One timer for all, and none a request: it is set anew only where a request's time is up before that of all others since the last look. With one
 * deadline for all that is once in each deadline's time, however many requests come and go in between; an ended one leaves the timer as it is. A look
 * goes over the times alone, a private array (as far as slots have been in use), and asks the arena only about those that are up.
 * Rejected: a timer for each request; a heap of times (a push and a removal for each); looking each few milliseconds while anything is under way
 * (a listener that has nothing to do but to wait for a long guest would wake all the same).
 */
import { monotonicNs } from '../sandbox/index.ts';

/** The longest time that setTimeout takes. */
const TIMER_MS_MAX = 2 ** 31 - 1;
const NEVER = Number.POSITIVE_INFINITY;

export class QueueWatch {
  /** By slot: when it is to be looked at; NEVER = not any more. */
  readonly #dueNs: Float64Array;
  readonly #onDue: (slot: number, now: number) => void;
  readonly #onTimer: () => void;
  /** Slots behind it have not been in use. */
  #end = 0;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer looks; NEVER = it is not set. */
  #atNs = NEVER;

  /** `onDue` is called once for a slot, at the first look behind its time. */
  constructor(slots: number, onDue: (slot: number, now: number) => void) {
    this.#dueNs = new Float64Array(slots).fill(NEVER);
    this.#onDue = onDue;
    this.#onTimer = () => this.#look();
  }

  begin(slot: number, dueNs: number): void {
    this.#dueNs[slot] = dueNs;
    if (slot >= this.#end) this.#end = slot + 1;
    if (dueNs < this.#atNs) this.#set(dueNs, monotonicNs());
  }

  end(slot: number): void {
    this.#dueNs[slot] = NEVER;
  }

  #look(): void {
    const now = monotonicNs();
    const dueNs = this.#dueNs;
    let first = NEVER;
    this.#atNs = NEVER;
    for (let slot = 0; slot < this.#end; slot++) {
      const due = dueNs[slot] as number;
      if (due > now) {
        if (due < first) first = due;
      } else {
        dueNs[slot] = NEVER;
        this.#onDue(slot, now);
      }
    }
    if (first < NEVER) this.#set(first, now);
  }

  /** It keeps nobody's event loop alive: who waits for an answer does. */
  #set(atNs: number, now: number): void {
    clearTimeout(this.#timer);
    this.#atNs = atNs;
    const ms = Math.ceil((atNs - now) / 1e6);
    this.#timer = setTimeout(this.#onTimer, Math.min(Math.max(ms, 1), TIMER_MS_MAX)).unref();
  }
}
