/** `luge serve` as a user meets it: a process, its output, its exit code. */
import { type ChildProcess, spawn } from 'node:child_process';
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nativeAddon } from '../../src/sandbox/index.ts';
import { luge, wat } from '../core/guests.ts';
import { eventually, get, openClient, post, within } from './server.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const BUILD = fileURLToPath(new URL('../../examples/build/', import.meta.url));
const EXAMPLES = fileURLToPath(new URL('../../examples/luge.json', import.meta.url));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'luge-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const running = new Set<ChildProcess>();
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
});

function write(name: string, content: string | Uint8Array | object): string {
  const isBytes = typeof content === 'string' || content instanceof Uint8Array;
  const file = join(folder, name);
  writeFileSync(file, isBytes ? content : JSON.stringify(content, null, 2));
  return file;
}

/** A `luge serve` process; variables of the caller's environment do not reach it. */
class Luge {
  readonly child: ChildProcess;
  readonly exit: Promise<number | string>;
  stdout = '';
  stderr = '';

  constructor(...args: string[]) {
    const env: Record<string, string> = { PATH: process.env.PATH ?? '' };
    this.child = spawn(process.execPath, [MAIN, 'serve', ...args], { cwd: folder, env });
    running.add(this.child);
    this.child.once('exit', () => running.delete(this.child));
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.exit = new Promise((resolve) => {
      this.child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    });
  }

  /** The ports in its `listening on` lines, once all of the greeting is out. */
  async ports(): Promise<number[]> {
    await eventually(`it listens; it says: ${this.stderr}`, () => {
      return this.stdout.includes('Ctrl-C') || this.child.exitCode !== null;
    });
    const found = this.stdout.matchAll(/^listening on http:\/\/127\.0\.0\.1:(\d+)/gm);
    return Array.from(found, ([, port]) => Number(port));
  }

  async port(): Promise<number> {
    const [port] = await this.ports();
    if (port === undefined) throw new Error(`it does not listen: ${this.stdout}${this.stderr}`);
    return port;
  }

  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<number | string> {
    this.child.kill(signal);
    return within(this.exit, `the exit after ${signal}`);
  }
}

async function ask(port: number, request: string): Promise<string> {
  const client = await openClient(port);
  try {
    const { status, text } = await client.send(request).reply();
    return `${status} ${text}`;
  } finally {
    client.socket.destroy();
  }
}

/** A port that was free a moment ago: a spec of SLEdge cannot ask for any free one. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const example = (name: string): string => join(BUILD, `${name}.wasm`);

describe('serving', () => {
  it('the_examples_are_announced_and_served_and_a_signal_drains', async () => {
    const luge = new Luge(EXAMPLES, '--port', '0', '--workers', '1');
    const port = await luge.port();
    const base = `http://127.0.0.1:${port}`;
    const lines = luge.stdout.split('\n');
    expect(lines[0]).toMatch(/^luge: 1 worker\(s\), edf, quantum 1000 µs, .*, (js|native) timer, /);
    expect(lines).toContain(`listening on ${base}`);
    for (const { route } of JSON.parse(readFileSync(EXAMPLES, 'utf8')).routes) {
      expect(lines.filter((line) => line.includes(` ${route} `))).toHaveLength(1);
      expect(luge.stdout).toMatch(new RegExp(`^ +curl .*${base}${route}\\b`, 'm'));
    }
    expect(luge.stdout).toContain(`curl '${base}/fib?20'`);
    expect(luge.stdout).toContain(`curl --data hello '${base}/echo'`);

    expect(await ask(port, get('/fib?20'))).toBe('200 6765\n');
    for (const n of [1, 2]) expect(await ask(port, get('/counter?a'))).toBe(`200 ${n}\n`);
    expect(await ask(port, post('/echo', 'hello'))).toBe('200 hello');
    const idle = await openClient(port);
    await idle.get('/empty');
    idle.socket.once('end', () => idle.socket.end());
    // In one piece: when the first is answered, the second is under way.
    const busy = (await openClient(port)).send(get('/empty') + get('/spin?500'));
    await busy.reply();
    luge.child.kill('SIGINT');
    await idle.end();
    await expect(openClient(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect((await busy.reply()).text).toBe('spun 500 ms\n');
    busy.socket.end();
    expect(await within(luge.exit, 'the exit')).toBe(0);
    expect(luge.stderr).toMatch(/^SIGINT: answering what is under way.*\nstopped\n$/);
  });

  it('tenants_share_a_port_by_their_hosts_and_routes_add_what_they_say', async () => {
    write(
      'param.wasm',
      luge(`(data (i32.const 0) "id") (func (export "handle")
      (drop (call $write (i32.const 8)
        (call $param (i32.const 0) (i32.const 2) (i32.const 8) (i32.const 99)))))`),
    );
    const route = { route: '/users/:id', module: 'param.wasm' };
    const port = await freePort();
    const file = write('hosts.json', {
      defaults: { headers: { 'X-By': 'luge' }, requestId: { trust: true } },
      logRequests: true,
      tenants: [
        { name: 'a', port, hosts: ['*.a.example'], routes: [{ ...route, cors: true }] },
        { name: 'b', port, routes: [route] },
      ],
    });
    const served = new Luge(file, '--workers', '1');
    expect(await served.ports()).toEqual([port, port]);
    expect(served.stdout).toContain(`hosts *.a.example\n`);
    expect(served.stdout).toContain(
      `curl -H 'Host: www.a.example' http://127.0.0.1:${port}/users/:id`,
    );
    const client = await openClient(port);
    client.send('GET /users/7 HTTP/1.1\r\nHost: x.A.example\r\nX-Request-Id: one\r\n\r\n');
    const a = await client.reply();
    client.send('GET /users/8 HTTP/1.1\r\nHost: test\r\nX-Request-Id: two\r\n\r\n');
    const b = await client.reply();
    client.socket.destroy();
    expect([a.text, a.headers.get('x-by'), a.headers.get('access-control-allow-origin')]).toEqual([
      '7',
      'luge',
      '*',
    ]);
    expect([
      b.text,
      b.headers.get('x-request-id'),
      b.headers.has('access-control-allow-origin'),
    ]).toEqual(['8', 'two', false]);
    await eventually('both are in the log', () =>
      ['GET /users/7 one\n', 'GET /users/8 two\n'].every((line) => served.stdout.includes(line)),
    );
    expect(await served.stop()).toBe(0);
  });

  it('a_second_signal_does_not_wait', async () => {
    const luge = new Luge(example('spin'), '--port', '0', '--workers', '1');
    const client = (await openClient(await luge.port())).send(get('/?0') + get('/?forever'));
    expect((await client.reply()).status).toBe(200);
    luge.child.kill('SIGTERM');
    await eventually('it drains', () => luge.stderr.includes('SIGTERM: answering'));
    expect(luge.child.exitCode).toBe(null);
    expect(await luge.stop('SIGTERM')).toBe('SIGTERM');
    client.socket.destroy();
  });

  it('quiet_says_nothing_at_all', async () => {
    const port = await freePort();
    const luge = new Luge(example('fib'), '--port', String(port), '--workers', '1', '--quiet');
    let answer: string | undefined;
    while (answer === undefined && luge.child.exitCode === null) {
      answer = await ask(port, get('/?10')).catch(() => undefined);
    }
    expect(answer).toBe('200 55\n');
    // Whatever its code: it may have answered a moment before it listens to signals.
    await luge.stop('SIGTERM');
    expect([luge.stdout, luge.stderr]).toEqual(['', '']);
  });

  it('a_wasm_file_takes_every_path', async () => {
    const luge = new Luge(example('fib'), '--port', '0', '--workers', '1');
    const port = await luge.port();
    expect(await ask(port, get('/?10'))).toBe('200 55\n');
    expect(await ask(port, get('/any/path?11'))).toBe('200 89\n');
    expect(await luge.stop()).toBe(0);
  });

  it('a_wat_file_is_assembled_and_what_it_logs_is_shown', async () => {
    const file = write(
      'hello.wat',
      `(module
        (import "luge" "write" (func $write (param i32 i32) (result i32)))
        (import "luge" "log" (func $log (param i32 i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "hello, wat\\nseen")
        (func (export "handle")
          (call $log (i32.const 11) (i32.const 4))
          (drop (call $write (i32.const 0) (i32.const 11)))))`,
    );
    const luge = new Luge(file, '--port', '0', '--workers', '1', '--log-requests');
    expect(await ask(await luge.port(), get('/'))).toBe('200 hello, wat\n');
    await eventually('the log line', () => luge.stderr.includes('] seen\n'));
    await eventually('the access line', () => luge.stdout.includes('GET /'));
    expect(await luge.stop()).toBe(0);
  });

  it('a_spec_of_sledge_serves_each_tenant_on_its_port_by_prefixes', async () => {
    const ports = [await freePort(), await freePort()];
    const route = (prefix: string, name: string, type: string) => ({
      route: prefix,
      path: `${name}.wasm`,
      'admissions-percentile': 70,
      'relative-deadline-us': 5_000_000,
      'http-resp-content-type': type,
    });
    for (const name of ['fib', 'echo', 'empty'])
      copyFileSync(example(name), join(folder, `${name}.wasm`));
    // What SLEdge names is the native build; the module beside it is taken.
    const tail = { ...route('/', 'empty', 'text/plain'), path: 'empty.wasm.so' };
    const spec = write('spec.json', [
      {
        name: 'one',
        port: ports[0],
        'replenishment-period-us': 0,
        'max-budget-us': 0,
        routes: [route('/fib', 'fib', 'text/plain'), tail],
      },
      { name: 'two', port: ports[1], routes: [route('/echo', 'echo', 'image/png')] },
    ]);
    const luge = new Luge(spec, '--host', '127.0.0.1', '--workers', '1');
    expect(await luge.ports()).toEqual(ports);
    const [one = 0, two = 0] = ports;
    expect(await ask(one, get('/fib?10'))).toBe('200 55\n');
    expect(await ask(one, get('/fib/more?10'))).toBe('200 55\n');
    expect(await ask(one, get('/other'))).toBe('200 ');
    expect(await ask(two, post('/echo/x', 'abc'))).toBe('200 abc');
    expect(await ask(two, get('/fib'))).toMatch(/^404 /);
    expect(luge.stderr).toContain('warning: ');
    expect(luge.stderr).toContain('hard limit');
    expect(await luge.stop()).toBe(0);
  });
});

// Side by side: each waits for a process of its own.
describe.concurrent('checking', () => {
  it('check_says_what_would_be_served_and_ends', async () => {
    const luge = new Luge(EXAMPLES, '--check');
    expect(await within(luge.exit, 'the exit')).toBe(0);
    const [space, ...rest] = luge.stdout.split('\n');
    expect(space).toMatch(/^ok: up to \d+ sandboxes and \d+ memories a worker; .* room for \d+ \(/);
    expect(rest[0]).toBe('ok: default on 127.0.0.1:8080, 8 route(s)');
    expect(rest.filter((line) => line.startsWith('  /'))).toHaveLength(8);
    expect(luge.stdout).toContain('  /fib: deadline ');
    expect(luge.stderr).toBe('');
  });

  it('check_names_the_limits_that_are_not_the_default', async () => {
    const tenant = {
      ...{ name: 'one', port: 1, kv: { maxBytes: 512 } },
      routes: [
        {
          ...{ route: '/fib', module: example('fib'), maxModuleBytes: 100_000 },
          ...{ maxTableElements: 50, maxArrayBytes: 0 },
        },
      ],
    };
    const luge = new Luge(
      ...[write('limits.json', { tenants: [tenant] }), '--check', '--kv-max-bytes', '65536'],
      ...['--max-heap-mb-per-worker', '256'],
    );
    expect(await within(luge.exit, 'the exit')).toBe(0);
    expect(luge.stdout).toMatch(/^ok: .*, heap 256 MB a worker, kv maxBytes 65536\n/);
    expect(luge.stdout).toContain('ok: one on 127.0.0.1:1, 1 route(s), kv 512 B\n');
    expect(luge.stdout).toMatch(/, module 100000 B, tables 50 elements, array 0 B\n/);
  });

  /** What is wrong, the arguments that show it, the exit code, and what the line has to say. */
  const cases: [name: string, args: () => string[], code: number, says: RegExp][] = [
    ['a_file_that_is_missing', () => ['none.json'], 2, /none\.json: no such file/],
    [
      'a_file_that_is_no_module',
      () => [write('text.wasm', 'this is no module')],
      2,
      /text\.wasm: is neither a binary module/,
    ],
    [
      'a_module_that_is_cut',
      () => {
        const file = join(folder, 'cut.wasm');
        copyFileSync(example('fib'), file);
        truncateSync(file, 2000);
        return [file];
      },
      2,
      /cut\.wasm \(route \/\*\): .*\[ERR_\w+\]/,
    ],
    [
      'an_import_that_nobody_has',
      () => [
        write('import.wasm', wat('(module (import "env" "puts" (func)) (func (export "handle")))')),
      ],
      2,
      /import\.wasm .*env.*puts/,
    ],
    [
      'a_module_without_an_entry',
      () => [write('entry.wasm', luge('(func (export "other"))'))],
      2,
      /entry\.wasm .*handle/,
    ],
    [
      'a_memory_above_the_limit',
      () => [write('memory.wasm', luge('(func (export "handle"))', '10')), '--max-pages', '9'],
      2,
      /memory\.wasm .*10/,
    ],
    [
      'a_module_above_the_limit',
      () => {
        const text = `(module (func (export "handle")) (memory 1) (data "${'x'.repeat(500)}"))`;
        const route = { route: '/a', module: write('large.wat', text), maxModuleBytes: 400 };
        return [write('large.json', { routes: [route] })];
      },
      2,
      /large\.wat \(route \/a\): the module has 5\d\d bytes; the limit is 400 \(maxModuleBytes\) \[ERR_MODULE_LIMIT\]/,
    ],
    [
      'a_table_above_the_limit',
      () => {
        const text = '(module (table 100 funcref) (func (export "handle")))';
        const route = { route: '/a', module: write('table.wat', text), maxTableElements: 99 };
        return [write('table.json', { routes: [route] })];
      },
      2,
      /table\.wat .* 108 elements .* 99 \(maxTableElements\) \[ERR_TABLE_LIMIT\]/,
    ],
    [
      'more_sandboxes_than_the_address_space_holds',
      () => [example('fib'), '--workers', '64', '--max-sandboxes-per-worker', '60000'],
      2,
      /60000 .*at most \d+.*\[ERR_ADDRESS_SPACE\]/,
    ],
    [
      'a_key_that_is_unknown',
      () => [write('key.json', { rootes: [], routes: [{ route: '/a', module: example('fib') }] })],
      2,
      /key\.json:2:3: .*rootes.*routes/,
    ],
    [
      'a_route_that_is_there_twice',
      () => {
        const route = { route: '/a', module: example('fib') };
        return [write('twice.json', { routes: [route, route] })];
      },
      2,
      /twice\.json:\d+:\d+: routes\[1\]\.route: .*routes\[0\]/,
    ],
    [
      'a_module_of_a_route_that_is_missing',
      () => [write('module.json', { routes: [{ route: '/a', module: 'gone.wasm' }] })],
      2,
      /module\.json:\d+:\d+: routes\[0\]\.module: .*gone\.wasm: no such file/,
    ],
    [
      'wat_with_a_fault',
      () => [write('fault.wat', '(module\n  (func (export "handle") (i32.bogus)))')],
      2,
      /fault\.wat:2:\d+: /,
    ],
    ['a_number_out_of_range', () => [example('fib'), '--port', '65536'], 2, /--port.*65535/],
    ['a_flag_that_is_unknown', () => [example('fib'), '--prot', '1'], 2, /unknown option '--prot'/],
  ];

  it.each(cases)('%s_is_one_line_and_an_exit_code', async (_name, args, code, says) => {
    // Without --check: serving must refuse it as well, and end.
    const luge = new Luge(...args());
    expect(await within(luge.exit, 'the exit')).toBe(code);
    expect(luge.stdout).toBe('');
    expect(luge.stderr).not.toMatch(/^ {4}at /m);
    const errors = luge.stderr.split('\n').filter((line) => line.startsWith('error: '));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(says);
  });

  it('check_refuses_what_serving_refuses', async () => {
    const file = write(
      'checked.wasm',
      wat('(module (import "env" "puts" (func)) (func (export "handle")))'),
    );
    const luge = new Luge(file, '--check');
    expect(await within(luge.exit, 'the exit')).toBe(2);
    expect(luge.stderr).toMatch(/^error: .*checked\.wasm.*puts.*\n$/);
  });

  it('what_needs_the_addon_is_refused_without_it_by_check_too', async () => {
    for (const [flag, value, text] of [
      ['--timer', 'native', "timer 'native' needs the native addon"],
      ['--pin', 'on', 'pin needs the native addon'],
    ] as const) {
      for (const more of [[], ['--check']]) {
        const luge = new Luge(EXAMPLES, '--port', '0', '--native', 'off', flag, value, ...more);
        expect(await within(luge.exit, 'the end')).toBe(2);
        expect(luge.stderr).toContain(`error: ${text}`);
        expect(luge.stderr).toContain('[ERR_NO_ADDON]');
      }
    }
  });

  it.skipIf(nativeAddon() === undefined)('pinned_threads_are_printed_and_serve', async () => {
    const cores = nativeAddon()?.cores() ?? [];
    const wrong = new Luge(EXAMPLES, '--pin', '60000', '--workers', '1');
    expect(await within(wrong.exit, 'the end')).toBe(2);
    expect(wrong.stderr).toContain('pin: 60000 is no core that this process may use');
    const luge = new Luge(EXAMPLES, '--port', '0', '--workers', '1', '--pin', 'on');
    const port = await luge.port();
    expect(luge.stdout).toContain(`\nluge: worker on core ${cores.at(-1)}, `);
    expect(luge.stdout).toContain(', native timer, ');
    const tasks = `/proc/${luge.child.pid}/task`;
    const places = readdirSync(tasks).map(
      (thread) =>
        /^Cpus_allowed_list:\t(.*)$/m.exec(
          readFileSync(join(tasks, thread, 'status'), 'utf8'),
        )?.[1],
    );
    if (cores.length > 1) expect(places).toContain(String(cores[0]));
    expect(places).toContain(String(cores.at(-1)));
    expect(await ask(port, get('/fib?20'))).toBe('200 6765\n');
    expect(await luge.stop()).toBe(0);
  });

  it('a_port_that_is_taken_is_one_line_and_exit_code_1', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const luge = new Luge(example('fib'), '--workers', '1', '--port', String(port));
    const code = await within(luge.exit, 'the exit');
    server.close();
    expect(code).toBe(1);
    expect(luge.stdout).toBe('');
    expect(luge.stderr).toMatch(
      new RegExp(`^error: 127\\.0\\.0\\.1:${port} is in use \\[EADDRINUSE\\].*--port.*\\n$`),
    );
  });
});
