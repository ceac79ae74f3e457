/** Responses that go out while their functions run, over real sockets. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { luge, wat } from '../core/guests.ts';
import {
  type Client,
  errorOf,
  eventually,
  example,
  get,
  inSystem,
  serve,
  settled,
  type TestRoute,
  type TestServer,
} from './server.ts';

const KIB = 1024;
const UNLIMITED = Number.POSITIVE_INFINITY;

/** Writes "one", flushes, waits until the key "go" is there, writes "two" and does what `end` says. */
function twoParts(end = ''): Uint8Array {
  return luge(`(data (i32.const 0) "onetwogox-a1")
    (func (export "handle")
      (drop (call $set_header (i32.const 8) (i32.const 3) (i32.const 11) (i32.const 1)))
      (drop (call $write (i32.const 0) (i32.const 3)))
      (drop (call $flush))
      (loop $wait
        (call $sleep (i64.const 1000000))
        (br_if $wait (i32.lt_s (call $kv_get (i32.const 6) (i32.const 2) (i32.const 64) (i32.const 8))
          (i32.const 0))))
      (drop (call $write (i32.const 3) (i32.const 3)))
      ${end})`);
}

const GO = luge(`(data (i32.const 0) "go") (func (export "handle")
  (drop (call $kv_set (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 1) (i64.const 0))))`);
const STOP = luge(`(data (i32.const 0) "go") (func (export "handle")
  (drop (call $kv_delete (i32.const 0) (i32.const 2))))`);

/** KiB after KiB for ever; each is its number modulo 251. */
const ENDLESS = luge(`(func (export "handle") (local $i i32) (loop $more
  (memory.fill (i32.const 0) (i32.rem_u (local.get $i) (i32.const 251)) (i32.const 1024))
  (drop (call $write (i32.const 0) (i32.const 1024)))
  (local.set $i (i32.add (local.get $i) (i32.const 1)))
  (br $more)))`);

/** 3000 KiB like that. */
const LONG = luge(`(func (export "handle") (local $i i32) (loop $more
  (memory.fill (i32.const 0) (i32.rem_u (local.get $i) (i32.const 251)) (i32.const 1024))
  (drop (call $write (i32.const 0) (i32.const 1024)))
  (local.set $i (i32.add (local.get $i) (i32.const 1)))
  (br_if $more (i32.lt_u (local.get $i) (i32.const 3000)))))`);

const CGI = wat(`(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "luge" "flush" (func $flush (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "Status: 202\\nX-A: 1\\n\\nbody of it\\n")
  (func (export "_start")
    (if (i32.ne (call $flush) (i32.const 28)) (then unreachable))
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 31))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (if (call $flush) (then unreachable))))`);

function expectCounted(body: Uint8Array, from = 0): void {
  const wrong = body.findIndex((byte, at) => byte !== Math.floor((from + at) / KIB) % 251);
  expect(wrong).toBe(-1);
}

const ROUTES: Record<string, TestRoute> = {
  '/two': { wasm: twoParts(), contentType: 'text/x' },
  '/trap': { wasm: twoParts('unreachable') },
  '/late': { wasm: twoParts(), deadlineMs: 100 },
  '/go': { wasm: GO },
  '/stop': { wasm: STOP },
  '/endless': { wasm: ENDLESS, maxOutputBytes: UNLIMITED, streamHighWaterBytes: 65_536 },
  '/brief': { wasm: ENDLESS, maxOutputBytes: UNLIMITED, deadlineMs: 300 },
  '/long': { wasm: LONG },
  '/whole': { wasm: LONG, streamHighWaterBytes: 2 ** 22 },
  '/cgi': { wasm: CGI, response: 'cgi' },
  '/fib': { wasm: example('fib') },
};

let server: TestServer;

beforeAll(async () => {
  server = await serve(ROUTES, { bodyMemoryBytes: 8 * 2 ** 20 });
});

afterAll(async () => {
  await settled(server.runtime);
  await server[Symbol.asyncDispose]();
});

/** Lets the functions that wait go on. */
async function go(isOn = true): Promise<void> {
  const client = await server.open();
  await client.get(isOn ? '/go' : '/stop');
  client.socket.destroy();
}

async function begin(request: string): Promise<{ client: Client; head: string }> {
  await go(false);
  const client = await server.open();
  return { client, head: await client.send(request).head() };
}

describe('a flush', () => {
  it('brings_the_head_and_a_chunk_while_the_function_runs', async () => {
    const { client, head } = await begin(get('/two'));
    expect(head).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(head).toMatch(/\r\nTransfer-Encoding: chunked/);
    expect(head).toMatch(/\r\nContent-Type: text\/x/);
    expect(head).toMatch(/\r\nx-a: 1/);
    expect(head).not.toMatch(/Content-Length/);
    expect((await client.chunk()).toString()).toBe('one');
    expect(inSystem(server.runtime)).toBe(1);
    await go();
    expect((await client.chunk()).toString()).toBe('two');
    expect((await client.chunk()).length).toBe(0);
    // The connection is as good as before.
    expect((await client.get('/fib?10')).text).toBe('55\n');
  });

  it('ends_with_the_connection_in_http_1_0', async () => {
    const { client, head } = await begin('GET /two HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
    expect(head).not.toMatch(/Transfer-Encoding|Content-Length/);
    expect(head).toMatch(/\r\nConnection: close/);
    await go();
    expect((await client.rest()).toString()).toBe('onetwo');
  });

  it('drops_what_http_1_0_asked_for_behind_it', async () => {
    const one = 'HTTP/1.0\r\nConnection: keep-alive\r\n\r\n';
    const { client } = await begin(`GET /two ${one}GET /two ${one}GET /fib?3 ${one}`);
    await go();
    expect((await client.rest()).toString()).toBe('onetwo');
    await settled(server.runtime);
  });

  it.each(['1.0', '1.1'])('brings_a_head_alone_for_HEAD_in_http_%s', async (version) => {
    const fields = 'Host: t\r\nConnection: keep-alive\r\n\r\n';
    const { client, head } = await begin(`HEAD /two HTTP/${version}\r\n${fields}`);
    expect(head).toMatch(/\r\nx-a: 1/);
    await go();
    client.send(`GET /fib?10 HTTP/${version}\r\n${fields}`);
    expect((await client.reply()).text).toBe('55\n');
  });

  it('waits_for_a_cgi_head', async () => {
    const client = await server.open();
    const reply = await client.get('/cgi');
    expect([reply.status, reply.headers.get('x-a'), reply.text]).toEqual([
      202,
      '1',
      'body of it\n',
    ]);
    expect(reply.headers.get('transfer-encoding')).toBe('chunked');
  });

  it('keeps_the_order_of_a_pipeline', async () => {
    const { client, head } = await begin(
      `${get('/two')}${get('/fib?10')}${get('/long')}${get('/two')}${get('/fib?3')}`,
    );
    expect(head).toMatch(/chunked/);
    await go();
    expect((await client.chunk()).toString()).toBe('one');
    expect((await client.chunk()).toString()).toBe('two');
    expect((await client.chunk()).length).toBe(0);
    expect((await client.reply()).text).toBe('55\n');
    const long = await client.reply();
    expect(long.body.length).toBe(3000 * KIB);
    expectCounted(long.body);
    expect((await client.reply()).text).toBe('onetwo');
    expect((await client.reply()).text).toBe('2\n');
  });
});

describe('a long response', () => {
  it('goes_out_in_parts_past_the_mark_and_whole_below_it', async () => {
    const client = await server.open();
    const parts = await client.get('/long');
    expect(parts.headers.get('transfer-encoding')).toBe('chunked');
    expectCounted(parts.body);
    const whole = await client.get('/whole');
    expect(whole.headers.get('content-length')).toBe(String(3000 * KIB));
    expect(whole.body.equals(parts.body)).toBe(true);
  });

  it('comes_to_an_http_1_0_client_as_it_is', async () => {
    const client = await server.open();
    client.send('GET /long HTTP/1.0\r\n\r\n');
    await client.head();
    const body = await client.rest();
    expect(body.length).toBe(3000 * KIB);
    expectCounted(body);
  });

  it('is_thrown_away_for_HEAD', async () => {
    const client = await server.open();
    client.send('HEAD /long HTTP/1.1\r\nHost: t\r\n\r\n');
    expect((await client.reply({ noBody: true })).headers.get('transfer-encoding')).toBe('chunked');
    expect((await client.get('/fib?10')).text).toBe('55\n');
  });
});

describe('a slow reader', () => {
  it('stops_its_guest_and_nobody_else', async () => {
    const { runtime } = server;
    const client = await server.open();
    client.send(get('/endless'));
    await client.head();
    client.socket.pause();
    // The guest is stopped when the kernel's buffers and the mark are full: nothing runs then.
    const preemptions = (): number => runtime.stats().workers[0]?.parks ?? 0;
    const used = (): number => runtime.stats().chunks - runtime.stats().chunksFree;
    let last = -1;
    await eventually('the guest stands still', () => {
      const now = client.socket.bytesRead + used();
      const isSame = now === last && preemptions() > 0;
      last = now;
      return isSame;
    });
    // 64 KiB and one write.
    for (let look = 0; look < 50; look++) {
      expect(used()).toBeLessThanOrEqual(6);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const other = await server.open();
    expect((await other.get('/fib?10')).text).toBe('55\n');
    client.socket.resume();
    let body = 0;
    while (body < 2 ** 23) {
      const chunk = await client.chunk();
      expectCounted(chunk, body);
      body += chunk.length;
    }
    client.socket.destroy();
    await settled(runtime);
  });

  it('that_goes_away_in_the_middle_leaves_nothing', async () => {
    for (let round = 0; round < 10; round++) {
      const client = await server.open();
      client.send(get('/endless'));
      await client.head();
      await client.chunk();
      if (round % 2 === 0) client.socket.resetAndDestroy();
      else client.socket.destroy();
    }
    await settled(server.runtime);
  });

  it('is_cut_off_at_the_deadline_of_its_function', async () => {
    const client = await server.open();
    client.send(get('/brief'));
    await client.head();
    client.socket.pause();
    await eventually('the slot is back', () => inSystem(server.runtime) === 0);
    client.socket.resume();
    const rest = await client.rest();
    expect(rest.subarray(-5).toString()).not.toBe('0\r\n\r\n');
    await settled(server.runtime);
  });
});

describe('a function that fails', () => {
  it('behind_its_head_ends_the_connection_without_a_last_chunk', async () => {
    const { client } = await begin(get('/trap') + get('/fib?10'));
    expect((await client.chunk()).toString()).toBe('one');
    await go();
    const rest = await client.rest();
    expect(rest.toString()).not.toMatch(/0\r\n\r\n|HTTP/);
    await settled(server.runtime);
  });

  it('behind_its_head_resets_an_http_1_0_connection', async () => {
    const { client } = await begin('GET /trap HTTP/1.0\r\n\r\n');
    const code = new Promise((resolve) =>
      client.socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code)),
    );
    await go();
    expect(await code).toBe('ECONNRESET');
    await settled(server.runtime);
  });

  it('at_its_deadline_in_a_host_call_ends_the_connection', async () => {
    const { client } = await begin(get('/late'));
    expect((await client.chunk()).toString()).toBe('one');
    expect((await client.rest()).length).toBe(0);
    await settled(server.runtime);
  });

  it('before_its_turn_in_the_pipeline_is_an_error_like_any_other', async () => {
    const { client } = await begin(get('/two') + get('/late'));
    await eventually('the second has failed', () => inSystem(server.runtime) === 2);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await go();
    for (let chunk = await client.chunk(); chunk.length > 0; chunk = await client.chunk());
    expect(errorOf(await client.reply()).code).toBe('ERR_DEADLINE');
  });
});

it('a_worker_that_is_killed_ends_its_streams_and_leaves_nothing', async () => {
  for (let round = 0; round < 3; round++) {
    const clients = await Promise.all([server.open(), server.open(), server.open()]);
    for (const client of clients) await client.send(get('/endless')).head();
    clients[0]?.socket.pause();
    await server.runtime.killWorker(0);
    clients[0]?.socket.resume();
    for (const client of clients) {
      const rest = await client.rest();
      expect(rest.subarray(-5).toString()).not.toBe('0\r\n\r\n');
    }
    await settled(server.runtime);
  }
  expect((await (await server.open()).get('/fib?10')).text).toBe('55\n');
});

it('a_reader_that_stands_still_is_cut_off', async () => {
  const route = { wasm: ENDLESS, maxOutputBytes: UNLIMITED };
  await using still = await serve({ '/endless': route }, { limits: { writeTimeoutMs: 100 } });
  const client = await still.open();
  client.send(get('/endless'));
  await client.head();
  client.socket.pause();
  await settled(still.runtime);
  client.socket.resume();
  expect((await client.rest()).subarray(-5).toString()).not.toBe('0\r\n\r\n');
});

it('a_server_that_drains_lets_a_stream_end', async () => {
  await using draining = await serve({ '/two': { wasm: twoParts() }, '/go': { wasm: GO } });
  const [client, other] = [await draining.open(), await draining.open()];
  await client.send(get('/two')).head();
  expect((await client.chunk()).toString()).toBe('one');
  await other.get('/go');
  const closed = draining.server.close(5000);
  expect((await client.chunk()).toString()).toBe('two');
  expect((await client.chunk()).length).toBe(0);
  await client.end();
  await closed;
  await settled(draining.runtime);
});
