/** Request bodies that come in while their functions run, over real sockets. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ECHO, luge, SPIN } from '../core/guests.ts';
import {
  type Client,
  chunkedHead,
  chunks,
  errorOf,
  eventually,
  get,
  inSystem,
  post,
  serve,
  settled,
  type TestRoute,
  type TestServer,
} from './server.ts';

const KIB = 1024;
const CHUNK_BYTES = 16_384;
const HIGH_WATER_BYTES = 65_536;
const STREAM = { requestBody: 'stream' } as const;

/** As ECHO, and each piece goes out at once. */
const ECHO_AT_ONCE = luge(`(func (export "handle") (local $at i32) (local $n i32)
  (loop $more
    (local.set $n (call $body_read (local.get $at) (i32.const 0) (i32.const 60000)))
    (if (local.get $n) (then
      (drop (call $write (i32.const 0) (local.get $n)))
      (drop (call $flush))
      (local.set $at (i32.add (local.get $at) (local.get $n)))
      (br $more)))))`);

/** Reads all, and answers how many bytes that were, and their sum, as two i32. */
const SUM =
  luge(`(func (export "handle") (local $at i32) (local $n i32) (local $i i32) (local $sum i32)
  (loop $more
    (local.set $n (call $body_read (local.get $at) (i32.const 64) (i32.const 60000)))
    (if (local.get $n) (then
      (local.set $at (i32.add (local.get $at) (local.get $n)))
      (local.set $i (i32.const 0))
      (loop $bytes
        (local.set $sum (i32.add (local.get $sum)
          (i32.load8_u (i32.add (i32.const 64) (local.get $i)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $bytes (i32.lt_u (local.get $i) (local.get $n))))
      (br $more))))
  (i32.store (i32.const 0) (local.get $at)) (i32.store (i32.const 4) (local.get $sum))
  (drop (call $write (i32.const 0) (i32.const 8))))`);

/** Answers 'early' without a look at its body. */
const EARLY = luge(`(data (i32.const 0) "early")
  (func (export "handle") (drop (call $write (i32.const 0) (i32.const 5))))`);

/** Reads five bytes, sleeps until it is ended. */
const FIVE = luge(`(func (export "handle")
  (drop (call $body_read (i32.const 0) (i32.const 0) (i32.const 5)))
  (call $sleep (i64.const 600000000000)))`);

const SIZE = luge(`(func (export "handle")
  (i32.store (i32.const 0) (call $body_size))
  (drop (call $body_read (i32.const 0) (i32.const 8) (i32.const 1)))
  (drop (call $write (i32.const 0) (i32.const 4))))`);

/** Reads five bytes and answers them, long after bodyTimeoutMs of its test. */
const LATE_READER: TestRoute = {
  wasm: luge(`(func (export "handle")
    (call $sleep (i64.const 1500000000))
    (drop (call $write (i32.const 0)
      (call $body_read (i32.const 0) (i32.const 0) (i32.const 5)))))`),
  ...STREAM,
};

const ROUTES: Record<string, TestRoute> = {
  '/echo': { wasm: ECHO_AT_ONCE, ...STREAM, maxBodyBytes: 2 ** 28, maxOutputBytes: 2 ** 30 },
  '/slow-echo': { wasm: ECHO, ...STREAM },
  '/sum': { wasm: SUM, ...STREAM, maxBodyBytes: 2 ** 28, requestHighWaterBytes: HIGH_WATER_BYTES },
  '/early': { wasm: EARLY, ...STREAM, maxBodyBytes: 2 ** 28 },
  '/five': { wasm: FIVE, ...STREAM, maxBodyBytes: 2 ** 28, deadlineMs: 3000 },
  '/size': { wasm: SIZE, ...STREAM },
  '/brief': { wasm: ECHO, ...STREAM, deadlineMs: 150 },
  '/spin': { wasm: SPIN, ...STREAM, cpuLimitMs: 60_000, deadlineMs: 60_000 },
  '/small': { wasm: ECHO, ...STREAM, maxBodyBytes: 100 },
  '/small-at-once': { wasm: ECHO_AT_ONCE, ...STREAM, maxBodyBytes: 100 },
  '/whole': { wasm: ECHO },
};

let server: TestServer;

beforeAll(async () => {
  server = await serve(ROUTES, { bodyMemoryBytes: 4 * 2 ** 20 });
});

afterAll(async () => {
  await settled(server.runtime);
  await server[Symbol.asyncDispose]();
});

function head(target: string, bytes: number, fields = '', version = '1.1'): string {
  return `POST ${target} HTTP/${version}\r\nHost: test\r\nContent-Length: ${bytes}\r\n${fields}\r\n`;
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

/** A function has the request, and its client can go on. */
async function underWay(count = 1): Promise<void> {
  const held = (): number =>
    server.runtime.stats().workers.reduce((sum, worker) => sum + worker.held, 0);
  await eventually('the function runs', () => held() === count);
}

function chunksInUse(): number {
  const stats = server.runtime.stats();
  return stats.chunks - stats.chunksFree;
}

describe('a function that reads as its body comes', () => {
  it.each([
    ['of a known length', head('/echo', 11), (text: string) => text, ''],
    ['in chunks', chunkedHead('/echo'), chunk, '0\r\n\r\n'],
  ])('answers_the_first_piece_before_the_next_is_sent: %s', async (_name, begin, piece, end) => {
    const client = await server.open();
    client.send(begin);
    for (const text of ['one', 'two', 'three']) {
      client.send(piece(text));
      if (text === 'one') {
        expect(await client.head()).toMatch(/^HTTP\/1.1 200 OK\r\n/);
        expect(inSystem(server.runtime)).toBe(1);
      }
      expect((await client.chunk()).toString()).toBe(text);
    }
    client.send(end);
    expect((await client.chunk()).length).toBe(0);
    // The connection is as good as before.
    expect((await client.send(post('/slow-echo', 'again')).reply()).text).toBe('again');
  });

  it('gets_the_same_bytes_however_they_are_cut', async () => {
    const body = Buffer.from(Array.from({ length: 3000 }, (_, i) => i % 251));
    const cases = [1, 7, 1000, 5000].flatMap((bytes) => [
      { bytes, sent: Buffer.concat([Buffer.from(head('/slow-echo', 3000)), body]) },
      { bytes, sent: Buffer.concat([Buffer.from(chunkedHead('/slow-echo')), chunks(body, 300)]) },
    ]);
    for (const { bytes, sent } of cases) {
      const client = await server.open();
      // The next request behind the body, in the same pieces.
      const next = Buffer.from(post('/slow-echo', 'next') + post('/whole', 'whole'));
      await client.dribble(Buffer.concat([sent, next]), bytes);
      expect((await client.reply()).body).toEqual(body);
      expect((await client.reply()).text).toBe('next');
      expect((await client.reply()).text).toBe('whole');
      client.socket.destroy();
    }
  });

  it('is_told_the_length_where_the_client_told_it', async () => {
    const client = await server.open();
    const known = client.send(head('/size', 1234), 'x'.repeat(1234));
    expect((await known.reply()).body.readInt32LE()).toBe(1234);
    client.send(head('/size', 1234));
    await underWay();
    client.send('x'.repeat(1234));
    expect((await client.reply()).body.readInt32LE()).toBe(1234);
    client.send(chunkedHead('/size'));
    await underWay();
    client.send(chunk('x'), '0\r\n\r\n');
    expect((await client.reply()).body.readInt32LE()).toBe(-1);
  });

  it('does_not_keep_others_from_their_turn', async () => {
    const client = await server.open();
    client.send(head('/slow-echo', 4));
    await underWay();
    const other = await server.open();
    expect((await other.send(post('/whole', 'other')).reply()).text).toBe('other');
    expect((await client.send('mine').reply()).text).toBe('mine');
  });

  it('answers_in_the_order_of_requests', async () => {
    const client = await server.open();
    client.send(post('/slow-echo', 'a'), head('/echo', 4), 'b');
    expect((await client.reply()).text).toBe('a');
    expect(await client.head()).toMatch(/200 OK/);
    expect((await client.chunk()).toString()).toBe('b');
    client.send('cde', get('/early'));
    let rest = '';
    for (let piece = await client.chunk(); piece.length > 0; piece = await client.chunk())
      rest += piece.toString();
    expect(rest).toBe('cde');
    expect((await client.reply()).text).toBe('early');
  });

  it('serves_http_1_0_up_to_the_end_of_the_connection', async () => {
    const client = await server.open();
    client.send(head('/echo', 6, '', '1.0'), 'abc');
    expect(await client.head()).toMatch(/Connection: close/);
    client.send('def');
    expect((await client.rest()).toString()).toBe('abcdef');
  });

  it('is_read_on_behind_connection_close', async () => {
    const client = await server.open();
    client.send(head('/slow-echo', 6, 'Connection: close\r\n'), 'abc');
    await underWay();
    client.send('def');
    const reply = await client.reply();
    expect([reply.text, reply.headers.get('connection')]).toEqual(['abcdef', 'close']);
    await client.end();
  });

  it('is_read_on_where_one_request_may_be_under_way', async () => {
    await using own = await serve(ROUTES, { limits: { maxPipelined: 1 } });
    const client = await own.open();
    client.send(head('/echo', 6), 'abc');
    expect(await client.head()).toMatch(/200 OK/);
    expect((await client.chunk()).toString()).toBe('abc');
    client.send('def', post('/whole', 'x'));
    expect((await client.chunk()).toString()).toBe('def');
    expect((await client.chunk()).length).toBe(0);
    expect((await client.reply()).text).toBe('x');
    await settled(own.runtime);
  });
});

describe('back-pressure', () => {
  /** Sends for as long as the socket takes it; how many bytes that were. */
  async function pour(client: Client, bytesMax: number): Promise<number> {
    const piece = Buffer.alloc(65_536, 'x');
    let sent = 0;
    for (let stalls = 0; sent < bytesMax && stalls < 40; ) {
      if (client.socket.writableLength > 2 * piece.length) {
        stalls++;
        await new Promise((resolve) => setTimeout(resolve, 5));
        continue;
      }
      stalls = 0;
      client.socket.write(piece);
      sent += piece.length;
    }
    return sent;
  }

  it('a_guest_that_does_not_read_stops_its_client', async () => {
    const client = await server.open();
    client.send(head('/five', 2 ** 27));
    await underWay();
    expect(await pour(client, 2 ** 27)).toBeLessThan(2 ** 26);
    expect(chunksInUse()).toBeLessThanOrEqual(HIGH_WATER_BYTES / CHUNK_BYTES + 2);
    client.socket.destroy();
    // Nobody reads, so nobody notices that the client is gone before the deadline.
    await settled(server.runtime);
  });

  it('a_hundred_megabytes_go_through_a_small_mark', async () => {
    const client = await server.open();
    const piece = Buffer.alloc(100_000, 3);
    const pieces = 1000;
    client.send(head('/sum', piece.length * pieces));
    let most = 0;
    for (let i = 0; i < pieces; i++) {
      if (!client.socket.write(piece)) {
        await new Promise((resolve) => client.socket.once('drain', resolve));
        most = Math.max(most, chunksInUse());
      }
    }
    const { body } = await client.reply({ waitMs: 60_000 });
    expect([body.readInt32LE(0), body.readInt32LE(4)]).toEqual([100_000_000, 300_000_000]);
    expect(most).toBeLessThanOrEqual(HIGH_WATER_BYTES / CHUNK_BYTES + 2);
    await settled(server.runtime);
  }, 120_000);

  it('both_ways_at_once_a_client_that_reads_late_loses_nothing', async () => {
    const client = await server.open();
    const body = Buffer.from(Array.from({ length: 2 ** 20 }, (_, i) => (i >> 8) % 251));
    client.socket.pause();
    client.send(chunkedHead('/echo'), chunks(body, 10_000));
    await underWay();
    client.socket.resume();
    const reply = await client.reply();
    expect(Buffer.compare(reply.body, body)).toBe(0);
    await settled(server.runtime);
  });
});

describe('an early answer', () => {
  it.each([
    ['of a known length', head('/early', 50_000), 'x'.repeat(49_990), 'x'.repeat(10)],
    ['in chunks', chunkedHead('/early'), chunk('x'.repeat(49_990)), `${chunk('x')}0\r\n\r\n`],
  ])('keeps_the_connection_where_the_rest_is_short: %s', async (_name, begin, some, rest) => {
    const client = await server.open();
    client.send(begin);
    const reply = await client.reply();
    expect([reply.text, reply.headers.get('connection')]).toEqual(['early', undefined]);
    client.send(some, rest, post('/slow-echo', 'next'));
    expect((await client.reply()).text).toBe('next');
    await settled(server.runtime);
  });

  it('is_the_last_where_the_rest_is_long', async () => {
    const client = await server.open();
    client.send(head('/early', 2 ** 27), 'x'.repeat(1000));
    const reply = await client.reply();
    expect([reply.text, reply.headers.get('connection')]).toEqual(['early', 'close']);
    client.send('x'.repeat(1000));
    await client.end();
    await settled(server.runtime);
  });

  it('ends_the_connection_once_a_rest_of_unknown_length_turns_out_long', async () => {
    const client = await server.open();
    client.send(chunkedHead('/early'));
    expect((await client.reply()).text).toBe('early');
    for (let i = 0; i < 10; i++) client.send(chunk('x'.repeat(50_000)));
    await client.end();
    await settled(server.runtime);
  });
});

describe('Expect: 100-continue', () => {
  const EXPECT = 'Expect: 100-continue\r\n';

  it('is_met_when_the_guest_reads', async () => {
    const client = await server.open();
    client.send(head('/slow-echo', 5, EXPECT));
    expect((await client.reply()).line).toBe('HTTP/1.1 100 Continue');
    expect((await client.send('hello').reply()).text).toBe('hello');
    await settled(server.runtime);
  });

  it('is_not_met_where_the_guest_answers_without_its_body', async () => {
    const client = await server.open();
    const reply = await client.send(head('/early', 5, EXPECT)).reply();
    expect([reply.status, reply.text, reply.headers.get('connection')]).toEqual([
      ...[200, 'early', 'close'],
    ]);
    await client.end();
  });

  it('waits_for_the_answers_before_it', async () => {
    const client = await server.open();
    client.send(head('/slow-echo', 1), 'a', head('/slow-echo', 1, EXPECT));
    expect((await client.reply()).text).toBe('a');
    expect((await client.reply()).status).toBe(100);
    expect((await client.send('b').reply()).text).toBe('b');
  });

  it('a_client_that_was_not_told_to_go_on_is_not_late', async () => {
    await using own = await serve({ '/': LATE_READER }, { limits: { bodyTimeoutMs: 600 } });
    const client = await own.open();
    expect((await client.send(head('/', 5, EXPECT)).reply()).status).toBe(100);
    expect((await client.send('hello').reply()).text).toBe('hello');
    client.send(head('/', 5, EXPECT));
    expect((await client.reply()).status).toBe(100);
    // From here on it is.
    expect((await client.reply()).status).toBe(408);
    await settled(own.runtime);
  });

  it('is_passed_over_where_the_body_comes_unasked', async () => {
    const client = await server.open();
    client.send(`${head('/slow-echo', 5, EXPECT)}hello`);
    expect((await client.reply()).text).toBe('hello');
  });
});

describe('a body that breaks', () => {
  it.each([
    ['a malformed chunk', `${chunk('abc')}zz\r\n`, 400, 'ERR_HTTP_INVALID_CHUNK_SIZE'],
    ['too long', chunk('x'.repeat(101)), 413, 'ERR_HTTP_BODY_TOO_LARGE'],
  ])('is_answered_while_no_head_is_out: %s', async (_name, rest, status, code) => {
    const client = await server.open();
    client.send(chunkedHead('/small'));
    await underWay();
    const reply = await client.send(rest).reply();
    expect([reply.status, errorOf(reply).code]).toEqual([status, code]);
    await client.end();
    await settled(server.runtime);
  });

  it('is_answered_where_it_came_with_the_head', async () => {
    const client = await server.open();
    const reply = await client.send(`${chunkedHead('/small')}zz\r\n`).reply();
    expect(errorOf(reply).code).toBe('ERR_HTTP_INVALID_CHUNK_SIZE');
    const other = await server.open();
    const long = await other.send(head('/small', 101)).reply();
    expect(errorOf(long).code).toBe('ERR_HTTP_BODY_TOO_LARGE');
    await settled(server.runtime);
  });

  it('cuts_an_answer_whose_head_is_out', async () => {
    const client = await server.open();
    client.send(chunkedHead('/small-at-once'), chunk('abc'));
    expect(await client.head()).toMatch(/200 OK/);
    expect((await client.chunk()).toString()).toBe('abc');
    client.send('zz\r\n');
    // No last chunk.
    expect((await client.rest()).toString()).toBe('');
    await settled(server.runtime);
  });

  it('resets_an_answer_of_http_1_0', async () => {
    await using own = await serve(ROUTES, { limits: { bodyTimeoutMs: 700 } });
    const client = await own.open();
    let wasReset = false;
    client.socket.once('error', (error: NodeJS.ErrnoException) => {
      wasReset = error.code === 'ECONNRESET';
    });
    client.send(head('/echo', 6, '', '1.0'), 'abc');
    expect(await client.head()).toMatch(/200 OK/);
    await client.rest();
    await eventually('it is reset', () => wasReset);
    await settled(own.runtime);
  });

  it('is_late', async () => {
    await using own = await serve(ROUTES, { limits: { bodyTimeoutMs: 100 } });
    const client = await own.open();
    client.send(head('/slow-echo', 5), 'abc');
    const reply = await client.reply();
    expect([reply.status, errorOf(reply).code]).toEqual([408, 'ERR_HTTP_BODY_TIMEOUT']);
    await client.end();
    await settled(own.runtime);
  });

  it('is_not_late_while_it_is_the_guest_who_does_not_read', async () => {
    await using own = await serve(ROUTES, { limits: { bodyTimeoutMs: 500 } });
    const client = await own.open();
    // More than fits below the mark: reading stops there.
    client.send(head('/spin', 2 ** 20), Buffer.alloc(2 ** 20));
    await eventually('it is read', () => {
      const { chunks: all, chunksFree } = own.runtime.stats();
      return all - chunksFree >= HIGH_WATER_BYTES / CHUNK_BYTES - 1;
    });
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect([client.unread, inSystem(own.runtime)]).toEqual([0, 1]);
  });

  it('finds_no_memory', async () => {
    await using own = await serve(ROUTES, { bodyMemoryBytes: 2 * CHUNK_BYTES });
    const client = await own.open();
    client.send(head('/five', 2 ** 20));
    client.send(Buffer.alloc(2 ** 18));
    const reply = await client.reply();
    expect([reply.status, errorOf(reply).code]).toEqual([503, 'ERR_BODY_MEMORY']);
    await client.end();
    await settled(own.runtime);
  });

  it('ends_in_the_middle', async () => {
    const client = await server.open();
    client.send(head('/slow-echo', 5), 'abc');
    await underWay();
    client.socket.end();
    const reply = await client.reply();
    expect([reply.status, errorOf(reply).code]).toEqual([400, 'ERR_HTTP_BODY_INCOMPLETE']);
    await client.end();
    await settled(server.runtime);
  });

  it('goes_with_its_client', async () => {
    for (const target of ['/slow-echo', '/echo', '/five', '/spin']) {
      const client = await server.open();
      client.send(head(target, 100_000), 'abc');
      await underWay();
      client.socket.resetAndDestroy();
      await settled(server.runtime);
    }
  });
});

it('a_function_that_ends_by_itself_while_its_body_comes_answers_for_that', async () => {
  const client = await server.open();
  client.send(head('/brief', 100), 'abc');
  const reply = await client.reply();
  expect([reply.status, errorOf(reply).code]).toEqual([504, 'ERR_DEADLINE']);
  // What is missing is short: it is waited for, and thrown away.
  client.send('x'.repeat(97), post('/slow-echo', 'next'));
  expect((await client.reply()).text).toBe('next');
  await settled(server.runtime);
});

it('a_full_queue_refuses_without_the_body', async () => {
  await using own = await serve(ROUTES, { maxQueue: 1 });
  const first = await own.open();
  first.send(head('/slow-echo', 5));
  await eventually('it has the slot', () => inSystem(own.runtime) === 1);
  const second = await own.open();
  const reply = await second.send(head('/slow-echo', 5)).reply();
  expect([reply.status, reply.headers.get('connection')]).toEqual([503, 'close']);
  await second.end();
  expect((await first.send('hello').reply()).text).toBe('hello');
  await settled(own.runtime);
});

it('a_worker_that_dies_answers_and_the_connection_goes_on', async () => {
  await using own = await serve(ROUTES);
  const client = await own.open();
  client.send(head('/slow-echo', 6), 'abc');
  await eventually('the function runs', () => own.runtime.stats().workers[0]?.held === 1);
  await own.runtime.killWorker(0);
  const reply = await client.reply();
  expect([reply.status, errorOf(reply).code]).toEqual([502, 'ERR_WORKER_LOST']);
  client.send('def', post('/slow-echo', 'next'));
  expect((await client.reply()).text).toBe('next');
  await settled(own.runtime);
});

it('a_drain_lets_a_body_come_to_its_end', async () => {
  const own = await serve(ROUTES);
  const client = await own.open();
  client.send(head('/slow-echo', 6), 'abc');
  await eventually('the function runs', () => own.runtime.stats().workers[0]?.held === 1);
  const closed = own.server.close(5000);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const reply = await client.send('def').reply();
  expect([reply.text, reply.headers.get('connection')]).toEqual(['abcdef', 'close']);
  await client.end();
  await closed;
  await own.runtime.close();
});

it('many_at_once_leave_every_slot_and_chunk', async () => {
  const calls = Array.from({ length: 40 }, async (_, i) => {
    const client = await server.open();
    const body = Buffer.alloc(20 * KIB + i * 777, i + 1);
    client.send(i % 2 === 0 ? chunkedHead('/echo') : head('/echo', body.length));
    const bytes = i % 2 === 0 ? chunks(body, 3000) : body;
    if (i % 5 === 4) {
      client.send(bytes.subarray(0, 9000));
      await client.head();
      return client.socket.destroy();
    }
    await client.dribble(bytes, 4000);
    expect((await client.reply()).body).toEqual(body);
    client.socket.destroy();
  });
  await Promise.all(calls);
  await settled(server.runtime);
});
