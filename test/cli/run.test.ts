/** `luge run` as a user meets it: a program, its streams, its exit code. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addPair, folderPair, type RunFlags, run, scratchPair } from '../../src/cli/run.ts';
import { luge, wasi } from '../core/guests.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** Prints `count` bytes at `at` on `fd`. */
const print = (fd: number, at: string, count: string): string => `
  (i32.store (i32.const 0) ${at}) (i32.store (i32.const 4) ${count})
  (drop (call $fd_write (i32.const ${fd}) (i32.const 0) (i32.const 1) (i32.const 8)))`;
const I = (value: number): string => `(i32.const ${value})`;

const LISTS = ['args', 'environ']
  .map(
    (list) => `
  (drop (call $${list}_sizes_get ${I(16)} ${I(20)}))
  (drop (call $${list}_get ${I(1024)} ${I(2048)}))
  ${print(1, I(2048), `(i32.load ${I(20)})`)}`,
  )
  .join('');

const GUESTS: Readonly<Record<string, Uint8Array>> = {
  'lists.wasm': wasi(`(func (export "_start") ${LISTS})`),
  'cat.wasm': wasi(`(func (export "_start")
    (loop $more
      (i32.store ${I(0)} ${I(4096)}) (i32.store ${I(4)} ${I(10_000)})
      (drop (call $fd_read ${I(0)} ${I(0)} ${I(1)} ${I(8)}))
      (if (i32.load ${I(8)}) (then ${print(1, I(4096), `(i32.load ${I(8)})`)} (br $more)))))`),
  'exit.wasm': wasi(`(data ${I(64)} "outerr") (func (export "_start")
    ${print(1, I(64), I(3))} ${print(2, I(67), I(3))} (call $proc_exit ${I(7)}))`),
  'trap.wasm': wasi(
    `(data ${I(64)} "out") (func (export "_start") ${print(1, I(64), I(3))} unreachable)`,
  ),
  'spin.wasm': wasi('(func (export "_start") (loop $l (br $l)))'),
  'path.wasm': luge(`(func (export "handle")
    (call $status ${I(404)})
    (drop (call $write ${I(0)} (call $path ${I(0)} ${I(99)}))))`),
};

let folder: string;
const home = process.cwd();
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'luge-run-'));
  process.chdir(folder);
  for (const [name, bytes] of Object.entries(GUESTS)) writeFileSync(name, bytes);
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true, force: true });
});

interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function runs(
  file: string,
  args: readonly string[] = [],
  flags: Partial<RunFlags> = {},
  {
    input = '',
    signal,
  }: {
    readonly input?: string;
    readonly signal?: AbortSignal;
  } = {},
): Promise<Result> {
  const out: (string | Uint8Array)[] = [];
  let err = '';
  const streams = {
    input: Readable.from([Buffer.from(input)]),
    write: async (content: string | Uint8Array) => void out.push(content),
    complain: (line: string) => {
      err += `${line}\n`;
    },
    log: (text: string) => {
      err += text;
    },
  };
  const given = { env: {}, dir: {}, header: {}, maxPages: 100, ...flags };
  const code = await run(file, args, given, streams, signal);
  return { code, out: Buffer.concat(out.map((item) => Buffer.from(item))).toString(), err };
}

it('arguments_and_variables_are_the_guests_and_nothing_else_is', async () => {
  const { code, out } = await runs('lists.wasm', ['a b', '--c'], { env: { A: '1' } });
  expect([code, out]).toEqual([0, 'lists.wasm\0a b\0--c\0A=1\0']);
});

it('a_target_makes_it_a_request', async () => {
  const { out } = await runs('lists.wasm', [], { target: '/p?q', method: 'PUT' });
  expect(out).toContain('lists.wasm\0q\0');
  expect(out).toContain('REQUEST_METHOD=PUT\0');
});

it('standard_input_is_the_body_and_output_comes_whole', async () => {
  const input = 'x'.repeat(100_000);
  const { code, out } = await runs('cat.wasm', [], {}, { input });
  expect([code, out === input]).toEqual([0, true]);
});

it('the_exit_code_is_the_guests_and_what_it_printed_is_there', async () => {
  expect(await runs('exit.wasm')).toEqual({ code: 7, out: 'out', err: 'err' });
});

it('a_trap_is_1_and_a_limit_124', async () => {
  const trap = await runs('trap.wasm');
  expect([trap.code, trap.err]).toEqual([
    1,
    expect.stringMatching(/^error: .*unreachable.* \[ERR_TRAP\]\n$/),
  ]);
  const cpu = await runs('spin.wasm', [], { cpuLimitMs: 20 });
  expect([cpu.code, cpu.err]).toEqual([124, expect.stringContaining('[ERR_CPU_LIMIT]')]);
  const deadline = await runs('spin.wasm', [], { deadlineMs: 20 });
  expect([deadline.code, deadline.err]).toEqual([124, expect.stringContaining('[ERR_DEADLINE]')]);
});

it('an_interruption_ends_it_with_130', async () => {
  const { code, err } = await runs('spin.wasm', [], {}, { signal: AbortSignal.timeout(50) });
  expect([code, err]).toEqual([130, '']);
});

it('a_status_of_an_error_is_1_and_the_body_is_printed', async () => {
  const { code, out, err } = await runs('path.wasm', [], { target: '/a/b' });
  expect([code, out, err]).toEqual([1, '/a/b', 'error: the function answered with status 404\n']);
});

describe('what_is_given_wrongly', () => {
  it.each<[string, string, Partial<RunFlags>, RegExp]>([
    ['no_file', 'none.wasm', {}, /^error: none\.wasm: no such file.* \[ERR_MODULE_FILE\]\n$/],
    ['no_folder', 'cat.wasm', { dir: { '/d': 'none' } }, /none: no such folder \[ERR_FILES\]/],
    [
      'no_seed',
      'cat.wasm',
      { scratch: { path: '/d', from: 'none' } },
      /scratch\.from: none: no such folder/,
    ],
    ['no_token', 'cat.wasm', { header: { 'a b': 'c' } }, /header name "a b" is no token/],
    ['no_target', 'cat.wasm', { target: 'x' }, /target "x" must begin with '\/'/],
    ['no_variable', 'cat.wasm', { env: { A: '\0' } }, /env\.A must be a string without NUL/],
  ])('%s_is_2', async (_, file, flags, message) => {
    const { code, err } = await runs(file, [], flags);
    expect([code, err]).toEqual([2, expect.stringMatching(message)]);
  });
});

describe('forms_of_flags', () => {
  it('pairs', () => {
    expect(addPair('A=b=c', '=', { Z: '1' })).toEqual({ Z: '1', A: 'b=c' });
    expect(addPair('X-A: b: c', ':', {})).toEqual({ 'X-A': 'b: c' });
    expect([addPair('A', '=', {}), addPair('=b', '=', {})]).toEqual([undefined, undefined]);
  });

  it('folders', () => {
    expect(folderPair('./data::/d')).toEqual({ from: './data', path: '/d' });
    expect(folderPair('data')).toEqual({ from: 'data', path: '/data' });
    expect(scratchPair('/tmp')).toEqual({ path: '/tmp' });
    expect(scratchPair('seed::tmp')).toEqual({ from: 'seed', path: '/tmp' });
  });
});

describe('the_program', () => {
  async function luge(args: readonly string[], input: string): Promise<Result> {
    const child = spawn(process.execPath, [MAIN, 'run', ...args]);
    child.stdin.end(input);
    const [out, err, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number]>,
    ]);
    return { code, out, err };
  }

  it('hands_on_what_stands_behind_the_module', async () => {
    const { code, out } = await luge(['-e', 'A=1', '--env', 'B=2', 'lists.wasm', '--env', 'C'], '');
    expect([code, out]).toEqual([0, 'lists.wasm\0--env\0C\0A=1\0B=2\0']);
  });

  it('copies_input_and_ends_with_the_guests_code', async () => {
    const input = readFileSync(MAIN, 'utf8').repeat(20);
    const [cat, exit] = await Promise.all([luge(['cat.wasm'], input), luge(['exit.wasm'], '')]);
    expect([cat.code, cat.out === input]).toEqual([0, true]);
    expect(exit).toEqual({ code: 7, out: 'out', err: 'err' });
  });

  it('answers_before_its_input_has_ended', async () => {
    const child = spawn(process.execPath, [MAIN, 'run', 'cat.wasm']);
    child.stdin.write('one');
    expect(String(await once(child.stdout, 'data'))).toBe('one');
    child.stdin.write('two');
    expect(String(await once(child.stdout, 'data'))).toBe('two');
    child.stdin.end();
    expect(await once(child, 'close')).toEqual([0, null]);
  });

  it('ends_though_nobody_ends_its_input', async () => {
    const child = spawn(process.execPath, [MAIN, 'run', 'exit.wasm']);
    expect(await once(child, 'close')).toEqual([7, null]);
    child.stdin.destroy();
  });

  it('says_what_is_wrong_with_a_flag', async () => {
    const { code, err } = await luge(['--env', 'A', 'cat.wasm'], '');
    expect([code, err]).toEqual([2, expect.stringContaining('It must be NAME=VALUE')]);
  });
});
