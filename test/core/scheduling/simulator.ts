/**
 * The worker loop's decisions on a virtual clock: the real Scheduler, policies, global queue, arena and budgets, driven by seeded arrivals.
 * Guests are numbers that say how long they run. What the loop does between the decisions (enter, resume, limits) takes no time here.
 *
 * Ticks come at multiples of the quantum and find a guest due that ran through the one before, as triage.ts has it. At one instant arrivals
 * come first, then ends, then ticks; workers in the order of their numbers.
 */
import {
  ARRIVAL,
  type Guest,
  type PolicyContext,
  type SchedulerName,
} from '../../../src/core/index.ts';
import { Fifo } from '../../../src/core/scheduling/fifo.ts';
import { GlobalQueue } from '../../../src/core/scheduling/global-queue.ts';
import { EDF, keyedPolicy, SJF } from '../../../src/core/scheduling/keyed.ts';
import type { Policy } from '../../../src/core/scheduling/policy.ts';
import { Reserved } from '../../../src/core/scheduling/reserved.ts';
import { RoundRobin } from '../../../src/core/scheduling/round-robin.ts';
import { Scheduler } from '../../../src/core/scheduling/scheduler.ts';
import { Arena, EMPTY } from '../../../src/ring/index.ts';
import { ExchangeTable, SLOT_STATE } from '../../../src/sandbox/index.ts';

export interface Job {
  readonly id: number;
  readonly producer: number;
  readonly arrivalNs: number;
  readonly deadlineNs: number;
  readonly runNs: number;
  readonly estimateNs: number;
  readonly reservation: number;
}

/** A stretch of running: from a switch to the next. */
export interface Stretch {
  readonly worker: number;
  readonly job: number;
  readonly fromNs: number;
  readonly toNs: number;
}

export interface Setup {
  readonly scheduler: SchedulerName;
  readonly workers: number;
  readonly quantumNs: number;
  readonly jobs: readonly Job[];
  /** By reservation. */
  readonly budgets?: readonly { readonly mostNs: number; readonly periodNs: number }[];
}

class Running implements Guest {
  readonly job: Job;
  readonly arrivalNs: number;
  readonly deadlineNs: number;
  readonly estimateNs: number;
  readonly reservation: number;
  ranNs = 0;

  constructor(job: Job) {
    this.job = job;
    this.arrivalNs = job.arrivalNs;
    this.deadlineNs = job.deadlineNs;
    this.estimateNs = job.estimateNs;
    this.reservation = job.reservation;
  }
}

interface Worker {
  readonly scheduler: Scheduler<Running>;
  running: Running | undefined;
  /** When the running guest was switched in, and up to when it has been accounted for. */
  sinceNs: number;
  accountedNs: number;
}

const PRODUCERS = 2;

function makePolicy(name: SchedulerName, context: PolicyContext): Policy<Running> {
  switch (name) {
    case 'fifo':
      return new Fifo<Running>();
    case 'rr':
      return new RoundRobin<Running>(context);
    case 'edf':
      return keyedPolicy(EDF)<Running>();
    case 'sjf':
      return keyedPolicy(SJF)<Running>();
    case 'mtds':
      return new Reserved<Running>(context);
  }
}

/** One run from the first arrival until all are done. */
export class Simulation {
  readonly trace: Stretch[] = [];
  readonly endNs = new Map<number, number>();
  /** The instants at which a worker had nothing to run although something waited in the global queue. */
  readonly idleFaults: number[] = [];
  readonly #setup: Setup;
  readonly #arena: Arena;
  readonly #exchanges: ExchangeTable;
  readonly #workers: Worker[] = [];
  readonly #jobOf: (Job | undefined)[] = [];

  constructor(setup: Setup) {
    this.#setup = setup;
    const { workers, jobs, budgets = [] } = setup;
    const heaps =
      setup.scheduler === 'mtds'
        ? budgets.length + 1
        : ['edf', 'sjf'].includes(setup.scheduler)
          ? 1
          : ARRIVAL.heaps;
    this.#arena = Arena.create({
      producers: PRODUCERS + workers,
      workers,
      slots: Math.max(1, jobs.length),
      slotBytes: 2048,
      chunks: 0,
      chunkBytes: 128,
      controlBytes: 128,
      heaps,
      budgets: budgets.length,
    });
    budgets.forEach(({ mostNs, periodNs }, i) => {
      this.#arena.budget(i).set(mostNs, periodNs, 0);
    });
    this.#exchanges = new ExchangeTable(this.#arena);
    for (let worker = 0; worker < workers; worker++) {
      const policy = makePolicy(setup.scheduler, {
        worker,
        quantumNs: setup.quantumNs,
        budgets: budgets.map((_, i) => this.#arena.budget(i)),
        options: undefined,
      });
      const queue = new GlobalQueue({
        arena: this.#arena,
        worker,
        order: policy.order,
        requestAt: (slot) => this.#jobOf[slot] as Job,
      });
      const scheduler = new Scheduler<Running>(policy, queue);
      this.#workers.push({ scheduler, running: undefined, sinceNs: 0, accountedNs: 0 });
    }
  }

  run(): this {
    const { jobs, quantumNs } = this.#setup;
    const arrivals = [...jobs].sort((a, b) => a.arrivalNs - b.arrivalNs || a.id - b.id);
    let tick = 1;
    while (this.endNs.size < jobs.length) {
      const now = this.#nextEvent(
        arrivals[0]?.arrivalNs ?? Number.POSITIVE_INFINITY,
        tick * quantumNs,
      );
      while (arrivals[0] !== undefined && arrivals[0].arrivalNs <= now)
        this.#arrive(arrivals.shift() as Job);
      for (const [w, worker] of this.#workers.entries()) {
        if (worker.running !== undefined && this.#endOf(worker) <= now) this.#end(w, now);
      }
      if (now === tick * quantumNs) {
        for (const [w, worker] of this.#workers.entries()) {
          if (worker.running !== undefined && worker.sinceNs <= now - quantumNs) this.#tick(w, now);
        }
        tick++;
      }
      for (const [w, worker] of this.#workers.entries()) {
        if (worker.running === undefined) this.#pick(w, now);
      }
      const isIdle = this.#workers.some(({ running }) => running === undefined);
      if (isIdle && this.#workers[0]?.scheduler.hasQueued) this.idleFaults.push(now);
    }
    return this;
  }

  /** Slots that are held by nobody; all when it has run. */
  get freeSlots(): number {
    return this.#arena.slotList.free;
  }

  #nextEvent(arrivalNs: number, tickNs: number): number {
    let next = Math.min(arrivalNs, tickNs);
    for (const worker of this.#workers)
      if (worker.running !== undefined) next = Math.min(next, this.#endOf(worker));
    return next;
  }

  #endOf({ running, accountedNs }: Worker): number {
    return running === undefined
      ? Number.POSITIVE_INFINITY
      : accountedNs + running.job.runNs - running.ranNs;
  }

  #arrive(job: Job): void {
    const slot = this.#arena.slotList.pop();
    const exchange = this.#exchanges.at(slot);
    exchange.open(job.producer, 0, job.arrivalNs, job.deadlineNs);
    exchange.predicted(job.estimateNs, Number.NaN);
    this.#jobOf[slot] = job;
    exchange.state = SLOT_STATE.QUEUED;
    this.#arena.deque(job.producer).push(slot);
  }

  #pick(w: number, now: number): void {
    const worker = this.#workers[w] as Worker;
    const slot = worker.scheduler.take(now);
    if (slot !== EMPTY) {
      const guest = new Running(this.#jobOf[slot] as Job);
      worker.scheduler.policy.add(guest, true, now);
      const exchange = this.#exchanges.at(slot);
      if (exchange.state !== SLOT_STATE.CLAIMED + w)
        throw new Error(`slot ${slot} is not claimed by ${w}`);
      exchange.free();
    }
    worker.running = worker.scheduler.policy.next(now);
    worker.sinceNs = now;
    worker.accountedNs = now;
  }

  #account(worker: Worker, now: number): void {
    const guest = worker.running as Running;
    const ns = now - worker.accountedNs;
    guest.ranNs += ns;
    worker.accountedNs = now;
    worker.scheduler.policy.ran(guest, ns, now);
  }

  #leave(w: number, now: number): Running {
    const worker = this.#workers[w] as Worker;
    const guest = worker.running as Running;
    this.trace.push({ worker: w, job: guest.job.id, fromNs: worker.sinceNs, toNs: now });
    worker.running = undefined;
    return guest;
  }

  #tick(w: number, now: number): void {
    const worker = this.#workers[w] as Worker;
    this.#account(worker, now);
    if (!worker.scheduler.yields(worker.running as Running, now)) return;
    worker.scheduler.policy.add(this.#leave(w, now), false, now);
    this.#pick(w, now);
  }

  #end(w: number, now: number): void {
    this.#account(this.#workers[w] as Worker, now);
    const { job } = this.#leave(w, now);
    if (this.endNs.has(job.id)) throw new Error(`job ${job.id} ended twice`);
    this.endNs.set(job.id, now);
  }
}
