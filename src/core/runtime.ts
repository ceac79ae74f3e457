/** The embedder's API: functions are loaded once and invoked from here, or served by a front end that submits to the same deque. */
import { availableParallelism } from 'node:os';
import { Arena, type ArenaConstraints, WORKERS_MAX } from '../ring/index.ts';
import {
  ALLOCATION_LIMITS,
  type AllocationLimits,
  compileFunction,
  type FunctionSpec,
  LOG_BYTES,
  MODULE_BYTES,
  MODULE_BYTES_MAX,
  monotonicNs,
  nativeAddon,
  preopensOf,
  type RewriteInfo,
  SLOT_BYTES,
} from '../sandbox/index.ts';
import { AdmissionBoard } from './admission-board.ts';
import type {
  BudgetStats,
  EstimateStats,
  InvokeOptions,
  LoadOptions,
  PoolStats,
  ResultOf,
  RuntimeOptions,
  RuntimeStats,
  SandboxLimits,
  TenantLimits,
  TimerName,
} from './api.ts';
import { firstWorkerProducer } from './delivery.ts';
import { LugeError } from './errors.ts';
import { Estimate } from './estimate.ts';
import { estimateSettings } from './estimate-settings.ts';
import { Invoker } from './invoker.ts';
import { createKvStore, type KvStore } from './kv-store.ts';
import { checkTexts } from './load-texts.ts';
import { recoverSeat } from './lost-seat.ts';
import type { SubmittedCells, SubmittedFunction } from './messages.ts';
import { type CorePlan, listenerCores, planProcessCores } from './pinning.ts';
import type { ProducerPlace } from './producer.ts';
import { chooseTimer } from './quantum-timer.ts';
import { encodeSpec } from './records.ts';
import { sandboxLimits } from './sandbox-limits.ts';
import { createPolicy, type SchedulerData, schedulerData } from './scheduling/policies.ts';
import type { Policy } from './scheduling/policy.ts';
import { Supervisor } from './supervisor.ts';
import { TickerCells } from './ticker-cells.ts';
import { CONTROL_BYTES } from './worker-control.ts';

const CHUNK_BYTES = 16384;
/** Above any chain of calls that somebody wants, and what fits into its cell. */
const CALL_DEPTH_MAX = 64;
/** Sixteen chunks: out of thin air, between a socket's buffer and what a slow client may hold of the arena. */
const STREAM_HIGH_WATER_BYTES = 262_144;
/** What one read of a socket brings. */
const REQUEST_HIGH_WATER_BYTES = 65_536;
/** Below it a part would be a write of the socket, or a wake-up, for less than a page. */
const HIGH_WATER_BYTES_MIN = 4096;
const REQUEST_BODIES = ['whole', 'stream'] as const;
/** Each element is 8 bytes of one object, and that must stay below what a full heap has left for its worker's end; see rewriter/allocation.ts. */
const TABLE_ELEMENTS_MAX = 1_000_000;
const ARRAY_BYTES_MAX = 4 * 2 ** 20;
const HEAP_MB_MIN = 64;
/** Longer than a client on the same machine takes from an answer to its next request (70 µs of a VM whose cores went to sleep). */
const SPIN_US = 100;
const RESERVATIONS = 16;
const RESERVATIONS_MAX = 64;
const PERIOD_MS = 100;
const PERIOD_MS_MAX = 3_600_000;
/** As many as there may be requests in the system. */
const CONCURRENCY_MAX = 65_536;
const DEFAULT_TENANT = 'default';
/** The most that a worker keeps of a function. */
const PREWARM_MAX = 256;
const TIMERS = ['auto', 'js', 'native'] as const;
const NS_PER_MS = 1e6;
/**
 * Before a dead thread's seat is given to another: behind its last request. A worker that the system stopped between the end of a request and the word of it
 * (completion.wat) would else tell the wrong one; it is done by then.
 */
const SEAT_REST_MS = 1000;
/** The longest time that setTimeout takes. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** A loaded function. */
export interface LoadedFunction {
  readonly name: string;
  readonly spec: FunctionSpec;
  readonly info: RewriteInfo;
  invoke<const O extends InvokeOptions = InvokeOptions>(options?: O): Promise<ResultOf<O>>;
}

export interface CloseOptions {
  /** Ends running guests instead of waiting for them. Default false. */
  readonly force?: boolean;
  /** How long running guests may go on. Default 10,000 ms; then they are ended. */
  readonly timeoutMs?: number;
}

/** What a front end needs to submit requests from a thread of its own. */
export interface ProducerSeat {
  readonly memory: WebAssembly.Memory;
  readonly index: number;
  /** Where the thread shall sit (pinning.ts); undefined: anywhere. */
  readonly cores: readonly number[] | undefined;
  /** Undefined: there is no admission control. */
  readonly admission: SharedArrayBuffer | undefined;
  readonly spinNs: number;
}

export async function createRuntime(options: RuntimeOptions = {}): Promise<Runtime> {
  const runtime = new Runtime(options, await schedulingOf(options));
  await runtime.start();
  return runtime;
}

/** What decides the arena's layout. */
interface Scheduling {
  readonly data: SchedulerData;
  readonly policy: Policy;
  readonly budgets: number;
}

async function schedulingOf({ scheduler, maxReservations }: RuntimeOptions): Promise<Scheduling> {
  const data = schedulerData(scheduler);
  const reservations = maxReservations ?? (scheduler === 'mtds' ? RESERVATIONS : 0);
  const budgets = whole('createRuntime: maxReservations', reservations, 0, RESERVATIONS_MAX);
  // Stand-ins: this one only says how many heaps there shall be, and lies in no arena yet.
  const none = { leftNs: () => 0, charge: () => {} };
  const context = {
    worker: 0,
    quantumNs: 0,
    budgets: new Array(budgets).fill(none),
    options: undefined,
  };
  return { data, policy: await createPolicy(data, context), budgets };
}

export class Runtime {
  /** Name of the policy. */
  readonly scheduler: string;
  readonly workers: number;
  readonly spinNs: number;
  /** The native addon is in use. */
  readonly native: boolean;
  readonly timer: TimerName;
  /** Undefined: nothing is pinned. */
  readonly cores: CorePlan | undefined;
  readonly limits: SandboxLimits;
  readonly #arena: Arena;
  readonly #supervisor: Supervisor;
  readonly #invoker: Invoker;
  readonly #kv: KvStore | undefined;
  readonly #admission: AdmissionBoard | undefined;
  readonly #functions = new Map<string, LoadedFunction>();
  readonly #tenants = new Map<string, number>();
  /** Tenants with a budget, by its number. */
  readonly #reservations: string[] = [];
  #nextId = 0;
  #nextProducer = 1;
  /** Of producers that are gone. */
  readonly #freeSeats: number[] = [];
  #closed: Promise<void> | undefined;

  constructor(options: RuntimeOptions, scheduling: Scheduling) {
    const workers = workerCount(options.workers);
    const constraints = constraintsOf(options, workers, scheduling);
    this.scheduler = scheduling.policy.name;
    this.workers = workers;
    this.limits = sandboxLimits(options.maxSandboxesPerWorker, workers);
    // Where it takes no core from who submits, or from other guests (spin.ts).
    this.spinNs = (options.spinUs ?? (availableParallelism() > workers ? SPIN_US : 0)) * 1e3;
    this.#kv = createKvStore(options.kv, workers);
    this.native = options.native !== 'off' && nativeAddon() !== undefined;
    this.timer = chooseTimer(
      oneOf('createRuntime: timer', options.timer ?? 'auto', TIMERS),
      this.native,
    );
    this.cores = planProcessCores(options.pin ?? false, workers, this.native);
    this.#arena = Arena.create(constraints);
    this.#supervisor = new Supervisor({
      arena: this.#arena,
      workers,
      scheduler: scheduling.data,
      policy: scheduling.policy,
      producer: 0,
      quantumNs: (options.quantumUs ?? 1000) * 1e3,
      timer: this.timer,
      cores: this.cores?.workers,
      spinNs: this.spinNs,
      native: this.native,
      sandboxesMax: this.limits.sandboxesPerWorker,
      memoriesMax: this.limits.memoriesPerWorker,
      heapMb: heapMb(options.maxHeapMbPerWorker ?? 512),
      kv: this.#kv,
      onLog: options.onLog,
    });
    const { admission = false } = options;
    if (admission !== false) {
      const settings = admission === true ? {} : admission;
      const producers = firstWorkerProducer(this.#arena);
      this.#admission = new AdmissionBoard(settings, workers, producers);
    }
    this.#invoker = new Invoker(this.#place(0));
  }

  /** Called by `createRuntime`. */
  async start(): Promise<void> {
    await this.#kv?.start();
    try {
      await this.#supervisor.start();
    } catch (error) {
      await this.#kv?.close();
      throw error;
    }
  }

  /** Sets what a tenant may keep in the key-value store, in bytes; functions may be loaded before or after. */
  setKvQuota(tenant: string, maxBytes: number): void {
    this.#kv?.tenant(tenant, maxBytes);
  }

  /**
   * Registers a module under a name; an older one of that name is replaced, and what runs of it goes on. Rejects with a RewriteError,
   * FunctionError or LugeError that says what is wrong with the module, and where.
   */
  async load(name: string, options: LoadOptions): Promise<LoadedFunction> {
    this.#assertOpen();
    checkTexts(name, options);
    const deadlineMs = options.deadlineMs ?? 30_000;
    const tenant = options.tenant ?? DEFAULT_TENANT;
    const { image, info } = compileFunction(options.wasm, {
      id: this.#nextId++,
      name,
      tenant,
      tenantId: this.#tenantId(tenant),
      route: options.route ?? `/${name}`,
      contentType: options.contentType ?? 'application/octet-stream',
      response: options.response ?? 'raw',
      failsOnExit: options.failOnExit ?? true,
      deadlineNs: deadlineMs * NS_PER_MS,
      cpuLimitNs: (options.cpuLimitMs ?? 10_000) * NS_PER_MS,
      queueTimeoutNs: (options.queueTimeoutMs ?? deadlineMs) * NS_PER_MS,
      maxOutputBytes: options.maxOutputBytes ?? 4 * 2 ** 20,
      maxLogBytes: logBytes(options.maxLogBytes ?? LOG_BYTES),
      streamHighWaterBytes: highWater(
        'streamHighWaterBytes',
        options.streamHighWaterBytes ?? STREAM_HIGH_WATER_BYTES,
      ),
      requestBody: oneOf('load: requestBody', options.requestBody ?? 'whole', REQUEST_BODIES),
      requestHighWaterBytes: highWater(
        'requestHighWaterBytes',
        options.requestHighWaterBytes ?? REQUEST_HIGH_WATER_BYTES,
      ),
      maxCallDepth: callDepth(options.maxCallDepth ?? 8),
      maxPages: options.memory?.maxPages ?? 1024,
      growth: options.memory?.growth ?? 'retire',
      limits: allocationLimits(options),
      maxModuleBytes: moduleBytes(options.maxModuleBytes ?? MODULE_BYTES),
      args: options.args ?? [],
      hasCgiVariables: options.cgiVariables ?? true,
      env: Object.entries(options.env ?? {}).map(([key, value]) => `${key}=${value}`),
      maxConcurrency: concurrencyOf('load', options.maxConcurrency),
      prewarm: prewarmOf(options.prewarm),
      ...estimateSettings(options),
      ...preopensOf(options),
    });
    await this.#supervisor.load(image);
    const old = this.#functions.get(name);
    const { spec } = image;
    this.#invoker.add(spec, this.#submittedCells(spec));
    const loaded: LoadedFunction = {
      name,
      spec,
      info,
      invoke: async <O extends InvokeOptions>(call: O = {} as O) => {
        this.#assertOpen();
        return (await this.#invoker.invoke(spec, call)) as ResultOf<O>;
      },
    };
    this.#functions.set(name, loaded);
    if (old !== undefined) this.#unloadLater(old.spec);
    return loaded;
  }

  /** Takes effect at once, for functions that are loaded and those to come; what runs beyond a lower limit goes on. What is not given has no limit. */
  setTenantLimits(tenant: string, limits: TenantLimits): void {
    const most = concurrencyOf('setTenantLimits', limits.maxConcurrency);
    const idle = idleOf(limits.maxIdleSandboxes);
    const share = shareOf(limits.utilization);
    const { budgetMs, periodMs = PERIOD_MS } = limits;
    if (budgetMs !== undefined) this.#reserve(tenant, budgetMs, periodMs);
    const id = this.#tenantId(tenant);
    this.#supervisor.tenantCells(id).limit = most;
    this.#supervisor.setIdleLimit(id, idle);
    this.#admission?.limitTenant(id, tenant, share);
  }

  /** A budget stays with its tenant: one of 0 leaves it best effort. */
  #reserve(tenant: string, budgetMs: number, periodMs: number): void {
    const { budgets } = this.#arena.constraints;
    number('setTenantLimits: periodMs', periodMs, 1, PERIOD_MS_MAX);
    number('setTenantLimits: budgetMs', budgetMs, 0, periodMs * this.workers);
    if (budgets === 0) return;
    let reservation = this.#reservations.indexOf(tenant);
    if (reservation < 0) {
      reservation = this.#reservations.length;
      if (reservation === budgets) {
        const text = `setTenantLimits: all ${budgets} budgets are taken (maxReservations)`;
        throw new LugeError('ERR_NO_BUDGET', 500, text);
      }
      this.#reservations.push(tenant);
    }
    this.#arena.budget(reservation).set(budgetMs * NS_PER_MS, periodMs * NS_PER_MS, monotonicNs());
    this.#supervisor.tenantCells(this.#tenantId(tenant)).reservation = reservation;
  }

  /** The key-value store's number where there is one: its file may know tenants from before. */
  #tenantId(name: string): number {
    if (this.#kv !== undefined) return this.#kv.tenant(name);
    let id = this.#tenants.get(name);
    if (id === undefined) {
      id = this.#tenants.size;
      this.#tenants.set(name, id);
    }
    return id;
  }

  /** Requests for the replaced one may still be queued; behind its deadline none can be. */
  #unloadLater(spec: FunctionSpec): void {
    const afterMs = Math.min(spec.deadlineNs / NS_PER_MS + 1000, TIMER_MS_MAX);
    setTimeout(() => {
      this.#invoker.remove(spec.id);
      if (this.#closed === undefined) void this.#supervisor.unload(spec.id);
    }, afterMs).unref();
  }

  /** The loaded function of that name. */
  get(name: string): LoadedFunction | undefined {
    return this.#functions.get(name);
  }

  async invoke<const O extends InvokeOptions = InvokeOptions>(
    name: string,
    options: O = {} as O,
  ): Promise<ResultOf<O>> {
    const loaded = this.#functions.get(name);
    if (loaded === undefined) {
      const known = [...this.#functions.keys()].join(', ') || 'none';
      throw new LugeError(
        'ERR_NO_FUNCTION',
        404,
        `no function '${name}' is loaded (loaded: ${known})`,
      );
    }
    return loaded.invoke(options);
  }

  stats(): RuntimeStats {
    const { constraints, slotList, chunks } = this.#arena;
    const cells = new TickerCells(this.#arena);
    let queued = 0;
    for (let p = 0; p < constraints.producers; p++) queued += this.#arena.deque(p).size;
    for (let h = 0; h < constraints.heaps; h++) queued += this.#arena.heap(h, this.workers).size;
    return {
      workers: this.#supervisor.states.map((state, w) => state.read(w)),
      functions: [...this.#functions.values()].map(({ name, spec }) => ({
        name,
        id: spec.id,
        ...this.#estimate(spec),
      })),
      pools: this.#pools(),
      limits: this.limits,
      admission: this.#admission?.stats(),
      queued,
      endedInQueue: cells.endedInQueue,
      slotsFree: slotList.free,
      slots: constraints.slots,
      chunksFree: chunks.free,
      chunks: constraints.chunks,
      workersLost: this.#supervisor.workersLost,
      native: this.native,
      kv: this.#kv?.stats(),
      scheduler: this.scheduler,
      budgets: this.#budgets(),
      timer: this.timer,
      ticks: cells.ticks,
      interrupts: cells.interrupts,
    };
  }

  #budgets(): BudgetStats[] {
    return this.#reservations.map((tenant, i) => {
      const budget = this.#arena.budget(i);
      return {
        tenant,
        budgetMs: budget.mostNs / NS_PER_MS,
        periodMs: budget.periodNs / NS_PER_MS,
        leftMs: budget.leftNs(monotonicNs()) / NS_PER_MS,
      };
    });
  }

  #estimate(spec: FunctionSpec): EstimateStats {
    const { samples, fit } = new Estimate(spec, this.#estimateBuffer(spec.id));
    return {
      estimateNs: samples.estimateNs,
      measuredRuns: samples.measured,
      fit: fit && {
        biasNs: fit.biasNs,
        byteNs: fit.byteNs,
        parameterNs: fit.parameterNs,
        isUsed: fit.isBetter,
      },
    };
  }

  #pools(): PoolStats[] {
    const pools: PoolStats[] = [];
    for (const { name, spec } of this.#functions.values()) {
      const cells = this.#supervisor.cells(spec.id);
      if (cells === undefined) continue;
      for (let worker = 0; worker < this.workers; worker++) {
        const { pages, ...line } = cells.read(worker);
        if (line.made > 0) pools.push({ fn: name, worker, ...line, residentBytes: pages * 65_536 });
      }
    }
    return pools;
  }

  /** A seat for a front end's thread. */
  takeSeat(): ProducerSeat {
    this.#assertOpen();
    const seats = firstWorkerProducer(this.#arena);
    const free = this.#freeSeats.shift();
    if (free === undefined && this.#nextProducer >= seats) {
      throw new LugeError(
        'ERR_NO_SEAT',
        500,
        `all ${seats - 1} producers are taken (maxProducers)`,
      );
    }
    const index = free ?? this.#nextProducer++;
    // What came back for the one that is gone.
    const completions = this.#arena.completions(index);
    while (completions.pop() >= 0);
    const cores = this.cores && listenerCores(this.cores, index - 1);
    const admission = this.#admission?.buffer;
    return { memory: this.#arena.ring.memory, index, cores, admission, spinNs: this.spinNs };
  }

  /**
   * The thread that had the seat has ended: what it had admitted is not admitted any more, and its requests are given up. Some time after the last of them has
   * come back the seat is another's.
   */
  dropSeat({ index }: ProducerSeat): void {
    this.#admission?.clear(index);
    void recoverSeat(this.#arena, index).then(() => {
      setTimeout(() => this.#freeSeats.push(index), SEAT_REST_MS).unref();
    });
  }

  #place(index: number): ProducerPlace {
    return {
      ...{ arena: this.#arena, index, admission: this.#admission?.buffer },
      spinNs: this.spinNs,
    };
  }

  /** What the thread of a front end has to know of a function whose requests it submits. */
  submittedFunction(id: number): SubmittedFunction {
    const found = [...this.#functions.values()].find(({ spec }) => spec.id === id);
    if (found === undefined) {
      throw new LugeError('ERR_NO_FUNCTION', 404, `no function with the number ${id} is loaded`);
    }
    return { spec: encodeSpec(found.spec), ...this.#submittedCells(found.spec) };
  }

  #submittedCells({ id, tenant, tenantId }: FunctionSpec): SubmittedCells {
    const admission = this.#admission?.tenant(tenantId, tenant);
    return { estimate: this.#estimateBuffer(id), admission };
  }

  #estimateBuffer(id: number): SharedArrayBuffer {
    return this.#supervisor.estimate(id) as SharedArrayBuffer;
  }

  /** Ends worker thread `w` at once. For fault tests: the supervisor answers its requests and replaces it. */
  async killWorker(w: number): Promise<void> {
    await this.#supervisor.kill(w);
  }

  /** Ends the thread that saves the key-value store. For fault tests, too. */
  async killKvWriter(): Promise<void> {
    await this.#kv?.killWriter();
  }

  /** Waits for what is under way (front ends must have drained before), then ends all threads. */
  close(options: CloseOptions = {}): Promise<void> {
    this.#closed ??= this.#close(options);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close({ force = false, timeoutMs = 10_000 }: CloseOptions): Promise<void> {
    const cancel = (): void => this.#invoker.cancelAll();
    if (force) cancel();
    const timer = setTimeout(cancel, timeoutMs);
    await this.#invoker.idle();
    clearTimeout(timer);
    await this.#supervisor.close(Math.max(1000, timeoutMs));
    await this.#kv?.close();
  }

  #assertOpen(): void {
    if (this.#closed !== undefined) throw new LugeError('ERR_CLOSED', 503, 'the runtime is closed');
  }
}

function highWater(name: string, bytes: number): number {
  return number(`load: ${name}`, bytes, HIGH_WATER_BYTES_MIN, Number.POSITIVE_INFINITY);
}

function logBytes(bytes: number): number {
  return number('load: maxLogBytes', bytes, 0, Number.POSITIVE_INFINITY);
}

function callDepth(depth: number): number {
  return whole('load: maxCallDepth', depth, 0, CALL_DEPTH_MAX);
}

function moduleBytes(bytes: number): number {
  return whole('load: maxModuleBytes', bytes, 1, MODULE_BYTES_MAX);
}

function heapMb(mb: number): number {
  return whole('createRuntime: maxHeapMbPerWorker', mb, HEAP_MB_MIN, 2 ** 20);
}

function allocationLimits({
  maxTableElements: tableElements = ALLOCATION_LIMITS.tableElements,
  maxArrayBytes: arrayBytes = ALLOCATION_LIMITS.arrayBytes,
}: LoadOptions): AllocationLimits {
  return {
    tableElements: whole('load: maxTableElements', tableElements, 0, TABLE_ELEMENTS_MAX),
    arrayBytes: whole('load: maxArrayBytes', arrayBytes, 0, ARRAY_BYTES_MAX),
  };
}

function number(name: string, value: unknown, least: number, most: number): number {
  if (typeof value === 'number' && value >= least && value <= most) return value;
  throw new LugeError(
    'ERR_INVALID_ARGUMENT',
    500,
    `${name} must be a number from ${least} to ${most}, not ${String(value)}`,
  );
}

function whole(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new LugeError(
    'ERR_INVALID_ARGUMENT',
    500,
    `${name} must be a whole number from ${least} to ${most}, not ${String(value)}`,
  );
}

function oneOf<const T extends string>(name: string, value: string, choices: readonly T[]): T {
  const choice = choices.find((known) => known === value);
  if (choice !== undefined) return choice;
  const text = `${name} must be one of '${choices.join("', '")}', not '${String(value)}'`;
  throw new LugeError('ERR_INVALID_ARGUMENT', 500, text);
}

function concurrencyOf(where: string, most = Number.POSITIVE_INFINITY): number {
  if (most === Number.POSITIVE_INFINITY) return most;
  if (Number.isInteger(most) && most >= 1 && most <= CONCURRENCY_MAX) return most;
  const text = `${where}: maxConcurrency must be a whole number from 1 to ${CONCURRENCY_MAX}, not ${most}`;
  throw new LugeError('ERR_INVALID_ARGUMENT', 400, text);
}

function shareOf(share = Number.POSITIVE_INFINITY): number {
  if (share === Number.POSITIVE_INFINITY || (share > 0 && share <= 1)) return share;
  const text = `setTenantLimits: utilization must be a number above 0, up to 1, not ${share}`;
  throw new LugeError('ERR_INVALID_ARGUMENT', 400, text);
}

function idleOf(most = Number.POSITIVE_INFINITY): number {
  if (most === Number.POSITIVE_INFINITY) return most;
  return whole('setTenantLimits: maxIdleSandboxes', most, 0, CONCURRENCY_MAX);
}

function prewarmOf(prewarm = 0): number {
  if (Number.isInteger(prewarm) && prewarm >= 0 && prewarm <= PREWARM_MAX) return prewarm;
  const text = `load: prewarm must be a whole number from 0 to ${PREWARM_MAX}, not ${prewarm}`;
  throw new LugeError('ERR_INVALID_ARGUMENT', 400, text);
}

/** 'auto', the default, leaves a core to the listener and the embedder's own thread. */
export function workerCount(workers: RuntimeOptions['workers']): number {
  if (workers !== undefined && workers !== 'auto') return workers;
  return Math.min(WORKERS_MAX, Math.max(1, availableParallelism() - 1));
}

function constraintsOf(
  options: RuntimeOptions,
  workers: number,
  { policy, budgets }: Scheduling,
): ArenaConstraints {
  const option = (
    name: keyof RuntimeOptions,
    fallback: number,
    least: number,
    most: number,
  ): number => number(`createRuntime: ${name}`, options[name] ?? fallback, least, most);
  if (!Number.isInteger(workers) || workers < 1 || workers > WORKERS_MAX) {
    throw new LugeError(
      'ERR_INVALID_ARGUMENT',
      500,
      `createRuntime: workers must be 'auto' or a whole number from 1 to ${WORKERS_MAX}, not ${workers}`,
    );
  }
  const quantumUs = option('quantumUs', 1000, 0, 1e6);
  if (quantumUs !== 0 && quantumUs < 50) option('quantumUs', 1000, 50, 1e6);
  option('spinUs', 0, 0, 1e5);
  return {
    // This thread, front ends, and each worker, whose guests call functions.
    producers: 1 + Math.floor(option('maxProducers', 8, 0, 64)) + workers,
    workers,
    slots: Math.floor(option('maxQueue', 1024, 1, 65536)),
    slotBytes: SLOT_BYTES,
    chunks: Math.floor(option('bodyMemoryBytes', 64 * 2 ** 20, 0, 1.5 * 2 ** 30) / CHUNK_BYTES),
    chunkBytes: CHUNK_BYTES,
    controlBytes: CONTROL_BYTES,
    heaps: policy.order.heaps,
    budgets,
  };
}
