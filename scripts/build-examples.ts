// Builds examples/assembly into examples/build/*.wasm. The results are checked in, so that
// `npm start` serves them without a compiler; test/examples/build.test.ts holds that they are fresh.
//
//   node scripts/build-examples.ts [output directory]
//
// Both compilers are deterministic: the same sources and the same lock file give the same bytes.

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import wabt from 'wabt';

const ROOT: string = dirname(dirname(fileURLToPath(import.meta.url)));
const EXAMPLES: string = join(ROOT, 'examples');

export const CHECKED_IN: string = join(EXAMPLES, 'build');

interface Pages {
  initial: number;
  /** Only where it is also a promise: the limits of /resize are chosen to fit in it. */
  maximum?: number;
}

/**
 * Pages (64 KiB) of memory of each module. A reset costs by the page, and a memory that grew costs a
 * new sandbox in the default setting, so a module starts with what an ordinary request needs.
 */
export const ASSEMBLYSCRIPT: Readonly<Record<string, Pages>> = {
  fib: { initial: 1 },
  echo: { initial: 1 },
  spin: { initial: 1 },
  counter: { initial: 1 },
  ekf: { initial: 1 },
  resize: { initial: 8, maximum: 1024 },
};

export const TEXT: readonly string[] = ['empty', 'trap'];

async function compileText(name: string): Promise<Uint8Array> {
  const path = join(EXAMPLES, 'assembly', `${name}.wat`);
  const { parseWat } = await wabt();
  const parsed = parseWat(path, await readFile(path, 'utf8'), { bulk_memory: true });
  try {
    parsed.validate();
    return parsed.toBinary({ write_debug_names: true }).buffer;
  } finally {
    parsed.destroy();
  }
}

async function compileAssemblyScript(name: string, pages: Pages): Promise<Uint8Array> {
  let wasm: Uint8Array | undefined;
  const { error, stderr } = await asc.main(
    [
      ...[`assembly/${name}.ts`, '--outFile', 'module.wasm', '--bindings', 'none'],
      ...['-O3', '--runtime', 'stub', '--use', 'abort=assembly/luge/onAbort'],
      ...['--initialMemory', String(pages.initial)],
      ...(pages.maximum ? ['--maximumMemory', String(pages.maximum)] : []),
    ],
    {
      // By name, within examples: neither the working directory nor the checkout's place gets into
      // the module, where the messages of `abort` hold file names.
      readFile: (file: string) => readFile(join(EXAMPLES, file), 'utf8').catch(() => null),
      writeFile: (_file: string, contents: string | Uint8Array) => {
        if (typeof contents !== 'string') wasm = contents;
      },
      listFiles: (directory: string) => readdir(join(EXAMPLES, directory)).catch(() => null),
    },
  );
  if (error || !wasm) {
    throw new Error(`examples/assembly/${name}.ts: ${error?.message}\n${stderr.toString()}`);
  }
  return wasm;
}

/** Compiles every example into `directory` as `NAME.wasm`; answers the names. */
export async function buildExamples(directory: string): Promise<string[]> {
  await mkdir(directory, { recursive: true });
  for (const name of TEXT) {
    await writeFile(join(directory, `${name}.wasm`), await compileText(name));
  }
  for (const [name, pages] of Object.entries(ASSEMBLYSCRIPT)) {
    await writeFile(join(directory, `${name}.wasm`), await compileAssemblyScript(name, pages));
  }
  return [...TEXT, ...Object.keys(ASSEMBLYSCRIPT)].sort();
}

if (import.meta.main) {
  const directory = process.argv[2] ?? CHECKED_IN;
  for (const name of await buildExamples(directory)) {
    const { byteLength } = await readFile(join(directory, `${name}.wasm`));
    process.stdout.write(`${name}.wasm ${byteLength} bytes\n`);
  }
}
