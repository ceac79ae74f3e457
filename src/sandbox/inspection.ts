/**
 * All that there is to say about a module before it is served: what it imports and from whom, where it will poll, what a
 * reset of it does and costs, and why it would be refused. The shape is what `luge inspect --json` prints, so that nothing in it is
 * undefined: a key is always there.
 */
import { MEMORY_RESERVED_BYTES } from './address-space.ts';
import {
  ALLOCATION_LIMITS,
  checkImports,
  compileRewritten,
  FunctionError,
} from './function-compiler.ts';
import { findImports, type GuestImport, type ImportProvider } from './import-check.ts';
import { memoryWeight } from './memory-pool.ts';
import { estimateResetUs } from './reset-cost.ts';
import {
  type CustomSectionInfo,
  type FunctionPolls,
  MARK,
  type ResetInfo,
  RewriteError,
  type RewriteInfo,
  rewrite,
} from './rewriter/index.ts';

export interface InspectOptions {
  readonly maxPages: number;
  readonly growth: 'retire' | 'keep';
}

export interface Refusal {
  readonly code: string;
  readonly message: string;
  /** In the file, in bytes, where it has one place. */
  readonly offset: number | null;
}

export interface InspectedImport {
  readonly module: string;
  readonly name: string;
  readonly kind: string;
  /** `(i32, i32) -> (i32)`, of functions; null where the module could not be rewritten. */
  readonly signature: string | null;
  readonly provider: ImportProvider | null;
  /** Why nobody provides it. */
  readonly problem: string | null;
}

export interface InspectedMemory {
  /** What the rewritten module imports it as from `$luge`; two imports of one memory share it. */
  readonly name: string;
  readonly minPages: number;
  /** What `memory.grow` can reach: the smaller of the declared maximum and the limit. */
  readonly maxPages: number;
  /** Addresses are i64. */
  readonly wide: boolean;
  readonly declaredMaxPages: number | null;
  readonly declaredShared: boolean;
  readonly imported: boolean;
}

export interface InspectedPolls {
  readonly mode: 'exit';
  readonly loops: { readonly polled: number; readonly covered: number };
  /** In front of calls, in long code, in handlers of exceptions. */
  readonly calls: number;
  /** Bulk instructions that are done in chunks, with a poll before each. */
  readonly bulk: number;
  readonly functions: readonly FunctionPolls[];
}

export interface InspectedReset extends Omit<ResetInfo, 'servesOnceBecause'> {
  readonly servesOnce: boolean;
  readonly servesOnceBecause: string | null;
  /** Microseconds; see reset-cost.ts for what it is made of. */
  readonly estimatedUs: number;
}

/** What a sandbox of the module takes. */
export interface InspectedFootprint {
  /** Its memories count so many times against those of a worker and of the process. */
  readonly memories: number;
  readonly reservedBytes: number;
  /** What a reset touches of them; more once they have grown. Instance and suspended stack are not in it: about 20 KB. */
  readonly residentBytes: number;
}

export interface Inspection {
  /** Of this shape: raised when a key goes or changes its meaning, not when one is added. */
  readonly version: 2;
  readonly interface: 'wasi' | 'luge' | 'none';
  /** Why `luge serve` and `runtime.load` would refuse the module; null if they take it. */
  readonly refused: Refusal | null;
  readonly bytesBefore: number;
  readonly imports: readonly InspectedImport[];
  readonly exports: readonly { readonly name: string; readonly kind: string }[];
  // Null, all of them, where the module could not be rewritten.
  readonly bytesAfter: number | null;
  readonly memories: readonly InspectedMemory[] | null;
  readonly footprint: InspectedFootprint | null;
  readonly polls: InspectedPolls | null;
  readonly reset: InspectedReset | null;
  readonly sections: readonly CustomSectionInfo[] | null;
  /** What the rewriter wrote down in a module that is its output. */
  readonly rewritten: Readonly<Record<string, unknown>> | null;
}

/** Throws RewriteError or FunctionError if the bytes are no valid module; one that is merely refused is described. */
export function inspectModule(wasm: Uint8Array<ArrayBuffer>, options: InspectOptions): Inspection {
  let output: ReturnType<typeof rewrite>;
  try {
    output = rewrite(wasm, {
      ...options,
      limits: ALLOCATION_LIMITS,
      standalone: true,
      entry: 'optional',
      report: true,
    });
  } catch (error) {
    if (!(error instanceof RewriteError) || !WebAssembly.validate(wasm)) throw error;
    return withoutRewrite(wasm, error);
  }
  const { bytes, info } = output;
  compileRewritten(bytes, wasm);
  return {
    version: 2,
    interface: info.iface,
    refused: refusalOf(wasm, options, info),
    bytesBefore: info.bytesBefore,
    imports: describeImports(info.imports, info.memory?.wide),
    exports: info.exports,
    bytesAfter: info.bytesAfter,
    memories: describeMemories(info),
    footprint: describeFootprint(info),
    polls: {
      mode: 'exit',
      loops: { polled: info.loopPolls, covered: info.elidedLoopPolls },
      calls: info.callPolls,
      bulk: info.bulkPolls,
      functions: info.polls,
    },
    reset: describeReset(info.reset),
    sections: info.sections,
    rewritten: null,
  };
}

/** What `load` would say, in the order in which it looks. */
function refusalOf(wasm: Uint8Array, options: InspectOptions, info: RewriteInfo): Refusal | null {
  try {
    // For its words: an entry that is missing or of another type is refused before any code is read.
    if (info.iface === 'none') rewrite(wasm, options);
    checkImports(info);
    return null;
  } catch (error) {
    return describeRefusal(error);
  }
}

function describeRefusal(error: unknown): Refusal {
  if (!(error instanceof RewriteError || error instanceof FunctionError)) throw error;
  return { code: error.code, message: error.message, offset: error.offset ?? null };
}

/** What the engine alone can say. */
function withoutRewrite(wasm: Uint8Array<ArrayBuffer>, error: RewriteError): Inspection {
  const module = new WebAssembly.Module(wasm);
  const exports = WebAssembly.Module.exports(module).map(({ name, kind }) => ({
    name,
    kind: shortKind(kind),
  }));
  const has = (wanted: string): boolean =>
    exports.some(({ name, kind }) => name === wanted && kind === 'func');
  const imports = WebAssembly.Module.imports(module).map(({ module: from, name, kind }) => ({
    module: from,
    name,
    kind: shortKind(kind),
  }));
  return {
    version: 2,
    interface: has('handle') ? 'luge' : has('_start') ? 'wasi' : 'none',
    refused: describeRefusal(error),
    bytesBefore: wasm.length,
    imports: describeImports(imports),
    exports,
    bytesAfter: null,
    memories: null,
    footprint: null,
    polls: null,
    reset: null,
    sections: null,
    rewritten: readMark(module),
  };
}

/** The engine writes `function` where the file format and the rest of Luge write `func`. */
function shortKind(kind: string): GuestImport['kind'] {
  return (kind === 'function' ? 'func' : kind) as GuestImport['kind'];
}

function readMark(module: WebAssembly.Module): Record<string, unknown> | null {
  const [section] = WebAssembly.Module.customSections(module, MARK);
  if (section === undefined) return null;
  try {
    const mark: unknown = JSON.parse(new TextDecoder().decode(section));
    return typeof mark === 'object' ? (mark as Record<string, unknown> | null) : null;
  } catch {
    // A section of that name by somebody else.
    return null;
  }
}

function describeImports(imports: readonly GuestImport[], isWide?: boolean): InspectedImport[] {
  const findings = findImports(imports, isWide);
  return imports.map(({ module, name, kind, signature }, at) => ({
    module,
    name,
    kind,
    signature: signature ?? null,
    provider: findings[at]?.provider ?? null,
    problem: findings[at]?.problem ?? null,
  }));
}

function describeMemories({ memories }: RewriteInfo): InspectedMemory[] {
  return memories.map((memory) => ({
    ...memory,
    declaredMaxPages: memory.declaredMaxPages ?? null,
  }));
}

/** Two imports of one memory have one name, and are one. */
function describeFootprint({ memories }: RewriteInfo): InspectedFootprint {
  const own = memories.filter(
    ({ name }, at) => memories.findIndex((other) => other.name === name) === at,
  );
  const weight = own.reduce((sum, memory) => sum + memoryWeight(memory), 0);
  return {
    memories: weight,
    reservedBytes: weight * MEMORY_RESERVED_BYTES,
    residentBytes: own.reduce((sum, { minPages }) => sum + minPages * 65_536, 0),
  };
}

function describeReset(reset: ResetInfo): InspectedReset {
  const { servesOnceBecause, ...rest } = reset;
  return {
    ...rest,
    servesOnce: servesOnceBecause !== undefined,
    servesOnceBecause: servesOnceBecause ?? null,
    estimatedUs: estimateResetUs(reset),
  };
}
