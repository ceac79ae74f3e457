/**
 * Reads a module from disk: binary as it is, WebAssembly text by way of wabt.
 *
 * - The content decides, not the name: a binary called `x.wat` is read as a binary. A component is named as such, because
 *   V8 would only say "unknown version".
 * - wabt is loaded at the first text module: 2 MB of JavaScript that a server of binaries never needs.
 * - wabt parses, V8 judges. wabt's own validator lags behind the engine (GC types), so it is asked only for the place once V8 has
 *   refused a module; its "no" alone refuses nothing.
 */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { MODULE_BYTES_MAX } from '../sandbox/index.ts';

export type ModuleFileCode = 'ERR_MODULE_FILE' | 'ERR_WAT_SYNTAX' | 'ERR_WAT_INVALID';

export class ModuleFileError extends Error {
  readonly code: ModuleFileCode;
  readonly file: string;

  constructor(code: ModuleFileCode, file: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ModuleFileError';
    this.code = code;
    this.file = file;
  }
}

/**
 * Why the file at `path` cannot be read as a module, as far as its directory entry tells; undefined when nothing is wrong. `maxModuleBytes` is not
 * asked of a text, which is several times what becomes of it.
 */
export function moduleFileProblem(
  path: string,
  maxModuleBytes: number = MODULE_BYTES_MAX,
): string | undefined {
  try {
    const entry = statSync(path);
    if (entry.isDirectory()) return 'is a directory, not a module';
    if (!entry.isFile()) return 'is not a regular file';
    if (entry.size === 0) return 'is empty';
    if (entry.size > MODULE_BYTES_MAX) return `is larger than ${MODULE_BYTES_MAX} bytes`;
    if (entry.size > maxModuleBytes && extname(path) !== '.wat') {
      return `has ${entry.size} bytes; the limit is ${maxModuleBytes} (maxModuleBytes)`;
    }
    accessSync(path, constants.R_OK);
    return undefined;
  } catch (error) {
    return systemProblem(path, error);
  }
}

function systemProblem(path: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return `no such file${siblingHint(path)}`;
    case 'EACCES':
    case 'EPERM':
      return 'may not be read (permission denied)';
    default:
      return `cannot be read (${code ?? message})`;
  }
}

/** The same name in the other form is the commonest slip. */
function siblingHint(path: string): string {
  const extension = extname(path);
  const stem = join(dirname(path), basename(path, extension));
  for (const other of ['.wasm', '.wat']) {
    if (other === extension) continue;
    if (existsSync(stem + other)) {
      return `; did you mean "${basename(stem)}${other}"?`;
    }
  }
  return '';
}

/** The binary of a .wasm or .wat file. Throws ModuleFileError; the module itself is not compiled. */
export async function readModule(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const problem = moduleFileProblem(path);
  if (problem !== undefined)
    throw new ModuleFileError('ERR_MODULE_FILE', path, `${path}: ${problem}`);
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new ModuleFileError(
      'ERR_MODULE_FILE',
      path,
      `${path}: ${systemProblem(path, error)}`,
      error,
    );
  }
  return decodeModule(path, bytes);
}

/** What a file of this content is, whatever it was read from; `path` names it in messages. */
export async function decodeModule(
  path: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  if (bytes.length === 0) throw new ModuleFileError('ERR_MODULE_FILE', path, `${path}: is empty`);
  if (isBinaryModule(bytes)) {
    checkVersion(path, bytes);
    return bytes;
  }
  if (!isText(path, bytes)) {
    const message = `${path}: is neither a binary module (no "\\0asm" at its start) nor WebAssembly text`;
    throw new ModuleFileError('ERR_MODULE_FILE', path, message);
  }
  return assemble(path, bytes);
}

export function isBinaryModule(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d;
}

function checkVersion(path: string, bytes: Uint8Array): void {
  if (bytes[4] === 1 && bytes[5] === 0 && bytes[6] === 0 && bytes[7] === 0) return;
  // Component model, Binary.md: a preamble of the same magic whose last two bytes, the layer, are 1.
  const isComponent = bytes[6] === 1 && bytes[7] === 0;
  const what = isComponent
    ? 'is a component (WASI 0.2); Luge runs core modules: build for the target wasm32-wasip1'
    : 'is not a module of WebAssembly version 1';
  throw new ModuleFileError('ERR_MODULE_FILE', path, `${path}: ${what}`);
}

/** Text begins with a form or a comment. The name decides for everything else, so that broken text gets wabt's message. */
function isText(path: string, bytes: Uint8Array): boolean {
  const head = new TextDecoder().decode(bytes.subarray(0, 4096)).trimStart();
  return extname(path) === '.wat' || head.startsWith('(') || head.startsWith(';;');
}

/** Everything that wabt knows (its declarations lack multi_memory); what V8 cannot run, V8 refuses. */
const WAT_FEATURES = {
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
  gc: true,
  memory64: true,
  multi_memory: true,
  extended_const: true,
  relaxed_simd: true,
};

type LoadWabt = typeof import('wabt');
type Wabt = Awaited<ReturnType<LoadWabt>>;
let wabtLoading: Promise<Wabt> | undefined;

async function loadWabt(): Promise<Wabt> {
  // CommonJS: Node gives its function as the default, which the compiler does not see behind `export =`.
  const loaded = (await import('wabt')) as unknown as { default: LoadWabt };
  return loaded.default();
}

/** What wabt calls the source; replaced by the path, which wabt garbles (it reads past its end). */
const SOURCE_NAME = 'source';

async function assemble(path: string, text: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  wabtLoading ??= loadWabt();
  const wabt = await wabtLoading;
  let module: ReturnType<Wabt['parseWat']>;
  try {
    // Bytes, not a string: wabt cuts a string to its length in UTF-16 units and loses the end of a text with accents.
    // A copy: of a view wabt reads all of the buffer behind it, and small Buffers are views of a pool.
    module = wabt.parseWat(SOURCE_NAME, new Uint8Array(text), WAT_FEATURES);
  } catch (error) {
    throw new ModuleFileError('ERR_WAT_SYNTAX', path, wabtMessages(path, error), error);
  }
  try {
    const { buffer } = module.toBinary({ write_debug_names: true });
    const binary = new Uint8Array(buffer);
    if (!WebAssembly.validate(binary)) refuse(path, module, binary);
    return binary;
  } finally {
    module.destroy();
  }
}

/** V8 has refused: let wabt say where, and V8 itself where wabt finds nothing wrong. */
function refuse(
  path: string,
  module: ReturnType<Wabt['parseWat']>,
  binary: Uint8Array<ArrayBuffer>,
): never {
  try {
    module.validate();
    new WebAssembly.Module(binary);
  } catch (error) {
    throw new ModuleFileError('ERR_WAT_INVALID', path, wabtMessages(path, error), error);
  }
  throw new ModuleFileError('ERR_WAT_INVALID', path, `${path}: is not a valid module`);
}

/** wabt's report without its excerpts: one `file:line:col: message` for each error. */
function wabtMessages(path: string, error: unknown): string {
  const report = error instanceof Error ? error.message : String(error);
  const found = report.matchAll(/^source[^:\n]*:(\d+):(\d+): error: (.*)$/gm);
  const lines = Array.from(found, ([, line, column, text]) => `${path}:${line}:${column}: ${text}`);
  return lines.length > 0 ? lines.join('\n') : `${path}: ${report.trim()}`;
}
