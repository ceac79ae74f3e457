/** Where our reading of requests and that of node:http differ, all of it: docs/HTTP.md has the same list. */

/**
 * Where this parser refuses what llhttp in its strict mode lets pass. `when` is what must be in the request for the
 * difference to be excused; `example` shows that the difference is still there, so that no row outlives its reason.
 */
export const STRICTER: readonly { code: string; why: string; when: RegExp; example: string }[] = [
  {
    code: 'INVALID_METHOD',
    why: 'any number of empty lines in front; here at most one (RFC 9112 section 2.2)',
    when: /^[\r\n]+/,
    example: '\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
  },
  {
    code: 'BARE_LF',
    why: 'lone line ends in front of the request line',
    when: /^\r?\n/,
    example: '\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
  },
  {
    code: 'BARE_LF',
    why: 'a request line without version is HTTP/0.9 to llhttp',
    when: /^(\r\n)?\S+ +\S+\n/,
    example: 'GET /\nHost: a\r\n\r\n',
  },
  {
    code: 'BARE_CR',
    why: 'lone line ends in front of the request line',
    when: /^\r/,
    example: '\rGET / HTTP/1.1\r\nHost: a\r\n\r\n',
  },
  {
    code: 'CONNECT_UNSUPPORTED',
    why: 'node hands CONNECT to an event of its own, or hangs up',
    when: /^(\r\n)?CONNECT /,
    example: 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n',
  },
  {
    code: 'INVALID_TARGET',
    why: 'bytes that every client escapes, fragments, other schemes, * without OPTIONS, no or a strange host',
    when: /^(\r\n)?\S+ +(\S*["<>#\\]|\*|[a-z]+:)/i,
    example: 'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n',
  },
  {
    code: 'INVALID_TARGET',
    why: 'more than one space between method and target',
    when: /^(\r\n)?\S+ {2,}\S/,
    example: 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n',
  },
  {
    code: 'INVALID_TARGET',
    why: 'a request line without version is HTTP/0.9 to llhttp',
    when: /^(\r\n)?\S+ +\S+\r\n/,
    example: 'GET /\r\nHost: a\r\n\r\n',
  },
  {
    code: 'INVALID_CONTENT_LENGTH',
    why: 'llhttp counts up to 2^64, which a JavaScript number does not hold',
    when: /content-length:[ \t]*\d{16}/i,
    example: 'PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9007199254740992\r\n\r\n',
  },
  {
    code: 'INVALID_VERSION',
    why: 'more than one space between target and version',
    when: /^(\r\n)?\S+ +\S+ {2,}HTTP/,
    example: 'GET /  HTTP/1.1\r\nHost: a\r\n\r\n',
  },
  {
    code: 'VERSION_UNSUPPORTED',
    why: 'llhttp knows 0.9 and 2.0 too, though it reads them as 1.x',
    when: / HTTP\/(0\.9|2\.0)\r\n/,
    example: 'GET / HTTP/2.0\r\nHost: a\r\n\r\n',
  },
  {
    code: 'REPEATED_HOST',
    why: 'node takes the first (RFC 9112 section 3.2: MUST be a 400)',
    when: /\r\nhost:[\s\S]*\r\nhost:/i,
    example: 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
  },
  {
    code: 'INVALID_HOST',
    why: 'node does not look into Host (RFC 9112 section 3.2: MUST be a 400)',
    when: /\r\nhost:/i,
    example: 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n',
  },
  {
    code: 'EXPECTATION_FAILED',
    why: 'node looks at Expect in HTTP/1.1 only, and for "100-continue" anywhere in it',
    when: /\r\nexpect:/i,
    example: 'GET / HTTP/1.0\r\nExpect: more\r\n\r\n',
  },
  {
    code: 'TRANSFER_ENCODING_IN_1_0',
    why: 'the sender of a 1.0 message does not know chunks (RFC 9112 section 6.1: faulty framing)',
    when: / HTTP\/1\.0\r\n[\s\S]*transfer-encoding:/i,
    example: 'PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  },
  {
    code: 'INVALID_TRANSFER_ENCODING',
    why: 'empty elements in the list',
    when: /transfer-encoding:([^\r]*,)?[ \t]*,/i,
    example: 'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n',
  },
  {
    code: 'UNKNOWN_TRANSFER_CODING',
    why: 'node passes the coded body on; here nobody could decode it',
    when: /transfer-encoding:/i,
    example: 'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  },
  {
    code: 'INVALID_CHUNK_EXTENSION',
    why: 'an extension without a name, with = and no value, or with a string behind a token',
    when: /;[;=]|=[;\r]|=[^;"\r]+"/,
    example: 'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0;a=;b\r\n\r\n',
  },
];

/** Where it lets pass what llhttp refuses: methods that llhttp has no number for. The router answers those with 405. */
export const UNKNOWN_METHOD = 'HPE_INVALID_METHOD';

/** And what else it lets pass. `why` is llhttp's code. */
export const MORE_LENIENT: readonly {
  why: string;
  reason: string;
  when: RegExp;
  example: string;
}[] = [
  {
    why: 'HPE_INVALID_CONTENT_LENGTH',
    reason: 'trailers are dropped here whatever they are called, and none of them frames anything',
    when: /\r\n0+(;[^\r]*)?\r\n([^\r]+\r\n)*content-length:/i,
    example:
      'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 9\r\n\r\n',
  },
  {
    why: 'HPE_INVALID_TRANSFER_ENCODING',
    reason: 'the same',
    when: /\r\n0+(;[^\r]*)?\r\n([^\r]+\r\n)*transfer-encoding:/i,
    example:
      'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTransfer-Encoding: x\r\n\r\n',
  },
  {
    why: 'HPE_INVALID_TRANSFER_ENCODING',
    reason: 'white space behind a value may be a tab (RFC 9110 section 5.6.3)',
    when: /transfer-encoding:[ \t]*chunked[ \t]*\t[ \t]*\r\n/i,
    example: 'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n',
  },
];

/** Of `close` and `keep-alive` in one HTTP/1.0 request, `close` wins here and `keep-alive` in llhttp. */
export const BOTH_OPTIONS = / HTTP\/1\.0\r\n(?=[\s\S]*\bclose\b)(?=[\s\S]*keep-alive)/i;
