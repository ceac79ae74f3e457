/**
 * What a worker thread does: pick, run, suspend or complete, again.
 *
 *        +--> mail, sleepers that are due
 *        |    pull one request from the global queue, if the policy wants one       (steal + claim)
 *        |    next guest by the policy ----none----> spin, then park
 *        |    run it until it leaves: done | trapped | preempted at a poll | asleep in a host call
 *        +--- complete it (response handed over, then reset) or put it back
 *
 * The loop is one async function. A guest that runs to its end is entered and left without an await: `enter` reports its end in the
 * control memory, so that the promise of the export need not be waited for (0.4 µs against 1.1). Only a resumed guest
 * runs in a microtask, and the loop awaits one hop for it. Nothing on this path is posted or allocated but that promise. Where a guest has
 * ended and its sandbox gets the next request, that one is begun on the same stack (#more): under load most entries, 1 µs each, are saved.
 *
 * The thread blocks in the parker and so its event loop seldom turns: messages are read when MAIL says so, and every TURN_NS the
 * loop lets the event loop turn once, for what V8 and Node have to do there.
 */
import { type Arena, EMPTY, type Parker } from '../ring/index.ts';
import {
  CONTROL_DONE_INDEX,
  CONTROL_FLAG_INDEX,
  CONTROL_RESULT_INDEX,
  type Exchange,
  ExchangeTable,
  type FunctionImage,
  finishWasi,
  type GuestKernel,
  Host,
  type KvAccess,
  monotonicNs,
  type NativeAddon,
  OUTCOME,
  type PoolCells,
  type Sandbox,
  SandboxPool,
  SLOT_STATE,
  STATE,
} from '../sandbox/index.ts';
import { deliver, firstWorkerProducer } from './delivery.ts';
import { Estimates } from './estimates.ts';
import { GuestCalls } from './guest-calls.ts';
import { GuestInputs } from './guest-inputs.ts';
import { GuestStreams } from './guest-streams.ts';
import { deadlineText, queueEnd } from './queue-end.ts';
import { GlobalQueue } from './scheduling/global-queue.ts';
import type { Policy, QueuedRequest } from './scheduling/policy.ts';
import { Scheduler } from './scheduling/scheduler.ts';
import { Spin } from './spin.ts';
import { COUNTERS, type Counter, type WorkerControl } from './worker-control.ts';

const TURN_NS = 50e6;
/** A worker that holds sleeping guests looks at least this often whether their clients went away. */
const CANCEL_CHECK_NS = 20e6;
const READY_MAX_PER_FUNCTION = 256;
/** Microtask hops within which a resumed guest has certainly run, or called the host: V8 needs one, a trap one more. */
const HOPS_MAX = 64;
/** What wait32/wait64 and sleeps return when their time is up. */
const TIMED_OUT = 2;
/** What a poll returns to a guest that is not to die. */
const GO_ON = 0;

const COMPLETED = index('completed');
const FAILED = index('failed');
const PREEMPTIONS = index('preemptions');
const KILLS = index('kills');
const PARKS = index('parks');
const STREAM_STOPS = index('streamStops');
const SANDBOXES = index('sandboxes');
const MADE = index('sandboxesMade');
const RETIRED = index('sandboxesRetired');
const HELD = index('held');
const MEMORIES = index('memories');
const MEMORIES_IDLE = index('memoriesIdle');
const MEMORIES_REUSED = index('memoriesReused');

function index(name: Counter): number {
  return COUNTERS.indexOf(name);
}

export interface WorkerLoopOptions {
  readonly arena: Arena;
  readonly worker: number;
  /** The control memory that guests poll. */
  readonly control: WebAssembly.Memory;
  readonly state: WorkerControl;
  readonly policy: Policy<Sandbox>;
  readonly spinNs: number;
  readonly sandboxesMax: number;
  readonly addon: NativeAddon | undefined;
  readonly kv: KvAccess | undefined;
  readonly memoriesMax: number;
  readonly onMail: () => void;
  readonly onLog: (sandbox: Sandbox, text: string) => void;
}

export class WorkerLoop implements GuestKernel {
  readonly kv: KvAccess | undefined;
  readonly #arena: Arena;
  readonly #worker: number;
  readonly #mark: number;
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #state: WorkerControl;
  readonly #policy: Policy<Sandbox>;
  readonly #scheduler: Scheduler<Sandbox>;
  readonly #parker: Parker;
  readonly #exchanges: ExchangeTable;
  readonly #host: Host;
  readonly #pool: SandboxPool;
  readonly #calls: GuestCalls;
  readonly #estimates: Estimates;
  readonly #streams: GuestStreams;
  readonly #inputs: GuestInputs;
  readonly #sleepers: Sandbox[] = [];
  readonly #options: WorkerLoopOptions;
  readonly #ready: () => boolean;
  readonly #trapped: (error: unknown) => void;
  readonly #answered: (sandbox: Sandbox, answer: number) => void;
  /** Used again for each request that is sorted. */
  readonly #request = { arrivalNs: 0, deadlineNs: 0, estimateNs: 0, reservation: -1 };
  readonly #spin: Spin;
  /** Requests that were begun since there was nothing to do. */
  #begun = 0;
  #trap: unknown = undefined;
  #hasTrapped = false;
  /** A guest was entered and has not come back. */
  #isEntering = false;
  /** The guest that ended last is settled, and `#picked` was chosen behind it. */
  #isSettled = false;
  #picked: Sandbox | undefined = undefined;
  #failure: unknown = undefined;
  #held = 0;
  #lastTurnNs = monotonicNs();
  #stopping = false;

  constructor(options: WorkerLoopOptions) {
    const { arena, worker } = options;
    this.kv = options.kv;
    this.#options = options;
    this.#arena = arena;
    this.#worker = worker;
    this.#mark = SLOT_STATE.CLAIMED + worker;
    this.#control = new Int32Array(options.control.buffer as SharedArrayBuffer);
    this.#state = options.state;
    this.#spin = new Spin(options.spinNs);
    this.#policy = options.policy;
    this.#parker = arena.parker(worker);
    this.#exchanges = new ExchangeTable(arena);
    this.#host = new Host(this);
    const producer = firstWorkerProducer(arena) + worker;
    this.#estimates = new Estimates(worker);
    this.#calls = new GuestCalls(arena, producer, options.sandboxesMax, this.#estimates);
    this.#streams = new GuestStreams(arena, this.#control);
    this.#inputs = new GuestInputs(arena, worker);
    this.#pool = new SandboxPool(
      {
        sandboxesMax: options.sandboxesMax,
        memoriesMax: options.memoriesMax,
        readyMaxPerFunction: READY_MAX_PER_FUNCTION,
      },
      (spec) => this.#host.importsOf(spec),
      {
        control: options.control,
        interrupt: new WebAssembly.Suspending(() => this.interrupt()),
        wait32: new WebAssembly.Suspending((_address: number, _expected: number, timeout: bigint) =>
          this.#wait(timeout),
        ),
        wait64: new WebAssembly.Suspending((_address: number, _expected: bigint, timeout: bigint) =>
          this.#wait(timeout),
        ),
      },
      options.addon,
      () => this.#more(),
    );
    const requestAt = (slot: number): QueuedRequest => this.#requestAt(slot);
    const queue = new GlobalQueue({ arena, worker, order: this.#policy.order, requestAt });
    this.#scheduler = new Scheduler(this.#policy, queue);
    this.#ready = () =>
      this.#state.hasMail ||
      this.#state.hasStir ||
      this.#scheduler.hasQueued ||
      this.#calls.isReady;
    this.#answered = (sandbox, answer) => {
      sandbox.wakeVerdict = answer;
      sandbox.wakeAtNs = 0;
    };
    this.#trapped = (error) => {
      this.#trap = error;
      this.#hasTrapped = true;
    };
  }

  /** Throws when a sandbox that it shall have ready cannot be made; the function is there all the same. */
  add(
    image: FunctionImage,
    cells: PoolCells,
    tenant: PoolCells,
    estimate: SharedArrayBuffer,
  ): void {
    this.#calls.add(image.spec);
    this.#estimates.add(image.spec, estimate);
    try {
      this.#pool.add(image, cells, tenant);
    } finally {
      this.#publishPool();
    }
  }

  remove(id: number): void {
    this.#pool.remove(id);
    this.#calls.remove(id);
    this.#estimates.remove(id);
  }

  /** The limit of what a tenant may have ready was lowered. */
  trim(tenantId: number): void {
    this.#pool.trim(tenantId);
    this.#publishPool();
  }

  /** The loop ends when it has finished what it holds and takes nothing new. */
  stop(): void {
    this.#stopping = true;
  }

  async run(): Promise<void> {
    this.#parker.searchBegin();
    this.#parker.searchEnd();
    for (;;) {
      if (this.#state.hasMail) {
        this.#state.hasMail = false;
        this.#options.onMail();
      }
      if (this.#calls.isReady) this.#calls.drain(this.#answered);
      if (this.#state.hasStir) this.#stir();
      if (this.#sleepers.length > 0) this.#wakeSleepers();
      const sandbox = this.#picked ?? this.#pick();
      this.#picked = undefined;
      if (sandbox === undefined) {
        if (this.#stopping && this.#held === 0 && this.#calls.inFlight === 0) return;
        await this.#idle();
        continue;
      }
      const hop = this.#dispatch(sandbox);
      if (this.#failure !== undefined) throw this.#failure;
      if (hop) await this.#hop(sandbox);
      if (this.#isSettled) this.#isSettled = false;
      else this.#settle(sandbox);
      if (sandbox.switchedInNs - this.#lastTurnNs > TURN_NS) await this.#turn();
    }
  }

  /** The guest that the policy wants now, which may be one of a new request. */
  #pick(): Sandbox | undefined {
    return this.#policy.next(this.#pull());
  }

  /**
   * Asked on the stack of a guest that has ended: 1 = its sandbox has the next request, which was switched in. Does what the loop would do for
   * it; for all else the loop has to go on itself. What is thrown here must not be taken for a trap of the guest's.
   */
  #more(): number {
    if (!this.#isEntering || !this.#isUndisturbed()) return 0;
    try {
      const sandbox = this.#host.current;
      this.#settle(sandbox);
      this.#isSettled = true;
      const next = this.#pick();
      if (next !== sandbox || !this.#switchIn(sandbox, true)) {
        this.#picked = next;
        return 0;
      }
      this.#isSettled = false;
      sandbox.state = STATE.RUNNING;
      return 1;
    } catch (error) {
      this.#failure = error;
      return 0;
    }
  }

  /** Nothing waits for the loop's next round. */
  #isUndisturbed(): boolean {
    if (this.#state.hasMail || this.#state.hasStir || this.#calls.isReady) return false;
    if (this.#sleepers.length > 0) return false;
    return this.#host.current.switchedInNs - this.#lastTurnNs <= TURN_NS;
  }

  // What guests call

  interrupt(): number | Promise<number> {
    this.#control[CONTROL_FLAG_INDEX] = 0;
    if (this.#state.hasStir) this.#stir();
    const sandbox = this.#host.current;
    const now = monotonicNs();
    this.#account(sandbox, now);
    this.#checkLimits(sandbox, now);
    if (sandbox.isDoomed) {
      this.#state.count(KILLS, 1);
      return 1;
    }
    if (this.#streams.mustStop(sandbox)) {
      this.#state.count(STREAM_STOPS, 1);
      return this.sleep(Number.POSITIVE_INFINITY, GO_ON);
    }
    if (!this.#shouldYield(sandbox, now)) {
      sandbox.passes++;
      return 0;
    }
    this.#state.count(PREEMPTIONS, 1);
    sandbox.state = STATE.INTERRUPTED;
    sandbox.state = STATE.PREEMPTED;
    return sandbox.suspend();
  }

  sleep(wakeAtNs: number, verdict: number = TIMED_OUT): Promise<number> {
    const sandbox = this.#host.current;
    this.#streams.rests(sandbox);
    sandbox.wakeVerdict = verdict;
    sandbox.wakeAtNs = Math.min(wakeAtNs, sandbox.deadlineNs);
    sandbox.state = STATE.ASLEEP;
    this.#sleepers.push(sandbox);
    return sandbox.suspend();
  }

  /** A refusal is slept for, too: what suspends must go through the run queue (host-signature.ts). */
  call(name: string, head: string, bodyAt: number, bodyBytes: number): Promise<number> {
    const refusal = this.#calls.begin(this.#host.current, name, head, bodyAt, bodyBytes);
    return refusal === 0
      ? this.sleep(Number.POSITIVE_INFINITY)
      : this.sleep(monotonicNs(), refusal);
  }

  /** Where there is something by now it goes through the run queue even so, as all that suspends. */
  awaitInput(wakeAtNs: number): Promise<number> {
    const isAwaited = this.#inputs.await(this.#host.current);
    return this.sleep(isAwaited ? wakeAtNs : monotonicNs(), GO_ON);
  }

  drained(exchange: Exchange): void {
    this.#inputs.drained(exchange);
  }

  flush(sandbox: Sandbox): void {
    this.#streams.flush(sandbox);
  }

  log(sandbox: Sandbox, text: string): void {
    this.#options.onLog(sandbox, text);
  }

  /**
   * memory.atomic.wait on a memory that only this guest has, and that holds the expected value: nobody can notify it, so it
   * ends when its time is up.
   */
  #wait(timeoutNs: bigint): Promise<number> {
    return this.sleep(
      timeoutNs < 0n ? Number.POSITIVE_INFINITY : monotonicNs() + Number(timeoutNs),
    );
  }

  // Taking requests

  #shouldYield(sandbox: Sandbox, now: number): boolean {
    if (this.#state.hasMail) return true;
    if (this.#policy.preempts && this.#calls.isReady) return true;
    if (this.#scheduler.yields(sandbox, now)) return true;
    return this.#sleepers.length > 0 && this.#state.wakeAtNs <= now;
  }

  /** Begins the request that the policy wants before what this worker has, if there is one. The time. */
  #pull(): number {
    const now = monotonicNs();
    if (this.#held < this.#options.sandboxesMax) {
      const slot = this.#scheduler.take(now);
      if (slot !== EMPTY) this.#start(this.#exchanges.at(slot), now);
    }
    return now;
  }

  /** What the policy asks of a request, with the slot's fields where they lie: valid until the slot's next step. */
  #requestAt(slot: number): QueuedRequest {
    const exchange = this.#exchanges.at(slot);
    const request = this.#request;
    request.arrivalNs = exchange.arrivalNs;
    request.deadlineNs = exchange.deadlineNs;
    request.estimateNs = exchange.estimateNs;
    request.reservation = this.#pool.reservation(exchange.fn);
    return request;
  }

  #start(exchange: Exchange, now: number): void {
    this.#begun++;
    exchange.attach();
    if (exchange.isFed) exchange.feed.attach();
    exchange.started(this.#worker, now);
    const image = this.#pool.image(exchange.fn);
    const queueTimeoutNs = image?.spec.queueTimeoutNs ?? Number.POSITIVE_INFINITY;
    const end = queueEnd(exchange, now, queueTimeoutNs);
    if (end !== undefined) return void this.#refuse(exchange, end.outcome, end.message);
    if (image === undefined)
      return void this.#refuse(exchange, OUTCOME.INTERNAL, 'the function is not loaded');
    let sandbox: Sandbox | undefined;
    try {
      sandbox = this.#pool.take(exchange.fn);
    } catch (error) {
      // Out of address space or memory, or data segments that do not fit: the guest's fault or the machine's, not ours.
      return void this.#refuse(
        exchange,
        OUTCOME.NO_SANDBOX,
        `no sandbox could be made: ${messageOf(error)}`,
      );
    }
    if (sandbox === undefined) return void this.#refuseFull(exchange, image);
    sandbox.assign(exchange, this.#pool.reservation(exchange.fn));
    this.#streams.begin(sandbox);
    sandbox.waitsSinceNs = now;
    this.#held++;
    this.#state.set(HELD, this.#held);
    this.#policy.add(sandbox, true, now);
  }

  /** Which limit it met, its value, and what sets it. */
  #refuseFull(exchange: Exchange, { spec }: FunctionImage): void {
    const { sandboxesMax, memoriesMax } = this.#options;
    if (this.#pool.refusal === 'function') {
      const text = `all ${spec.maxConcurrency} sandboxes that ${spec.route} may have are in use (maxConcurrency)`;
      this.#refuse(exchange, OUTCOME.FUNCTION_BUSY, text);
    } else if (this.#pool.refusal === 'tenant') {
      const most = this.#pool.tenantLimit(spec);
      const text = `all ${most} sandboxes that the tenant ${spec.tenant} may have are in use (limits.maxConcurrency)`;
      this.#refuse(exchange, OUTCOME.TENANT_BUSY, text);
    } else {
      const text = `all sandboxes of this worker are in use (${sandboxesMax}, maxSandboxesPerWorker), or their memories (${memoriesMax})`;
      this.#refuse(exchange, OUTCOME.NO_SANDBOX, text);
    }
  }

  #refuse(exchange: Exchange, outcome: Exchange['outcome'], message: string): void {
    exchange.fail(outcome, message);
    exchange.ended(exchange.startNs, 0);
    this.#state.count(FAILED, 1);
    this.#complete(exchange);
  }

  // Running

  /** Switches to the guest. True when it runs, or its trap arrives, only in a later microtask. */
  #dispatch(sandbox: Sandbox): boolean {
    const isFresh = sandbox.state === STATE.RUNNABLE && !sandbox.isSuspended;
    if (!this.#switchIn(sandbox, isFresh)) return false;
    if (isFresh) {
      sandbox.state = STATE.RUNNING;
      this.#isEntering = true;
      const promise = sandbox.enter();
      this.#isEntering = false;
      if (this.#control[CONTROL_DONE_INDEX] !== 0) return false;
      promise.then(undefined, this.#trapped);
      return !sandbox.isSuspended;
    }
    if (sandbox.isDoomed && sandbox.state !== STATE.PREEMPTED) {
      this.#state.count(KILLS, 1);
      sandbox.state = STATE.RUNNING;
      sandbox.unwind();
    } else {
      const isKilled = sandbox.isDoomed && sandbox.state === STATE.PREEMPTED;
      if (isKilled) this.#state.count(KILLS, 1);
      const verdict = sandbox.state === STATE.PREEMPTED ? (isKilled ? 1 : 0) : sandbox.wakeVerdict;
      sandbox.state = STATE.RUNNING;
      sandbox.resume(verdict);
    }
    return true;
  }

  /** Its limits, and what the ticker goes by. False: it is past a limit before it has begun, so that nothing has to be ended. */
  #switchIn(sandbox: Sandbox, isFresh: boolean): boolean {
    const exchange = sandbox.exchange as Exchange;
    const now = monotonicNs();
    sandbox.waited(now);
    sandbox.switchedInNs = now;
    this.#checkLimits(sandbox, now);
    if (sandbox.isDoomed && isFresh) return false;
    this.#host.current = sandbox;
    this.#hasTrapped = false;
    this.#control[CONTROL_FLAG_INDEX] = sandbox.isStopped ? 1 : 0;
    this.#control[CONTROL_DONE_INDEX] = 0;
    this.#publishWaiters(now);
    this.#state.runKey = this.#policy.runningRank(sandbox, now);
    const cpuLeft = sandbox.spec.cpuLimitNs - sandbox.ranNs;
    this.#state.switchIn(exchange.slot, Math.min(sandbox.deadlineNs, now + cpuLeft));
    return true;
  }

  /** Lets microtasks run until the guest has left: ended, trapped, or suspended again. */
  async #hop(sandbox: Sandbox): Promise<void> {
    let { passes } = sandbox;
    for (let i = 0; i < HOPS_MAX; i++) {
      await undefined;
      if (this.#hasTrapped || sandbox.isSuspended || this.#control[CONTROL_DONE_INDEX] !== 0)
        return;
      if (sandbox.passes === passes) continue;
      passes = sandbox.passes;
      i = 0;
    }
    throw new Error(`a guest of ${sandbox.spec.name} neither ran nor ended`);
  }

  /** Running time up to now goes on the guest's account, and its tenant's. */
  #account(sandbox: Sandbox, now: number): void {
    const ns = now - sandbox.switchedInNs;
    sandbox.ranNs += ns;
    sandbox.switchedInNs = now;
    this.#policy.ran(sandbox, ns, now);
  }

  /** The guest has left the worker: puts it back, or completes its request. */
  #settle(sandbox: Sandbox): void {
    const now = monotonicNs();
    this.#account(sandbox, now);
    sandbox.waitsSinceNs = now;
    if ((this.#state.epoch & 1) !== 0) this.#state.switchOut();
    if (sandbox.state === STATE.PREEMPTED) {
      this.#policy.add(sandbox, false, now);
      return;
    }
    if (sandbox.state === STATE.ASLEEP) {
      this.#publishWake(now);
      return;
    }
    this.#finish(sandbox, now);
  }

  #finish(sandbox: Sandbox, now: number): void {
    const exchange = sandbox.exchange as Exchange;
    const isDone = !this.#hasTrapped && sandbox.state === STATE.RUNNING;
    if (isDone) {
      const result = this.#control[CONTROL_RESULT_INDEX] as number;
      if (result !== 0) sandbox.exit(result, `the function returned ${result}`);
    } else if (sandbox.state === STATE.RUNNING) {
      sandbox.doom(OUTCOME.TRAP, messageOf(this.#trap));
    }
    finishWasi(this.#host, sandbox);
    this.#calls.end(sandbox);
    this.#streams.end(sandbox);
    this.#inputs.leave(sandbox);
    exchange.ended(now, sandbox.ranNs);
    exchange.exitCode = sandbox.exitCode;
    exchange.suspended(sandbox.runnableNs, sandbox.preemptedNs, sandbox.asleepNs);
    if (sandbox.outcome === OUTCOME.OK) {
      if (!exchange.parts.hasBegun) exchange.isTyped = sandbox.contentTypeSet;
      this.#state.count(COMPLETED, 1);
    } else {
      exchange.fail(sandbox.outcome, sandbox.message);
      this.#state.count(FAILED, 1);
    }
    sandbox.state = isDone ? STATE.RETURNED : STATE.ERROR;
    this.#trap = undefined;
    this.#hasTrapped = false;
    this.#held--;
    this.#state.set(HELD, this.#held);
    this.#pool.leave(sandbox);
    exchange.calledNs = sandbox.calledNs;
    this.#estimates.note(exchange, sandbox.ranNs + sandbox.calledNs);
    this.#complete(exchange);
    this.#pool.give(sandbox);
    this.#estimates.record();
    this.#publishPool();
  }

  /** Hands the response over. */
  #complete(exchange: Exchange): void {
    deliver(this.#arena, exchange, this.#mark);
  }

  #checkLimits(sandbox: Sandbox, now: number): void {
    if (sandbox.isDoomed) return;
    const exchange = sandbox.exchange as Exchange;
    if (this.#exchanges.isCancelled(exchange)) {
      sandbox.doom(OUTCOME.CANCELLED, 'cancelled while it ran');
    } else if (now >= sandbox.deadlineNs) {
      const text = `the function did not end within ${deadlineText(exchange)}`;
      sandbox.doom(OUTCOME.DEADLINE, text);
    } else if (sandbox.ranNs >= sandbox.spec.cpuLimitNs) {
      const text = `the function used up its CPU limit of ${sandbox.spec.cpuLimitNs / 1e6} ms (cpuLimitMs)`;
      sandbox.doom(OUTCOME.CPU_LIMIT, text);
    }
  }

  // Waiting

  /** Clears the mark first: what is drained behind that sets it again (parts.ts, S5). */
  #stir(): void {
    this.#state.hasStir = false;
    this.#streams.stirred();
    this.#inputs.stirred();
    this.#publishWake(monotonicNs());
  }

  #wakeSleepers(): void {
    const now = monotonicNs();
    for (let i = this.#sleepers.length - 1; i >= 0; i--) {
      const sandbox = this.#sleepers[i] as Sandbox;
      const exchange = sandbox.exchange as Exchange;
      if (sandbox.wakeAtNs > now && !this.#exchanges.isCancelled(exchange)) continue;
      this.#sleepers[i] = this.#sleepers[this.#sleepers.length - 1] as Sandbox;
      this.#sleepers.pop();
      sandbox.waited(now);
      this.#inputs.leave(sandbox);
      sandbox.state = STATE.RUNNABLE;
      this.#policy.add(sandbox, false, now);
    }
    this.#publishWake(now);
  }

  async #idle(): Promise<void> {
    const now = monotonicNs();
    if (now - this.#lastTurnNs > TURN_NS) await this.#turn();
    if (!this.#ready() && this.#pool.tidy(now, this.#held === 0)) {
      // A piece of work at a time: the loop looks whether there is better to do.
      this.#publishPool();
      return;
    }
    this.#parker.searchBegin();
    let timeoutNs = Number.POSITIVE_INFINITY;
    if (this.#sleepers.length > 0) {
      timeoutNs = Math.max(0, this.#state.wakeAtNs - now);
    }
    timeoutNs = Math.min(timeoutNs, Math.max(0, this.#pool.tidyAtNs - now));
    const spinNs = this.#begun > 1 ? 0 : Math.min(this.#spin.ns, timeoutNs);
    if (!this.#parker.spin(this.#ready, spinNs, monotonicNs)) {
      this.#state.count(PARKS, 1);
      this.#parker.park(this.#ready, timeoutNs);
    }
    this.#begun = 0;
    this.#spin.learn(this.#pull() - now);
    if (this.#parker.searchEnd() && this.#scheduler.hasQueued) this.#arena.lot.wakeOne();
  }

  async #turn(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#lastTurnNs = monotonicNs();
  }

  // What others see

  #publishWaiters(now: number): void {
    this.#state.publishWaiters(this.#policy.waiting, this.#policy.waitingRank(now));
  }

  /** At the latest when it is time to see whether the sleepers' clients are there: a guest that runs must let that happen, too. */
  #publishWake(now: number): void {
    let first = this.#sleepers.length > 0 ? now + CANCEL_CHECK_NS : Number.POSITIVE_INFINITY;
    for (const sandbox of this.#sleepers) first = Math.min(first, sandbox.wakeAtNs);
    this.#state.wakeAtNs = first;
  }

  #publishPool(): void {
    this.#state.set(SANDBOXES, this.#pool.count);
    this.#state.set(MADE, this.#pool.made);
    this.#state.set(RETIRED, this.#pool.retired);
    this.#state.set(MEMORIES, this.#pool.memories.mapped);
    this.#state.set(MEMORIES_IDLE, this.#pool.memories.idle);
    this.#state.set(MEMORIES_REUSED, this.#pool.memories.reused);
    this.#state.set(HELD, this.#held);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
