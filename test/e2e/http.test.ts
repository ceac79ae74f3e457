/** HTTP/1.1 as clients see it: the whole server over real sockets. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { MALFORMED } from '../http/malformed.ts';
import {
  type Client,
  chunkedHead,
  chunks,
  errorOf,
  eventually,
  example,
  get,
  inSystem,
  openClient,
  post,
  type Reply,
  serve,
  settled,
  type TestServer,
} from './server.ts';

const MIB = 2 ** 20;

describe('one server', () => {
  let bed: TestServer;
  beforeAll(async () => {
    bed = await serve({
      '/empty': { wasm: example('empty') },
      '/fib': { wasm: example('fib') },
      '/echo': { wasm: example('echo'), methods: ['POST', 'PUT'], maxBodyBytes: MIB },
      '/small': { wasm: example('echo'), methods: ['POST'], maxBodyBytes: 10 },
      '/spin': { wasm: example('spin') },
    });
  });
  afterEach(() => settled(bed.runtime));
  afterAll(() => bed[Symbol.asyncDispose]());

  /** The last reply: an error in JSON that says what its status line says, then the end of the connection. */
  async function expectLast(client: Client, status: number, code: string): Promise<Reply> {
    const reply = await client.reply();
    expect(reply.status).toBe(status);
    expect(errorOf(reply)).toMatchObject({ status, code });
    expect(reply.headers.get('connection')).toBe('close');
    await client.end();
    return reply;
  }

  it('get_post_and_head', async () => {
    const client = await bed.open();
    const got = await client.get('/fib?20');
    expect([got.line, got.text]).toEqual(['HTTP/1.1 200 OK', '6765\n']);
    expect(got.headers.get('date')).toMatch(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
    expect(got.headers.has('connection')).toBe(false);
    expect((await client.send(post('/fib', '20')).reply()).text).toBe('6765\n');
    client.send(get('/fib?20').replace('GET', 'HEAD'));
    const head = await client.reply({ noBody: true });
    expect(head.status).toBe(200);
    expect(head.headers.get('content-length')).toBe('5');
    // A body behind the HEAD would be taken for the next reply's head.
    expect((await client.get('/empty')).status).toBe(200);
    expect(client.unread).toBe(0);
  });

  it('head_of_an_error_has_no_body_either', async () => {
    const client = await bed.open();
    client.send(get('/none').replace('GET', 'HEAD'));
    expect((await client.reply({ noBody: true })).status).toBe(404);
    expect((await client.get('/fib?1')).text).toBe('1\n');
  });

  it('many_requests_on_one_connection', async () => {
    const client = await bed.open();
    const { localPort } = client.socket;
    for (let i = 0; i < 200; i++) {
      const reply = await client.send(post('/echo', `request ${i}`)).reply();
      expect(reply.text).toBe(`request ${i}`);
    }
    expect(client.socket.localPort).toBe(localPort);
  });

  it('pipelined_requests_are_answered_in_order_though_the_first_is_slow', async () => {
    const client = await bed.open();
    client.send(get('/spin?30') + get('/fib?10') + get('/none') + post('/echo', 'x') + get('/fib'));
    const replies: string[] = [];
    for (let i = 0; i < 5; i++) {
      const { status, text } = await client.reply();
      replies.push(`${status} ${text.slice(0, 11)}`.trim());
    }
    expect(replies.slice(0, 2)).toEqual(['200 spun 30 ms', '200 55']);
    expect(replies[2]).toMatch(/^404/);
    expect(replies[3]).toBe('200 x');
    expect(replies[4]).toMatch(/^400 fib: /);
  });

  it('more_pipelined_requests_than_the_limit_are_all_answered_in_order', async () => {
    const client = await bed.open();
    const count = 100;
    let text = get('/spin?20');
    for (let i = 0; i < count; i++) text += post('/echo', `part ${i}`);
    client.send(text);
    expect((await client.reply()).text).toBe('spun 20 ms\n');
    for (let i = 0; i < count; i++) expect((await client.reply()).text).toBe(`part ${i}`);
  });

  const body = Buffer.from('The quick brown fox jumps over the lazy dog.');
  const encoded = Buffer.concat([Buffer.from(chunkedHead('/echo')), chunks(body, 7)]);

  it.each([1, 2, 3, 5, 17, 64])('chunked_request_in_pieces_of_%i_bytes', async (pieceBytes) => {
    const client = await bed.open();
    await client.dribble(encoded, pieceBytes);
    expect((await client.reply()).text).toBe(body.toString());
    // The parser stands exactly behind the body.
    expect((await client.get('/fib?1')).text).toBe('1\n');
  });

  it('chunked_request_cut_in_two_anywhere', async () => {
    const client = await bed.open();
    for (let cut = 1; cut < encoded.length; cut++) {
      await client.dribble(encoded.subarray(0, cut), cut);
      client.send(encoded.subarray(cut));
      expect((await client.reply()).text).toBe(body.toString());
    }
  });

  it('chunk_extensions_and_trailers_are_passed_over', async () => {
    const client = await bed.open();
    client.send(`${chunkedHead('/echo')}2;a="b;\\"c";d\r\nab\r\n0\r\nX: y\r\nZ:\r\n\r\n`);
    expect((await client.reply()).text).toBe('ab');
    expect((await client.get('/fib?1')).text).toBe('1\n');
  });

  it.each(['length', 'chunked'])('a_mebibyte_comes_back_as_it_went_by_%s', async (framing) => {
    const bytes = Buffer.alloc(MIB);
    for (let i = 0; i < MIB; i++) bytes[i] = (i * 31 + (i >> 8)) & 0xff;
    const client = await bed.open();
    if (framing === 'chunked') client.send(chunkedHead('/echo'), chunks(bytes, 50_000));
    else client.send(`POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: ${MIB}\r\n\r\n`, bytes);
    const reply = await client.reply();
    expect(reply.headers.get('transfer-encoding')).toBe('chunked');
    expect(reply.body.equals(bytes)).toBe(true);
    expect((await client.get('/fib?1')).text).toBe('1\n');
  });

  it('empty_bodies_of_both_framings', async () => {
    const client = await bed.open();
    expect((await client.send(post('/echo', '')).reply()).text).toBe('');
    expect((await client.send(`${chunkedHead('/echo')}0\r\n\r\n`).reply()).text).toBe('');
    expect((await client.get('/fib?1')).text).toBe('1\n');
  });

  it('not_found_is_json_and_keeps_the_connection', async () => {
    const client = await bed.open();
    const reply = await client.get('/none');
    expect(reply.line).toBe('HTTP/1.1 404 Not Found');
    expect(reply.headers.get('content-type')).toBe('application/json');
    expect(JSON.parse(reply.text)).toEqual({
      error: { code: 'ERR_HTTP_NOT_FOUND', message: 'no route for this path', status: 404 },
    });
    expect((await client.get('/fib?1')).status).toBe(200);
  });

  it('method_not_allowed_names_those_that_are', async () => {
    const client = await bed.open();
    const reply = await client.get('/echo');
    expect(errorOf(reply)).toMatchObject({ code: 'ERR_HTTP_METHOD_NOT_ALLOWED', status: 405 });
    expect(reply.headers.get('allow')).toBe('POST, PUT');
    expect((await client.send(post('/echo', 'a')).reply()).text).toBe('a');
  });

  it('an_error_that_leaves_a_body_unread_ends_the_connection', async () => {
    const client = await bed.open();
    await expectLast(client.send(post('/none', get('/fib?1'))), 404, 'ERR_HTTP_NOT_FOUND');
  });

  it('declared_body_over_the_limit_is_refused_before_it_comes', async () => {
    const route = (await bed.open()).send(post('/small', 'x'.repeat(11)).slice(0, -11));
    const reply = await expectLast(route, 413, 'ERR_HTTP_BODY_TOO_LARGE');
    expect(errorOf(reply).message).toContain('11 bytes');
    const site = (await bed.open()).send(
      `POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: ${MIB + 1}\r\n\r\n`,
    );
    await expectLast(site, 413, 'ERR_HTTP_BODY_TOO_LARGE');
    const fits = await bed.open();
    expect((await fits.send(post('/small', '0123456789')).reply()).text).toBe('0123456789');
  });

  it('chunked_body_over_the_limit_is_refused_where_it_passes_it', async () => {
    const client = (await bed.open()).send(`${chunkedHead('/small')}8\r\n01234567\r\n3\r\n`);
    await expectLast(client, 413, 'ERR_HTTP_BODY_TOO_LARGE');
  });

  it('head_over_the_limit_in_bytes_or_lines', async () => {
    const bytes = (await bed.open()).send(get('/fib?1', `X: ${'x'.repeat(17_000)}\r\n`));
    await expectLast(bytes, 431, 'ERR_HTTP_HEAD_TOO_LARGE');
    const lines = (await bed.open()).send(get('/fib?1', 'X: y\r\n'.repeat(101)));
    await expectLast(lines, 431, 'ERR_HTTP_TOO_MANY_HEADERS');
  });

  it('expect_100_continue_gets_it_before_the_body_is_sent', async () => {
    const client = await bed.open();
    client.send(post('/echo', 'body!', 'Expect: 100-continue\r\n').slice(0, -5));
    expect((await client.reply()).line).toBe('HTTP/1.1 100 Continue');
    expect((await client.send('body!').reply()).text).toBe('body!');
    // Who sends the body with the head has not waited and gets no 100.
    const both = await client.send(post('/echo', 'body!', 'Expect: 100-continue\r\n')).reply();
    expect([both.status, both.text]).toEqual([200, 'body!']);
  });

  it('expect_100_continue_behind_a_slow_request_waits_for_its_answer', async () => {
    const client = await bed.open();
    const head = post('/echo', 'body!', 'Expect: 100-continue\r\n').slice(0, -5);
    client.send(get('/spin?30') + head);
    expect((await client.reply()).text).toBe('spun 30 ms\n');
    expect((await client.reply()).status).toBe(100);
    expect((await client.send('body!').reply()).text).toBe('body!');
  });

  it('expect_100_continue_of_a_body_too_large_gets_the_413_alone', async () => {
    const client = await bed.open();
    client.send(post('/small', 'x'.repeat(11), 'Expect: 100-continue\r\n').slice(0, -11));
    await expectLast(client, 413, 'ERR_HTTP_BODY_TOO_LARGE');
  });

  it('http_1_0_ends_behind_the_answer_unless_it_asks_otherwise', async () => {
    const plain = await bed.open();
    const last = await plain.send('GET /fib?1 HTTP/1.0\r\n\r\n').reply();
    expect([last.text, last.headers.get('connection')]).toEqual(['1\n', 'close']);
    await plain.end();
    const kept = await bed.open();
    for (let i = 0; i < 3; i++) {
      kept.send('GET /fib?1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
      const reply = await kept.reply();
      expect([reply.text, reply.headers.get('connection')]).toEqual(['1\n', 'keep-alive']);
    }
  });

  it('connection_close_ends_behind_the_answer_and_drops_what_follows', async () => {
    const client = await bed.open();
    client.send(get('/fib?1', 'Connection: close\r\n') + get('/fib?2'));
    expect((await client.reply()).headers.get('connection')).toBe('close');
    await client.end();
  });

  it('half_close_behind_the_request_still_gets_the_answers', async () => {
    const client = await bed.open();
    client.send(get('/spin?30') + get('/fib?10'));
    client.socket.end();
    expect((await client.reply()).text).toBe('spun 30 ms\n');
    expect((await client.reply()).text).toBe('55\n');
    await client.end();
  });

  it.each([
    ['head', get('/fib?1').slice(0, -2)],
    ['body', post('/echo', 'abc').slice(0, -1)],
    ['chunk', `${chunkedHead('/echo')}5\r\nab`],
  ])('half_close_inside_of_a_%s_ends_the_connection', async (_part, text) => {
    const client = await bed.open();
    client.send(text).socket.end();
    await client.end();
  });

  it('options_asterisk_and_absolute_form', async () => {
    const client = await bed.open();
    const options = await client.send('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n').reply();
    expect([options.status, options.headers.has('content-length')]).toEqual([204, false]);
    const absolute = await client.send(get('http://elsewhere/fib?10')).reply();
    expect(absolute.text).toBe('55\n');
  });

  it('an_empty_line_in_front_of_a_request_is_passed_over', async () => {
    const client = await bed.open();
    expect((await client.send('\r\n', get('/fib?1')).reply()).text).toBe('1\n');
  });

  describe('malformed', () => {
    it.each(MALFORMED)('$name', async ({ head, status, code }) => {
      const client = await bed.open();
      // What was good before it is answered first.
      client.send(get('/fib?1'), head);
      expect((await client.reply()).text).toBe('1\n');
      await expectLast(client, status, code);
    });

    it.each([
      ['size_without_digits', '\r\n', 400, 'INVALID_CHUNK_SIZE'],
      ['negative_size', '-1\r\na', 400, 'INVALID_CHUNK_SIZE'],
      ['size_in_0x', '0x2\r\nab', 400, 'INVALID_CHUNK_SIZE'],
      ['size_of_17_digits', '00000000000000001\r\na', 400, 'INVALID_CHUNK_SIZE'],
      ['size_beyond_all', 'ffffffffffffffff\r\n', 413, 'BODY_TOO_LARGE'],
      ['space_behind_the_size', '2 \r\nab', 400, 'INVALID_CHUNK_SIZE'],
      ['lf_alone_behind_the_size', '2\nab', 400, 'BARE_LF'],
      ['data_longer_than_its_size', '2\r\nabc', 400, 'INVALID_CHUNK_END'],
      ['extension_without_a_name', '2;\r\nab', 400, 'INVALID_CHUNK_EXTENSION'],
      ['trailer_without_a_colon', '0\r\nab\r\n', 400, 'INVALID_TRAILER'],
      ['trailers_without_an_end', `0\r\n${'X: y\r\n'.repeat(10_000)}`, 431, 'TRAILERS_TOO_LARGE'],
    ])('chunked_%s', async (_name, text, status, code) => {
      const client = (await bed.open()).send(chunkedHead('/echo'), text);
      await expectLast(client, status, `ERR_HTTP_${code}`);
    });
  });
});

describe('limits', () => {
  it('a_head_that_does_not_come_to_its_end_gets_408', async () => {
    await using bed = await serve(
      { '/fib': { wasm: example('fib') } },
      { limits: { headTimeoutMs: 60 } },
    );
    const silent = await bed.open();
    const slow = (await bed.open()).send('GET /fib');
    const second = (await bed.open()).send(get('/fib?1'), 'GET /');
    expect((await second.reply()).status).toBe(200);
    for (const client of [silent, slow, second]) {
      expect(errorOf(await client.reply()).code).toBe('ERR_HTTP_HEAD_TIMEOUT');
      await client.end();
    }
  });

  it('a_body_that_does_not_come_to_its_end_gets_408', async () => {
    await using bed = await serve(
      { '/echo': { wasm: example('echo') } },
      { limits: { bodyTimeoutMs: 60 } },
    );
    const byLength = (await bed.open()).send(post('/echo', 'abc').slice(0, -1));
    const byChunks = (await bed.open()).send(`${chunkedHead('/echo')}5\r\nab`);
    for (const client of [byLength, byChunks]) {
      expect(errorOf(await client.reply()).code).toBe('ERR_HTTP_BODY_TIMEOUT');
      await client.end();
    }
    await settled(bed.runtime);
  });

  it('a_body_that_stops_behind_a_slow_request_gets_408_after_the_answer', async () => {
    await using bed = await serve(
      { '/echo': { wasm: example('echo') }, '/spin': { wasm: example('spin') } },
      { limits: { bodyTimeoutMs: 60 } },
    );
    const client = await bed.open();
    client.send(get('/spin?400') + post('/echo', 'abc').slice(0, -1));
    expect((await client.reply()).text).toBe('spun 400 ms\n');
    expect(errorOf(await client.reply({ waitMs: 1000 })).code).toBe('ERR_HTTP_BODY_TIMEOUT');
    await client.end();
  });

  it('an_idle_connection_is_closed_without_a_word', async () => {
    await using bed = await serve(
      { '/fib': { wasm: example('fib') } },
      { limits: { idleTimeoutMs: 60 } },
    );
    const client = await bed.open();
    expect((await client.get('/fib?1')).status).toBe(200);
    await client.end();
  });

  it('an_idle_connection_that_the_client_keeps_open_gives_its_place_back', async () => {
    await using bed = await serve(
      { '/fib': { wasm: example('fib') } },
      { limits: { idleTimeoutMs: 60, maxConnections: 1 } },
    );
    const first = await bed.open();
    expect((await first.get('/fib?1')).status).toBe(200);
    await first.end();
    // `first` never ends its own side. The server lingers for a second at the most, then the place is free.
    let status = 0;
    for (let tries = 0; tries < 15 && status !== 200; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const next = await openClient(bed.port);
      status = await next.get('/fib?1').then(
        (reply) => reply.status,
        () => 0,
      );
      next.socket.destroy();
    }
    expect(status).toBe(200);
  });

  it('a_full_queue_answers_503_and_when_to_come_again', async () => {
    await using bed = await serve(
      { '/spin': { wasm: example('spin') }, '/fib': { wasm: example('fib') } },
      { maxQueue: 2 },
    );
    const busy = [await bed.open(), await bed.open()];
    for (const client of busy) client.send(get('/spin?forever'));
    await eventually('both guests are in the system', () => inSystem(bed.runtime) === 2);
    const client = await bed.open();
    const refused = await client.get('/fib?1');
    expect(errorOf(refused)).toMatchObject({ code: 'ERR_QUEUE_FULL', status: 503 });
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    for (const { socket } of busy) socket.resetAndDestroy();
    await settled(bed.runtime);
    // The refusal did not cost the connection.
    expect((await client.get('/fib?1')).text).toBe('1\n');
  });

  it('bodies_beyond_the_memory_for_them_answer_503', async () => {
    await using bed = await serve(
      { '/echo': { wasm: example('echo') } },
      { bodyMemoryBytes: 65_536 },
    );
    const client = await bed.open();
    const refused = await client.send(post('/echo', 'x'.repeat(200_000))).reply();
    expect([refused.status, errorOf(refused).code]).toEqual([503, 'ERR_BODY_MEMORY']);
    await settled(bed.runtime);
    expect((await client.send(post('/echo', 'abc')).reply()).text).toBe('abc');
  });
});
