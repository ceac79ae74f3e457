/** A connection from its first byte to its last: what bounds it, what ends it, and what that end may not destroy. */
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { luge } from '../core/guests.ts';
import {
  type Client,
  errorOf,
  eventually,
  example,
  get,
  inSystem,
  post,
  serve,
  settled,
  type TestServer,
} from './server.ts';

const KIB = 1024;

/** Writes `kib` KiB of x. */
function long(kib: number): Uint8Array {
  return luge(`(func (export "handle") (local $i i32)
    (memory.fill (i32.const 0) (i32.const 120) (i32.const 1024))
    (loop $more
      (drop (call $write (i32.const 0) (i32.const 1024)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $i) (i32.const ${kib})))))`);
}

/** Writes "one", flushes, sets the key "on", waits for the key "go", and traps. */
const TRAP = luge(`(data (i32.const 0) "onego")
  (func (export "handle")
    (drop (call $write (i32.const 0) (i32.const 3)))
    (drop (call $flush))
    (drop (call $kv_set (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 1) (i64.const 0)))
    (loop $wait
      (call $sleep (i64.const 1000000))
      (br_if $wait (i32.lt_s (call $kv_get (i32.const 3) (i32.const 2) (i32.const 64) (i32.const 8))
        (i32.const 0))))
    unreachable)`);
const GO = luge(`(data (i32.const 0) "go") (func (export "handle")
  (drop (call $kv_set (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 1) (i64.const 0))))`);

const ROUTES = {
  '/fib': { wasm: example('fib') },
  '/echo': { wasm: example('echo') },
  '/spin': { wasm: example('spin') },
};

/** Requests that the only worker is done with, once that number does not change any more. */
async function completedAtLast({ runtime }: TestServer): Promise<number> {
  const completed = (): number => runtime.stats().workers[0]?.completed ?? 0;
  let last = -1;
  let looks = 0;
  await eventually('nothing more is done', () => {
    looks = completed() === last && inSystem(runtime) === 0 ? looks + 1 : 0;
    last = completed();
    return looks > 40;
  });
  return last;
}

describe('keep-alive', () => {
  it('the_last_request_of_a_connection_is_answered_with_close', async () => {
    await using bed = await serve(ROUTES, { limits: { maxRequestsPerConnection: 3 } });
    const client = await bed.open();
    // Errors that cost no connection count, too.
    for (const target of ['/fib?10', '/none']) {
      expect((await client.get(target)).headers.has('connection')).toBe(false);
    }
    const last = await client.get('/fib?3');
    expect([last.text, last.headers.get('connection')]).toEqual(['2\n', 'close']);
    await client.end();
  });

  it('what_is_pipelined_behind_the_last_request_is_dropped', async () => {
    await using bed = await serve(ROUTES, { limits: { maxRequestsPerConnection: 2 } });
    const client = (await bed.open()).send(get('/spin?20') + get('/fib?3') + get('/fib?10'));
    expect((await client.reply()).headers.has('connection')).toBe(false);
    expect((await client.reply()).headers.get('connection')).toBe('close');
    await client.end();
    await settled(bed.runtime);
  });

  it('a_connection_that_reads_slowly_is_not_idle', async () => {
    const route = { wasm: long(16 * KIB), maxOutputBytes: 2 ** 25, streamHighWaterBytes: 2 ** 25 };
    await using bed = await serve({ '/long': route }, { limits: { idleTimeoutMs: 50 } });
    const client = (await bed.open()).send(get('/long'));
    client.socket.pause();
    await eventually('it is written', () => inSystem(bed.runtime) === 1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    client.socket.resume();
    expect((await client.reply()).body.length).toBe(2 ** 24);
  });
});

describe('refused', () => {
  it.each([
    ['Expect: something\r\n', 417, 'ERR_HTTP_EXPECTATION_FAILED'],
    ['Transfer-Encoding: gzip, chunked\r\n', 501, 'ERR_HTTP_UNKNOWN_TRANSFER_CODING'],
  ])('%j', async (field, status, code) => {
    await using bed = await serve(ROUTES);
    const client = (await bed.open()).send(get('/fib?3', field));
    const reply = await client.reply();
    expect([reply.status, errorOf(reply).code]).toEqual([status, code]);
    await client.end();
  });

  it('a_HEAD_with_a_body_too_large_gets_a_head_alone', async () => {
    await using bed = await serve({ '/echo': { wasm: example('echo'), maxBodyBytes: 1 } });
    const client = (await bed.open()).send(post('/echo', 'abc').replace('POST', 'HEAD'));
    expect((await client.reply({ noBody: true })).status).toBe(413);
    await client.end();
  });

  it('connections_beyond_the_limit_get_503_and_the_others_go_on', async () => {
    await using bed = await serve(ROUTES, { limits: { maxConnections: 2 } });
    const within = [await bed.open(), await bed.open()];
    for (const client of within) expect((await client.get('/fib?3')).text).toBe('2\n');
    for (let round = 0; round < 3; round++) {
      const beyond = (await bed.open()).send(get('/fib?3'));
      const reply = await beyond.reply();
      expect([reply.status, errorOf(reply).code]).toEqual([503, 'ERR_HTTP_TOO_MANY_CONNECTIONS']);
      expect(reply.headers.get('connection')).toBe('close');
      expect(reply.headers.get('retry-after')).toBe('1');
      await beyond.end();
    }
    for (const client of within) expect((await client.get('/fib?10')).text).toBe('55\n');
    within[0]?.socket.destroy();
    // One try at a time, none of which is under way when the server goes.
    let text = '';
    for (let tries = 0; text !== '2\n' && tries < 200; tries++) {
      const client = (await bed.open()).send(get('/fib?3'));
      ({ text } = await client.reply());
    }
    expect(text).toBe('2\n');
  });

  it('so_many_beyond_the_limit_that_they_are_not_even_answered', async () => {
    await using bed = await serve(ROUTES, { limits: { maxConnections: 1 } });
    const one = await bed.open();
    await one.get('/fib?3');
    const crowd = await Promise.all(Array.from({ length: 200 }, () => bed.open()));
    await Promise.all(crowd.map(({ ended }) => ended));
    const answered = crowd.filter(({ unread }) => unread > 0).length;
    expect(answered).toBeGreaterThan(0);
    expect(answered).toBeLessThan(200);
    expect((await one.get('/fib?10')).text).toBe('55\n');
  });
});

describe('a slow sender', () => {
  const limits = { headTimeoutMs: 300, bodyTimeoutMs: 300, minBytesPerSecond: 1000 };

  /** A byte every few milliseconds: never a pause that is too long. Until the server has had enough. */
  async function drip(client: Client, text: string): Promise<void> {
    let isOver = false;
    void client.ended.then(() => {
      isOver = true;
    });
    for (let at = 0; at < text.length && !isOver; at++) {
      client.socket.write(text[at] as string);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(isOver).toBe(true);
  }

  it.each([
    ['head', get('/fib', `X: ${'x'.repeat(1000)}\r\n`), 'ERR_HTTP_HEAD_TIMEOUT'],
    ['body', post('/echo', 'x'.repeat(1000)), 'ERR_HTTP_BODY_TIMEOUT'],
  ])('of_a_%s_byte_by_byte_gets_408', async (part, text, code) => {
    await using bed = await serve(ROUTES, { limits });
    const client = await bed.open();
    const whole = part === 'body' ? text.indexOf('\r\n\r\n') + 4 : 0;
    client.send(text.slice(0, whole));
    await drip(client, text.slice(whole));
    expect(errorOf(await client.reply()).code).toBe(code);
    await settled(bed.runtime);
  });

  it('of_a_body_who_keeps_the_rate_is_waited_for', async () => {
    await using bed = await serve(ROUTES, { limits: { ...limits, minBytesPerSecond: 1 } });
    const client = (await bed.open()).send(post('/echo', 'x'.repeat(100)).slice(0, -100));
    await client.dribble(Buffer.alloc(60, 'x'), 1);
    for (let i = 0; i < 40; i++) {
      client.socket.write('x');
      await new Promise((resolve) => setTimeout(resolve, 12));
    }
    expect((await client.reply()).text).toBe('x'.repeat(100));
  });
});

describe('a slow reader', () => {
  const stream = { wasm: long(2 ** 30), maxOutputBytes: Number.POSITIVE_INFINITY };

  it('who_takes_nothing_loses_its_functions_at_the_write_timeout', async () => {
    await using bed = await serve(
      { ...ROUTES, '/stream': stream },
      { limits: { writeTimeoutMs: 100 } },
    );
    const client = (await bed.open()).send(get('/stream') + get('/spin?forever'));
    await client.head();
    client.socket.pause();
    await settled(bed.runtime);
    client.socket.resume();
    await client.rest();
  });

  it('of_a_long_write_that_goes_on_is_not_cut_off', async () => {
    // One write of 32 MiB: as a whole it takes longer than the timeout, its pieces do not.
    const route = { wasm: long(32 * KIB), maxOutputBytes: 2 ** 26, streamHighWaterBytes: 2 ** 26 };
    await using bed = await serve(
      { '/long': route },
      { bodyMemoryBytes: 2 ** 26, limits: { writeTimeoutMs: 400, minBytesPerSecond: 1 } },
    );
    const socket = connect({ port: bed.port, host: '127.0.0.1' });
    let bytes = 0;
    const over = new Promise<void>((resolve) => socket.on('close', () => resolve()));
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      // About 2 s for all.
      socket.pause();
      setTimeout(() => socket.resume(), chunk.length / 2 ** 14);
    });
    socket.write(get('/long', 'Connection: close\r\n'));
    await over;
    expect(bytes).toBeGreaterThan(2 ** 25);
    await settled(bed.runtime);
  });

  it('of_the_last_answer_has_as_long_as_of_any_other', async () => {
    const route = { wasm: long(16 * KIB), maxOutputBytes: 2 ** 25, streamHighWaterBytes: 2 ** 25 };
    await using bed = await serve({ '/long': route });
    const client = (await bed.open()).send(get('/long', 'Connection: close\r\n'));
    client.socket.pause();
    // Longer than a connection whose last answer is taken lingers.
    await new Promise((resolve) => setTimeout(resolve, 2200));
    client.socket.resume();
    expect((await client.reply()).body.length).toBe(2 ** 24);
    await client.end();
  });

  it('of_pipelined_answers_stops_the_reading_of_requests', async () => {
    await using bed = await serve(ROUTES);
    const client = await bed.open();
    client.socket.pause();
    const request = post('/echo', 'x'.repeat(4000));
    const count = 8000;
    // 32 MB each way: more than the kernel holds for both sides.
    for (let i = 0; i < count; i++) client.socket.write(request);
    const completed = await completedAtLast(bed);
    // The rest waits on the client's side.
    expect(completed).toBeLessThan(count - 1000);
    expect(client.socket.writableLength).toBeGreaterThan(request.length * 1000);
    client.socket.resume();
    for (let i = 0; i < count; i++) expect((await client.reply()).status).toBe(200);
  });
});

/** What the key "on" holds. */
const ON = luge(`(data (i32.const 0) "on") (func (export "handle")
  (if (i32.gt_s (call $kv_get (i32.const 0) (i32.const 2) (i32.const 64) (i32.const 8)) (i32.const 0))
    (then (drop (call $write (i32.const 64) (i32.const 1))))))`);

describe('a function that fails behind its head', () => {
  const routes = {
    ...ROUTES,
    '/trap': { wasm: TRAP },
    '/go': { wasm: GO },
    '/on': { wasm: ON },
    '/long': { wasm: long(16 * KIB), maxOutputBytes: 2 ** 25, streamHighWaterBytes: 2 ** 25 },
  };

  it('does_not_destroy_answers_before_it_that_are_not_taken_yet', async () => {
    await using bed = await serve(routes, { workers: 2 });
    const client = await bed.open();
    client.send(get('/long') + get('/trap') + get('/fib?3'));
    // Whole with the socket when its head comes, and too long to be so with the kernel.
    await client.head();
    client.socket.pause();
    const other = await bed.open();
    while ((await other.get('/on')).text === '');
    await (await bed.open()).get('/go');
    // The first two are held until they are taken; the third is dropped.
    await eventually('the second has failed', () => inSystem(bed.runtime) === 2);
    client.socket.resume();
    const rest = await client.rest();
    expect(rest.subarray(0, 2 ** 24).every((byte) => byte === 120)).toBe(true);
    const trapped = rest.toString('latin1', 2 ** 24);
    expect(trapped).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n3\r\none\r\n$/);
    await settled(bed.runtime);
  });

  it('is_a_whole_answer_where_there_is_no_body', async () => {
    await using bed = await serve(routes);
    const client = (await bed.open()).send(get('/trap').replace('GET', 'HEAD'));
    expect((await client.reply({ noBody: true })).status).toBe(200);
    await (await bed.open()).get('/go');
    expect((await client.get('/fib?3')).text).toBe('2\n');
  });
});

describe('a drain', () => {
  it('tells_who_is_answered_last_and_lets_it_end', async () => {
    await using bed = await serve(ROUTES, { scheduler: 'rr' });
    const client = (await bed.open()).send(get('/spin?200') + get('/fib?10'));
    const idle = await bed.open();
    await idle.get('/fib?3');
    await eventually('both are taken', () => inSystem(bed.runtime) > 0);
    const closed = bed.server.close(5000);
    await idle.end();
    const replies = [await client.reply(), await client.reply()];
    expect(replies.map(({ text }) => text)).toEqual(['spun 200 ms\n', '55\n']);
    expect(replies.map(({ headers }) => headers.get('connection'))).toEqual([undefined, 'close']);
    await client.end();
    await closed;
  });

  it('waits_for_a_body_that_is_on_its_way', async () => {
    await using bed = await serve(ROUTES);
    const client = (await bed.open()).send(get('/spin?100') + post('/echo', 'abc').slice(0, -1));
    await eventually('the first is taken', () => inSystem(bed.runtime) === 1);
    const closed = bed.server.close(5000);
    expect((await client.reply()).headers.has('connection')).toBe(false);
    const last = await client.send('c').reply();
    expect([last.text, last.headers.get('connection')]).toEqual(['abc', 'close']);
    await client.end();
    await closed;
  });

  it('cuts_off_at_its_deadline_what_has_not_ended', async () => {
    await using bed = await serve(ROUTES);
    const client = (await bed.open()).send(get('/spin?forever'));
    await eventually('it is taken', () => inSystem(bed.runtime) === 1);
    await bed.server.close(100);
    await client.end();
    await settled(bed.runtime);
  });
});
