/** HTTP/2 request bodies that come in while their functions run. */
import { constants } from 'node:http2';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ECHO, luge } from '../core/guests.ts';
import { H2Client, headOf, replyOf } from './h2-client.ts';
import { eventually, inSystem, serve, settled, type TestServer, within } from './server.ts';

const KIB = 1024;
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

/** Answers 'early' without a look at its body. */
const EARLY = luge(`(data (i32.const 0) "early")
  (func (export "handle") (drop (call $write (i32.const 0) (i32.const 5))))`);

/** Reads five bytes, sleeps until it is ended. */
const FIVE = luge(`(func (export "handle")
  (drop (call $body_read (i32.const 0) (i32.const 0) (i32.const 5)))
  (call $sleep (i64.const 600000000000)))`);

/** Reads five bytes, and answers when more has come than may wait for it. */
const FIVE_AND_END = luge(`(data (i32.const 0) "end") (func (export "handle")
  (drop (call $body_read (i32.const 0) (i32.const 8) (i32.const 5)))
  (call $sleep (i64.const 200000000))
  (drop (call $write (i32.const 0) (i32.const 3))))`);

const LARGE = { maxBodyBytes: 2 ** 28, maxOutputBytes: 2 ** 30 };

let server: TestServer;
let client: H2Client;

beforeAll(async () => {
  server = await serve(
    {
      '/at-once': { wasm: ECHO_AT_ONCE, ...STREAM, ...LARGE },
      '/echo': { wasm: ECHO, ...STREAM, ...LARGE },
      '/early': { wasm: EARLY, ...STREAM, ...LARGE },
      '/five': { wasm: FIVE, ...STREAM, ...LARGE, requestHighWaterBytes: 65_536 },
      '/small': { wasm: ECHO, ...STREAM, maxBodyBytes: 100 },
      '/small-at-once': { wasm: ECHO_AT_ONCE, ...STREAM, maxBodyBytes: 100 },
    },
    { limits: { http2: 'h2c', bodyTimeoutMs: 400 }, bodyMemoryBytes: 16 * 2 ** 20 },
  );
  client = new H2Client(server.port);
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await settled(server.runtime);
  await server[Symbol.asyncDispose]();
});

const post = (path: string): ReturnType<H2Client['open']> =>
  client.open({ ':method': 'POST', ':path': path });

it('a_function_answers_what_it_has_before_the_rest_is_sent', async () => {
  const stream = post('/at-once');
  stream.write('one');
  const piece = (): Promise<string> =>
    within(new Promise((resolve) => stream.once('data', (bytes) => resolve(String(bytes)))), 'it');
  expect(await piece()).toBe('one');
  stream.write('two');
  expect(await piece()).toBe('two');
  const reply = replyOf(stream);
  stream.end();
  expect(await reply).toMatchObject({ text: '', code: 0 });
});

it.each(['/at-once', '/echo'])('two_megabytes_come_through_%s', async (path) => {
  const body = Buffer.alloc(2048 * KIB, 'abcdefg');
  for (const fields of [{}, { 'content-length': body.length }]) {
    const reply = await client.post(path, body, fields);
    expect(reply.status).toBe(200);
    expect(reply.body.equals(body)).toBe(true);
  }
});

it('a_guest_that_does_not_read_stops_its_client_whose_time_does_not_run', async () => {
  const stream = post('/five');
  const body = Buffer.alloc(1024 * KIB);
  stream.write(body);
  await eventually('no more is taken', () => {
    const { chunks, chunksFree } = server.runtime.stats();
    return chunks - chunksFree >= 4;
  });
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const { chunks, chunksFree } = server.runtime.stats();
  expect(chunks - chunksFree).toBeLessThan(16);
  expect(stream.writableLength).toBe(body.length);
  expect(stream.closed).toBe(false);
  stream.close(constants.NGHTTP2_CANCEL);
  await settled(server.runtime);
});

it('a_function_that_ends_before_its_body_is_answered_and_the_rest_refused', async () => {
  const stream = post('/early');
  stream.write(Buffer.alloc(300 * KIB));
  expect(await replyOf(stream)).toMatchObject({ status: 200, text: 'early', code: 0 });
  await settled(server.runtime);
});

it('a_function_that_ends_while_its_client_is_stopped_leaves_nothing_open', async () => {
  const options = { limits: { http2: 'h2c', idleTimeoutMs: 300 } } as const;
  const route = { wasm: FIVE_AND_END, ...STREAM, ...LARGE, requestHighWaterBytes: 4096 };
  await using own = await serve({ '/': route }, options);
  await using connection = new H2Client(own.port);
  const stream = connection.open({ ':method': 'POST', ':path': '/' });
  stream.write(Buffer.alloc(300 * KIB));
  expect(await replyOf(stream)).toMatchObject({ status: 200, text: 'end', code: 0 });
  // A session with an open stream is never idle.
  await within(connection.closed, 'the end of the session');
  await settled(own.runtime);
});

it('a_body_that_stops_coming_gets_408', async () => {
  const stream = post('/echo');
  stream.write('begun');
  const { status, text } = await replyOf(stream);
  expect(status).toBe(408);
  expect(JSON.parse(text).error.code).toBe('ERR_HTTP_BODY_TIMEOUT');
  await settled(server.runtime);
});

it('a_body_that_is_too_long_is_413_or_cuts_what_has_begun', async () => {
  const reply = await client.post('/small', Buffer.alloc(101));
  expect(reply.status).toBe(413);
  const stream = post('/small-at-once');
  stream.write('begun');
  await headOf(stream);
  const torn = replyOf(stream);
  stream.write(Buffer.alloc(100));
  expect((await torn).code).toBe(constants.NGHTTP2_INTERNAL_ERROR);
  await settled(server.runtime);
});

it('a_client_is_told_to_continue_when_its_body_is_read', async () => {
  const headers = { ':method': 'POST', ':path': '/echo', expect: '100-continue' };
  const stream = client.open(headers);
  const reply = replyOf(stream);
  await within(new Promise((resolve) => stream.once('continue', resolve)), '100');
  stream.end('body');
  expect((await reply).text).toBe('body');
  const early = client.open({ ...headers, ':path': '/early' });
  let isTold = false;
  early.once('continue', () => {
    isTold = true;
  });
  expect((await replyOf(early)).text).toBe('early');
  expect(isTold).toBe(false);
});

it('a_client_that_was_not_told_to_go_on_is_not_late', async () => {
  const wasm = luge(`(func (export "handle")
    (call $sleep (i64.const 1500000000))
    (drop (call $write (i32.const 0)
      (call $body_read (i32.const 0) (i32.const 0) (i32.const 5)))))`);
  const limits = { http2: 'h2c', bodyTimeoutMs: 600 } as const;
  await using own = await serve({ '/': { wasm, ...STREAM } }, { limits });
  await using other = new H2Client(own.port);
  const asks = () => other.open({ ':method': 'POST', ':path': '/', expect: '100-continue' });
  const [told, late] = [asks(), asks()];
  const replies = [replyOf(told), replyOf(late)];
  told.once('continue', () => told.end('hello'));
  expect((await replies[0])?.text).toBe('hello');
  // From the 100 on it is.
  expect((await replies[1])?.status).toBe(408);
  await settled(own.runtime);
});

it('a_client_that_goes_in_the_middle_cancels_its_function', async () => {
  const stream = post('/echo');
  stream.write('half');
  await eventually('it is there', () => inSystem(server.runtime) === 1);
  stream.close(constants.NGHTTP2_CANCEL);
  await settled(server.runtime);
});
