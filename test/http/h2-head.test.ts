import { describe, expect, it } from 'vitest';
import { DEFAULT_HTTP_LIMITS } from '../../src/http/api.ts';
import { H2Head } from '../../src/http/h2-head.ts';
import { GET } from '../../src/http/method.ts';

const LIMITS = { ...DEFAULT_HTTP_LIMITS, maxHeadBytes: 200, maxHeaders: 5 };
const PSEUDO = [':method', 'GET', ':scheme', 'https', ':authority', 'a.example', ':path', '/p?q'];

function read(
  fields: readonly string[],
  endsStream = true,
): { text: string; fault: string | undefined; head: H2Head } {
  const head = new H2Head(LIMITS, 1000);
  const fault = head.read(fields, endsStream)?.code;
  return { text: head.bytes.toString('latin1', 0, head.bytesUsed), fault, head };
}

describe('a head', () => {
  it('becomes_the_text_of_http_1', () => {
    const { text, fault, head } = read([
      ...PSEUDO,
      'x-a',
      '1',
      'x-a',
      '\xe9',
      'cookie',
      'a',
      'cookie',
      'b',
    ]);
    expect(fault).toBeUndefined();
    expect(text).toBe(
      'GET /p?q HTTP/1.1\r\nhost: a.example\r\nx-a: 1\r\nx-a: \xe9\r\ncookie: a; b\r\n\r\n',
    );
    const { parser } = head;
    expect(parser.method).toBe(GET);
    expect(text.slice(parser.pathStart, parser.pathEnd)).toBe('/p');
    expect(text.slice(parser.hostStart, parser.hostEnd)).toBe('a.example');
    expect(head.label()).toBe('GET /p?q');
  });

  it('of_a_body_without_a_length_says_that_it_is_chunked', () => {
    expect(read(PSEUDO, false).text).toContain('\r\ntransfer-encoding: chunked\r\n');
    expect(read(PSEUDO, false).head.parser.chunked).toBe(true);
    expect(read([...PSEUDO, 'content-length', '7'], false).text).not.toContain('chunked');
    expect(read(PSEUDO, true).text).not.toContain('chunked');
  });

  it('has_one_host', () => {
    const { text, fault } = read([...PSEUDO, 'host', 'a.example']);
    expect(fault).toBeUndefined();
    expect(text.match(/host/g)).toHaveLength(1);
    expect(read([...PSEUDO, 'host', 'b.example']).fault).toBe('ERR_HTTP_REPEATED_HOST');
    const alone = read([':method', 'GET', ':path', '/', 'host', 'b.example']);
    expect(alone.text).toBe('GET / HTTP/1.1\r\nhost: b.example\r\n\r\n');
    expect(read([':method', 'GET', ':path', '/']).fault).toBe('ERR_HTTP_MISSING_HOST');
  });

  it('is_read_anew_each_time', () => {
    const head = new H2Head(LIMITS, 1000);
    expect(head.read([...PSEUDO, 'expect', 'a'], true)?.code).toBe('ERR_HTTP_EXPECTATION_FAILED');
    expect(head.errorMessage).toMatch(/\(byte 44 of the head\)$/);
    expect(head.read(PSEUDO, true)).toBeUndefined();
    expect(head.errorMessage).toBe('');
  });

  it.each([
    [['x-a', 'b'.repeat(200)], 'ERR_HTTP_HEAD_TOO_LARGE'],
    [['x-a', '1', 'x-a', '2', 'x-a', '3', 'x-a', '4', 'x-a', '5'], 'ERR_HTTP_TOO_MANY_HEADERS'],
    [['content-length', '1001'], 'ERR_HTTP_BODY_TOO_LARGE'],
    [['transfer-encoding', 'gzip'], 'ERR_HTTP_INVALID_TRANSFER_ENCODING'],
  ])('is_bounded_%j', (fields, code) => {
    expect(read([...PSEUDO, ...fields]).fault).toBe(code);
  });
});

/** nghttp2 lets none of them through; that is one check, and a request that is smuggled by it would be the server's fault all the same. */
describe('no_field_makes_another', () => {
  it.each([
    [['x-a', '1\r\nx-b: 2'], 'ERR_HTTP_INVALID_HEADER_VALUE'],
    [['x-a', '1\r\n\r\nGET /admin HTTP/1.1'], 'ERR_HTTP_INVALID_HEADER_VALUE'],
    [['x-a\r\nx-b', '1'], 'ERR_HTTP_INVALID_HEADER_NAME'],
    [['x-a: 1\r\nx-b', '1'], 'ERR_HTTP_INVALID_HEADER_VALUE'],
    [['x-a', '1\nx-b: 2'], 'ERR_HTTP_BARE_LF'],
    [['x-a', '1\0'], 'ERR_HTTP_INVALID_HEADER_VALUE'],
    [['cookie', 'a\r\nx-b: 2'], 'ERR_HTTP_INVALID_HEADER_VALUE'],
  ])('%j', (fields, code) => {
    expect(read([...PSEUDO, ...fields]).fault).toBe(code);
  });

  it.each([
    [':path', '/ HTTP/1.1\r\nx-b: 2\r\nx-c:', 'ERR_HTTP_INVALID_HEADER_VALUE'],
    [':path', '/\r\n', 'ERR_HTTP_INVALID_TARGET'],
    [':path', 'http://b.example/', 'ERR_HTTP_INVALID_TARGET'],
    [':path', '', 'ERR_HTTP_INVALID_TARGET'],
    [':method', 'GET /admin HTTP/1.1\r\nx-b: ', 'ERR_HTTP_INVALID_HEADER_VALUE'],
    [':method', '', 'ERR_HTTP_INVALID_METHOD'],
    [':authority', 'a\r\nx-b: 2', 'ERR_HTTP_INVALID_HEADER_VALUE'],
    [':authority', 'a@b', 'ERR_HTTP_INVALID_HOST'],
  ])('%s_%j', (name, value, code) => {
    const fields = PSEUDO.map((text, i) => (PSEUDO[i - 1] === name ? value : text));
    expect(read(fields).fault).toBe(code);
  });
});
