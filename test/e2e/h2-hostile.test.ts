/** HTTP/2 with clients that mean harm, or do not keep to it: frames as they are, over a raw socket. */
import { constants } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ECHO, luge, SLEEP, SPIN } from '../core/guests.ts';
import {
  ACK,
  END_STREAM,
  FRAME,
  fieldBlock,
  GET_FIB,
  H2Client,
  RawH2,
  replyOf,
  uint32,
} from './h2-client.ts';
import {
  eventually,
  example,
  inSystem,
  serve,
  settled,
  type TestServer,
  type TestServerOptions,
  within,
} from './server.ts';

type Fields = readonly (readonly [string, string])[];

const { NGHTTP2_PROTOCOL_ERROR, NGHTTP2_REFUSED_STREAM, NGHTTP2_INTERNAL_ERROR } = constants;
const INITIAL_WINDOW_SIZE = 4;
const KIB = 1024;

const ENDLESS = luge(`(func (export "handle") (loop $more
  (drop (call $write (i32.const 0) (i32.const 1024))) (br $more)))`);

const ROUTES = {
  '/fib': { wasm: example('fib') },
  '/echo': { wasm: ECHO },
  '/sleep': { wasm: SLEEP },
  '/spin': { wasm: SPIN },
  '/endless': { wasm: ENDLESS, maxOutputBytes: Number.POSITIVE_INFINITY },
  '/long': {
    wasm: luge('(func (export "handle") (drop (call $write (i32.const 0) (i32.const 60000))))'),
  },
  '/late': { wasm: SLEEP, deadlineMs: 300 },
};

/** With times that no test has to wait for, where it does not say so. */
function start({ limits, ...options }: TestServerOptions = {}): Promise<TestServer> {
  const http2 = 'h2c' as const;
  return serve(ROUTES, { scheduler: 'rr', ...options, limits: { http2, ...limits } });
}

const get = (path: string): Fields => [...GET_FIB.slice(0, 3), [':path', path]];
const post = (...fields: Fields): Fields => [
  [':method', 'POST'],
  ...get('/echo').slice(1),
  ...fields,
];

const isPong = ({ type, flags }: { type: number; flags: number }): boolean =>
  type === FRAME.PING && (flags & ACK) !== 0;
const isGoaway = ({ type }: { type: number }): boolean => type === FRAME.GOAWAY;

/** The session answers: it has come through. */
async function expectAlive(client: RawH2): Promise<void> {
  expect(await client.send(FRAME.PING, 0, 0, Buffer.alloc(8)).frame(isPong)).toBeDefined();
}

describe('a malformed request', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await start();
  });

  afterAll(() => server[Symbol.asyncDispose]());

  it.each<[string, Fields]>([
    ['a_name_in_upper_case', [...GET_FIB, ['X-A', '1']]],
    ['connection', [...GET_FIB, ['connection', 'close']]],
    ['keep_alive', [...GET_FIB, ['keep-alive', '1']]],
    ['proxy_connection', [...GET_FIB, ['proxy-connection', 'close']]],
    ['upgrade', [...GET_FIB, ['upgrade', 'h2c']]],
    ['transfer_encoding', [...GET_FIB, ['transfer-encoding', 'chunked']]],
    ['te_other_than_trailers', [...GET_FIB, ['te', 'gzip']]],
    ['no_method', GET_FIB.slice(1)],
    ['no_scheme', [GET_FIB[0], ...GET_FIB.slice(2)] as Fields],
    ['no_path', GET_FIB.slice(0, 3)],
    ['no_authority', [...GET_FIB.slice(0, 2), [':path', '/fib']]],
    ['an_empty_path', get('')],
    ['a_path_without_a_slash', get('fib')],
    ['a_path_with_a_line', get('/fib HTTP/1.1\r\nx: y')],
    [
      'an_authority_with_a_blank',
      [...GET_FIB.slice(0, 2), [':authority', 'a b'], [':path', '/fib']],
    ],
    ['a_method_twice', [...GET_FIB, [':method', 'GET']]],
    ['a_path_twice', [...GET_FIB, [':path', '/']]],
    ['an_unknown_pseudo_field', [...GET_FIB, [':a', 'b']]],
    ['a_status', [...GET_FIB, [':status', '200']]],
    ['a_pseudo_field_behind_others', [...GET_FIB.slice(0, 3), ['x-a', '1'], [':path', '/fib']]],
    ['a_length_without_a_body', post(['content-length', '3'])],
    ['two_lengths', post(['content-length', '0'], ['content-length', '0'])],
  ])('is_a_reset_of_its_stream_%s', async (_, fields) => {
    using client = new RawH2(server.port);
    expect(await client.head(1, fields).resetOf(1)).toBe(NGHTTP2_PROTOCOL_ERROR);
    await expectAlive(client);
    expect(await client.head(3, get('/fib?10')).resetOf(3)).toBeUndefined();
    expect(client.isOver).toBe(false);
  });

  it('is_one_whose_body_is_shorter_than_it_says', async () => {
    using client = new RawH2(server.port);
    client.head(1, post(['content-length', '3']), 0);
    client.send(FRAME.DATA, END_STREAM, 1, Buffer.from('ab'));
    expect(await client.resetOf(1)).toBe(NGHTTP2_PROTOCOL_ERROR);
    await expectAlive(client);
    await settled(server.runtime);
  });

  it('whose_body_is_longer_than_it_says_ends_the_session', async () => {
    using client = new RawH2(server.port);
    client.head(1, post(['content-length', '3']), 0);
    client.send(FRAME.DATA, END_STREAM, 1, Buffer.from('abcd'));
    expect(await client.frame(isGoaway)).toBeDefined();
    await within(client.ended, 'the end of the session');
    await settled(server.runtime);
  });

  it.each<[string, string]>([
    ['x a', '1'],
    ['', '1'],
    ['x-a', '1\nexpect: miracles'],
    ['x-a', '1\r\nexpect: miracles'],
    ['x-a', '\0'],
  ])('is_answered_without_the_field_%j_%j', async (name, value) => {
    using client = new RawH2(server.port);
    expect(await client.head(1, [...get('/fib?10'), [name, value]]).resetOf(1)).toBeUndefined();
    const body = await client.frame(({ type }) => type === FRAME.DATA);
    expect(body?.payload.toString()).toBe('55\n');
  });

  it('with_a_target_of_another_scheme_is_answered_as_in_http_1', async () => {
    using client = new RawH2(server.port);
    const fields: Fields = [
      [':method', 'GET'],
      [':scheme', 'ftp'],
      [':authority', 'test'],
      [':path', 'http://other/fib'],
    ];
    expect(await client.head(1, fields).resetOf(1)).toBeUndefined();
    const body = await client.frame(({ type, stream }) => type === FRAME.DATA && stream === 1);
    expect(body?.payload.toString()).toContain('ERR_HTTP_INVALID_TARGET');
  });
});

describe('streams', () => {
  it('beyond_their_number_are_refused', async () => {
    await using server = await start({ limits: { maxStreams: 10 } });
    using client = new RawH2(server.port);
    for (let i = 0; i < 15; i++) client.head(2 * i + 1, get('/sleep'));
    for (let i = 10; i < 15; i++) {
      expect(await client.resetOf(2 * i + 1)).toBe(NGHTTP2_REFUSED_STREAM);
    }
    await expectAlive(client);
    expect(inSystem(server.runtime)).toBe(10);
    client.socket.destroy();
    await settled(server.runtime);
  });

  it('that_are_reset_before_they_begin_leave_the_queue_and_their_places', async () => {
    await using server = await start({ limits: { maxStreams: 10 }, scheduler: 'fifo' });
    const busy = (await server.open()).send('GET /spin HTTP/1.1\r\nHost: a\r\n\r\n');
    await eventually('it runs', () => server.runtime.stats().workers[0]?.held === 1);
    using client = new RawH2(server.port);
    await client.frame(({ type }) => type === FRAME.SETTINGS);
    client.send(FRAME.SETTINGS, ACK, 0);
    const { slots } = server.runtime.stats();
    for (let i = 0; i < 300; i++) {
      client.head(2 * i + 1, get('/sleep'));
      await expectAlive(client);
      client.frames.length = 0;
      client.send(FRAME.RST_STREAM, 0, 2 * i + 1, uint32(8));
      // Their slots come back before others miss them, though no worker comes to them.
      expect(inSystem(server.runtime)).toBeLessThanOrEqual(3 + slots / 8);
    }
    await eventually('they are taken back', () => server.runtime.stats().endedInQueue === 300);
    const last = client.head(601, get('/fib?10')).resetOf(601);
    busy.socket.resetAndDestroy();
    expect(await last).toBeUndefined();
    await settled(server.runtime);
  });

  it('opened_and_reset_as_fast_as_can_be_end_the_session', async () => {
    await using server = await start();
    using client = new RawH2(server.port);
    for (let i = 0; i < 5000 && !client.isOver; i++) {
      client.head(2 * i + 1, get('/sleep')).send(FRAME.RST_STREAM, 0, 2 * i + 1, uint32(8));
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await within(client.ended, 'the end of the session');
    await settled(server.runtime);
  });
});

describe('a flood', () => {
  it('of_continuations_ends_the_session', async () => {
    await using server = await start();
    using client = new RawH2(server.port);
    client.send(FRAME.HEADERS, END_STREAM, 1, fieldBlock(GET_FIB));
    for (let i = 0; i < 20; i++) {
      client.send(FRAME.CONTINUATION, 0, 1, fieldBlock([[`x-${i}`, 'a'.repeat(100)]]));
    }
    await within(client.ended, 'the end of the session');
  });

  it('of_fields_is_a_reset_of_the_stream', async () => {
    await using server = await start();
    using client = new RawH2(server.port);
    const fields = Array.from({ length: 400 }, (_, i) => [`x-${i}`, 'a'] as const);
    const code = await client.head(1, [...GET_FIB, ...fields]).resetOf(1);
    expect(code).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    await expectAlive(client);
  });

  it('of_empty_data_ends_the_session', async () => {
    await using server = await start();
    using client = new RawH2(server.port);
    client.head(1, post(), 0);
    for (let i = 0; i < 500; i++) client.send(FRAME.DATA, 0, 1);
    await within(client.ended, 'the end of the session');
    await settled(server.runtime);
  });

  it.each([
    ['pings', FRAME.PING, Buffer.alloc(8)],
    ['settings', FRAME.SETTINGS, Buffer.alloc(0)],
  ] as const)('of_%s_whose_answers_are_not_read_ends_the_session', async (_, type, payload) => {
    await using server = await start();
    using client = new RawH2(server.port);
    await client.frame((f) => f.type === FRAME.SETTINGS);
    client.socket.pause();
    // More answers than the kernel takes for both ends.
    for (let i = 0; i < 800 && !client.isOver; i++) {
      client.socket.cork();
      for (let j = 0; j < 1000; j++) client.send(type, 0, 0, payload);
      client.socket.uncork();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await within(client.ended, 'the end of the session');
  });
});

describe('a client that takes nothing', () => {
  it.each(['/fib?10', '/long', '/endless'])('loses_the_stream_of_%s', async (path) => {
    await using server = await start({ limits: { writeTimeoutMs: 300 } });
    using client = new RawH2(server.port, [[INITIAL_WINDOW_SIZE, 0]]);
    expect(await client.head(1, get(path)).resetOf(1)).toBe(NGHTTP2_INTERNAL_ERROR);
    await settled(server.runtime);
    await expectAlive(client);
  });

  it('but_for_a_little_now_and_then_loses_it_too', async () => {
    await using server = await start({
      limits: { writeTimeoutMs: 300, minBytesPerSecond: 1 << 20 },
    });
    using client = new RawH2(server.port, [[INITIAL_WINDOW_SIZE, 0]]);
    client.head(1, get('/endless'));
    const tickle = setInterval(() => client.send(FRAME.WINDOW_UPDATE, 0, 1, uint32(16_384)), 100);
    try {
      expect(await client.resetOf(1)).toBe(NGHTTP2_INTERNAL_ERROR);
    } finally {
      clearInterval(tickle);
    }
    await settled(server.runtime);
  });
});

describe('a client that sends too slowly', () => {
  it.each(['', 'begun'])('a_body_that_is_%s_gets_408', async (body) => {
    await using server = await start({ limits: { bodyTimeoutMs: 300 } });
    await using client = new H2Client(server.port);
    const stream = client.open({ ':method': 'POST', ':path': '/echo' });
    if (body !== '') stream.write(body);
    const { status, text, code } = await replyOf(stream);
    expect(status).toBe(408);
    expect(JSON.parse(text).error.code).toBe('ERR_HTTP_BODY_TIMEOUT');
    expect(code).toBe(0);
    expect((await client.post('/fib', '10')).status).toBe(200);
  });

  it('a_session_without_a_request_is_closed', async () => {
    await using server = await start({ limits: { headTimeoutMs: 300 } });
    using client = new RawH2(server.port);
    expect(await client.frame(isGoaway)).toBeDefined();
    await within(client.ended, 'the end of the session');
    const silent = await server.open();
    expect((await silent.send('PRI * HTTP').reply()).status).toBe(408);
  });

  it('a_session_that_is_idle_is_closed_for_all_its_pings', async () => {
    await using server = await start({ limits: { idleTimeoutMs: 300 } });
    using client = new RawH2(server.port);
    await client.head(1, get('/fib?10')).resetOf(1);
    const pings = setInterval(() => client.send(FRAME.PING, 0, 0, Buffer.alloc(8)), 50);
    try {
      expect(await client.frame(isGoaway)).toBeDefined();
      await within(client.ended, 'the end of the session');
    } finally {
      clearInterval(pings);
    }
  });
});

it('bodies_of_one_session_wait_for_each_other_and_all_come_through', async () => {
  await using server = await start({ bodyMemoryBytes: 32 * 2 ** 20 });
  await using client = new H2Client(server.port);
  const body = Buffer.alloc(700 * KIB, 'abc');
  const streams = Array.from({ length: 12 }, () => {
    const stream = client.open({ ':method': 'POST', ':path': '/echo' });
    stream.write(body.subarray(0, 600 * KIB));
    return stream;
  });
  await eventually('only so much is taken', () => {
    const waiting = streams.filter((stream) => stream.writableLength > 0).length;
    return waiting >= 9;
  });
  for (const stream of streams) stream.end(body.subarray(600 * KIB));
  for (const { status, body: echoed } of await Promise.all(streams.map(replyOf))) {
    expect(status).toBe(200);
    expect(echoed.equals(body)).toBe(true);
  }
  await settled(server.runtime);
});

describe('the end', () => {
  it('after_as_many_requests_as_a_connection_may_have', async () => {
    await using server = await start({ limits: { maxRequestsPerConnection: 3 } });
    await using client = new H2Client(server.port);
    const replies = await Promise.all([1, 2, 3].map(() => client.post('/fib', '10')));
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
    await within(client.closed, 'the end of the session');
  });

  it('of_the_side_of_a_client_cancels_its_functions', async () => {
    await using server = await start();
    using client = new RawH2(server.port);
    client.head(1, get('/sleep'));
    await eventually('it is there', () => inSystem(server.runtime) === 1);
    client.socket.end();
    await settled(server.runtime);
    await within(client.ended, 'the end of the session');
  });

  it('of_a_server_answers_what_it_has_and_says_what_that_is', async () => {
    await using server = await start();
    using client = new RawH2(server.port);
    client.head(1, get('/late'));
    await eventually('it is there', () => inSystem(server.runtime) === 1);
    const closed = server.server.close(5000);
    const goaway = await client.frame(isGoaway);
    expect(goaway?.payload.readUInt32BE(0)).toBe(1);
    expect(goaway?.payload.readUInt32BE(4)).toBe(constants.NGHTTP2_NO_ERROR);
    client.head(3, get('/fib?10'));
    expect(await client.resetOf(1)).toBeUndefined();
    expect(client.frames.some(({ stream }) => stream === 3)).toBe(false);
    await within(closed, 'the end of the server');
    await within(client.ended, 'the end of the session');
  });

  it('of_a_server_does_not_wait_longer_than_it_may', async () => {
    await using server = await start();
    await using client = new H2Client(server.port);
    const reply = replyOf(client.open({ ':path': '/sleep' }, true));
    await eventually('it is there', () => inSystem(server.runtime) === 1);
    await within(server.server.close(200), 'the end of the server');
    expect((await reply).status).toBe(0);
    await settled(server.runtime);
  });
});

it('a_server_that_is_full_says_when_to_come_back', async () => {
  await using server = await start({ maxQueue: 1 });
  await using client = new H2Client(server.port);
  const first = client.open({ ':path': '/sleep' }, true);
  await eventually(
    'it is there',
    () => server.runtime.stats().slotsFree === 0 || inSystem(server.runtime) > 0,
  );
  const replies = await Promise.all(Array.from({ length: 20 }, () => client.get('/late')));
  const full = replies.filter(({ status }) => status === 503);
  expect(full.length).toBeGreaterThan(0);
  expect(full[0]?.headers['retry-after']).toBe('1');
  expect(JSON.parse(full[0]?.text ?? '').error.code).toBe('ERR_QUEUE_FULL');
  first.close(constants.NGHTTP2_CANCEL);
  await settled(server.runtime);
});
