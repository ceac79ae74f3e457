/** `luge instrument` and `luge inspect` as a user meets them: a process, its output, its exit code. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type InspectFlags, inspect } from '../../src/cli/inspect.ts';
import { type InstrumentFlags, instrument } from '../../src/cli/instrument.ts';
import type { Streams } from '../../src/cli/module-tool.ts';
import { assemble } from '../sandbox/rewriter/harness.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const ABI = fileURLToPath(new URL('../../docs/ABI.md', import.meta.url));
const INSPECT = fileURLToPath(new URL('../../docs/INSPECT.md', import.meta.url));

/** A kernel: no entry, a start function, data, and something to sum up. */
const GEMM = `(module (memory (export "memory") 1)
  (data (i32.const 0) "\\01\\00\\00\\00\\02\\00\\00\\00\\03\\00\\00\\00")
  (global $scale (mut i32) (i32.const 0))
  (start $start)
  (func $start (global.set $scale (i32.const 10)))
  (func $item (param i32) (result i32) (i32.load (i32.shl (local.get 0) (i32.const 2))))
  (func $gemm (export "gemm") (param $n i32) (result i32) (local $i i32) (local $j i32) (local $sum i32)
    (loop $outer
      (local.set $j (i32.const 0))
      (loop $inner
        (local.set $sum (i32.add (local.get $sum) (i32.mul (global.get $scale) (call $item (local.get $j)))))
        (br_if $inner (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (i32.const 3))))
      (br_if $outer (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.get $sum)))`;

let folder: string;
const home = process.cwd();
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'luge-tools-'));
  // Messages name files as they were given.
  process.chdir(folder);
  write('gemm.wat', GEMM);
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true, force: true });
});

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return name;
}

interface Result {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** The whole program, in a process of its own. */
function luge(args: readonly string[], input: string | Uint8Array = ''): Result {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { input });
  return { status, stdout, stderr: stderr.toString() };
}

/** The command behind the program's options, in this process. */
async function run(work: (streams: Streams) => Promise<number>, input = ''): Promise<Result> {
  const out: (string | Uint8Array)[] = [];
  const lines: string[] = [];
  const status = await work({
    input: Readable.from([Buffer.from(input)]),
    write: async (content) => {
      out.push(content);
    },
    complain: (line) => {
      lines.push(`${line}\n`);
    },
  });
  return {
    status,
    stdout: Buffer.concat(out.map((item) => Buffer.from(item))),
    stderr: lines.join(''),
  };
}

const INSTRUMENT: InstrumentFlags = {
  ...{ output: 'gemm.luge.wasm', polls: 'exit', maxPages: 65_536, growth: 'retire' },
};

function instrumented(file: string, flags: Partial<InstrumentFlags> = {}): Promise<Result> {
  return run((streams) => instrument(file, { ...INSTRUMENT, ...flags }, streams));
}

function inspected(file: string, flags: Partial<InspectFlags> = {}): Promise<Result> {
  return run((streams) => inspect(file, { maxPages: 1024, growth: 'retire', ...flags }, streams));
}

function bytesOf(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(join(folder, name)));
}

function markOf(bytes: Uint8Array<ArrayBuffer>): Record<string, unknown> {
  const module = new WebAssembly.Module(bytes);
  const [mark] = WebAssembly.Module.customSections(module, 'luge.rewritten');
  return JSON.parse(new TextDecoder().decode(mark)) as Record<string, unknown>;
}

describe('luge instrument', () => {
  it('writes_a_module_without_an_entry_and_one_line_about_it', async () => {
    const { status, stdout, stderr } = await instrumented('gemm.wat');
    expect(stderr).toMatch(
      /^gemm\.wat -> gemm\.luge\.wasm: 1 poll in loops \(1 elided\), 0 at calls and in long code, 0 in bulk instructions; \d+ -> [\d,]+ bytes \(\+\d+\.\d %\)\n$/,
    );
    expect({ status, stdout: stdout.length }).toEqual({ status: 0, stdout: 0 });
    expect(WebAssembly.validate(bytesOf('gemm.luge.wasm'))).toBe(true);
  });

  it('makes_what_the_example_of_the_docs_runs', async () => {
    await instrumented('gemm.wat');
    const [, example = ''] = /```js\n([\s\S]*?)```/.exec(readFileSync(ABI, 'utf8')) ?? [];
    expect(example).toContain('gemm.luge.wasm');
    write('example.mjs', example);
    const { stdout, stderr } = spawnSync(process.execPath, ['example.mjs']);
    expect(stderr.toString()).toBe('');
    // 64 rounds of 10 * (1 + 2 + 3): the data and the start function have done their part.
    expect(stdout.toString()).toBe('3840\n');
  });

  it('reads_standard_input_and_writes_standard_output', async () => {
    await instrumented('gemm.wat', { output: 'file.wasm' });
    const { status, stdout, stderr } = luge(['instrument', '-', '-o', '-'], GEMM);
    expect(Buffer.compare(stdout, bytesOf('file.wasm'))).toBe(0);
    expect(stderr).toMatch(/^<stdin> -> <stdout>: .+\n$/);
    expect(status).toBe(0);
  });

  it.each([
    ['exit', { loopPolls: 1, elidedLoopPolls: 1, callPolls: 0 }],
    ['call', { loopPolls: 2, elidedLoopPolls: 0, callPolls: 1 }],
    ['entry', { loopPolls: 0, elidedLoopPolls: 0, callPolls: 1 }],
    ['none', { loopPolls: 0, elidedLoopPolls: 0, callPolls: 0 }],
  ] as const)('polls_%s', async (polls, counts) => {
    const { status } = await instrumented('gemm.wat', { output: 'p.wasm', polls });
    expect(status).toBe(0);
    expect(markOf(bytesOf('p.wasm'))).toMatchObject({ polls, ...counts });
  });

  it('limits_the_memory_and_its_growth_as_told', () => {
    luge(['instrument', 'gemm.wat', '-o', 'm.wasm', '--max-pages', '7', '--growth', 'keep']);
    const limited = markOf(bytesOf('m.wasm'));
    expect(limited).toMatchObject({ growth: 'keep', memories: [{ minPages: 1, maxPages: 7 }] });
    luge(['instrument', 'gemm.wat', '-o', 'm.wasm']);
    expect(markOf(bytesOf('m.wasm'))).toMatchObject({
      memories: [{ name: 'memory', minPages: 1, maxPages: 65_536 }],
    });
  });

  it('explains_each_function_and_loop', async () => {
    const { stdout, stderr } = await instrumented('gemm.wat', { output: '-', explain: true });
    const inner = /loop at (0x\w+): polls/.exec(stderr)?.[1] as string;
    expect(stderr.replace(/loop at 0x\w+: no poll/, 'loop at OUTER: no poll').split('\n')).toEqual([
      'func[0] start: no polls outside loops; no loops',
      'func[1] item: no polls outside loops; no loops',
      'func[2] gemm: no polls outside loops; 2 loops',
      `  loop at OUTER: no poll: each round enters the loop at ${inner}`,
      `  loop at ${inner}: polls each round, with a call inside the loop`,
      expect.stringMatching(/^gemm\.wat -> <stdout>: /),
      '',
    ]);
    expect(WebAssembly.validate(new Uint8Array(stdout))).toBe(true);
  });

  it('reports_an_output_that_cannot_be_written', async () => {
    const { status, stderr } = await instrumented('gemm.wat', { output: 'no/such/folder.wasm' });
    expect(stderr).toBe(
      'error: no/such/folder.wasm: cannot be written (ENOENT) [ERR_OUTPUT_FILE]\n',
    );
    expect(status).toBe(1);
  });

  it.each([
    ['no_output', ['instrument', 'gemm.wat'], /required option '-o/],
    ['an_unknown_mode', ['instrument', 'gemm.wat', '-o', 'x', '--polls', 'most'], /--polls.*exit/],
    ['no_number_of_pages', ['inspect', 'gemm.wat', '--max-pages', '1e3'], /whole number from 1/],
  ])('refuses_%s', (_name, args, words) => {
    const { status, stderr } = luge(args);
    expect(stderr).toMatch(words);
    expect(status).toBe(2);
  });
});

describe('bad input', () => {
  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  /** One function that leaves nothing where it owes an i32; its `end` is at offset 0x18. */
  const untyped = [...header, 1, 5, 1, 0x60, 0, 1, 0x7f, 3, 2, 1, 0, 10, 4, 1, 2, 0, 0x0b];
  const cases: readonly (readonly [string, Uint8Array | string | undefined, string])[] = [
    ['gone.wasm', undefined, 'gone.wasm: no such file [ERR_MODULE_FILE]'],
    ['empty.wasm', '', 'empty.wasm: is empty [ERR_MODULE_FILE]'],
    [
      'cut.wasm',
      new Uint8Array([...header, 1, 9, 0]),
      'cut.wasm: the file ends at offset 0xb, within an item [ERR_WASM_TRUNCATED]',
    ],
    [
      'twice.wasm',
      new Uint8Array([...header, 1, 1, 0, 1, 1, 0]),
      'twice.wasm: a type section out of order or twice at offset 0xb [ERR_WASM_MALFORMED]',
    ],
    [
      'untyped.wasm',
      new Uint8Array(untyped),
      'untyped.wasm: Compiling function #0 failed: expected 1 elements on the stack for fallthru, found 0 at offset 0x18 [ERR_WASM_INVALID]',
    ],
    [
      'syntax.wat',
      '(module (func',
      'syntax.wat:1:14: unexpected token EOF, expected ). [ERR_WAT_SYNTAX]',
    ],
  ];

  it.each(cases)('%s', async (name, content, message) => {
    if (content !== undefined) write(name, content);
    for (const result of [
      await inspected(name),
      await inspected(name, { json: true }),
      await instrumented(name, { output: 'never.wasm' }),
    ]) {
      expect({ ...result, stdout: result.stdout.toString() }).toEqual({
        status: 2,
        stdout: '',
        stderr: `error: ${message}\n`,
      });
    }
    expect(existsSync(join(folder, 'never.wasm'))).toBe(false);
  });

  it('a_module_that_the_rewriter_refuses_is_not_instrumented_and_is_inspected', async () => {
    write('big.wat', '(module (memory 2000) (func (export "handle")))');
    const message = 'the memory begins with 2000 pages of 64 KiB, and the limit is 1024 (maxPages)';
    const made = await instrumented('big.wat', { output: 'never.wasm', maxPages: 1024 });
    expect(made.status).toBe(2);
    expect(made.stderr).toMatch(
      /^error: big\.wat: the memory .* 1024 \(maxPages\), at offset 0x\w+ \[ERR_MEMORY_LIMIT\]\n$/,
    );
    const { status, stdout } = await inspected('big.wat', { json: true });
    expect(status).toBe(0);
    expect(JSON.parse(stdout.toString())).toMatchObject({
      refused: { code: 'ERR_MEMORY_LIMIT', message, offset: expect.any(Number) },
      bytesAfter: null,
    });
    const taken = await inspected('big.wat', { json: true, maxPages: 2000 });
    expect(taken.stdout.toString()).toContain('"refused": null');
  });
});

describe('luge inspect', () => {
  /** Every key, in order, with arrays by their first item. */
  function shape(value: unknown): unknown {
    if (Array.isArray(value)) return value.length === 0 ? [] : [shape(value[0])];
    if (typeof value !== 'object' || value === null) return null;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shape(item)]));
  }

  it('prints_the_shape_that_the_docs_show', async () => {
    const [, example = ''] = /```json\n([\s\S]*?)```/.exec(readFileSync(INSPECT, 'utf8')) ?? [];
    const { stdout, status } = await inspected('gemm.wat', { json: true });
    expect(status).toBe(0);
    const found = JSON.parse(stdout.toString()) as { polls: { functions: unknown[] } };
    found.polls.functions = found.polls.functions.slice(2);
    expect(shape(found)).toEqual(shape(JSON.parse(example)));
  });

  it('says_it_in_words', async () => {
    const { stdout, stderr } = await inspected('gemm.wat');
    const text = stdout.toString();
    expect(stderr).toBe('');
    expect(text).toMatch(/^gemm\.wat\ninterface {3}none\nrefused {5}the module exports neither/);
    expect(text).toContain('[ERR_WASM_NO_ENTRY]');
    expect(text).toContain('1 page of 64 KiB, may grow to 1,024; declared with no maximum');
    expect(text).toContain('  gemm: 2 loops, 1 elided; 0 at calls; ');
    expect(text).toContain('replays 1 data segment, 12 bytes');
    expect(text).toMatch(/reset {7}about 0\.43 µs \(an estimate/);
    expect(text).toMatch(/ {2}name, \d+ bytes: corrected/);
  });

  it('shows_names_that_cannot_bend_the_terminal', async () => {
    write(
      'name.wasm',
      assemble('(module (func (export "handle")) (func (export "a\\1b[31m\\0d\\0ab")))'),
    );
    const text = (await inspected('name.wasm')).stdout.toString();
    expect(text).toContain('a\\u{1b}[31m\\u{d}\\u{a}b (func)');
    expect(text).not.toContain('\u001b');
  });

  it('reads_standard_input', () => {
    const { stdout } = luge(
      ['inspect', '-', '--json'],
      assemble('(module (func (export "handle")))'),
    );
    expect(JSON.parse(stdout.toString())).toMatchObject({
      file: '<stdin>',
      interface: 'luge',
      refused: null,
      memories: [],
    });
  });
});
