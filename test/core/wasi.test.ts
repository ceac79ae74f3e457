import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Runtime } from '../../src/core/index.ts';
import { allFree, CAT, codeOf, small, textOf, until, wasi, wat } from './guests.ts';

const EFAULT = 21;
const EINVAL = 28;

/** Prints a list of strings, which `$<list>_get` writes at 4096. */
const list = (name: 'args' | 'environ'): Uint8Array =>
  wasi(`(func (export "_start")
    (drop (call $${name}_sizes_get (i32.const 0) (i32.const 4)))
    (drop (call $${name}_get (i32.const 64) (i32.const 4096)))
    (i32.store (i32.const 8) (i32.load (i32.const 64)))
    (i32.store (i32.const 12) (i32.load (i32.const 4)))
    (drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16))))`);

let runtime: Runtime;
const lines: string[] = [];
beforeAll(async () => {
  runtime = await small({ onLog: ({ text }) => lines.push(text) });
  await runtime.load('cat', { wasm: CAT });
});
afterAll(() => runtime.close());

it('input_is_the_body_and_output_the_answer', async () => {
  const body = `${'x'.repeat(3000)}the end`;
  expect(textOf(await runtime.invoke('cat', { body }))).toBe(body);
  expect(textOf(await runtime.invoke('cat'))).toBe('');
  await allFree(runtime);
});

it('arguments_are_the_route_then_the_configured_ones_then_the_query', async () => {
  await runtime.load('args', { wasm: list('args'), route: '/run', args: ['-v', 'ä', '関Ā'] });
  const result = await runtime.invoke('args', { target: '/run?10&x=%20&&y' });
  const found = Buffer.from(result.body).toString('utf8').split('\0');
  expect(found).toEqual(['/run', '-v', 'ä', '関Ā', '10', 'x=%20', 'y', '']);
});

it('the_environment_holds_the_cgi_variables_and_its_own', async () => {
  await runtime.load('environ', {
    wasm: list('environ'),
    route: '/files/*',
    env: { MODE: 'fast', EMPTY: '', PLACE: 'Ārhus' },
  });
  const result = await runtime.invoke('environ', {
    method: 'PUT',
    target: '/files/a%20b?c=d',
    headers: {
      Host: 'example.org:8080',
      'Content-Type': 'text/x',
      'X-Two-Words': 'v',
      Proxy: 'no',
    },
    body: '12345',
  });
  const found = textOf(result).split('\0');
  expect(found).toEqual(
    expect.arrayContaining([
      'GATEWAY_INTERFACE=CGI/1.1',
      'SERVER_PROTOCOL=HTTP/1.1',
      'SERVER_NAME=example.org',
      'SERVER_PORT=8080',
      'REQUEST_METHOD=PUT',
      'REQUEST_URI=/files/a%20b?c=d',
      'SCRIPT_NAME=/files',
      'PATH_INFO=/a b',
      'LUGE_WILDCARD=a%20b',
      'QUERY_STRING=c=d',
      'CONTENT_LENGTH=5',
      'CONTENT_TYPE=text/x',
      'HTTP_X_TWO_WORDS=v',
      'MODE=fast',
      'EMPTY=',
      `PLACE=${Buffer.from('Ārhus').toString('latin1')}`,
    ]),
  );
  expect(found.some((variable) => variable.startsWith('HTTP_PROXY'))).toBe(false);
});

it('bad_pointers_give_efault_and_nothing_is_written', async () => {
  // Two pages: 131072 is the first byte outside. Each call's errno is one byte of the answer.
  const calls = [
    '(call $args_sizes_get (i32.const 131069) (i32.const 0))',
    '(call $args_sizes_get (i32.const 0) (i32.const -1))',
    '(call $args_get (i32.const 131072) (i32.const 0))',
    '(call $args_get (i32.const 0) (i32.const 131071))',
    '(call $environ_sizes_get (i32.const -4) (i32.const 0))',
    '(call $environ_get (i32.const 0) (i32.const -1))',
    '(call $fd_read (i32.const 0) (i32.const -8) (i32.const 1) (i32.const 0))',
    '(call $fd_read (i32.const 0) (i32.const 1024) (i32.const 1) (i32.const 0))',
    '(call $fd_read (i32.const 0) (i32.const 1032) (i32.const 1) (i32.const 131070))',
    '(call $fd_write (i32.const 1) (i32.const 131068) (i32.const 1) (i32.const 0))',
    '(call $fd_write (i32.const 1) (i32.const 1024) (i32.const 1) (i32.const 0))',
    '(call $fd_write (i32.const 1) (i32.const 1032) (i32.const 1) (i32.const -1))',
    '(call $random_get (i32.const 131000) (i32.const 73))',
    '(call $random_get (i32.const 8) (i32.const -1))',
    '(call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 131065))',
    '(call $fd_fdstat_get (i32.const 1) (i32.const 131049))',
  ];
  const body = calls.map((call, i) => `(i32.store8 (i32.const ${2000 + i}) ${call})`).join('\n');
  await runtime.load('bad', {
    wasm: wasi(`(func (export "_start")
      ;; 1024: a range that ends outside; 1032: a good one
      (i32.store (i32.const 1024) (i32.const 131000)) (i32.store (i32.const 1028) (i32.const 73))
      (i32.store (i32.const 1032) (i32.const 3000)) (i32.store (i32.const 1036) (i32.const 5))
      ${body}
      (i32.store (i32.const 1032) (i32.const 2000)) (i32.store (i32.const 1036) (i32.const ${calls.length}))
      (drop (call $fd_write (i32.const 1) (i32.const 1032) (i32.const 1) (i32.const 1040))))`),
  });
  const result = await runtime.invoke('bad', { body: 'input' });
  expect([...result.body]).toEqual(calls.map(() => EFAULT));
});

it('random_bytes_come_in_calls_that_do_not_hold_the_worker_for_long', async () => {
  const wasm = wat(`(module
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 257)
    (func (export "_start")
      (i32.store8 (i32.const 65536) (call $random (i32.const 0) (i32.const 0x1000001)))
      (i32.store (i32.const 0) (i32.const 65536)) (i32.store (i32.const 4) (i32.const 2))
      (i32.store8 (i32.const 65537) (call $random (i32.const 65538) (i32.const 0xfefffe)))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))`);
  await runtime.load('random', { wasm });
  expect([...(await runtime.invoke('random')).body]).toEqual([EINVAL, 0]);
});

it('what_is_printed_on_2_is_logged_by_lines', async () => {
  const part = (at: number, count: number): string => `
    (i32.store (i32.const 0) (i32.const ${at})) (i32.store (i32.const 4) (i32.const ${count}))
    (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))`;
  await runtime.load('log', {
    wasm: wasi(`(data (i32.const 64) "one line\\nno end")
      (func (export "_start") ${part(64, 4)} ${part(68, 11)})`),
  });
  expect(textOf(await runtime.invoke('log'))).toBe('');
  await until(() => lines.join('').length >= 15, 'the lines');
  expect(lines).toEqual(['one line\n', 'no end']);
});

it('what_is_logged_beyond_its_limit_is_dropped', async () => {
  lines.length = 0;
  await runtime.load('log', {
    maxLogBytes: 5,
    wasm: wasi(`(data (i32.const 64) "one line")
      (func (export "_start")
        (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 8))
        (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8))))`),
  });
  await runtime.invoke('log');
  await until(() => lines.length > 0, 'the line');
  expect(lines).toEqual(['one l']);
});

it('without_cgi_variables_the_environment_is_the_configured_one', async () => {
  const wasm = wasi(`(func (export "_start")
    (drop (call $environ_sizes_get (i32.const 0) (i32.const 4)))
    (drop (call $environ_get (i32.const 1024) (i32.const 2048)))
    (i32.store (i32.const 8) (i32.const 2048)) (i32.store (i32.const 12) (i32.load (i32.const 4)))
    (drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16))))`);
  const env = { A: '1', B: '' };
  await runtime.load('env', { wasm, env, cgiVariables: false });
  expect(textOf(await runtime.invoke('env'))).toBe('A=1\0B=\0');
  await runtime.load('env', { wasm, env });
  const text = textOf(await runtime.invoke('env'));
  expect([text.endsWith('\0A=1\0B=\0'), text.includes('REQUEST_METHOD=POST\0')]).toEqual([
    true,
    true,
  ]);
});

describe('failOnExit', () => {
  const printing = (end: string): Uint8Array =>
    wasi(`(data (i32.const 64) "hi") (func (export "_start")
      (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 2))
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) ${end})`);

  it('an_exit_code_is_told_with_the_error', async () => {
    await runtime.load('exit', { wasm: printing('(call $proc_exit (i32.const -2))') });
    await expect(runtime.invoke('exit')).rejects.toMatchObject({
      ...{ code: 'ERR_GUEST_EXIT', exitCode: 2 ** 32 - 2 },
    });
  });

  it('off_it_is_a_result_that_keeps_what_was_written', async () => {
    await runtime.load('exit', {
      wasm: printing('(call $proc_exit (i32.const 3))'),
      failOnExit: false,
    });
    const result = await runtime.invoke('exit');
    expect([textOf(result), result.exitCode, result.status]).toEqual(['hi', 3, 200]);
    const streamed = await runtime.invoke('exit', { stream: true });
    const body = await text(streamed.body);
    expect([body, streamed.exitCode]).toEqual(['hi', 3]);
  });

  it('the_code_of_one_request_is_not_the_next_ones', async () => {
    await runtime.load('exit', { wasm: printing(''), failOnExit: false });
    for (let i = 0; i < 3; i++) expect((await runtime.invoke('exit')).exitCode).toBe(0);
  });

  it('a_trap_is_an_error_all_the_same', async () => {
    await runtime.load('exit', { wasm: printing('unreachable'), failOnExit: false });
    await expect(runtime.invoke('exit')).rejects.toMatchObject({
      ...{ code: 'ERR_TRAP', exitCode: undefined },
    });
  });
});

describe('proc_exit', () => {
  const exit = (code: number): string => `(call $proc_exit (i32.const ${code}))`;
  const print = `
    (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 2))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))`;

  it('a_code_ends_the_request_and_zero_is_success', async () => {
    for (const [name, code] of [
      ['zero', 0],
      ['three', 3],
    ] as const) {
      await runtime.load(name, {
        wasm: wasi(
          `(data (i32.const 64) "ok") (func (export "_start") ${print} ${exit(code)} unreachable)`,
        ),
      });
    }
    expect(textOf(await runtime.invoke('zero'))).toBe('ok');
    const error = await runtime.invoke('three').catch((reason: unknown) => reason as Error);
    expect(error).toMatchObject({ code: 'ERR_GUEST_EXIT', message: expect.stringContaining('3') });
    await allFree(runtime);
  });

  it('a_guest_cannot_catch_it', async () => {
    await runtime.load('holdout', {
      wasm: wasi(`(data (i32.const 64) "no") (func (export "_start")
        (loop $again
          (try (do ${exit(3)}) (catch_all ${print} (br $again)))))`),
    });
    expect(await codeOf(runtime.invoke('holdout'))).toBe('ERR_GUEST_EXIT');
    await allFree(runtime);
  });
});

describe('response: cgi', () => {
  it('an_exit_before_the_end_of_the_head_is_a_bad_response', async () => {
    const wasm = wasi('(func (export "_start") (call $proc_exit (i32.const 0)))');
    await runtime.load('early', { wasm, response: 'cgi' });
    expect(await codeOf(runtime.invoke('early'))).toBe('ERR_BAD_RESPONSE');
  });

  beforeAll(async () => {
    await runtime.load('cgi', { wasm: CAT, response: 'cgi' });
  });

  it.each(['\n', '\r\n'])('the head is taken off, lines end in %j', async (eol) => {
    const body = ['Status: 404 Not Found', 'X-A: b c', 'Content-Type: text/x', '', 'the body'];
    const result = await runtime.invoke('cgi', { body: body.join(eol) });
    expect([result.status, textOf(result)]).toEqual([404, 'the body']);
    expect(result.headers).toEqual([
      ['X-A', 'b c'],
      ['Content-Type', 'text/x'],
    ]);
  });

  it.each([
    ['no head', 'just text'],
    ['a line without colon', 'what\n\nbody'],
    ['a status that is none', 'Status: 42\n\nbody'],
    ['a field of the connection', 'Transfer-Encoding: chunked\n\nbody'],
  ])('is refused: %s', async (_, body) => {
    expect(await codeOf(runtime.invoke('cgi', { body }))).toBe('ERR_BAD_RESPONSE');
    await allFree(runtime);
  });
});
