/** One instance of a function over a memory of its own, and what it is doing. */
import type { NativeAddon } from './addon.ts';
import type { Exchange } from './exchange.ts';
import type { FunctionImage, FunctionSpec } from './function-image.ts';
import { STATE, type State, step } from './lifecycle.ts';
import { OUTCOME, type Outcome } from './outcome.ts';
import { serialEntry } from './serial-entry.ts';
import { UNWIND } from './unwind.ts';
import { WipedMemory } from './wiped-memory.ts';

const EMPTY_BYTES = new Uint8Array(new SharedArrayBuffer(0));
const ignore = (): void => {};

/** The byte of the control memory at which `enter` reports its end; layout in rewriter/index.ts. */
export const CONTROL_FLAG_INDEX = 0;
export const CONTROL_DONE_INDEX = 1;
export const CONTROL_RESULT_INDEX = 2;

export class Sandbox {
  readonly spec: FunctionSpec;
  /** Memory 0, the one that host calls see. */
  readonly memory: WebAssembly.Memory | undefined;
  /** All, in the order of the spec's. */
  readonly memories: readonly WebAssembly.Memory[];
  /** Whether any of them can. */
  readonly grows: boolean;
  /** Of all memories, when they were counted last. */
  pages = 0;
  readonly #grows: boolean;
  readonly #entry: () => void;
  readonly #more: (() => number) | undefined;
  #enter: () => Promise<unknown>;
  #isUsed = false;
  #isSerial = false;
  readonly #reset: () => number;
  readonly #restore: () => number;
  /** All of its memories, if the addon can wipe them. */
  readonly #wiped: readonly WipedMemory[] | undefined;
  #state: State = STATE.ALLOCATED;
  #u8: Uint8Array = EMPTY_BYTES;
  #resume: ((verdict: number) => void) | undefined = undefined;
  #reject: ((reason: unknown) => void) | undefined = undefined;

  // The request that it has
  exchange: Exchange | undefined = undefined;
  /** How it ended or must end, once that is known. */
  outcome: Outcome = OUTCOME.OK;
  message = '';
  /** True once `outcome` stands: the guest must not run on. */
  isDoomed = false;
  exitCode = 0;
  /** Time in which it held the worker, up to `switchedInNs` while it does. */
  ranNs = 0;
  switchedInNs = 0;
  /** When it got the request, left the worker or was woken: since then it waits, in its state. */
  waitsSinceNs = 0;
  runnableNs = 0;
  preemptedNs = 0;
  asleepNs = 0;
  deadlineNs: number = Number.POSITIVE_INFINITY;
  arrivalNs = 0;
  estimateNs = 0;
  /** Its tenant's budget, or -1. */
  reservation = -1;
  /**
   * How often a suspending import came back at once. V8 suspends the guest even then and resumes it in the next microtask: whoever
   * waits for the guest to leave must not take that for standing still.
   */
  passes = 0;
  /** When it wants to be woken, if it sleeps. */
  wakeAtNs = 0;
  /** What its import returns when it is woken. */
  wakeVerdict = 0;
  /** The function that it called last: it runs, or its answer is here. */
  callee: Exchange | undefined = undefined;
  /** The Content-Type of its answer, where it has set none itself. */
  calleeType = '';
  isCalling = false;
  /** Running time of the functions that it called, and of those that they called. */
  calledNs = 0;
  /** What its host calls keep for the request: made by them when first needed. */
  wasi: unknown = undefined;
  inputOffset = 0;
  loggedBytes = 0;
  contentTypeSet = false;

  // What of its response goes out while it runs
  /** Status and headers are fixed. */
  isHeadFixed = false;
  /** Of the parts that were handed over. */
  sentBytes = 0;
  /** So long may its unsent body be before `onPressure` is called. */
  pressureBytes: number = Number.POSITIVE_INFINITY;
  onPressure: (sandbox: Sandbox) => void = ignore;
  /** At its next poll it has to sleep until its client has taken some; and it does. */
  isStopped = false;
  isBlocked = false;
  /** It has something to do as soon as the part that is out was taken. */
  isAwaitingDrain = false;
  /** It sleeps until more of its request's body has come. */
  isAwaitingInput = false;

  constructor(
    image: FunctionImage,
    imports: WebAssembly.Imports,
    memories: readonly WebAssembly.Memory[],
    addon: NativeAddon | undefined = undefined,
    more: (() => number) | undefined = undefined,
  ) {
    const [memory] = memories;
    const instance = new WebAssembly.Instance(image.module, imports);
    this.spec = image.spec;
    this.memory = memory;
    this.memories = memories;
    this.grows = image.spec.memories.some(({ minPages, maxPages }) => maxPages > minPages);
    const [first] = image.spec.memories;
    this.#grows = first !== undefined && first.maxPages > first.minPages;
    this.#entry = instance.exports['$luge.enter'] as () => void;
    this.#more = more;
    this.#enter = WebAssembly.promising(this.#entry) as () => Promise<unknown>;
    this.#reset = instance.exports['$luge.reset'] as () => number;
    this.#restore = instance.exports['$luge.restore'] as () => number;
    this.#wiped = addon && wipedMemories(addon, image.spec, imports);
    if (memory !== undefined) this.#u8 = new Uint8Array(memory.buffer as SharedArrayBuffer);
  }

  get state(): State {
    return this.#state;
  }

  set state(next: State) {
    this.#state = step(this.#state, next);
  }

  /** The guest's memory as it is now: it may have grown since the last call. */
  get u8(): Uint8Array {
    if (this.#grows && this.memory !== undefined) {
      const { buffer } = this.memory;
      if (buffer.byteLength !== this.#u8.length) this.#u8 = new Uint8Array(buffer);
    }
    return this.#u8;
  }

  /** Counts `pages` anew. */
  countPages(): number {
    this.pages = this.memories.reduce((sum, { buffer }) => sum + buffer.byteLength / 65_536, 0);
    return this.pages;
  }

  /** Restores the image of a fresh instance. False when it has to be retired. */
  reset(): boolean {
    if (!this.restore()) return false;
    this.state = STATE.INITIALIZED;
    return true;
  }

  /** The generated function alone, whatever the state: for measuring it. */
  restore(): boolean {
    const wiped = this.#wiped;
    if (wiped === undefined) return this.#reset() === 0;
    for (let at = 0; at < wiped.length; at++) {
      if (!(wiped[at] as WipedMemory).wipe()) return this.#reset() === 0;
    }
    return this.#restore() === 0;
  }

  /** Gives it a request. */
  assign(exchange: Exchange, reservation = -1): void {
    this.exchange = exchange;
    this.arrivalNs = exchange.arrivalNs;
    this.estimateNs = exchange.estimateNs;
    this.reservation = reservation;
    this.outcome = OUTCOME.OK;
    this.message = '';
    this.isDoomed = false;
    this.exitCode = 0;
    this.ranNs = 0;
    this.runnableNs = 0;
    this.preemptedNs = 0;
    this.asleepNs = 0;
    this.deadlineNs = exchange.deadlineNs;
    this.callee = undefined;
    this.isCalling = false;
    this.calledNs = 0;
    this.wasi = undefined;
    this.inputOffset = 0;
    this.loggedBytes = 0;
    this.contentTypeSet = false;
    this.isHeadFixed = false;
    this.sentBytes = 0;
    this.pressureBytes = Number.POSITIVE_INFINITY;
    this.isStopped = false;
    this.isBlocked = false;
    this.state = STATE.RUNNABLE;
  }

  /** Adds what it has waited to the state in which it waited. Call before the next step, with a time that was read anyway. */
  waited(now: number): void {
    const ns = now - this.waitsSinceNs;
    this.waitsSinceNs = now;
    if (this.#state === STATE.RUNNABLE) this.runnableNs += ns;
    else if (this.#state === STATE.PREEMPTED) this.preemptedNs += ns;
    else if (this.#state === STATE.ASLEEP) this.asleepNs += ns;
  }

  /**
   * Runs the guest until it suspends, ends or traps. The promise rejects when it traps. From the second time on `more` is asked where it
   * ends: 1 = it has been reset, and has its next request.
   */
  enter(): Promise<unknown> {
    if (this.#isUsed && !this.#isSerial && this.#more !== undefined) {
      this.#enter = serialEntry(this.#entry, this.#more);
      this.#isSerial = true;
    }
    this.#isUsed = true;
    return this.#enter();
  }

  /** The promise that a suspending import returns: the guest is suspended until `resume` or `unwind`. */
  suspend(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#resume = resolve;
      this.#reject = reject;
    });
  }

  get isSuspended(): boolean {
    return this.#resume !== undefined;
  }

  /** Lets a suspended guest go on, in the next microtask; its import returns `verdict`. */
  resume(verdict: number): void {
    const resume = this.#resume;
    this.#resume = undefined;
    this.#reject = undefined;
    resume?.(verdict);
  }

  /** Ends a guest that is suspended in a host call, in the next microtask. */
  unwind(): void {
    const reject = this.#reject;
    this.#resume = undefined;
    this.#reject = undefined;
    reject?.(UNWIND);
  }

  /** It ended itself, with a code other than 0. */
  exit(code: number, message: string): void {
    this.exitCode = code >>> 0;
    this.doom(this.spec.failsOnExit ? OUTCOME.EXIT : OUTCOME.OK, message);
  }

  /** Fixes how the request ends; the first reason stands. */
  doom(outcome: Outcome, message: string): void {
    if (this.isDoomed) return;
    this.isDoomed = true;
    this.outcome = outcome;
    this.message = message;
  }
}

/** Below that reading all of a memory is as fast as asking the kernel. */
const WIPED_PAGES_MIN = 2;

function wipedMemories(
  addon: NativeAddon,
  { memories }: FunctionSpec,
  imports: WebAssembly.Imports,
): WipedMemory[] | undefined {
  const pages = memories.reduce((sum, { minPages }) => sum + minPages, 0);
  if (pages < WIPED_PAGES_MIN) return undefined;
  const own = new Set(memories.map(({ name }) => imports.$luge?.[name] as WebAssembly.Memory));
  const wiped = [...own].map((memory) => WipedMemory.of(addon, memory));
  return wiped.includes(undefined) ? undefined : (wiped as WipedMemory[]);
}
