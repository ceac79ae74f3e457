/** From the bytes of a module to a function that workers can make sandboxes of; everything that can be wrong with it is said here. */
import type { FunctionImage, FunctionSpec } from './function-image.ts';
import { hostFunctionNames } from './host.ts';
import { type RewriteInfo, rewrite } from './rewriter/index.ts';

/** The spec's fields that the module itself does not decide. */
export type FunctionSettings = Omit<FunctionSpec, 'iface' | 'memories'> & {
  readonly maxPages: number;
  readonly growth: 'retire' | 'keep';
};

export class FunctionError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'FunctionError';
    this.code = code;
  }
}

/** Throws RewriteError or FunctionError. */
export function compileFunction(
  wasm: Uint8Array,
  settings: FunctionSettings,
): { image: FunctionImage; info: RewriteInfo } {
  const { maxPages, growth, ...rest } = settings;
  const { bytes, info } = rewrite(wasm, { maxPages, growth });
  checkImports(info);
  const module = compile(bytes, wasm);
  const { memories, iface } = info;
  if (iface === 'none') throw new FunctionError('ERR_WASM_NO_ENTRY', 'the module has no entry');
  const spec: FunctionSpec = {
    ...rest,
    iface,
    // Two imports of one memory have one name.
    memories: memories
      .filter(({ name }, at) => memories.findIndex((other) => other.name === name) === at)
      .map(({ name, minPages, maxPages }) => ({ name, minPages, maxPages })),
  };
  return { image: { spec, module }, info };
}

function checkImports(info: RewriteInfo): void {
  const names = hostFunctionNames();
  for (const { module, name, kind } of info.imports) {
    if (kind === 'memory') continue;
    const functions = names.get(module);
    if (kind === 'func' && functions?.has(name) === true) continue;
    const known = [...names.keys()].join(', ');
    const why =
      kind !== 'func'
        ? `a ${kind} cannot be imported`
        : functions === undefined
          ? `there is no module of that name; there are ${known}`
          : 'there is no function of that name';
    throw new FunctionError('ERR_WASM_IMPORT', `import ${module}.${name} (${kind}): ${why}`);
  }
}

/** V8's own complaint names an offset; it should be one in the file that the user has, not in what was made of it. */
function compile(rewritten: Uint8Array<ArrayBuffer>, original: Uint8Array): WebAssembly.Module {
  try {
    return new WebAssembly.Module(rewritten);
  } catch (error) {
    try {
      new WebAssembly.Module(new Uint8Array(original));
    } catch (cause) {
      throw new FunctionError('ERR_WASM_INVALID', plain(cause), { cause });
    }
    throw new FunctionError('ERR_WASM_REWRITE', `a fault of the rewriter: ${plain(error)}`, {
      cause: error,
    });
  }
}

function plain(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/^WebAssembly\.Module\(\): /, '');
}
