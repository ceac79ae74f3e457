/**
 * The parts of the WebAssembly JavaScript API that Luge uses, with JavaScript promise integration. Neither @types/node nor
 * TypeScript's own libraries (short of the whole DOM, which a server must not see) declare them.
 */
declare namespace WebAssembly {
  type ImportValue = unknown;
  type Imports = Record<string, Record<string, ImportValue>>;
  type ValueKind = 'function' | 'table' | 'memory' | 'global' | 'tag';

  class Module {
    constructor(bytes: ArrayBufferView<ArrayBuffer> | ArrayBuffer);
    static exports(module: Module): { name: string; kind: ValueKind }[];
    static imports(module: Module): { module: string; name: string; kind: ValueKind }[];
    static customSections(module: Module, name: string): ArrayBuffer[];
  }

  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Record<string, unknown>;
  }

  type MemoryDescriptor =
    | { address?: 'i32'; initial: number; maximum?: number; shared?: boolean }
    | { address: 'i64'; initial: bigint; maximum?: bigint; shared?: boolean };

  class Memory {
    constructor(descriptor: MemoryDescriptor);
    readonly buffer: ArrayBuffer | SharedArrayBuffer;
    grow(delta: number): number;
  }

  class Table {
    constructor(descriptor: {
      element: 'anyfunc' | 'externref';
      initial: number;
      maximum?: number;
    });
    readonly length: number;
    get(index: number): unknown;
    set(index: number, value?: unknown): void;
    grow(delta: number, value?: unknown): number;
  }

  class Global {
    constructor(descriptor: { value: string; mutable?: boolean }, value?: unknown);
    value: unknown;
  }

  class Tag {
    constructor(descriptor: { parameters: string[] });
  }

  class Exception extends Error {
    is(tag: Tag): boolean;
    getArg(tag: Tag, index: number): unknown;
  }

  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}

  /** Marks a host function: when it returns a promise, the calling guest is suspended until that settles. */
  class Suspending {
    // biome-ignore lint/suspicious/noExplicitAny: any host function may be wrapped
    constructor(fn: (...args: any[]) => unknown);
  }

  /** An export that may be suspended: it returns a promise of its result. */
  function promising(fn: unknown): (...args: unknown[]) => Promise<unknown>;
  function validate(bytes: ArrayBufferView<ArrayBuffer> | ArrayBuffer): boolean;
  function compile(bytes: ArrayBufferView<ArrayBuffer> | ArrayBuffer): Promise<Module>;
}
