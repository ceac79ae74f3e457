import binaryen from 'binaryen';
import wabt from 'wabt';
import {
  type RewriteInfo,
  type RewriteOptions,
  rewrite,
} from '../../../src/sandbox/rewriter/index.ts';

// Runs one module twice, as it is and rewritten, and reduces each run to plain data that can be compared: what each
// call gave or how it ended, and what memory, globals and tables hold afterwards.

const FEATURES = {
  exceptions: true,
  mutable_globals: true,
  sat_float_to_int: true,
  sign_extension: true,
  simd: true,
  threads: true,
  function_references: true,
  multi_value: true,
  tail_call: true,
  bulk_memory: true,
  reference_types: true,
  annotations: true,
  code_metadata: true,
  extended_const: true,
  relaxed_simd: true,
  // wabt's declarations lack these two.
  memory64: true,
  multi_memory: true,
} as const;

const assembler = await wabt();

export function assemble(wat: string): Uint8Array<ArrayBuffer> {
  const module = assembler.parseWat('test.wat', wat, FEATURES);
  try {
    // Not validated here: wabt does not know that (ref $f) is a funcref. The engine judges each module that is run.
    module.resolveNames();
    return new Uint8Array(module.toBinary({ write_debug_names: true }).buffer);
  } finally {
    module.destroy();
  }
}

/** For what wabt has no text for, or gets wrong: GC types, data of a second memory, 64-bit tables. */
export function assembleNew(wat: string): Uint8Array<ArrayBuffer> {
  const module = binaryen.parseText(wat);
  try {
    module.setFeatures(binaryen.Features.All);
    return new Uint8Array(module.emitBinary());
  } finally {
    module.dispose();
  }
}

export type Call = readonly [name: string, ...args: unknown[]];

export interface State {
  readonly pages: number | undefined;
  /** Offset and value of the bytes that are not zero. */
  readonly bytes: readonly (readonly [number, number])[];
  readonly globals: Readonly<Record<string, unknown>>;
  readonly tables: Readonly<Record<string, readonly unknown[]>>;
}

export interface Run {
  readonly outcomes: readonly unknown[];
  readonly state: State;
}

export interface RunOptions {
  readonly polls?: 'exit' | 'call' | 'entry' | 'none';
  readonly entry?: 'required' | 'optional';
  readonly growth?: 'retire' | 'keep';
  readonly maxPages?: number;
  readonly standalone?: boolean;
  readonly imports?: Record<string, Record<string, unknown>>;
  /** 0 = go on; called at each poll while the flag is raised. */
  readonly interrupt?: () => number | Promise<number>;
  readonly wait32?: (
    address: number,
    expected: number,
    timeout: bigint,
  ) => number | Promise<number>;
  readonly wait64?: (
    address: number,
    expected: bigint,
    timeout: bigint,
  ) => number | Promise<number>;
  /** What the pool's memory holds before the first reset. */
  readonly dirt?: number;
}

type Exports = Record<string, unknown>;

/** How a call ended, without the addresses and names that may differ. */
export function ending(error: unknown): string {
  if (error instanceof WebAssembly.Exception) return 'exception';
  if (error instanceof RangeError) return 'stack overflow';
  if (error instanceof Error) return `${error.constructor.name}: ${error.message}`;
  return String(error);
}

function plain(value: unknown): unknown {
  if (typeof value === 'function') return 'function';
  if (typeof value === 'bigint') return `${value}n`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null) return 'object'; // of the garbage-collected kinds: opaque
  return Object.is(value, -0) ? '-0' : value;
}

/** The engine shows JavaScript neither vectors nor exceptions. */
function globalValue(global: WebAssembly.Global): unknown {
  try {
    return plain(global.value);
  } catch (error) {
    return (error as Error).name;
  }
}

function readState(exports: Exports, memory: WebAssembly.Memory | undefined): State {
  const bytes: [number, number][] = [];
  if (memory !== undefined) {
    // A copy: scanning a shared view byte by byte is several times slower.
    const copy = new Uint8Array(memory.buffer).slice();
    const words = new BigUint64Array(copy.buffer);
    for (let word = 0; word < words.length; word += 1) {
      if (words[word] === 0n) continue;
      for (let at = word * 8; at < word * 8 + 8; at += 1) {
        if (copy[at] !== 0) bytes.push([at, copy[at]!]);
      }
    }
  }
  const globals: Record<string, unknown> = {};
  const tables: Record<string, unknown[]> = {};
  for (const [name, value] of Object.entries(exports)) {
    if (value instanceof WebAssembly.Global) globals[name] = globalValue(value);
    if (value instanceof WebAssembly.Table) {
      // Of one with 64-bit indices the length is a bigint, and so is what get takes.
      const wide = typeof (value.length as unknown) === 'bigint';
      tables[name] = Array.from({ length: Number(value.length) }, (_, at) => {
        const index = (wide ? BigInt(at) : at) as number;
        const item = value.get(index) as { name?: string } | null;
        return item === null ? null : plain(item);
      });
    }
  }
  return {
    pages: memory === undefined ? undefined : memory.buffer.byteLength / 65_536,
    bytes,
    globals,
    tables,
  };
}

export class Guest {
  readonly exports: Exports;
  readonly memory: WebAssembly.Memory | undefined;

  constructor(exports: Exports, memory: WebAssembly.Memory | undefined) {
    this.exports = exports;
    this.memory = memory;
  }

  state(): State {
    return readState(this.exports, this.memory);
  }

  async call(name: string, ...args: unknown[]): Promise<unknown> {
    const fn = this.exports[name];
    if (typeof fn !== 'function') throw new Error(`the module exports no function ${name}`);
    try {
      return plain(await WebAssembly.promising(fn)(...args));
    } catch (error) {
      return ending(error);
    }
  }

  async calls(list: readonly Call[]): Promise<unknown[]> {
    const outcomes: unknown[] = [];
    for (const [name, ...args] of list) outcomes.push(await this.call(name, ...args));
    return outcomes;
  }
}

export class Rewritten extends Guest {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly info: RewriteInfo;
  /** By the name of their import. */
  readonly memories: Readonly<Record<string, WebAssembly.Memory>>;
  readonly control: Int32Array;
  /** Polls that reached the host. */
  interrupts: number = 0;

  constructor(source: Uint8Array, options: RunOptions = {}) {
    const rewriteOptions: RewriteOptions = {
      maxPages: options.maxPages ?? 16,
      ...(options.polls === undefined ? {} : { polls: options.polls }),
      ...(options.entry === undefined ? {} : { entry: options.entry }),
      ...(options.growth === undefined ? {} : { growth: options.growth }),
      ...(options.standalone === undefined ? {} : { standalone: options.standalone }),
    };
    const { bytes, info } = rewrite(source, rewriteOptions);
    const memories: Record<string, WebAssembly.Memory> = {};
    for (const { name, minPages, maxPages, wide } of info.memories) {
      if (memories[name] !== undefined) continue;
      const [initial, maximum] = wide ? [BigInt(minPages), BigInt(maxPages)] : [minPages, maxPages];
      const address = wide ? 'i64' : 'i32';
      const descriptor = { address, initial, maximum, shared: true };
      const memory = new WebAssembly.Memory(descriptor as WebAssembly.MemoryDescriptor);
      new Uint8Array(memory.buffer).fill(options.dirt ?? 0);
      memories[name] = memory;
    }
    const control = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    const none = (): number => 0;
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      ...options.imports,
      $luge: {
        ...memories,
        control,
        interrupt: new WebAssembly.Suspending(() => {
          if (this !== undefined) this.interrupts += 1;
          return options.interrupt?.() ?? 0;
        }),
        wait32: new WebAssembly.Suspending(options.wait32 ?? none),
        wait64: new WebAssembly.Suspending(options.wait64 ?? none),
      },
    });
    super(instance.exports, memories.memory);
    this.memories = memories;
    this.bytes = bytes;
    this.info = info;
    this.control = new Int32Array(control.buffer);
  }

  /** 0 or 1, or how it trapped. */
  reset(): Promise<unknown> {
    return this.call('$luge.reset');
  }

  get done(): number {
    return this.control[1]!;
  }

  get result(): number {
    return this.control[2]!;
  }

  /** Start function, `_initialize` and the entry; the entry's result or how it ended. */
  async enter(): Promise<unknown> {
    this.control.fill(0, 1, 3);
    const outcome = await this.call('$luge.enter');
    return this.done === 1 ? this.result : outcome;
  }
}

function entryOf(exports: Exports): string {
  return typeof exports.handle === 'function' ? 'handle' : '_start';
}

/** Instantiates (which runs the start function), enters, then makes the calls. */
export async function runOriginal(
  bytes: Uint8Array<ArrayBuffer>,
  calls: readonly Call[],
  options: RunOptions = {},
  memoryImport?: WebAssembly.Memory,
): Promise<Run> {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), options.imports ?? {});
  const { exports } = instance;
  const exported = Object.values(exports).find((item) => item instanceof WebAssembly.Memory);
  const guest = new Guest(exports, (exported as WebAssembly.Memory | undefined) ?? memoryImport);
  const entered = await guest.call(entryOf(exports));
  const outcomes = [entered ?? 0, ...(await guest.calls(calls))];
  return { outcomes, state: guest.state() };
}

export async function runRewritten(guest: Rewritten, calls: readonly Call[]): Promise<Run> {
  const reset = await guest.reset();
  if (reset !== 0) throw new Error(`reset gave ${String(reset)}`);
  const outcomes = [await guest.enter(), ...(await guest.calls(calls))];
  return { outcomes, state: guest.state() };
}
