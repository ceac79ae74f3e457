import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RewriteError } from '../../../src/sandbox/rewriter/index.ts';
import { Reader } from '../../../src/sandbox/rewriter/reader.ts';
import { readGuest } from '../../../src/sandbox/rewriter/sections.ts';
import { Writer } from '../../../src/sandbox/rewriter/writer.ts';
import { type Call, Rewritten, runOriginal, runRewritten } from './harness.ts';

// Modules from Binaryen's generator, one per seed. They have no entry, so that one is added; their loops end by a limit
// that they count themselves. Each takes a process of wasm-opt, hence so few of them.

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
const WITHOUT =
  'threads memory64 multimemory shared-everything fp16 custom-descriptors stack-switching strings exception-handling relaxed-simd';
const GC = 'gc reference-types';
const run = promisify(execFile);
let directory = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'luge-random-'));
});

afterAll(() => rm(directory, { recursive: true }));

function noise(seed: number): Uint8Array {
  const bytes = new Uint8Array(2500);
  let state = seed * 0x9e3779b9;
  for (let at = 0; at < bytes.length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** Adds `handle: () -> ()`, which does nothing. */
function withEntry(source: Uint8Array): Uint8Array<ArrayBuffer> {
  const guest = readGuest(source);
  const index = new Writer();
  index.u32(guest.types.length);
  const target = new Writer();
  target.name('handle');
  target.u8(0);
  target.u32(guest.functions.length);
  const added = new Map([
    [1, new Uint8Array([0x60, 0, 0])],
    [3, index.view()],
    [7, target.view()],
    [10, new Uint8Array([2, 0, 0x0b])],
  ]);
  const file = new Reader(source, 8, source.length);
  const out = new Writer(source.length + 64);
  out.copy(source, 0, 8);
  while (!file.done) {
    const id = file.u8();
    const section = file.sub(file.u32());
    const item = added.get(id);
    const content = new Writer();
    if (item !== undefined) content.u32(section.u32() + 1);
    content.copy(source, section.pos, section.end);
    if (item !== undefined) content.copy(item, 0, item.length);
    out.u8(id);
    out.sized(content);
  }
  return out.toBytes();
}

async function generate(seed: number): Promise<Uint8Array<ArrayBuffer>> {
  const input = join(directory, `${seed}.bin`);
  const output = join(directory, `${seed}.wasm`);
  await writeFile(input, noise(seed));
  const without = (seed % 2 === 0 ? WITHOUT : `${WITHOUT} ${GC}`).split(' ');
  const disabled = without.map((feature) => `--disable-${feature}`);
  const tool = join(import.meta.dirname, '../../../node_modules/.bin/wasm-opt');
  await run(tool, ['-ttf', input, '-all', ...disabled, '--denan', '-o', output]);
  return withEntry(await readFile(output));
}

/** Every import is a function that logs and returns nothing of note, or a global that holds a text. */
function importsOf(
  source: Uint8Array<ArrayBuffer>,
  log: unknown[],
): Record<string, Record<string, unknown>> {
  const imports: Record<string, Record<string, unknown>> = {};
  for (const { module, name, kind } of WebAssembly.Module.imports(new WebAssembly.Module(source))) {
    imports[module] ??= {};
    imports[module][name] =
      kind === 'function'
        ? (...args: unknown[]) => {
            log.push(
              name,
              ...args.map((arg) =>
                typeof arg === 'object' || typeof arg === 'function' ? typeof arg : arg,
              ),
            );
          }
        : kind === 'tag'
          ? new WebAssembly.Tag({ parameters: [] })
          : 'a text';
  }
  return imports;
}

const seen = { compared: 0, refused: 0 };

it.each(SEEDS)('random_module_%i_does_the_same', async (seed) => {
  const source = await generate(seed);
  expect(WebAssembly.validate(source)).toBe(true);
  const log: unknown[] = [];
  const rewrittenLog: unknown[] = [];
  let guest: Rewritten;
  try {
    guest = new Rewritten(source, { imports: importsOf(source, rewrittenLog) });
  } catch (error) {
    if (!(error instanceof RewriteError)) throw error;
    expect(error.code).toBe('ERR_WASM_UNSUPPORTED');
    seen.refused += 1;
    return;
  }
  const calls: Call[] = WebAssembly.Module.exports(new WebAssembly.Module(source))
    .filter(({ name, kind }) => kind === 'function' && name !== 'handle')
    .map(({ name }) => [name, 3, 2, 1]);
  const expected = await runOriginal(source, calls, { imports: importsOf(source, log) });
  const found = await runRewritten(guest, calls);
  expect(found.outcomes.map(String)).toEqual(expected.outcomes.map(String));
  // Of a memory that is not exported the original shows nothing.
  if (expected.state.pages !== undefined) expect(found.state).toEqual(expected.state);
  expect(rewrittenLog).toEqual(log);
  seen.compared += 1;
});

it('most_random_modules_can_be_rewritten', () => {
  expect(seen.compared).toBeGreaterThan(SEEDS.length / 2);
});
