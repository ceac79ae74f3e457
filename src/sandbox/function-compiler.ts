/** From the bytes of a module to a function that workers can make sandboxes of; everything that can be wrong with it is said here. */
import type { FunctionImage, FunctionSpec } from './function-image.ts';
import { findImports, type GuestImport, isWideCall } from './import-check.ts';
import { type AllocationLimits, type RewriteInfo, rewrite } from './rewriter/index.ts';
import { checkPreopens } from './wasi/preopens.ts';

/** The spec's fields that the module itself does not decide. */
export type FunctionSettings = Omit<FunctionSpec, 'iface' | 'memories' | 'hasWideCalls'> & {
  readonly maxPages: number;
  readonly growth: 'retire' | 'keep';
  /** Default: ALLOCATION_LIMITS. */
  readonly limits?: Partial<AllocationLimits>;
  /** Default: MODULE_BYTES. */
  readonly maxModuleBytes?: number;
};

/**
 * Rewriting and validating hold the thread that loads for about 30 ms a megabyte, and take 5 times the module in memory for that long: 1.6 s and
 * 0.3 GB for one of 50 MB (bench/synthetic-module.ts, loaded by a runtime). Go's and Python's programs have 2 to 30 MB.
 */
export const MODULE_BYTES: number = 64 * 2 ** 20;
/** What a request may log unless somebody says more: a guest in a loop must not fill the operator's disk. */
export const LOG_BYTES = 65_536;
/** V8 compiles no larger one. */
export const MODULE_BYTES_MAX: number = 2 ** 30;

/** A megabyte or two of tables, and the largest array that is sure to leave a full heap's worker time to end alone (rewriter/allocation.ts). */
export const ALLOCATION_LIMITS: AllocationLimits = {
  tableElements: 100_000,
  arrayBytes: 2 ** 20,
};

export class FunctionError extends Error {
  readonly code: string;
  /** In the source file, in bytes, where it has one place. */
  readonly offset: number | undefined;

  constructor(
    code: string,
    message: string,
    options: ErrorOptions & { readonly offset?: number | undefined } = {},
  ) {
    super(message, options);
    this.name = 'FunctionError';
    this.code = code;
    this.offset = options.offset;
  }
}

/** Throws RewriteError or FunctionError. */
export function compileFunction(
  wasm: Uint8Array,
  settings: FunctionSettings,
): { image: FunctionImage; info: RewriteInfo } {
  const { maxPages, growth, limits: wanted, maxModuleBytes = MODULE_BYTES, ...given } = settings;
  if (wasm.length > maxModuleBytes) {
    const text = `the module has ${wasm.length} bytes; the limit is ${maxModuleBytes} (maxModuleBytes)`;
    throw new FunctionError('ERR_MODULE_LIMIT', text);
  }
  const rest = checkPreopens(given, (text) => new FunctionError('ERR_FILES', text));
  const limits = { ...ALLOCATION_LIMITS, ...wanted };
  const { bytes, info } = rewrite(wasm, { maxPages, growth, limits, standalone: true });
  checkImports(info);
  const module = compileRewritten(bytes, wasm);
  const { memories, iface } = info;
  if (iface === 'none') throw new FunctionError('ERR_WASM_NO_ENTRY', 'the module has no entry');
  const spec: FunctionSpec = {
    ...rest,
    args: rest.args.map(byteText),
    env: rest.env.map(byteText),
    iface,
    // Two imports of one memory have one name.
    memories: memories
      .filter(({ name }, at) => memories.findIndex((other) => other.name === name) === at)
      .map(({ name, minPages, maxPages, wide }) => ({ name, minPages, maxPages, wide })),
    hasWideCalls: info.imports.some(isWideCall),
  };
  return { image: { spec, module }, info };
}

/** UTF-8, a character a byte: as requests are read, too. Guests take what is configured for text, and Rust's programs insist on it. */
function byteText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Throws for the first import that no interface provides. */
export function checkImports({ imports, memory }: Pick<RewriteInfo, 'imports' | 'memory'>): void {
  findImports(imports, memory?.wide).forEach(({ problem }, at) => {
    if (problem === undefined) return;
    const { module, name, kind } = imports[at] as GuestImport;
    throw new FunctionError('ERR_WASM_IMPORT', `import ${module}.${name} (${kind}): ${problem}`);
  });
}

/** V8's own complaint names an offset; it should be one in the file that the user has, not in what was made of it. */
export function compileRewritten(
  rewritten: Uint8Array<ArrayBuffer>,
  original: Uint8Array,
): WebAssembly.Module {
  try {
    return new WebAssembly.Module(rewritten);
  } catch (error) {
    try {
      new WebAssembly.Module(new Uint8Array(original));
    } catch (cause) {
      const { text, offset } = plain(cause);
      throw new FunctionError('ERR_WASM_INVALID', text, { cause, offset });
    }
    throw new FunctionError('ERR_WASM_REWRITE', `a fault of the rewriter: ${plain(error).text}`, {
      cause: error,
    });
  }
}

/** V8 writes offsets as ` @+12` at the end; elsewhere they are written in words and base 16. */
function plain(error: unknown): { text: string; offset: number | undefined } {
  const message = error instanceof Error ? error.message : String(error);
  const text = message.replace(/^WebAssembly\.Module\(\): /, '');
  const place = / @\+(\d+)$/.exec(text);
  if (place === null) return { text, offset: undefined };
  const offset = Number(place[1]);
  return { text: `${text.slice(0, place.index)} at offset 0x${offset.toString(16)}`, offset };
}
