/**
 * Random modules from Binaryen's fuzzer (`wasm-opt -ttf`): a seed gives noise, the noise gives a module.
 *
 * wasm-opt is a WebAssembly program behind an Emscripten script. A process of it takes half a second, nearly all of it
 * to parse and compile itself; here script and module are loaded once, and a module takes about 20 ms. Each run has an
 * instance of its own, so that nothing of one module reaches the next.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Imm } from '../../../../src/sandbox/rewriter/opcodes.ts';
import { bodyInstructions } from './decoder.ts';
import { ModuleFile } from './module-file.ts';
import { Rng } from './rng.ts';

/** What the generator can do and V8 takes only behind a flag, or (the last four) reads differently. */
const NOT_IN_V8 = [
  'shared-everything',
  'strings',
  'custom-descriptors',
  'fp16',
  'stack-switching',
  'custom-page-sizes',
  'wide-arithmetic',
  'multibyte',
  'compact-imports',
  'relaxed-atomics',
];

export interface Profile {
  readonly name: string;
  readonly features: readonly string[];
  readonly passes: readonly string[];
}

function profile(name: string, without: string, passes: string = '--denan'): Profile {
  const disabled = [...NOT_IN_V8, ...words(without)].map((feature) => `--disable-${feature}`);
  return { name, features: ['-all', ...disabled], passes: words(passes) };
}

function words(text: string): string[] {
  return text.split(' ').filter((word) => word !== '');
}

const ONE_MEMORY_32 = 'memory64 multimemory';
/**
 * V8 takes no module with both legacy and new exceptions. The generator mixes them, and a pass makes them all new; legacy
 * ones alone are a matter of luck and of several attempts with little noise.
 */
const NEW_EXCEPTIONS = '--translate-to-exnref';
const LEGACY_EXCEPTIONS = 'legacy-exceptions';
const LEGACY_ATTEMPTS = 6;
const LEGACY_NOISE_BYTES_MAX = 1200;
const NO_REFERENCES = 'reference-types gc typed-function-references';

/** A seed's profile is its place in this list. */
export const PROFILES: readonly Profile[] = [
  { name: 'mvp', features: ['--mvp-features'], passes: ['--denan'] },
  profile('gc', `${ONE_MEMORY_32} threads exception-handling`),
  profile('all', ONE_MEMORY_32, `${NEW_EXCEPTIONS} --denan`),
  profile('flat', `${ONE_MEMORY_32} threads exception-handling ${NO_REFERENCES} relaxed-simd`),
  profile('threads', `${ONE_MEMORY_32} exception-handling gc`),
  profile(LEGACY_EXCEPTIONS, `${ONE_MEMORY_32} threads gc`),
  profile('passes', ONE_MEMORY_32, `--fuzz-passes ${NEW_EXCEPTIONS} --denan`),
  profile('optimized', ONE_MEMORY_32, `-O1 ${NEW_EXCEPTIONS} --denan`),
  profile('nan', `${ONE_MEMORY_32} threads`, NEW_EXCEPTIONS),
  profile('many-memories', 'memory64', `${NEW_EXCEPTIONS} --denan`),
  profile('memory64', 'multimemory', `${NEW_EXCEPTIONS} --denan`),
];

export function profileOf(seed: number): Profile {
  return PROFILES[seed % PROFILES.length]!;
}

const NOISE_BYTES_MIN = 300;
const NOISE_BYTES_MAX = 5000;

function drawNoise(rng: Rng, bytesMax: number): Uint8Array {
  return rng.bytes(NOISE_BYTES_MIN + rng.below(bytesMax - NOISE_BYTES_MIN));
}

/**
 * Which exceptions its functions use. Told from the bytes, rather a new one too many: of a module with both kinds the
 * engine itself says now this and now that, as its threads share out the functions.
 */
function exceptionsOf(bytes: Uint8Array): { legacy: boolean; modern: boolean } {
  let legacy = false;
  let modern = false;
  for (const body of new ModuleFile(bytes).bodies()) {
    const localsStart = body.pos;
    const instructions = [...bodyInstructions(body)];
    modern ||= namesException(bytes.subarray(localsStart, instructions[0]?.start));
    for (const { kind, name, immediates, end } of instructions) {
      legacy ||= kind === Imm.TRY;
      modern ||= kind === Imm.TRY_TABLE || name === 'throw_ref';
      modern ||= NAMES_TYPES.has(kind) && namesException(bytes.subarray(immediates, end));
    }
  }
  return { legacy, modern };
}

const NAMES_TYPES: ReadonlySet<number> = new Set([
  ...[Imm.BLOCK, Imm.LOOP, Imm.IF, Imm.TRY],
  ...[Imm.HEAP_TYPE, Imm.SELECT_TYPED, Imm.BR_ON_CAST],
]);

/** exn, noexn */
function namesException(bytes: Uint8Array): boolean {
  return bytes.includes(0x69) || bytes.includes(0x74);
}

type Script = (...scope: readonly unknown[]) => Promise<void>;

/** Binaryen stumbled over its own module: an assertion of its own, now and then. */
export class GeneratorFailure extends Error {}

const SCRIPT_END = /createWasm\(\)\.then\(\(\)=>run\(\)\);\s*$/;

export class Generator {
  readonly #script: Script;
  readonly #require: NodeJS.Require;
  readonly #directory: string;
  #compiled: WebAssembly.Module | undefined;

  constructor() {
    const path = createRequire(import.meta.url).resolve('binaryen/bin/wasm-opt');
    const text = fs.readFileSync(path, 'utf8').replace(/^#!.*\n/, '');
    if (!SCRIPT_END.test(text)) throw new Error(`${path} does not end as it used to`);
    // Its free names are given as parameters: what it would do to the process is done to our stand-ins.
    const names = ['Module', 'require', 'process', 'WebAssembly', '__filename', '__dirname'];
    this.#script = new Function(...names, text.replace(SCRIPT_END, 'return $&')) as Script;
    this.#require = createRequire(path);
    this.#directory = fs.mkdtempSync(join(tmpdir(), 'luge-generator-'));
  }

  /** The same bytes for the same seed and the same version of Binaryen. */
  async generate(seed: number): Promise<Uint8Array<ArrayBuffer>> {
    const rng = new Rng(seed);
    const profile = profileOf(seed);
    if (profile.name === LEGACY_EXCEPTIONS) return this.#legacy(profile, rng);
    return this.#make(drawNoise(rng, NOISE_BYTES_MAX), profile.features, profile.passes);
  }

  async #legacy({ features, passes }: Profile, rng: Rng): Promise<Uint8Array<ArrayBuffer>> {
    let valid: Uint8Array<ArrayBuffer> | undefined;
    for (let left = LEGACY_ATTEMPTS; left > 0; left -= 1) {
      const made = await this.#make(drawNoise(rng, LEGACY_NOISE_BYTES_MAX), features, passes);
      const { legacy, modern } = exceptionsOf(made);
      if (legacy && !modern) return made;
      if (!legacy) valid = made;
    }
    return valid ?? this.#make(drawNoise(rng, NOISE_BYTES_MAX), features, [NEW_EXCEPTIONS]);
  }

  async #make(
    noise: Uint8Array,
    features: readonly string[],
    passes: readonly string[],
  ): Promise<Uint8Array<ArrayBuffer>> {
    const input = join(this.#directory, 'noise');
    const output = join(this.#directory, 'module.wasm');
    fs.writeFileSync(input, noise);
    fs.rmSync(output, { force: true });
    const text = await this.#run(['-ttf', input, ...features, ...passes, '-o', output]);
    if (!fs.existsSync(output)) {
      throw new GeneratorFailure(`wasm-opt made nothing: ${text.slice(0, 200)}`);
    }
    return new Uint8Array(fs.readFileSync(output));
  }

  close(): void {
    fs.rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Resolves with what it printed. */
  async #run(args: readonly string[]): Promise<string> {
    let printed = '';
    const note = (text: string): void => {
      printed += text;
    };
    const module = {
      arguments: args,
      printErr: note,
      ...(this.#compiled === undefined ? {} : { instantiateWasm: this.#instantiate }),
    };
    const files = Object.create(fs, { writeSync: { value: writeElsewhere(note) } });
    const require = (id: string): unknown =>
      id === 'fs' || id === 'node:fs' ? files : this.#require(id);
    const standIn = Object.create(process, {
      exitCode: { value: undefined, writable: true },
      argv: { value: ['node', 'wasm-opt'] },
    });
    const engine = Object.create(WebAssembly, {
      instantiate: {
        value: async (bytes: Uint8Array<ArrayBuffer>, imports: WebAssembly.Imports) => {
          this.#compiled = new WebAssembly.Module(bytes);
          return { instance: new WebAssembly.Instance(this.#compiled, imports) };
        },
      },
    });
    try {
      await this.#script(module, require, standIn, engine, '', '');
    } catch (error) {
      throw new GeneratorFailure((error as Error).message);
    }
    return printed;
  }

  readonly #instantiate = (
    imports: WebAssembly.Imports,
    done: (instance: WebAssembly.Instance) => void,
  ): void => {
    done(new WebAssembly.Instance(this.#compiled!, imports));
  };
}

/** Like `fs.writeSync`, except that what goes to the terminal is noted. */
function writeElsewhere(note: (text: string) => void): typeof fs.writeSync {
  const write = (
    fd: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number | null = null,
  ): number => {
    if (fd > 2) return fs.writeSync(fd, bytes, offset, length, position);
    note(Buffer.from(bytes.subarray(offset, offset + length)).toString());
    return length;
  };
  return write as typeof fs.writeSync;
}
