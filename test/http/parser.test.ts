import { getHeapStatistics } from 'node:v8';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HTTP_ERRORS } from '../../src/http/http-error.ts';
import { DELETE, GET, METHODS, methodId, OPTIONS, OTHER, POST } from '../../src/http/method.ts';
import {
  BAD,
  DEFAULT_PARSER_LIMITS,
  NEED_MORE,
  type ParserLimits,
  RequestParser,
  TARGET_ABSOLUTE,
  TARGET_ASTERISK,
  TARGET_ORIGIN,
} from '../../src/http/parser.ts';
import { feed, latin1, type Outcome, parse, parseHead, parseRefusal } from './feed.ts';
import { MALFORMED } from './malformed.ts';

const H = 'Host: a\r\n';

function limits(some: Partial<ParserLimits>): ParserLimits {
  return { ...DEFAULT_PARSER_LIMITS, ...some };
}

const WELL_FORMED: readonly string[] = [
  `GET / HTTP/1.1\r\n${H}\r\n`,
  `\r\nGET /a/b?c=d&e HTTP/1.1\r\nHost: example.org:8080\r\nAccept: */*\r\n\r\n`,
  'POST /x HTTP/1.0\r\nContent-Length: 12\r\nConnection: keep-alive\r\n\r\n',
  `POST /x HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n`,
  `OPTIONS * HTTP/1.1\r\n${H}\r\n`,
  `GET http://b:1?q HTTP/1.1\r\n${H}\r\n`,
  `PURGE /%zz?? HTTP/1.1\r\n${H}Connection: ,close ,x\r\nX:\t \xe9 \t\r\nEmpty:\r\n\r\n`,
];

describe('request line', () => {
  test('a plain GET', () => {
    expect(parseHead(`GET /fib?n=10 HTTP/1.1\r\nHost: localhost:8080\r\nX: y\r\n\r\nrest`)).toEqual(
      {
        length: 54,
        method: 'GET',
        methodId: GET,
        target: '/fib?n=10',
        form: TARGET_ORIGIN,
        path: '/fib',
        query: 'n=10',
        host: 'localhost:8080',
        minorVersion: 1,
        headers: 'Host: localhost:8080\r\nX: y\r\n',
        headerCount: 2,
        contentLength: -1,
        chunked: false,
        keepAlive: true,
        expectContinue: false,
        upgrade: false,
      },
    );
  });

  test('each known method has its id, anything else is OTHER', () => {
    for (const [id, name] of METHODS.entries()) {
      expect(methodId(latin1(name), 0, name.length)).toBe(id);
      expect(methodId(latin1(`${name}X`), 0, name.length + 1)).toBe(OTHER);
      expect(methodId(latin1(name.toLowerCase()), 0, name.length)).toBe(OTHER);
      expect(methodId(latin1(name), 0, name.length - 1)).toBe(OTHER);
    }
    expect(parseHead(`PROPFIND / HTTP/1.1\r\n${H}\r\n`)).toMatchObject({
      method: 'PROPFIND',
      methodId: OTHER,
    });
    expect(parseHead(`${'M'.repeat(32)} / HTTP/1.1\r\n${H}\r\n`).methodId).toBe(OTHER);
  });

  test('one empty line in front is passed over, and offsets count it', () => {
    const text = `\r\nDELETE /a HTTP/1.1\r\n${H}\r\n`;
    expect(parseHead(text)).toMatchObject({ methodId: DELETE, target: '/a', length: text.length });
  });

  test('query: none, empty, with further question marks', () => {
    expect(parseHead(`GET /a HTTP/1.1\r\n${H}\r\n`)).toMatchObject({ path: '/a', query: '' });
    expect(parseHead(`GET /a? HTTP/1.1\r\n${H}\r\n`)).toMatchObject({ path: '/a', query: '' });
    expect(parseHead(`GET /a?b?c HTTP/1.1\r\n${H}\r\n`)).toMatchObject({
      path: '/a',
      query: 'b?c',
    });
    const parser = new RequestParser();
    const bytes = latin1(`GET /a HTTP/1.1\r\n${H}\r\n`);
    parser.parseHead(bytes, 0, bytes.length);
    expect([parser.pathEnd, parser.queryStart, parser.targetEnd]).toEqual([6, 6, 6]);
  });

  test('what browsers leave unescaped passes', () => {
    const target = "/a{b}|c^d`e\\f[g]?h={i}|'j'~!$&()*+,;=:@%C3%A9";
    expect(parseHead(`GET ${target} HTTP/1.1\r\n${H}\r\n`).target).toBe(target);
  });

  test('asterisk-form', () => {
    expect(parseHead(`OPTIONS * HTTP/1.1\r\n${H}\r\n`)).toMatchObject({
      methodId: OPTIONS,
      form: TARGET_ASTERISK,
      path: '*',
    });
  });

  test.each([
    ['http://b.example:81/c?d', '/c', 'd', 'b.example:81'],
    ['HTTPS://b', '', '', 'b'],
    ['http://b?d/e', '', 'd/e', 'b'],
    ['http://[::1]:80/', '/', '', '[::1]:80'],
  ])('absolute-form %s: the host is that of the target', (target, path, query, host) => {
    expect(parseHead(`GET ${target} HTTP/1.1\r\n${H}\r\n`)).toMatchObject({
      form: TARGET_ABSOLUTE,
      target,
      path,
      query,
      host,
    });
  });

  test('limits are exact', () => {
    expect(parseHead(`GET /${'a'.repeat(8191)} HTTP/1.1\r\n${H}\r\n`).target).toHaveLength(8192);
    expect(parseHead(`GET / HTTP/1.1\r\n${H}${'a: b\r\n'.repeat(99)}\r\n`).headerCount).toBe(100);
    const fits = `GET / HTTP/1.1\r\n${H}X: `.padEnd(16380, 'x');
    expect(parseHead(`${fits}\r\n\r\n`).length).toBe(16384);
    expect(parseRefusal(`${fits}x\r\n\r\n`)).toMatchObject({ status: 431, at: 16384 });
    expect(parseHead(`PUT / HTTP/1.1\r\n${H}Content-Length: 1048576\r\n\r\n`).contentLength).toBe(
      1 << 20,
    );
    expect(
      parseHead(
        `PUT / HTTP/1.1\r\n${H}Content-Length: 0009007199254740991\r\n\r\n`,
        limits({ maxBodyBytes: Number.MAX_SAFE_INTEGER }),
      ).contentLength,
    ).toBe(Number.MAX_SAFE_INTEGER);
  });

  test('a head limit met inside the target is the target’s fault', () => {
    const few = limits({ maxHeadBytes: 20 });
    expect(parseRefusal(`GET /${'a'.repeat(30)}`, few)).toMatchObject({ status: 414, at: 20 });
    expect(parseRefusal(`GET /?${'a'.repeat(30)}`, few)).toMatchObject({ status: 414, at: 20 });
    expect(parseRefusal(`GET / HTTP/1.1\r\nHost: a`, few)).toMatchObject({ status: 431, at: 20 });
  });
});

describe('fields', () => {
  test('names in any case, padding on both sides, empty and opaque values', () => {
    const head = parseHead(
      'PUT / HTTP/1.1\r\nhOST:\t a.b \t\r\nCONTENT-length:7\r\nX:\r\nY: \xff\t\x80\r\n\r\n',
    );
    expect(head).toMatchObject({ host: 'a.b', contentLength: 7, headerCount: 4 });
  });

  test('names that only look like those that matter', () => {
    const text = `GET / HTTP/1.1\r\n${H}Hos-: b\r\nContent_Length: 5\r\nTransfer-Encodin: chunked\r\nXost: c\r\n\r\n`;
    expect(parseHead(text)).toMatchObject({ host: 'a', contentLength: -1, chunked: false });
  });

  test.each([
    ['a', 'a'],
    ['', ''],
    ['127.0.0.1:65535', '127.0.0.1:65535'],
    ['[2001:db8::1]', '[2001:db8::1]'],
    ['[::]', '[::]'],
    ['a:', 'a:'],
    ['a%41_b~', 'a%41_b~'],
  ])('Host %s passes', (value, host) => {
    expect(parseHead(`GET / HTTP/1.1\r\nHost: ${value}\r\n\r\n`).host).toBe(host);
  });

  test('HTTP/1.0 needs no Host', () => {
    expect(parseHead('GET / HTTP/1.0\r\n\r\n')).toMatchObject({
      host: '',
      minorVersion: 0,
      headerCount: 0,
    });
  });

  test.each([
    [1, '', true],
    [1, 'Connection: close\r\n', false],
    [1, 'Connection: x, CLOSE\t,y\r\n', false],
    [1, 'Connection: x\r\nConnection: close\r\n', false],
    [1, 'Connection: closed\r\n', true],
    [1, 'Connection: keep-alive, close\r\n', false],
    [1, 'Connection:\r\n', true],
    [0, '', false],
    [0, 'Connection: Keep-Alive\r\n', true],
    [0, 'Connection: keep-alive\r\nConnection: close\r\n', false],
  ])('HTTP/1.%i with %j: keepAlive is %s', (minor, line, keepAlive) => {
    expect(parseHead(`GET / HTTP/1.${minor}\r\n${H}${line}\r\n`).keepAlive).toBe(keepAlive);
  });

  test.each([
    [1, 'Content-Length: 5\r\n', true],
    [1, 'Transfer-Encoding: chunked\r\n', true],
    [1, 'Content-Length: 0\r\n', false],
    [1, '', false],
    [0, 'Content-Length: 5\r\n', false],
  ])('HTTP/1.%i, Expect with %j: expectContinue is %s', (minor, line, expected) => {
    const text = `POST / HTTP/1.${minor}\r\n${H}expect: 100-Continue \r\n${line}\r\n`;
    expect(parseHead(text)).toMatchObject({ methodId: POST, expectContinue: expected });
  });

  test('upgrade needs the field and the connection option, and HTTP/1.1', () => {
    const field = 'Upgrade: websocket\r\n';
    const option = 'Connection: keep-alive, Upgrade\r\n';
    expect(parseHead(`GET / HTTP/1.1\r\n${H}${field}${option}\r\n`).upgrade).toBe(true);
    expect(parseHead(`GET / HTTP/1.1\r\n${H}${field}\r\n`).upgrade).toBe(false);
    expect(parseHead(`GET / HTTP/1.1\r\n${H}${option}\r\n`).upgrade).toBe(false);
    expect(parseHead(`GET / HTTP/1.0\r\n${H}${field}${option}\r\n`).upgrade).toBe(false);
  });

  test('chunked in any case, padded', () => {
    expect(parseHead(`PUT / HTTP/1.1\r\n${H}Transfer-Encoding:  Chunked \r\n\r\n`)).toMatchObject({
      chunked: true,
      contentLength: -1,
    });
  });
});

describe('malformed heads', () => {
  test.each(MALFORMED)('$name: $status $code', ({ head, status, code, at }) => {
    expect(parseRefusal(head)).toEqual({ status, code, at });
  });

  test('there is an example of every kind that the parser can refuse with', () => {
    const kinds = Object.entries(HTTP_ERRORS).filter(([name, kind]) => {
      const later =
        /CHUNK_|INCOMPLETE|TRAILER|TIMEOUT|CONNECTIONS|PLAIN_ON_TLS|NOT_FOUND|NOT_ALLOWED/.test(
          name,
        );
      return kind.code.startsWith('ERR_HTTP_') && !later;
    });
    const shown = new Set(MALFORMED.map((row) => row.code));
    expect(kinds.map(([, kind]) => kind.code).filter((code) => !shown.has(code))).toEqual([]);
    expect(kinds.every(([, kind]) => kind.close)).toBe(true);
  });

  test('a message names the kind and the byte', () => {
    const parser = new RequestParser();
    const bytes = latin1('GET / HTTP/1.1\n');
    expect(parser.errorMessage()).toBe('');
    expect(parser.parseHead(bytes, 0, bytes.length)).toBe(BAD);
    expect(parser.errorMessage()).toBe(
      'a line feed without a carriage return (byte 14 of the head)',
    );
    expect(parser.error).toBe(HTTP_ERRORS.BARE_LF);
  });

  test('an error stays until reset', () => {
    const parser = new RequestParser();
    const good = latin1(WELL_FORMED[0]!);
    expect(parser.parseHead(latin1('\0'), 0, 1)).toBe(BAD);
    expect(parser.parseHead(good, 0, good.length)).toBe(BAD);
    parser.reset();
    expect(parser.parseHead(good, 0, good.length)).toBe(good.length);
    expect(parser.error).toBe(null);
  });

  test('random bytes never throw, and end in a refusal or a wait', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const outcome = feed(new RequestParser(), bytes, 0, [bytes.length]);
        expect(outcome === 'need more' || 'status' in outcome).toBe(true);
      }),
    );
  });
});

describe('any cut of the bytes gives the same outcome', () => {
  const SAMPLES = [...WELL_FORMED, ...MALFORMED.map((row) => row.head)];

  function byteByByte(bytes: Uint8Array): Outcome {
    const ends = Array.from({ length: bytes.length }, (_, i) => i + 1);
    return feed(new RequestParser(), bytes, 0, ends);
  }

  test('in two pieces, at every place', () => {
    for (const text of SAMPLES) {
      const bytes = latin1(text);
      const whole = JSON.stringify(parse(text));
      // Those that are only long are long in one and the same state.
      const step = bytes.length > 2000 ? 97 : 1;
      const wrong: number[] = [];
      for (let cut = 0; cut <= bytes.length; cut += step) {
        const outcome = feed(new RequestParser(), bytes, 0, [cut, bytes.length]);
        if (JSON.stringify(outcome) !== whole) wrong.push(cut);
      }
      expect([text.slice(0, 80), wrong]).toEqual([text.slice(0, 80), []]);
    }
  });

  test('byte by byte', () => {
    for (const text of SAMPLES) expect(byteByByte(latin1(text))).toEqual(parse(text));
  });

  test('at random points, each piece in another buffer at another start', () => {
    const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 6 });
    fc.assert(
      fc.property(fc.constantFrom(...SAMPLES), cuts, fc.nat({ max: 9 }), (text, points, shift) => {
        const bytes = latin1(text);
        const ends = [
          ...points.filter((at) => at < bytes.length).sort((a, b) => a - b),
          bytes.length,
        ];
        const parser = new RequestParser();
        let outcome: Outcome = 'need more';
        for (const [i, end] of ends.entries()) {
          const start = (shift * (i + 1)) % 10;
          const moved = new Uint8Array(start + end + 3).fill(0x0a);
          moved.set(bytes.subarray(0, end), start);
          outcome = feed(parser, moved, start, [start + end]);
          if (outcome !== 'need more') break;
        }
        expect(outcome).toEqual(parse(text));
      }),
      { numRuns: 600 },
    );
  });

  test('every proper prefix of a good head waits for more', () => {
    for (const text of WELL_FORMED) {
      for (let end = 0; end < text.length; end++)
        expect(parse(text.slice(0, end))).toBe('need more');
    }
  });

  test('time is linear: a byte at a time, each byte is loaded a bounded number of times', () => {
    const text = `GET /${'a'.repeat(2000)}?${'b'.repeat(2000)} HTTP/1.1\r\n${H}X: ${'c '.repeat(2000)}\r\n\r\n`;
    const bytes = latin1(text);
    let loads = 0;
    const counting = new Proxy(bytes, {
      get(target, key) {
        loads++;
        return Reflect.get(target, key, target);
      },
    });
    const parser = new RequestParser();
    let result = NEED_MORE;
    for (let end = 1; end <= bytes.length; end++) result = parser.parseHead(counting, 0, end);
    expect(result).toBe(bytes.length);
    expect(loads).toBeLessThan(bytes.length * 6);
  });
});

test('nothing is allocated for a header line', () => {
  const parser = new RequestParser();
  const allocatedBytes = (lines: number): number => {
    const bytes = latin1(`GET / HTTP/1.1\r\n${H}${'Accept-Language: de\r\n'.repeat(lines)}\r\n`);
    const parseAll = (): void => {
      for (let i = 0; i < 5000; i++) {
        parser.parseHead(bytes, 0, bytes.length);
        parser.reset();
      }
    };
    parseAll();
    const before = getHeapStatistics().total_allocated_bytes;
    parseAll();
    return getHeapStatistics().total_allocated_bytes - before;
  };
  // 450,000 lines more: an object, or a boxed number, for each of them would be some megabytes.
  expect(allocatedBytes(95) - allocatedBytes(5)).toBeLessThan(1e6);
});

describe('one parser, many requests', () => {
  test('pipelined requests back to back, nothing of one is left in the next', () => {
    const order = [3, 0, 5, 2, 1, 6, 4, 0];
    const stream = latin1(order.map((index) => WELL_FORMED[index]).join(''));
    const parser = new RequestParser();
    let start = 0;
    for (const index of order) {
      const outcome = feed(parser, stream, start, [stream.length]);
      expect(outcome).toEqual(parse(WELL_FORMED[index]!));
      if (index === 2) expect([parser.hostStart, parser.hostEnd]).toEqual([0, 0]);
      start += WELL_FORMED[index]!.length;
      parser.reset();
    }
    expect(start).toBe(stream.length);
    expect(parser.parseHead(stream, start, stream.length)).toBe(NEED_MORE);
  });

  test('a head that is done is not parsed again without reset', () => {
    const parser = new RequestParser();
    const bytes = latin1(WELL_FORMED[0]!);
    parser.parseHead(bytes, 0, bytes.length);
    expect(() => parser.parseHead(bytes, 0, bytes.length)).toThrow(/reset/);
  });
});
