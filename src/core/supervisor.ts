/**
 * Makes the threads, tells them of functions, and replaces a worker that died.
 *
 * When a worker thread ends by itself (out of memory, process.exit in it, terminate), then each request that it held is answered
 * with WORKER_LOST: the slots say so themselves, since the mark of the holder is stored in the same breath as the claim (ring.wat,
 * T). Its place in the lot is cleared, and a new thread takes its number with all functions loaded. Other workers never notice.
 */
import { Worker } from 'node:worker_threads';
import type { Arena } from '../ring/index.ts';
import {
  ExchangeTable,
  type FunctionImage,
  monotonicNs,
  OUTCOME,
  type Outcome,
  PoolCells,
  SLOT_STATE,
} from '../sandbox/index.ts';
import type { LogLine, TimerName } from './api.ts';
import { announceAll, deliver, firstWorkerProducer } from './delivery.ts';
import { LugeError } from './errors.ts';
import { Estimate } from './estimate.ts';
import { abandonCalls } from './guest-calls.ts';
import type { KvStore } from './kv-store.ts';
import { type FromWorker, type ToWorker, threadUrl, type WorkerData } from './messages.ts';
import { IDLE_NS_MAX, type QuantumTimer, startTimer } from './quantum-timer.ts';
import { encodeSpec } from './records.ts';
import type { SchedulerData } from './scheduling/policies.ts';
import type { Policy } from './scheduling/policy.ts';
import { QueueRecovery } from './scheduling/queue-recovery.ts';
import type { TriageMode } from './triage.ts';
import { WorkerControl } from './worker-control.ts';

/** Deaths in a row, none of which came as far as `ready`, before the supervisor gives up on a worker. */
const STILLBIRTHS_MAX = 5;

export interface SupervisorOptions {
  readonly arena: Arena;
  readonly workers: number;
  readonly scheduler: SchedulerData;
  /** One of the same, which is asked for nothing but what it is. */
  readonly policy: Pick<Policy, 'name' | 'order' | 'preempts'>;
  /** A producer of this thread: its deque takes what a dead worker had in its hands. */
  readonly producer: number;
  readonly quantumNs: number;
  readonly timer: TimerName;
  /** By worker; undefined: they are not pinned. */
  readonly cores: readonly number[] | undefined;
  readonly spinNs: number;
  readonly sandboxesMax: number;
  readonly native: boolean;
  readonly heapMb: number;
  readonly kv: KvStore | undefined;
  readonly memoriesMax: number;
  readonly onLog: ((line: LogLine) => void) | undefined;
}

interface Pending {
  readonly waits: Set<number>;
  readonly resolve: () => void;
  error: string | undefined;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #controls: WebAssembly.Memory[] = [];
  readonly #states: WorkerControl[] = [];
  readonly #threads: (Worker | undefined)[] = [];
  readonly #stillbirths: number[] = [];
  readonly #images = new Map<number, FunctionImage>();
  readonly #cells = new Map<number, PoolCells>();
  readonly #tenants = new Map<number, PoolCells>();
  readonly #estimates = new Map<number, SharedArrayBuffer>();
  readonly #pending = new Map<number, Pending>();
  readonly #exchanges: ExchangeTable;
  #timer: QuantumTimer | undefined;
  #seq = 0;
  #closing = false;
  workersLost = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#exchanges = new ExchangeTable(options.arena);
    for (let w = 0; w < options.workers; w++) {
      this.#controls.push(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }));
      this.#states.push(new WorkerControl(options.arena, w));
      this.#stillbirths.push(0);
    }
  }

  get states(): readonly WorkerControl[] {
    return this.#states;
  }

  /** Resolves when all workers wait for requests. */
  async start(): Promise<void> {
    const { arena, quantumNs, timer } = this.#options;
    this.#timer = startTimer(timer, {
      memory: arena.ring.memory,
      controls: this.#controls,
      quantumNs: quantumNs === 0 ? 1e6 : quantumNs,
      idleNsMax: IDLE_NS_MAX,
      triage: quantumNs === 0 ? 'off' : this.#triage(),
      heapAddresses: Array.from({ length: arena.constraints.heaps }, (_, h) =>
        arena.heapAddress(h),
      ),
    });
    try {
      await Promise.all(this.#controls.map((_, w) => this.#spawn(w)));
    } catch (error) {
      await this.#timer.stop();
      throw error;
    }
  }

  #triage(): TriageMode {
    const { preempts, order } = this.#options.policy;
    if (!preempts) return 'off';
    return order.heaps === 0 ? 'waiters' : 'keys';
  }

  /** Resolves when every worker has the function, and what it shall have ready; rejects, and takes it back, where that cannot be made. */
  async load(image: FunctionImage): Promise<void> {
    const { id, name, tenantId, maxConcurrency } = image.spec;
    const cells = PoolCells.create(this.#options.workers, maxConcurrency);
    const tenantCells = this.tenantCells(tenantId).buffer;
    this.#images.set(id, image);
    this.#cells.set(id, cells);
    const estimate = Estimate.createBuffer(image.spec);
    this.#estimates.set(id, estimate);
    const spec = encodeSpec(image.spec);
    const { module } = image;
    const error = await this.#tellAll((seq) => ({
      ...{ type: 'load', seq, spec, module, cells: cells.buffer, tenantCells, estimate },
    }));
    if (error === undefined) return;
    await this.unload(id);
    throw new LugeError('ERR_NO_SANDBOX', 503, `no sandbox of ${name} could be made: ${error}`);
  }

  /** What the workers tell of a tenant, and its limit. */
  tenantCells(id: number): PoolCells {
    let cells = this.#tenants.get(id);
    if (cells === undefined) {
      cells = PoolCells.create(this.#options.workers);
      this.#tenants.set(id, cells);
    }
    return cells;
  }

  /** Sandboxes that a tenant may have ready, of all workers; those that are too many go. */
  setIdleLimit(id: number, most: number): void {
    const cells = this.tenantCells(id);
    const isLower = most < cells.idleLimit;
    cells.idleLimit = most;
    if (!isLower) return;
    for (let w = 0; w < this.#threads.length; w++) this.#tell(w, { type: 'trim', tenantId: id });
  }

  /** What the workers tell of a function. */
  cells(id: number): PoolCells | undefined {
    return this.#cells.get(id);
  }

  /** The buffer of a function's Estimate. */
  estimate(id: number): SharedArrayBuffer | undefined {
    return this.#estimates.get(id);
  }

  async unload(id: number): Promise<void> {
    this.#images.delete(id);
    this.#cells.delete(id);
    this.#estimates.delete(id);
    await this.#tellAll((seq) => ({ type: 'unload', seq, id }));
  }

  /** Threads finish what they hold; after `timeoutMs` they are terminated and what they held is answered with CLOSED. */
  async close(timeoutMs: number): Promise<void> {
    this.#closing = true;
    const threads = this.#threads.filter((thread) => thread !== undefined);
    const exits = threads.map((thread) => new Promise((resolve) => thread.once('exit', resolve)));
    for (let w = 0; w < this.#threads.length; w++) this.#tell(w, { type: 'stop' });
    const timer = setTimeout(() => {
      for (const thread of threads) void thread.terminate();
    }, timeoutMs);
    await Promise.all(exits);
    clearTimeout(timer);
    for (let w = 0; w < this.#threads.length; w++) {
      this.#answerFor(w, OUTCOME.CLOSED, 'the runtime was closed');
    }
    await this.#timer?.stop();
  }

  /** Ends a worker thread at once, whatever it does: for tests of what must follow. */
  async kill(w: number): Promise<void> {
    await this.#threads[w]?.terminate();
  }

  #spawn(w: number): Promise<void> {
    const { arena, scheduler, spinNs, sandboxesMax, memoriesMax, native, heapMb, kv, cores } =
      this.#options;
    const data: WorkerData = {
      memory: arena.ring.memory,
      control: this.#controls[w] as WebAssembly.Memory,
      worker: w,
      core: cores?.[w],
      scheduler,
      quantumNs: this.#options.quantumNs,
      spinNs,
      sandboxesMax,
      native,
      kv: kv?.data,
      memoriesMax,
      functions: [...this.#images.values()].map(({ spec, module }) => ({
        spec: encodeSpec(spec),
        module,
        cells: (this.#cells.get(spec.id) as PoolCells).buffer,
        tenantCells: this.tenantCells(spec.tenantId).buffer,
        estimate: this.#estimates.get(spec.id) as SharedArrayBuffer,
      })),
    };
    (this.#states[w] as WorkerControl).clear();
    for (const cells of [...this.#cells.values(), ...this.#tenants.values()]) cells.clear(w);
    const thread = new Worker(threadUrl('worker'), {
      workerData: data,
      execArgv: [],
      // The default is 4 GB of a large machine: a guest that allocates without end took 39 s of collections to get there, with 512 MB 3 s.
      // Entering a guest leaves a promise behind: a fifth of a worker's time went into collections of a nursery of 4 MB. A third of this is what one
      // collection may move to the full heap of a guest that keeps all: with 64 that was more than the 16 MB that Node.js allows a worker to die in, and ended the process.
      resourceLimits: { maxYoungGenerationSizeMb: 24, maxOldGenerationSizeMb: heapMb },
    });
    this.#threads[w] = thread;
    return new Promise((resolve, reject) => {
      let failure: unknown;
      thread.on('message', (message: FromWorker) => {
        if (message.type !== 'ready') return this.#onMessage(w, message);
        this.#stillbirths[w] = 0;
        resolve();
      });
      thread.on('error', (error) => {
        failure = error;
      });
      thread.on('exit', () => {
        this.#threads[w] = undefined;
        if (this.#closing) return;
        this.#onDeath(w, failure).then(resolve, reject);
      });
    });
  }

  async #onDeath(w: number, failure: unknown): Promise<void> {
    const { arena, kv } = this.#options;
    this.workersLost++;
    kv?.recover(w);
    for (const { spec } of this.#images.values()) {
      new Estimate(spec, this.#estimates.get(spec.id) as SharedArrayBuffer).fit?.recover(w);
    }
    const why = failure instanceof Error ? `: ${this.#deathText(failure)}` : '';
    abandonCalls(arena, this.#exchanges, firstWorkerProducer(arena) + w);
    this.#answerFor(w, OUTCOME.WORKER_LOST, `the worker thread that ran the function died${why}`);
    announceAll(arena);
    await this.#recoverQueue(w);
    arena.lot.forget(w);
    for (const pending of this.#pending.values()) this.#arrived(pending, w);
    const count = (this.#stillbirths[w] ?? 0) + 1;
    this.#stillbirths[w] = count;
    if (count > STILLBIRTHS_MAX) {
      throw new LugeError(
        'ERR_WORKER_START',
        500,
        `worker ${w} died ${count} times in a row${why}`,
        {
          cause: failure,
        },
      );
    }
    await this.#spawn(w);
  }

  #deathText(failure: Error): string {
    const { code } = failure as { code?: unknown };
    if (code !== 'ERR_WORKER_OUT_OF_MEMORY') return failure.message;
    return `its heap of ${this.#options.heapMb} MB was full (maxHeapMbPerWorker)`;
  }

  /** Before it has a successor, which would use the same marks. */
  async #recoverQueue(w: number): Promise<void> {
    const { arena, producer } = this.#options;
    const recovery = new QueueRecovery(arena, this.#exchanges, w, arena.deque(producer));
    // Whoever has a lock lets go of it, or is dead and this thread has to hear of it.
    while (!recovery.scan()) await new Promise((resolve) => setImmediate(resolve));
    // A push that was finished for it was announced by nobody.
    arena.lot.wakeOne();
  }

  /** Answers every request that the dead worker `w` had claimed. The compare-and-swap in `finish` lets only one answer out. */
  #answerFor(w: number, outcome: Outcome, message: string): void {
    const { arena } = this.#options;
    const mark = SLOT_STATE.CLAIMED + w;
    for (let slot = 0; slot < arena.constraints.slots; slot++) {
      const exchange = this.#exchanges.at(slot);
      if (exchange.state !== mark) continue;
      exchange.attach();
      exchange.fail(outcome, message);
      const now = monotonicNs();
      // When it began to run and slept went with the worker: all behind the start counts as running.
      const startNs = exchange.startNs === 0 ? now : exchange.startNs;
      exchange.started(w, startNs);
      exchange.ended(now, now - startNs);
      exchange.suspended(0, 0, 0);
      deliver(arena, exchange, mark);
    }
  }

  #onMessage(w: number, message: Exclude<FromWorker, { type: 'ready' }>): void {
    if (message.type === 'log') {
      this.#options.onLog?.({ fn: message.fn, worker: w, text: message.text });
      return;
    }
    const pending = this.#pending.get(message.seq);
    if (pending === undefined) return;
    pending.error ??= message.error;
    this.#arrived(pending, w);
  }

  #arrived(pending: Pending, w: number): void {
    pending.waits.delete(w);
    if (pending.waits.size === 0) pending.resolve();
  }

  /** Resolves to the first error that a worker answered, when all have. */
  #tellAll(message: (seq: number) => ToWorker): Promise<string | undefined> {
    const seq = ++this.#seq;
    const alive = this.#threads.flatMap((thread, w) => (thread === undefined ? [] : [w]));
    return new Promise<string | undefined>((done) => {
      const pending: Pending = {
        waits: new Set(alive),
        resolve: () => done(pending.error),
        error: undefined,
      };
      const { resolve } = pending;
      this.#pending.set(seq, pending);
      if (alive.length === 0) resolve();
      for (const w of alive) this.#tell(w, message(seq));
    }).finally(() => this.#pending.delete(seq));
  }

  /** A worker blocks outside its event loop: the flag and the wake-up bring it to its port. */
  #tell(w: number, message: ToWorker): void {
    this.#threads[w]?.postMessage(message);
    (this.#states[w] as WorkerControl).hasMail = true;
    this.#options.arena.lot.wake(w);
  }
}
