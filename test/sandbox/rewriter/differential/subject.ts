/** One instance under test, the original or a rewritten one; what it does is written down line by line. */
import { hostImports, type Link, makeMemory } from './host.ts';
import type { ModuleFile } from './module-file.ts';
import { exportName } from './opened-module.ts';
import { type PlannedCall, resolveArgument } from './plan.ts';
import { SEGMENT_TRAP, STACK_OVERFLOW, Values } from './values.ts';

export interface MemoryImage {
  readonly pages: number;
  readonly bytes: Buffer;
}

export interface State {
  readonly lines: readonly string[];
  readonly memories: readonly MemoryImage[];
}

/** More of a table is not looked at. */
const TABLE_ELEMENTS_MAX = 2000;
const PAGE_BYTES = 65_536;
/** What a pool's memory holds before the first reset. */
const DIRT = 0xa5;
/** More interruptions than this are taken for a guest that makes no progress. */
const TIMED_OUT = 2;
const INTERRUPTS_MAX = 300_000;

abstract class Subject {
  readonly lines: string[];
  readonly file: ModuleFile;
  protected link: Link;

  constructor(file: ModuleFile) {
    this.file = file;
    this.lines = [];
    this.link = { values: new Values(file), exports: {}, lines: this.lines };
  }

  get overflowed(): boolean {
    return this.lines.some((line) => line.endsWith(STACK_OVERFLOW));
  }

  protected attach(instance: WebAssembly.Instance): void {
    this.link.exports = instance.exports;
    this.link.values.attach(instance.exports);
  }

  /** False, with a line about it, if there is no instance. */
  abstract instantiate(): boolean;

  /** The start function, if that has not run yet, and the entry. False if there is nothing to call then. */
  async begin(): Promise<boolean> {
    this.link.values.knowsExports = !this.file.hasStart;
    const goesOn = await this.enter();
    this.link.values.knowsExports = true;
    return goesOn;
  }

  protected abstract enter(): Promise<boolean>;

  async calls(plan: readonly PlannedCall[]): Promise<void> {
    for (const { name, args } of plan) {
      const { exports, values } = this.link;
      const resolved = args.map((argument) => resolveArgument(argument, exports, values));
      this.lines.push(`${name} ${resolved.map((value) => values.name(value)).join(' ')}`);
      this.lines.push(`= ${await this.call(name, resolved)}`);
      if (this.isDead) return;
    }
  }

  protected get isDead(): boolean {
    return false;
  }

  protected async call(name: string, args: readonly unknown[]): Promise<string> {
    const { exports, values } = this.link;
    try {
      const fn = WebAssembly.promising(exports[name] as (...args: unknown[]) => unknown);
      return values.name(await fn(...args));
    } catch (error) {
      return values.ending(error);
    }
  }

  state(): State {
    const { exports } = this.link;
    const lines: string[] = [];
    // Names of its own: objects are counted in the order in which this state shows them.
    const values = new Values(this.file);
    values.attach(exports);
    values.knowsExports = true;
    for (const [index, { type }] of this.file.globals.entries()) {
      const read = (): string =>
        type === 'v128'
          ? `${half(exports, 'low', index)} ${half(exports, 'high', index)}`
          : values.name((exports[exportName('global', index)] as WebAssembly.Global).value);
      lines.push(`global ${index} ${attempt(read)}`);
    }
    for (const index of this.file.tables.keys()) {
      const table = exports[exportName('table', index)] as WebAssembly.Table;
      const length = Number(table.length);
      const elements = Array.from({ length: Math.min(length, TABLE_ELEMENTS_MAX) }, (_, at) =>
        attempt(() => values.name(table.get(at))),
      );
      lines.push(`table ${index} of ${length}: ${elements.join(', ')}`);
    }
    const memories = this.file.memories.map((_, index) => {
      const { buffer } = exports[exportName('memory', index)] as WebAssembly.Memory;
      // A copy: the instance will go on.
      return {
        pages: buffer.byteLength / PAGE_BYTES,
        bytes: Buffer.copyBytesFrom(new Uint8Array(buffer)),
      };
    });
    return { lines, memories };
  }
}

function half(exports: Record<string, unknown>, which: 'low' | 'high', index: number): string {
  return String((exports[`=${which}.${index}`] as () => bigint)());
}

function attempt(read: () => string): string {
  try {
    return read();
  } catch (error) {
    return (error as Error).name; // of a type that JavaScript cannot read
  }
}

export class Original extends Subject {
  instantiate(): boolean {
    this.link.values.knowsExports = !this.file.hasStart;
    try {
      const module = new WebAssembly.Module(this.file.bytes as Uint8Array<ArrayBuffer>);
      this.attach(new WebAssembly.Instance(module, hostImports(this.file, this.link)));
      return true;
    } catch (error) {
      if (error instanceof WebAssembly.LinkError) throw error;
      this.lines.push(`begin: ${this.link.values.ending(error)}`);
      return false;
    }
  }

  protected async enter(): Promise<boolean> {
    this.lines.push(`begin: ${entered(await this.call('handle', []))}`);
    return true;
  }
}

function entered(outcome: string): string {
  return outcome === 'undefined' ? '0' : outcome;
}

export class Rewritten extends Subject {
  interrupts: number = 0;
  readonly #forced: boolean;
  readonly #module: WebAssembly.Module;
  readonly #output: ModuleFile;
  #killAt: number = 0;
  #isKilled: boolean = false;
  #control: Int32Array = new Int32Array(0);

  /** `file` is the original that was opened, `output` what the rewriter made of it; `forced`: each poll is taken. */
  constructor(file: ModuleFile, output: ModuleFile, options: { readonly forced: boolean }) {
    super(file);
    this.#forced = options.forced;
    this.#output = output;
    this.#module = new WebAssembly.Module(output.bytes as Uint8Array<ArrayBuffer>);
  }

  protected override get isDead(): boolean {
    return this.#isKilled;
  }

  /** 0 or 1, or how it trapped. */
  reset(): number | string {
    this.#isKilled = false;
    this.#killAt = 0;
    try {
      return (this.link.exports['$luge.reset'] as () => number)();
    } catch (error) {
      return this.link.values.ending(error);
    }
  }

  /** Kills it at an interruption, counted from 1. */
  dieAt(interruption: number): void {
    this.#killAt = interruption;
  }

  /** Starts the record anew, with the objects counted from 0. */
  forget(): void {
    this.lines.length = 0;
    this.interrupts = 0;
    this.link.values = new Values(this.file);
    this.link.values.attach(this.link.exports);
  }

  /** Up to the first reset. */
  instantiate(): boolean {
    try {
      const imports = { ...hostImports(this.file, this.link), $luge: this.#runtimeImports() };
      this.attach(new WebAssembly.Instance(this.#module, imports as WebAssembly.Imports));
      if (this.reset() === 0) return true;
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
    }
    // Neither instantiation nor reset runs any code of the guest's.
    this.lines.push(`begin: RuntimeError: ${SEGMENT_TRAP}`);
    return false;
  }

  protected async enter(): Promise<boolean> {
    this.#control.fill(0);
    // Nobody lowers it: each poll that is met is taken, and the guest gets on all the same.
    if (this.#forced) this.#control[0] = 1;
    const outcome = await this.call('$luge.enter', []);
    const done = this.#control[1] === 1;
    this.lines.push(`begin: ${done ? String(this.#control[2]) : outcome}`);
    return !this.#isKilled && (done || !this.file.hasStart);
  }

  #runtimeImports(): Record<string, unknown> {
    const imports: Record<string, unknown> = {
      interrupt: new WebAssembly.Suspending(() => this.#interrupt()),
      // Called only where the memory holds what was expected; nobody will ever notify.
      wait32: () => TIMED_OUT,
      wait64: () => TIMED_OUT,
    };
    for (const { module, name, kind, index } of this.#output.imports) {
      if (module !== '$luge' || kind !== 'memory') continue;
      if (imports[name] !== undefined) continue; // the same one, imported twice
      const memory = makeMemory(this.#output.memories[index]!);
      if (name === 'control') this.#control = new Int32Array(memory.buffer);
      else new Uint8Array(memory.buffer).fill(DIRT);
      imports[name] = memory;
    }
    return imports;
  }

  #interrupt(): number | Promise<number> {
    this.interrupts += 1;
    if (this.interrupts > INTERRUPTS_MAX) throw new Error('a guest that makes no progress');
    this.#isKilled = this.interrupts === this.#killAt;
    const verdict = this.#isKilled ? 1 : 0;
    // Now at once, now after a suspension: both are what a host does.
    return this.interrupts % 2 === 0 ? verdict : Promise.resolve(verdict);
  }
}
