/**
 * Calls of functions by functions: the side of a worker on which it is a producer.
 *
 *   begin: a slot of its own --> its deque --steal--> any worker --completion--> drain: the caller is runnable again --> end: slot back
 *
 * G1  A slot that a guest's call took comes back: with the next call of that guest, with its end, or, where nobody waits for it any more (the
 *     caller was ended, or died with its thread), when its completion arrives here. Marks in the slots tell the supervisor what a dead
 *     thread held (exchange.ts); what was under way for it is cancelled, and its successor gets the completions.
 * G2  Of the guests that a worker may hold, one at least does not wait for a call: so there is always a worker that can take a callee, and
 *     chains of calls end, if only by refusals. Each worker holds it alone; a common count would need a correction behind each death.
 * G3  A call waits for a slot never: EAGAIN.
 */
import { type Arena, type CompletionRing, type Deque, EMPTY } from '../ring/index.ts';
import {
  ERRNO,
  type Exchange,
  ExchangeTable,
  type FunctionSpec,
  monotonicNs,
  OUTCOME,
  type Sandbox,
  SLOT_STATE,
} from '../sandbox/index.ts';
import { outcomeKind } from './errors.ts';
import type { Estimates } from './estimates.ts';
import { parseRequest, writeRequest } from './request-text.ts';

export class GuestCalls {
  readonly #arena: Arena;
  readonly #producer: number;
  readonly #owned: number;
  readonly #deque: Deque;
  readonly #completions: CompletionRing;
  readonly #exchanges: ExchangeTable;
  readonly #estimates: Estimates;
  readonly #waitingMax: number;
  /** Who waits for a slot. */
  readonly #callers: (Sandbox | undefined)[] = [];
  /** By tenant and name, and by tenant and route; the newest of each. */
  readonly #functions = new Map<string, FunctionSpec>();
  #waiting = 0;
  /** Requests submitted and not back yet. */
  inFlight = 0;

  constructor(arena: Arena, producer: number, sandboxesMax: number, estimates: Estimates) {
    this.#arena = arena;
    this.#producer = producer;
    this.#owned = SLOT_STATE.OWNED + producer;
    this.#deque = arena.deque(producer);
    this.#completions = arena.completions(producer);
    this.#exchanges = new ExchangeTable(arena);
    this.#estimates = estimates;
    this.#waitingMax = sandboxesMax - 1;
  }

  add(spec: FunctionSpec): void {
    for (const key of keysOf(spec)) this.#functions.set(key, spec);
  }

  remove(id: number): void {
    for (const [key, spec] of this.#functions) if (spec.id === id) this.#functions.delete(key);
  }

  /** Whether a completion has come or is on its way. */
  get isReady(): boolean {
    return this.#completions.isReady;
  }

  /** 0: `sandbox` waits for the function now; otherwise the answer of its call. */
  begin(sandbox: Sandbox, name: string, head: string, bodyAt: number, bodyBytes: number): number {
    this.end(sandbox);
    const caller = sandbox.exchange as Exchange;
    const spec = this.#functions.get(`${sandbox.spec.tenant}\0${name}`);
    if (spec === undefined) return -ERRNO.NOENT;
    const request = parseRequest(head, spec);
    if (request === undefined) return -ERRNO.INVAL;
    if (caller.depth >= sandbox.spec.maxCallDepth) return -ERRNO.LOOP;
    if (this.#waiting >= this.#waitingMax) return -ERRNO.AGAIN;
    const exchange = this.#acquire(spec, caller, sandbox.deadlineNs);
    if (exchange === undefined) return -ERRNO.AGAIN;
    if (!writeRequest(exchange, request, caller.peer(), sandbox.u8, bodyAt, bodyAt + bodyBytes)) {
      exchange.freeOwned(this.#producer);
      return -ERRNO.NOMEM;
    }
    exchange.isSecure = caller.isSecure;
    this.#estimates.predict(exchange);
    sandbox.callee = exchange;
    sandbox.calleeType = spec.contentType;
    sandbox.isCalling = true;
    this.#callers[exchange.slot] = sandbox;
    this.#waiting++;
    this.inFlight++;
    this.#deque.pushMark(exchange.slot, exchange.address, SLOT_STATE.QUEUED);
    this.#arena.lot.wakeOne();
    return 0;
  }

  /** Takes what has come back, and hands each caller that still waits, with the answer of its call, to `resume`. */
  drain(resume: (sandbox: Sandbox, answer: number) => void): void {
    const { slotsAddress } = this.#arena.layout;
    const { slotBytes } = this.#arena.constraints;
    for (;;) {
      const slot = this.#completions.popMark(slotsAddress, slotBytes, this.#owned);
      if (slot < 0) return;
      const exchange = this.#exchanges.at(slot);
      exchange.attach();
      // Not below: completions of a dead predecessor's requests were not counted.
      if (this.inFlight > 0) this.inFlight--;
      const sandbox = this.#callers[slot];
      this.#callers[slot] = undefined;
      if (sandbox === undefined) {
        exchange.freeOwned(this.#producer);
        continue;
      }
      this.#waiting--;
      sandbox.isCalling = false;
      sandbox.calledNs += exchange.runNs + exchange.calledNs;
      resume(sandbox, answerOf(exchange));
    }
  }

  /** The guest wants nothing more of its last call: gives the answer back, or cancels what still runs. */
  end(sandbox: Sandbox): void {
    const { callee } = sandbox;
    if (callee === undefined) return;
    sandbox.callee = undefined;
    if (!sandbox.isCalling) {
      callee.freeOwned(this.#producer);
      return;
    }
    sandbox.isCalling = false;
    this.#callers[callee.slot] = undefined;
    this.#waiting--;
    callee.cancel();
  }

  #acquire(spec: FunctionSpec, caller: Exchange, deadlineNs: number): Exchange | undefined {
    const { slotsAddress } = this.#arena.layout;
    const { slotBytes } = this.#arena.constraints;
    const slot = this.#arena.slotList.popMark(slotsAddress, slotBytes, this.#owned);
    if (slot === EMPTY) return undefined;
    const exchange = this.#exchanges.at(slot);
    const now = monotonicNs();
    const end = Math.min(deadlineNs, now + spec.deadlineNs);
    exchange.open(this.#producer, spec.id, now, end, this.#owned, caller);
    return exchange;
  }
}

function keysOf({ tenant, name, route }: FunctionSpec): readonly string[] {
  return [`${tenant}\0${name}`, `${tenant}\0${route}`];
}

function answerOf(exchange: Exchange): number {
  return exchange.outcome === OUTCOME.OK ? exchange.status : -outcomeKind(exchange.outcome).status;
}

/** For the supervisor: what the dead thread of `producer` held comes back, and what runs for it is cancelled (G1). */
export function abandonCalls(arena: Arena, exchanges: ExchangeTable, producer: number): void {
  for (let slot = 0; slot < arena.constraints.slots; slot++) {
    const exchange = exchanges.at(slot);
    const { state } = exchange;
    if (state === SLOT_STATE.OWNED + producer || state === SLOT_STATE.RETURNING + producer) {
      exchange.attach();
      exchange.freeOwned(producer);
    } else if (isUnderWay(state) && exchange.producer === producer) {
      exchange.cancel();
    }
  }
}

/** Queued, or with a worker. */
export function isUnderWay(state: number): boolean {
  if (state === SLOT_STATE.QUEUED || state >= SLOT_STATE.MOVING) return true;
  return state >= SLOT_STATE.CLAIMED && state < SLOT_STATE.OWNED;
}
