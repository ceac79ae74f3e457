/**
 * Runs a scenario in every order that a decider asks for. N virtual threads are N suspended calls of one instrumented module on one
 * JavaScript thread: at each access to memory the module asks `point` whether it may go on, and is suspended where another one is to.
 *
 * An execution ends well, or with a violation: an answer that no sequential order explains, an invariant that does not hold behind a
 * step, threads that sleep for ever, no end within STEPS_MAX, a trap, a cell that is accessed both atomically and plainly.
 */
import { attachRing } from '../../src/ring/index.ts';
import { BoundedSearch, type Decider, FullSearch, GivenSchedule, type Step } from './deciders.ts';
import type { Instrumented, Site } from './instrument.ts';
import { describe, LinearizabilityChecker, type Operation } from './linearizability.ts';
import type { Call, Cells, OperationName, Scenario } from './scenario.ts';

const STEPS_MAX = 2000;
const TIMEOUTS_MAX = 2;
/** Of all kinds in one execution, those that are no steps included. */
const ACCESSES_MAX = 20_000;
/** Operations that one thread does alone. */
const ALONE_MAX = 200;
const ALONE = 99;
type SuspendableFunction = (...args: number[]) => Promise<number | undefined>;
type WasmFunction = (...args: number[]) => number | undefined;

export interface Violation {
  readonly message: string;
  /** For `replay`. */
  readonly schedule: string;
  readonly history: readonly string[];
}

export interface Report {
  readonly scenario: string;
  readonly executions: number;
  /** Executions that were cut since they would have repeated others. */
  readonly cut: number;
  readonly steps: number;
  readonly histories: number;
  readonly violation: Violation | undefined;
  /** False when `executionsMax` ended it. */
  readonly isComplete: boolean;
  /** Behind a replay: what happened, line by line. */
  readonly trace: readonly string[];
}

interface Thread {
  readonly id: number;
  site: Site | undefined;
  address: number;
  operation: Operation | undefined;
  /** Goes on behind the suspension; 1 = die. */
  resume: ((answer: number) => void) | undefined;
  /** Waits on this address. */
  waitsOn: number;
  isTimed: boolean;
  waitedSince: number;
  readonly buffer: { address: number; value: number | bigint }[];
  isOver: boolean;
  isDead: boolean;
}

export interface ModuleUnderTest extends Instrumented {
  /** Where the instruction stands in the source. */
  place(site: Site): string;
}

export class Explorer {
  readonly #scenario: Scenario;
  readonly #module: ModuleUnderTest;
  readonly #cells: Cells;
  readonly #initial: Uint8Array;
  readonly #bytes: Uint8Array<SharedArrayBuffer>;
  readonly #checker: LinearizabilityChecker | undefined;
  readonly #functions: Record<string, WasmFunction>;
  readonly #suspendable: Record<string, SuspendableFunction>;
  readonly #accesses = new Map<number, number>();
  #decider: Decider;
  #threads: Thread[] = [];
  #history: Operation[] = [];
  #current: Thread | undefined;
  #next: Thread | undefined;
  #phase: 'start' | 'run' | 'alone' | 'end' = 'end';
  #clock = 0;
  #step: Step | undefined;
  #stepCount = 0;
  #timeouts = 0;
  #accessCount = 0;
  /** Stack checks passed since the last step was chosen. */
  #edges = 0;
  #unfinished = 0;
  #finish: () => void = () => {};
  #schedule: string[] = [];
  #trace: string[] | undefined;
  #traced: { text: string; address: number; before: bigint | number; bytes: number } | undefined;
  #failure: string | undefined;
  #isCut = false;
  #steps = 0;

  constructor(module: ModuleUnderTest, scenario: Scenario) {
    this.#scenario = scenario;
    this.#module = module;
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
    const buffer = memory.buffer as SharedArrayBuffer;
    this.#cells = {
      memory,
      i32: new Int32Array(buffer),
      i64: new BigInt64Array(buffer),
      notified: [],
    };
    this.#bytes = new Uint8Array(buffer, 0, scenario.bytes);
    attachRing(memory);
    scenario.setup(this.#cells);
    this.#initial = this.#bytes.slice();
    this.#checker = scenario.model && new LinearizabilityChecker(scenario.model);
    this.#decider = new GivenSchedule('');
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.bytes), {
      luge: { arena: memory },
      model: {
        point: (site: number, address: number) => this.#point(site, address),
        yield: new WebAssembly.Suspending(() => this.#yield()),
        delay: (_site: number, address: number) => this.#delay(address),
        buffer32: (address: number, value: number) => this.#buffer(address, value),
        buffer64: (address: number, value: bigint) => this.#buffer(address, value),
        wait: new WebAssembly.Suspending((address: number, expected: number, timeout: bigint) =>
          this.#wait(address, expected, timeout),
        ),
        notify: (address: number, count: number) => this.#notify(address, count),
        edge: () => this.#edge(),
      },
    });
    this.#functions = exports as unknown as Record<string, WasmFunction>;
    this.#suspendable = Object.fromEntries(
      Object.entries(this.#functions).map(([name, fn]) => [name, WebAssembly.promising(fn)]),
    ) as Record<string, SuspendableFunction>;
  }

  /** Every execution within the scenario's bounds, until one goes wrong. */
  async explore(executionsMax: number = Number.POSITIVE_INFINITY): Promise<Report> {
    const { preemptions, delays = 0, kills = 0 } = this.#scenario.bounds;
    this.#decider = Number.isFinite(preemptions)
      ? new BoundedSearch({ preemptions, delays, kills })
      : new FullSearch();
    let executions = 0;
    let cut = 0;
    let isComplete = false;
    while (executions < executionsMax) {
      const violation = await this.#execute();
      executions++;
      if (this.#isCut) cut++;
      if (violation !== undefined) return this.#report(executions, cut, violation, false);
      if (!this.#decider.next()) {
        isComplete = true;
        break;
      }
    }
    return this.#report(executions, cut, undefined, isComplete);
  }

  /** One execution, by a schedule, with a trace. */
  async replay(schedule: string): Promise<Report> {
    this.#decider = new GivenSchedule(schedule);
    this.#trace = [];
    const violation = await this.#execute();
    const report = this.#report(1, 0, violation, true);
    this.#trace = undefined;
    return report;
  }

  #report(
    executions: number,
    cut: number,
    violation: Violation | undefined,
    isComplete: boolean,
  ): Report {
    return {
      scenario: this.#scenario.name,
      executions,
      cut,
      steps: this.#steps,
      histories: this.#checker?.histories ?? 0,
      violation,
      isComplete,
      trace: this.#trace ?? [],
    };
  }

  async #execute(): Promise<Violation | undefined> {
    this.#bytes.set(this.#initial);
    this.#cells.notified.length = 0;
    this.#accesses.clear();
    this.#history = [];
    this.#schedule = [];
    this.#clock = 0;
    this.#stepCount = 0;
    this.#timeouts = 0;
    this.#accessCount = 0;
    this.#step = undefined;
    this.#failure = undefined;
    this.#isCut = false;
    const { threads } = this.#scenario;
    this.#unfinished = threads.length;
    const end = new Promise<void>((resolve) => {
      this.#finish = resolve;
    });
    this.#phase = 'start';
    this.#threads = threads.map((_, id) => makeThread(id));
    threads.forEach((program, id) => {
      this.#current = this.#threads[id];
      void this.#run(this.#threads[id] as Thread, program);
    });
    this.#phase = 'run';
    const first = this.#choose(undefined);
    if (first !== undefined) this.#resume(first);
    else this.#end();
    await end;
    this.#steps += this.#stepCount;
    if (this.#isCut) return undefined;
    this.#judge();
    return this.#failure === undefined
      ? undefined
      : {
          message: this.#failure,
          schedule: compress(this.#schedule),
          history: this.#history.map(describe),
        };
  }

  async #run(thread: Thread, program: (call: Call) => Promise<void>): Promise<void> {
    const call: Call = async (name, ...args) => {
      const operation = this.#begin(thread.id, name, args);
      thread.operation = operation;
      const result = (await this.#function(this.#suspendable, name)(...args)) ?? 0;
      this.#respond(operation, result);
      thread.operation = undefined;
      if (this.#step !== undefined) this.#step.responds = true;
      return result;
    };
    try {
      await program(call);
    } catch (error) {
      if (!thread.isDead && this.#phase !== 'end') this.#fail(`T${thread.id}: ${String(error)}`);
    }
    this.#over(thread);
  }

  #function<T>(functions: Record<string, T>, name: OperationName): T {
    const fn = functions[name];
    if (fn === undefined) throw new Error(`the module has no function ${name}`);
    return fn;
  }

  #begin(thread: number, name: OperationName, args: readonly number[]): Operation {
    const values = batchIn(name, args, this.#cells.i32);
    const operation = { thread, name, args, result: undefined, values, invoked: -1, responded: -1 };
    this.#history.push(operation);
    return operation;
  }

  #respond(operation: Operation, result: number): void {
    if (operation.invoked < 0) operation.invoked = this.#clock++;
    operation.result = result;
    const taken = batchOut(operation, this.#cells.i32);
    if (taken !== undefined) {
      operation.values = taken;
      const [, batch = 0, max = 0] = operation.args;
      const count = this.#cells.i32[batch >> 2];
      if (count !== Math.max(0, result)) this.#fail(`${describe(operation)}: COUNT is ${count}`);
      if (result > max) this.#fail(`${describe(operation)}: more than ${max}`);
    }
    operation.responded = this.#clock++;
    this.#flushTrace();
    this.#trace?.push(`${' '.repeat(4)}${describe(operation)}`);
  }

  /** A thread has come to its end, or died. */
  #over(thread: Thread): void {
    this.#settle();
    this.#flush(thread);
    thread.isOver = true;
    this.#unfinished--;
    if (thread.isDead) this.#alone(() => this.#onDeath(thread.id));
    if (this.#unfinished === 0) {
      this.#phase = 'end';
      this.#finish();
      return;
    }
    if (this.#phase === 'run') {
      const next = this.#choose(thread);
      if (next !== undefined) this.#resume(next);
      else this.#end();
    }
  }

  // --- what the module asks ------------------------------------------------------------------------------------

  /** An access is about to happen: 0 = go on, 1 = `yield` follows. */
  #point(site: number, address: number): number {
    if (++this.#accessCount > ACCESSES_MAX)
      throw new Error(`no end within ${ACCESSES_MAX} accesses`);
    if (this.#phase === 'end') return 1;
    if (this.#phase === 'alone' || this.#scenario.isQuiet(address)) return 0;
    const thread = this.#current as Thread;
    this.#settle();
    thread.site = this.#module.sites[site];
    thread.address = address;
    if (this.#phase === 'start') return 1;
    const next = this.#choose(thread);
    if (next === thread) {
      this.#take(thread);
      return 0;
    }
    this.#next = next;
    return 1;
  }

  #yield(): Promise<number> {
    if (this.#phase === 'end') return Promise.resolve(1);
    return this.#suspend(this.#current as Thread);
  }

  /** The thread stops here, and `#next` goes on; without one everybody ends. */
  #suspend(thread: Thread): Promise<number> {
    const next = this.#next;
    this.#next = undefined;
    const suspension = new Promise<number>((resolve) => {
      thread.resume = resolve;
    });
    if (this.#phase === 'run') {
      queueMicrotask(() => {
        if (next !== undefined) this.#resume(next);
        else this.#end();
      });
    }
    return suspension;
  }

  #wait(address: number, expected: number, timeout: bigint): Promise<number> {
    const thread = this.#current as Thread;
    if (this.#phase === 'end') return Promise.resolve(0);
    if (this.#cells.i32[address >> 2] !== expected) return Promise.resolve(1);
    thread.waitsOn = address;
    thread.isTimed = timeout >= 0n && timeout < 2n ** 62n;
    thread.waitedSince = this.#clock++;
    this.#settle();
    this.#next = this.#choose(thread);
    return this.#suspend(thread);
  }

  #notify(address: number, count: number): number {
    if (count > 0) this.#cells.notified.push(address);
    const waiting = this.#threads
      .filter(({ waitsOn }) => waitsOn === address)
      .sort((a, b) => a.waitedSince - b.waitedSince)
      .slice(0, count);
    for (const thread of waiting) {
      thread.waitsOn = -1;
      thread.isTimed = false;
    }
    return waiting.length;
  }

  #delay(address: number): number {
    if (this.#phase !== 'run' || this.#scenario.isQuiet(address)) return 0;
    if (!this.#decider.flag('delay', 1)) return 0;
    this.#schedule.push('d');
    if (this.#traced !== undefined) this.#traced.text += '   (delayed)';
    return 1;
  }

  #buffer(address: number, value: number | bigint): void {
    (this.#current as Thread).buffer.push({ address, value });
  }

  #edge(): number {
    const thread = this.#current as Thread;
    if (this.#phase !== 'run') return 0;
    if (this.#scenario.killable?.includes(thread.id) === false) return 0;
    if (!this.#decider.flag('kill', ++this.#edges)) return 0;
    this.#schedule.push(`x${this.#edges}`);
    this.#trace?.push(`T${thread.id} dies`);
    thread.isDead = true;
    return 1;
  }

  // --- steps -----------------------------------------------------------------------------------------------------

  #enabled(current: Thread | undefined): Thread[] {
    const awake = this.#threads.filter((t) => !t.isOver && t.waitsOn < 0);
    // Time is up for somebody at any moment, but not again and again while others could run: that would have no end.
    const isTimeFree = awake.length === 0 || this.#timeouts < TIMEOUTS_MAX;
    const able = isTimeFree ? [...awake, ...this.#threads.filter((t) => t.isTimed)] : awake;
    if (current === undefined || !able.includes(current) || current.waitsOn >= 0) return able;
    return [current, ...able.filter((t) => t !== current)];
  }

  #choose(current: Thread | undefined): Thread | undefined {
    if (this.#failure !== undefined) return undefined;
    if (++this.#stepCount > STEPS_MAX) {
      this.#fail(`no end within ${STEPS_MAX} steps`);
      return undefined;
    }
    const enabled = this.#enabled(current);
    if (enabled.length === 0) {
      if (this.#scenario.mayRest?.(this.#cells) === true) return undefined;
      const asleep = this.#threads.filter((t) => !t.isOver).map((t) => `T${t.id}`);
      this.#fail(`${asleep.join(' and ')} sleep for ever`);
      return undefined;
    }
    const chosen = this.#decider.thread(enabled.map(stepOf), current?.id ?? -1);
    if (chosen < 0) {
      this.#isCut = true;
      return undefined;
    }
    this.#schedule.push(String(chosen));
    this.#edges = 0;
    return this.#threads[chosen];
  }

  #resume(thread: Thread): void {
    this.#current = thread;
    this.#take(thread);
    const answer = thread.waitsOn >= 0 ? 2 : 0;
    if (answer === 2) this.#timeouts++;
    thread.waitsOn = -1;
    thread.isTimed = false;
    const { resume } = thread;
    thread.resume = undefined;
    resume?.(answer);
  }

  /** The chosen thread takes its step. */
  #take(thread: Thread): void {
    this.#step = stepOf(thread);
    const { operation, site, address } = thread;
    if (operation !== undefined && operation.invoked < 0) operation.invoked = this.#clock++;
    if (site === undefined) return;
    this.#flushFor(thread, site, address);
    this.#noteAccess(site, address);
    if (this.#trace === undefined) return;
    const what = thread.waitsOn >= 0 ? 'time is up' : site.opcode;
    const text = `T${thread.id} ${operation?.name ?? ''} ${this.#module.place(site)} ${what} ${this.#scenario.cell(address)}`;
    this.#traced = { text, address, before: this.#read(address, site.bytes), bytes: site.bytes };
  }

  /** Behind a step: tells the decider what it was, and looks at the invariant. */
  #settle(): void {
    this.#flushTrace();
    if (this.#step === undefined || this.#phase !== 'run') return;
    this.#decider.done(this.#step);
    this.#step = undefined;
    const wrong = this.#scenario.invariant?.(this.#cells);
    if (wrong !== undefined) this.#fail(wrong);
  }

  #flushTrace(): void {
    const traced = this.#traced;
    if (traced === undefined) return;
    this.#traced = undefined;
    const after = this.#read(traced.address, traced.bytes);
    const change = after === traced.before ? `= ${after}` : `${traced.before} -> ${after}`;
    this.#trace?.push(`${traced.text}  ${change}`);
  }

  #read(address: number, bytes: number): number | bigint {
    const { i32, i64 } = this.#cells;
    const value = bytes === 8 ? i64[address >> 3] : i32[address >> 2];
    return value ?? Number.NaN;
  }

  // --- memory model ------------------------------------------------------------------------------------------------

  /** Delayed stores become visible before any atomic write of their thread, and before it reads the cell itself. */
  #flushFor(thread: Thread, site: Site, address: number): void {
    if (thread.buffer.length === 0) return;
    const isRelease = site.isAtomic && site.kind !== 'load';
    if (isRelease || thread.buffer.some((entry) => entry.address >> 3 === address >> 3)) {
      this.#flush(thread);
    }
  }

  #flush(thread: Thread): void {
    for (const { address, value } of thread.buffer) {
      if (typeof value === 'bigint') this.#cells.i64[address >> 3] = value;
      else this.#cells.i32[address >> 2] = value;
    }
    thread.buffer.length = 0;
  }

  #noteAccess(site: Site, address: number): void {
    const word = address >> 2;
    const known = this.#accesses.get(word) ?? 0;
    const now = known | (site.isAtomic ? 2 : 1);
    if (now === known) return;
    this.#accesses.set(word, now);
    if (now === 3 && this.#scenario.mayMix?.(address) !== true) {
      this.#fail(
        `${this.#scenario.cell(address)} is accessed both atomically and plainly (${this.#module.place(site)})`,
      );
    }
  }

  // --- the end -----------------------------------------------------------------------------------------------------

  #fail(message: string): void {
    this.#failure ??= message;
  }

  /** Unwinds every suspended thread: one that is never resumed is never collected. */
  #end(): void {
    this.#phase = 'end';
    for (const { resume } of this.#threads) resume?.(1);
  }

  #judge(): void {
    if (this.#failure !== undefined) return;
    const died = this.#threads.filter(({ isDead }) => isDead).map(({ id }) => id);
    this.#alone(() =>
      this.#scenario.after?.((name, ...args) => this.#direct(name, args), this.#cells, died),
    );
    const wrong =
      this.#checker?.check(this.#history) ??
      this.#scenario.final?.(this.#cells, this.#history, died);
    if (wrong !== undefined) this.#fail(wrong);
  }

  #onDeath(thread: number): void {
    this.#scenario.onDeath?.((name, ...args) => this.#direct(name, args), thread);
  }

  /** What happens in one go, with nobody between. */
  #alone(action: () => void): void {
    const phase = this.#phase;
    this.#phase = 'alone';
    try {
      action();
    } catch (error) {
      this.#fail(`alone: ${String(error)}`);
    }
    this.#phase = phase;
  }

  #direct(name: OperationName, args: number[]): number {
    if (this.#history.filter(({ thread }) => thread === ALONE).length > ALONE_MAX) {
      throw new Error(`no end within ${ALONE_MAX} operations`);
    }
    const operation = this.#begin(ALONE, name, args);
    operation.invoked = this.#clock++;
    const result = this.#function(this.#functions, name)(...args) ?? 0;
    this.#respond(operation, result);
    return result;
  }
}

function makeThread(id: number): Thread {
  return {
    id,
    site: undefined,
    address: 0,
    operation: undefined,
    resume: undefined,
    waitsOn: -1,
    isTimed: false,
    waitedSince: 0,
    buffer: [],
    isOver: false,
    isDead: false,
  };
}

function stepOf(thread: Thread): Step {
  return {
    thread: thread.id,
    word: thread.address >> 3,
    isWrite: thread.site?.kind !== 'load',
    invokes: thread.operation !== undefined && thread.operation.invoked < 0,
    responds: false,
  };
}

/** The values that a batch operation brings in; those that it took out. */
function batchIn(name: OperationName, args: readonly number[], i32: Int32Array): readonly number[] {
  if (!/PushMany$/.test(name)) return [];
  const [, from = 0, count = 0] = args;
  return [...i32.subarray(from >> 2, (from >> 2) + count)];
}

function batchOut(operation: Operation, i32: Int32Array): readonly number[] | undefined {
  const { name, result = 0, args } = operation;
  if (!/PopMany$|StealBatch$/.test(name)) return undefined;
  const at = ((args[1] as number) >> 2) + 1;
  return result > 0 ? [...i32.subarray(at, at + result)] : [];
}

/** `0 0 0 1` as `3*0 1`. */
function compress(schedule: readonly string[]): string {
  const runs: { token: string; count: number }[] = [];
  for (const token of schedule) {
    const last = runs.at(-1);
    if (last?.token === token) last.count++;
    else runs.push({ token, count: 1 });
  }
  return runs.map(({ token, count }) => (count === 1 ? token : `${count}*${token}`)).join(' ');
}
