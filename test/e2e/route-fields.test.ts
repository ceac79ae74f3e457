/** What routes add to requests and answers, on real sockets. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RouteFieldSettings } from '../../src/http/index.ts';
import { ECHO, luge } from '../core/guests.ts';
import { H2Client } from './h2-client.ts';
import {
  type Client,
  chunkedHead,
  eventually,
  example,
  get,
  post,
  type Reply,
  serve,
  settled,
  type TestServer,
} from './server.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const APP = 'https://app.example';

/** Answers the value of the request header that its query names, or `-`; with a header of its own, and in parts if the body says so. */
const ECHO_HEADER = luge(`(data (i32.const 0) "-Cache-ControlprivateVaryAccept")
  (func (export "handle") (local $n i32)
    (drop (call $set_header (i32.const 1) (i32.const 13) (i32.const 14) (i32.const 7)))
    (drop (call $set_header (i32.const 21) (i32.const 4) (i32.const 25) (i32.const 6)))
    (if (call $body_size) (then (drop (call $flush))))
    (local.set $n (call $header
      (i32.const 100) (call $query (i32.const 100) (i32.const 100)) (i32.const 300) (i32.const 900)))
    (if (i32.lt_s (local.get $n) (i32.const 0))
      (then (drop (call $write (i32.const 0) (i32.const 1))))
      (else (drop (call $write (i32.const 300) (local.get $n))))))`);
/** Sets Access-Control-Allow-Origin itself. */
const OWN_CORS = luge(`(data (i32.const 0) "Access-Control-Allow-Originhttps://own.example")
  (func (export "handle")
    (drop (call $set_header (i32.const 0) (i32.const 27) (i32.const 27) (i32.const 19))))`);

const HEADERS = {
  'Cache-Control': 'max-age=60',
  'X-Frame-Options': 'DENY',
  'Content-Language': 'en',
};
const CORS = { origins: [APP], credentials: true };

describe('route fields', () => {
  let bed: TestServer;
  let client: Client;
  const lines: string[] = [];
  beforeAll(async () => {
    const of = (adds: RouteFieldSettings, wasm = ECHO_HEADER) => ({
      wasm,
      adds,
      maxBodyBytes: 100,
    });
    bed = await serve(
      {
        '/plain': { ...of({}, example('empty')), maxBodyBytes: 1000 },
        '/headers': of({ headers: HEADERS }),
        '/lists': of({ headers: { Vary: 'Cookie' }, cors: CORS }),
        '/empty': of({ headers: HEADERS, serverTiming: true }, example('empty')),
        '/fails': of(
          { headers: HEADERS, cors: CORS, requestId: {}, serverTiming: true },
          example('trap'),
        ),
        '/cors': of({ cors: CORS }),
        '/own-cors': of({ cors: { origins: ['*'] } }, OWN_CORS),
        '/id': of({ requestId: { trust: true } }),
        '/new-id': of({ requestId: { header: 'X-Call' } }),
        '/takes': { ...of({ cors: CORS, requestId: {} }), requestBody: 'stream' },
        '/reads': { ...of({ cors: CORS, requestId: {} }, ECHO), requestBody: 'stream' },
        '/trace': of({ traceContext: true }),
        '/timed': of({ serverTiming: true }),
      },
      { limits: { http2: 'h2c' }, onAccess: (line) => lines.push(line) },
    );
    client = await bed.open();
  });
  afterAll(() => bed[Symbol.asyncDispose]());
  afterEach(() => settled(bed.runtime));

  /** All values of a field, as they stand in the head. */
  const valuesOf = (reply: Reply, name: string): string[] =>
    reply.fields.filter(([field]) => field.toLowerCase() === name).map(([, value]) => value);

  it('a_route_that_adds_nothing_says_what_it_did', async () => {
    const reply = await client.get('/plain');
    expect([...reply.headers.keys()]).toEqual(['date', 'content-length']);
  });

  it('headers_go_beside_what_the_function_has_not_set_itself', async () => {
    const reply = await client.get('/headers?none');
    expect(valuesOf(reply, 'cache-control')).toEqual(['private']);
    expect(valuesOf(reply, 'x-frame-options')).toEqual(['DENY']);
    expect(valuesOf(await client.get('/empty'), 'cache-control')).toEqual(['max-age=60']);
  });

  it('what_is_a_list_is_added_to_though_the_function_has_set_it', async () => {
    const reply = await client.get('/lists?none');
    expect(valuesOf(reply, 'vary').sort()).toEqual(['Accept', 'Cookie', 'Origin']);
  });

  it('a_function_sees_the_host_by_which_it_was_found', async () => {
    const ask = async (target: string, ...more: string[]): Promise<string> => {
      client.send(get(target, more.join('')));
      return (await client.reply()).text;
    };
    expect(await ask('/headers?host')).toBe('test');
    expect(await ask('http://a.example:80/headers?host')).toBe('a.example:80');
    expect(await ask('http://a.example/id?host', 'X-Request-Id: 9\r\n')).toBe('a.example');
    expect(await ask('http://a.example/new-id?host')).toBe('a.example');
    client.send(chunkedHead('http://a.example/takes?host'), '1\r\nx\r\n0\r\n\r\n');
    expect((await client.reply()).text).toBe('a.example');
  });

  it('headers_of_a_response_that_is_streamed', async () => {
    const reply = await client.send(post('/headers?none', 'x')).reply();
    expect(reply.headers.get('transfer-encoding')).toBe('chunked');
    expect(valuesOf(reply, 'x-frame-options')).toEqual(['DENY']);
    expect(reply.text).toBe('-');
  });

  it('an_error_gets_what_is_not_about_the_content', async () => {
    client.send(get('/fails', `Origin: ${APP}\r\n`));
    const reply = await client.reply();
    expect([reply.status, valuesOf(reply, 'x-frame-options')]).toEqual([500, ['DENY']]);
    expect(valuesOf(reply, 'cache-control')).toEqual([]);
    expect(valuesOf(reply, 'content-language')).toEqual([]);
    expect(valuesOf(reply, 'access-control-allow-origin')).toEqual([APP]);
    expect(valuesOf(reply, 'vary')).toEqual(['Origin']);
    const id = reply.headers.get('x-request-id');
    expect(id).toMatch(UUID);
    expect(JSON.parse(reply.text)).toMatchObject({ error: { code: 'ERR_TRAP', requestId: id } });
    expect(reply.headers.get('server-timing')).toMatch(/run;dur=\d+\.\d{3}/);
  });

  it('an_error_before_the_function_gets_them_too', async () => {
    client.send(get('/fails', `Origin: ${APP}\r\nX-Timeout-Ms: never\r\n`));
    const refused = await client.reply();
    expect([refused.status, valuesOf(refused, 'access-control-allow-origin')]).toEqual([
      400,
      [APP],
    ]);
    expect(refused.headers.has('server-timing')).toBe(false);
    expect(refused.text).toContain(refused.headers.get('x-request-id') as string);

    const large = await bed.open();
    large.send(`POST /fails HTTP/1.1\r\nHost: h\r\nOrigin: ${APP}\r\nContent-Length: 101\r\n\r\n`);
    const reply = await large.reply();
    expect([reply.status, valuesOf(reply, 'access-control-allow-origin')]).toEqual([413, [APP]]);

    const broken = await bed.open();
    broken.send(chunkedHead('/fails', `Origin: ${APP}\r\n`), 'no chunk');
    expect(valuesOf(await broken.reply(), 'access-control-allow-origin')).toEqual([APP]);
  });

  it('what_a_request_adds_ends_with_it', async () => {
    client.send(get('/fails', `Origin: ${APP}\r\n`), get('/plain'), get('/none'));
    await client.reply();
    expect([...(await client.reply()).headers.keys()]).toEqual(['date', 'content-length']);
    expect([...(await client.reply()).headers.keys()].sort()).toEqual([
      'content-length',
      'content-type',
      'date',
    ]);
    const broken = await bed.open();
    broken.send(get('/fails', `Origin: ${APP}\r\n`), 'no request\r\n\r\n');
    await broken.reply();
    expect((await broken.reply()).headers.has('access-control-allow-origin')).toBe(false);
  });

  it('cors_answers_and_preflights', async () => {
    client.send(
      get('/cors?none', `Origin: ${APP}\r\n`),
      get('/cors?none', 'Origin: https://evil.test\r\n'),
    );
    const allowed = await client.reply();
    expect(valuesOf(allowed, 'access-control-allow-origin')).toEqual([APP]);
    expect(valuesOf(allowed, 'access-control-allow-credentials')).toEqual(['true']);
    expect(valuesOf(allowed, 'vary').sort()).toEqual(['Accept', 'Origin']);
    const other = await client.reply();
    expect(valuesOf(other, 'access-control-allow-origin')).toEqual([]);
    expect([other.status, valuesOf(other, 'vary').sort()]).toEqual([200, ['Accept', 'Origin']]);

    const before = bed.runtime.stats().workers[0]?.completed;
    client.send(
      `OPTIONS /cors HTTP/1.1\r\nHost: h\r\nOrigin: ${APP}\r\nAccess-Control-Request-Method: PUT\r\n\r\n`,
    );
    const preflight = await client.reply();
    expect(preflight.status).toBe(204);
    expect(preflight.headers.has('content-length')).toBe(false);
    expect(valuesOf(preflight, 'access-control-allow-methods')).toEqual(['PUT']);
    expect(valuesOf(preflight, 'access-control-allow-origin')).toEqual([APP]);
    expect(bed.runtime.stats().workers[0]?.completed).toBe(before);
  });

  it('a_function_that_speaks_of_origins_itself_is_not_contradicted', async () => {
    client.send(get('/own-cors', `Origin: ${APP}\r\n`));
    expect(valuesOf(await client.reply(), 'access-control-allow-origin')).toEqual([
      'https://own.example',
    ]);
  });

  it('a_request_id_goes_to_the_function_into_the_answer_and_into_the_log', async () => {
    client.send(
      get('/id?x-request-id', 'X-Request-Id: call-7\r\n'),
      get('/new-id?x-call', 'x-call: call-8\r\n'),
    );
    const trusted = await client.reply();
    expect([trusted.text, valuesOf(trusted, 'x-request-id')]).toEqual(['call-7', ['call-7']]);
    const made = await client.reply();
    expect(made.text).toMatch(UUID);
    expect(valuesOf(made, 'x-call')).toEqual([made.text]);
    const wanted = [`GET /id?x-request-id call-7`, `GET /new-id?x-call ${made.text}`];
    await expect
      .poll(() => wanted.every((end) => lines.some((line) => line.endsWith(end))))
      .toBe(true);
    await client.get('/plain');
    await expect.poll(() => lines.some((line) => line.endsWith('GET /plain'))).toBe(true);
  });

  it('a_request_id_with_a_body', async () => {
    const reply = await client.send(post('/new-id?x-call', 'body')).reply();
    expect(reply.text).toMatch(UUID);
    expect(reply.headers.get('x-call')).toBe(reply.text);
  });

  it('a_body_that_streams_and_one_that_breaks_have_what_the_request_brought', async () => {
    const reply = await client
      .send(post('/takes?x-request-id', 'body', `Origin: ${APP}\r\n`))
      .reply();
    expect(reply.text).toMatch(UUID);
    expect(valuesOf(reply, 'x-request-id')).toEqual([reply.text]);
    expect(valuesOf(reply, 'access-control-allow-origin')).toEqual([APP]);
    for (const isUnderWay of [false, true]) {
      const broken = await bed.open();
      broken.send(chunkedHead('/reads', `Origin: ${APP}\r\n`), '1\r\nx\r\n');
      if (isUnderWay) {
        await eventually(
          'the function has begun',
          () => bed.runtime.stats().workers[0]?.held === 1,
        );
      }
      broken.send('no chunk');
      const refused = await broken.reply();
      expect([refused.status, valuesOf(refused, 'access-control-allow-origin')]).toEqual([
        400,
        [APP],
      ]);
      expect(refused.text).toContain(refused.headers.get('x-request-id') as string);
      await settled(bed.runtime);
    }
  });

  it('a_trace_goes_on_or_begins', async () => {
    const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const state = 'tracestate: a=b\r\n';
    client.send(get('/trace?traceparent', `traceparent: ${parent}\r\n`));
    expect((await client.reply()).text).toBe(parent);
    client.send(get('/trace?traceparent', `traceparent: ${parent}0\r\n`));
    expect((await client.reply()).text).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    client.send(get('/trace?tracestate', `traceparent: no\r\n${state}`));
    expect((await client.reply()).text).toBe('-');
    // Without it nothing is looked at.
    client.send(get('/headers?traceparent', 'traceparent: no\r\n'));
    expect((await client.reply()).text).toBe('no');
  });

  it('over_http_2_they_are_the_same', async () => {
    await using h2 = new H2Client(bed.port);
    const origin = { origin: APP };
    const plain = await h2.get('/plain');
    expect(Object.keys(plain.headers).sort()).toEqual([':status', 'content-length', 'date']);
    const headers = await h2.get('/headers?none');
    expect([headers.headers['cache-control'], headers.headers['x-frame-options']]).toEqual([
      'private',
      'DENY',
    ]);
    const parts = await h2.post('/timed?none', 'x');
    expect(parts.headers['server-timing']).toMatch(/^queue;dur=\d+\.\d{3}$/);
    const id = await h2.get('/id?x-request-id', { 'x-request-id': 'call-9' });
    expect([id.text, id.headers['x-request-id']]).toEqual(['call-9', 'call-9']);
    const made = await h2.post('/new-id?x-call', 'body', { 'x-call': 'mine' });
    expect(made.text).toMatch(UUID);
    expect(made.headers['x-call']).toBe(made.text);
    const cors = await h2.get('/cors?none', origin);
    expect(cors.headers['access-control-allow-origin']).toBe(APP);
    expect(cors.headers.vary).toBe('Accept, Origin');
    const failed = await h2.get('/fails', origin);
    expect([failed.status, failed.headers['access-control-allow-origin']]).toEqual([500, APP]);
    expect(failed.headers['server-timing']).toContain('total;dur=');
    expect(JSON.parse(failed.text)).toMatchObject({
      error: { requestId: failed.headers['x-request-id'] },
    });
    const refused = await h2.get('/fails', { ...origin, 'x-timeout-ms': 'never' });
    expect([refused.status, refused.headers['access-control-allow-origin']]).toEqual([400, APP]);
    expect(refused.text).toContain(refused.headers['x-request-id'] as string);
    const preflight = await h2.request({
      ':method': 'OPTIONS',
      ':path': '/cors',
      ...origin,
      'access-control-request-method': 'PUT',
    });
    expect([preflight.status, preflight.headers['access-control-allow-methods']]).toEqual([
      204,
      'PUT',
    ]);
    await expect
      .poll(() => lines.some((line) => line.includes('/id?x-request-id call-9')))
      .toBe(true);
  });

  it('server_timing_adds_up', async () => {
    const reply = await client.get('/timed?none');
    const parts = (reply.headers.get('server-timing') ?? '')
      .split(', ')
      .map((part) => part.split(';dur='));
    expect(parts.map(([name]) => name)).toEqual([
      'queue',
      'ready',
      'run',
      'preempted',
      'asleep',
      'total',
    ]);
    const values = parts.map(([, value]) => Number(value));
    const total = values.pop() as number;
    const sum = values.reduce((a, b) => a + b, 0);
    // Each was rounded to a thousandth.
    expect(Math.abs(sum - total)).toBeLessThan(0.0061);
    const streamed = await client.send(post('/timed?none', 'x')).reply();
    expect(streamed.headers.get('server-timing')).toMatch(/^queue;dur=\d+\.\d{3}$/);
  });
});
