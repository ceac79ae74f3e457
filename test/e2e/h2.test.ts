/** HTTP/2 over real sockets, with node's client: all that HTTP/1 has, stream by stream. */
import { constants, type OutgoingHttpHeaders } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CAT, ECHO, luge, SLEEP, wasi } from '../core/guests.ts';
import { H2Client, headOf, replyOf } from './h2-client.ts';
import {
  eventually,
  example,
  get,
  inSystem,
  serve,
  settled,
  type TestRoute,
  type TestServer,
  within,
} from './server.ts';

const KIB = 1024;
const UNLIMITED = Number.POSITIVE_INFINITY;

/** Answers its method, target, header lines and body, as they are in its slot. */
const HEAD_TEXT = luge(`(func (export "handle") (local $n i32)
  (local.set $n (call $method (i32.const 0) (i32.const 100)))
  (drop (call $write (i32.const 0) (local.get $n)))
  (drop (call $write (i32.const 900) (i32.const 1)))
  (local.set $n (call $path (i32.const 0) (i32.const 800)))
  (drop (call $write (i32.const 0) (local.get $n)))
  (drop (call $write (i32.const 900) (i32.const 1)))
  (local.set $n (call $query (i32.const 0) (i32.const 800)))
  (drop (call $write (i32.const 0) (local.get $n))))
  (data (i32.const 900) " ")`);

/** The environment, one variable after the other, each with its NUL. */
const ENVIRONMENT = wasi(`(func (export "_start")
  (drop (call $environ_sizes_get (i32.const 0) (i32.const 4)))
  (drop (call $environ_get (i32.const 1024) (i32.const 8192)))
  (i32.store (i32.const 16) (i32.const 8192))
  (i32.store (i32.const 20) (i32.load (i32.const 4)))
  (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))`);

/** Sets fields in mixed case, one twice, and one that belongs to connections; status 201. */
const FIELDS =
  luge(`(data (i32.const 0) "X-MiXedVset-cookieA=1B=2proxy-connectioncontent-typetext/x\\e9")
  (func (export "handle")
    (call $status (i32.const 201))
    (drop (call $set_header (i32.const 0) (i32.const 7) (i32.const 7) (i32.const 1)))
    (drop (call $set_header (i32.const 8) (i32.const 10) (i32.const 18) (i32.const 3)))
    (drop (call $set_header (i32.const 8) (i32.const 10) (i32.const 21) (i32.const 3)))
    (drop (call $set_header (i32.const 24) (i32.const 16) (i32.const 7) (i32.const 1)))
    (drop (call $set_header (i32.const 40) (i32.const 12) (i32.const 52) (i32.const 7)))
    (drop (call $write (i32.const 0) (i32.const 7))))`);

const status = (code: number): Uint8Array =>
  luge(`(func (export "handle") (call $status (i32.const ${code}))
    (drop (call $write (i32.const 0) (i32.const 3))))`);

/** KiB after KiB, each its number modulo 251; `count` of them, or for ever. */
function kibs(count?: number): Uint8Array {
  const more =
    count === undefined
      ? '(br $more)'
      : `(br_if $more (i32.lt_u (local.get $i) (i32.const ${count})))`;
  return luge(`(func (export "handle") (local $i i32) (loop $more
    (memory.fill (i32.const 0) (i32.rem_u (local.get $i) (i32.const 251)) (i32.const 1024))
    (drop (call $write (i32.const 0) (i32.const 1024)))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    ${more}))`);
}

/** Writes "one", flushes, and does what `end` says. */
const partly = (end: string): Uint8Array =>
  luge(`(data (i32.const 0) "onetwo") (func (export "handle")
    (drop (call $write (i32.const 0) (i32.const 3)))
    (drop (call $flush)) ${end})`);

const ROUTES: Record<string, TestRoute> = {
  '/fib': { wasm: example('fib') },
  '/text/*': { wasm: HEAD_TEXT },
  '/environment': { wasm: ENVIRONMENT },
  '/echo': { wasm: ECHO, maxBodyBytes: 300 * KIB },
  '/cat': { wasm: CAT, methods: ['POST', 'PUT'] },
  '/fields': { wasm: FIELDS },
  '/204': { wasm: status(204) },
  '/205': { wasm: status(205) },
  '/trap': { wasm: luge('(func (export "handle") unreachable)') },
  '/sleep': { wasm: SLEEP },
  '/late': { wasm: SLEEP, deadlineMs: 50 },
  '/long': { wasm: kibs(3000) },
  '/whole': { wasm: kibs(3000), streamHighWaterBytes: 2 ** 22, maxOutputBytes: 2 ** 23 },
  '/endless': { wasm: kibs(), maxOutputBytes: UNLIMITED, streamHighWaterBytes: 64 * KIB },
  '/parts': { wasm: partly('(drop (call $write (i32.const 3) (i32.const 3)))') },
  '/torn': { wasm: partly('unreachable') },
};

let server: TestServer;
let client: H2Client;
const lines: string[] = [];

beforeAll(async () => {
  server = await serve(ROUTES, {
    limits: { http2: 'h2c' },
    bodyMemoryBytes: 16 * 2 ** 20,
    onAccess: (line) => lines.push(line),
  });
  client = new H2Client(server.port);
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await settled(server.runtime);
  await server[Symbol.asyncDispose]();
});

function expectCounted(body: Uint8Array): void {
  expect(body.findIndex((byte, at) => byte !== Math.floor(at / KIB) % 251)).toBe(-1);
}

describe('a request', () => {
  it('gets_its_answer', async () => {
    const { status, headers, text, code } = await client.post('/fib', '10');
    expect({ status, text: text.trim(), code }).toEqual({ status: 200, text: '55', code: 0 });
    expect(headers['content-length']).toBe(String(text.length));
    expect(Date.parse(String(headers.date))).toBeGreaterThan(0);
  });

  it('has_the_same_head_for_its_function_as_in_http_1', async () => {
    const fields = { 'x-a': ['1', '2'], cookie: ['a=1', 'b=2'], 'x-latin': 'caf\u00e9' };
    const reply = await client.get('/environment?q=%20', {
      ':authority': 'a.example:81',
      ...fields,
    });
    const variables = reply.body.toString('latin1').split('\0');
    for (const variable of [
      'REQUEST_METHOD=GET',
      'REQUEST_URI=/environment?q=%20',
      'QUERY_STRING=q=%20',
      'SERVER_NAME=a.example',
      'SERVER_PORT=81',
      'HTTP_HOST=a.example:81',
      'HTTP_X_A=1, 2',
      'HTTP_COOKIE=a=1; b=2',
      'HTTP_X_LATIN=caf\u00e9',
      'REMOTE_ADDR=127.0.0.1',
    ]) {
      expect(variables).toContain(variable);
    }
    const { text } = await client.request({ ':method': 'PURGE', ':path': '/text/a%20b?c=d' });
    expect(text).toBe('PURGE /text/a%20b c=d');
  });

  it.each([0, 1, 4000, 4096, 4097, 16_384, 100_000, 300 * KIB])(
    'has_a_body_of_%i_bytes_and_gets_it_back',
    async (bytes) => {
      const body = Buffer.alloc(bytes, 'abcdefg');
      for (const fields of [{}, { 'content-length': bytes }] as OutgoingHttpHeaders[]) {
        const reply = await client.post('/echo', body, fields);
        expect(reply.status).toBe(200);
        expect(reply.body.equals(body)).toBe(true);
      }
    },
  );

  it('has_a_body_that_comes_piece_by_piece', async () => {
    const stream = client.open({ ':method': 'POST', ':path': '/cat' });
    const reply = replyOf(stream);
    for (let i = 0; i < 20; i++) {
      stream.write(`${i},`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    stream.end('end');
    expect((await reply).text).toBe(`${[...Array(20).keys()].join()},end`);
  });

  it('may_have_trailers_which_are_dropped', async () => {
    const headers = { ':method': 'POST', ':path': '/echo' };
    const stream = client.session.request(headers, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '1' }));
    stream.end('body');
    expect((await replyOf(stream)).text).toBe('body');
  });

  it('is_told_to_continue_when_it_asks_for_that', async () => {
    for (const fields of [{}, { 'content-length': 2 }] as OutgoingHttpHeaders[]) {
      const headers = { ':method': 'POST', ':path': '/fib', expect: '100-continue', ...fields };
      const stream = client.open(headers);
      const reply = replyOf(stream);
      await within(new Promise((resolve) => stream.once('continue', resolve)), '100');
      stream.end('10');
      expect((await reply).text.trim()).toBe('55');
    }
  });

  it('is_answered_beside_others_that_take_longer', async () => {
    const slow = client.open({ ':path': '/sleep' }, true);
    expect((await client.post('/fib', '10')).text.trim()).toBe('55');
    slow.close(constants.NGHTTP2_CANCEL);
    await eventually('its slot is back', () => inSystem(server.runtime) === 0);
  });
});

describe('an answer', () => {
  it('has_the_fields_of_its_function_in_lower_case_without_those_of_a_connection', async () => {
    const { status, headers } = await client.get('/fields');
    expect(status).toBe(201);
    expect(headers['x-mixed']).toBe('V');
    expect(headers['set-cookie']).toEqual(['A=1', 'B=2']);
    expect(headers['content-type']).toBe('text/x\u00e9');
    expect(headers).not.toHaveProperty('proxy-connection');
  });

  it.each(['/fields', '/parts', '/nowhere', '/trap'])('to_head_of_%s_has_no_body', async (path) => {
    const whole = await client.get(path);
    const head = await client.request({ ':method': 'HEAD', ':path': path });
    expect(head.status).toBe(whole.status);
    expect(head.body.length).toBe(0);
    expect(head.headers['content-length']).toBe(whole.headers['content-length']);
    expect(head.code).toBe(0);
  });

  it.each([204, 205])('of_status_%i_has_no_body', async (code) => {
    const reply = await client.get(`/${code}`);
    expect(reply).toMatchObject({ status: code, text: '', code: 0 });
  });

  it.each(['/long', '/whole'])('of_3000_kib_comes_whole_%s', async (path) => {
    const { body, headers, code } = await client.get(path);
    expect(body.length).toBe(3000 * KIB);
    expectCounted(body);
    expect(headers['content-length']).toBe(path === '/whole' ? String(3000 * KIB) : undefined);
    expect(code).toBe(0);
  });

  it('goes_out_in_parts_while_its_function_runs', async () => {
    const stream = client.open({ ':path': '/endless' }, true);
    await headOf(stream);
    const parts: Buffer[] = [];
    await within(
      new Promise<void>((resolve) => {
        stream.on('data', (bytes: Buffer) => {
          parts.push(bytes);
          if (Buffer.concat(parts).length > 500 * KIB) resolve();
        });
      }),
      '500 KiB',
    );
    expectCounted(Buffer.concat(parts));
    expect(inSystem(server.runtime)).toBe(1);
    stream.close(constants.NGHTTP2_CANCEL);
    await settled(server.runtime);
  });

  it('whose_function_fails_halfway_is_reset_behind_what_it_wrote', async () => {
    const { status, text, code } = await client.get('/torn');
    expect(status).toBe(200);
    expect(text).toBe('one');
    expect(code).toBe(constants.NGHTTP2_INTERNAL_ERROR);
    await settled(server.runtime);
  });

  it('that_its_client_does_not_take_stops_its_function_and_nobody_else', async () => {
    const stream = client.open({ ':path': '/endless' }, true);
    await headOf(stream);
    stream.pause();
    await eventually('its function waits', () => {
      const { chunks, chunksFree, workers } = server.runtime.stats();
      return chunks - chunksFree > 0 && workers[0]?.held === 1;
    });
    for (let i = 0; i < 20; i++) expect((await client.post('/fib', '10')).status).toBe(200);
    const { chunks, chunksFree } = server.runtime.stats();
    expect(chunks - chunksFree).toBeLessThan(20);
    stream.close(constants.NGHTTP2_CANCEL);
    await settled(server.runtime);
  });
});

describe('an error', () => {
  it.each([
    ['/nowhere', {}, 404, 'ERR_HTTP_NOT_FOUND'],
    ['/cat', {}, 405, 'ERR_HTTP_METHOD_NOT_ALLOWED'],
    ['/trap', {}, 500, 'ERR_TRAP'],
    ['/late', {}, 504, 'ERR_DEADLINE'],
    ['/sleep', { 'x-timeout-ms': '40' }, 504, 'ERR_DEADLINE'],
    ['/fib', { 'x-timeout-ms': '0' }, 400, 'ERR_HTTP_INVALID_TIMEOUT'],
    ['/a<b', {}, 400, 'ERR_HTTP_INVALID_TARGET'],
    ['/fib', { 'x-a': 'a'.repeat(17_000) }, 431, 'ERR_HTTP_HEAD_TOO_LARGE'],
    ['/fib', { 'x-a': Array<string>(100).fill('b') }, 431, 'ERR_HTTP_TOO_MANY_HEADERS'],
    ['/fib', { ':authority': 'a:99999' }, 400, 'ERR_HTTP_INVALID_HOST'],
    ['/fib', { ':authority': 'a', host: 'b' }, 400, 'ERR_HTTP_REPEATED_HOST'],
    ['/fib', { expect: 'miracles' }, 417, 'ERR_HTTP_EXPECTATION_FAILED'],
  ])('of_%s_%o', async (path, fields, code, name) => {
    const reply = await client.get(path, fields as OutgoingHttpHeaders);
    expect(reply.status).toBe(code);
    expect(reply.headers['content-type']).toBe('application/json');
    expect(JSON.parse(reply.text).error).toMatchObject({ code: name, status: code });
    expect(reply.headers.allow).toBe(code === 405 ? 'POST, PUT' : undefined);
    // The session is as good as before.
    expect((await client.post('/fib', '10')).status).toBe(200);
  });

  it('of_a_target_that_is_too_long_is_414', async () => {
    const reply = await client.get(`/${'a'.repeat(8192)}`);
    expect(reply.status).toBe(414);
    expect(JSON.parse(reply.text).error.code).toBe('ERR_HTTP_TARGET_TOO_LONG');
  });

  it('for_connect_and_for_asterisks_is_that_of_http_1', async () => {
    const connect = await client.request({ ':method': 'CONNECT', ':authority': 'a.example:443' });
    expect(JSON.parse(connect.text).error.code).toBe('ERR_HTTP_CONNECT_UNSUPPORTED');
    const options = await client.request({ ':method': 'OPTIONS', ':path': '*' });
    expect(options).toMatchObject({ status: 204, text: '', code: 0 });
  });

  it.each([{}, { 'content-length': 400_000 }])(
    'for_a_body_that_is_too_long_%o_comes_before_its_end',
    async (fields: OutgoingHttpHeaders) => {
      const stream = client.open({ ':method': 'POST', ':path': '/echo', ...fields });
      const reply = replyOf(stream);
      const body = Buffer.alloc(400_000);
      stream.write(body.subarray(0, 350_000));
      expect((await reply).status).toBe(413);
      expect(JSON.parse((await reply).text).error.code).toBe('ERR_HTTP_BODY_TOO_LARGE');
      expect((await client.post('/fib', '10')).status).toBe(200);
    },
  );
});

describe('a client that goes away', () => {
  it.each(['/sleep', '/endless'])('cancels_the_function_of_%s', async (path) => {
    const stream = client.open({ ':path': path }, true);
    await eventually('it runs', () => server.runtime.stats().workers[0]?.held === 1);
    stream.close(constants.NGHTTP2_CANCEL);
    await settled(server.runtime);
    expect((await client.post('/fib', '10')).status).toBe(200);
  });

  it('cancels_all_its_functions_with_its_connection', async () => {
    const other = new H2Client(server.port);
    for (let i = 0; i < 10; i++) other.open({ ':path': i % 2 === 0 ? '/sleep' : '/endless' }, true);
    other.open({ ':method': 'POST', ':path': '/echo' }).write('begun');
    await eventually('they are there', () => inSystem(server.runtime) === 10);
    other.session.destroy();
    await settled(server.runtime);
  });

  it('in_the_middle_of_a_body_leaves_nothing', async () => {
    const stream = client.open({ ':method': 'POST', ':path': '/echo' });
    stream.write('half');
    await new Promise((resolve) => setTimeout(resolve, 20));
    lines.length = 0;
    // Not `close`, which may say that the body has ended before it resets.
    stream.once('error', () => {});
    stream.destroy(new Error('gone'));
    expect((await client.post('/fib', '10')).status).toBe(200);
    await settled(server.runtime);
    expect(lines).toEqual(['127.0.0.1 POST /fib']);
  });
});

it('http_1_is_spoken_on_the_same_port', async () => {
  const h1 = await server.open();
  expect((await h1.get('/fib?10')).status).toBe(200);
  // What begins like the preface of HTTP/2, in pieces that say nothing by themselves.
  const other = await server.open();
  await other.dribble(Buffer.from(get('/fib?10').replace('GET', 'PROPFIND')), 1);
  expect((await other.reply()).status).toBe(200);
  const last = await server.open();
  last.send('PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n');
  expect((await last.reply()).status).toBe(505);
});

it('a_thousand_mixed_streams_leave_nothing_behind', async () => {
  const paths = ['/fib', '/echo', '/long', '/endless', '/sleep', '/torn', '/nowhere', '/parts'];
  for (let round = 0; round < 20; round++) {
    const replies = [];
    for (let i = 0; i < 50; i++) {
      const path = paths[(i * 7 + round) % paths.length] as string;
      const isPost = i % 3 === 0;
      const stream = client.open({ ':method': isPost ? 'POST' : 'GET', ':path': path }, !isPost);
      if (isPost) stream.write('1');
      const isReset = path === '/endless' || path === '/sleep' || i % 5 === 0;
      if (!isReset) stream.end();
      else if (i % 2 === 0) stream.close(constants.NGHTTP2_CANCEL);
      else setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), i % 7);
      replies.push(replyOf(stream));
    }
    await Promise.all(replies);
  }
  await settled(server.runtime);
  expect((await client.post('/fib', '10')).status).toBe(200);
  await eventually('all sandboxes are back', () =>
    server.runtime.stats().pools.every(({ inUse, made, ready, retired }) => {
      return inUse === 0 && made === ready + retired;
    }),
  );
});
