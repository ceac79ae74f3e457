import fc from 'fast-check';

/**
 * Requests that are mostly right, from a grammar with a few wrong words in it, and then with up to two bytes changed. Purely
 * random bytes would be refused at the first byte and would show nothing.
 */
const METHOD = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'PATCH') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('OPTIONS', 'TRACE', 'PROPFIND', 'CONNECT', 'get', 'G(T', ''),
  },
);

const TARGET = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('/', '/a/b?c=d', '/%41?', '//x', '/{a}|b', '/?q?r') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '*',
      'http://h/x',
      'http://h',
      'a',
      '/a b',
      '/\0',
      '/\x7f',
      '/#f',
      '/"',
      '/\xe9',
      '',
    ),
  },
);

const VERSION = fc.oneof(
  { weight: 12, arbitrary: fc.constant('HTTP/1.1') },
  { weight: 3, arbitrary: fc.constant('HTTP/1.0') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'HTTP/2.0',
      'HTTP/1.2',
      'HTTP/0.9',
      'http/1.1',
      'HTTP/1.',
      'HTTP/11',
      '',
    ),
  },
);

const LINE = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      'Host: b',
      'Accept: */*',
      'X-A:\t a b \t',
      'X-Empty:',
      'X-Obs: \xe9\xff',
      "X!#$%&'*+-.^_`|~9: y",
      'Connection: close',
      'Connection: keep-alive',
      'Connection: x, close',
      'connection: Keep-Alive, x',
      'Expect: 100-continue',
    ),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      'Content-Length: 5',
      'Content-Length: 0',
      'Transfer-Encoding: chunked',
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'Host: a b',
      'Host:',
      'Host: a:x',
      'X : y',
      ' folded',
      ': y',
      'no colon',
      'X: a\0b',
      'X: a\x01b',
      'X: a\rb',
      'X: a\nb',
      'X(: y',
      'Expect: more',
      'Content-Length: +5',
      'Content-Length: 5, 5',
      'Content-Length: 5 5',
      'Content-Length:',
      'Content-Length: 99999999999999999999999',
      'Transfer-Encoding: gzip, chunked',
      'Transfer-Encoding: chunked, gzip',
      'Transfer-Encoding: chunked, chunked',
      'Transfer-Encoding: gzip',
      'Transfer-Encoding: chunked;a=b',
      'Transfer-Encoding: ',
      'Transfer-Encoding: ,chunked',
      'Transfer-Encoding: CHUNKED',
    ),
  },
);

const BODY = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '5\r\nhello\r\n0\r\n\r\n',
      '1;a=b;c="d"\r\nx\r\nA\r\n0123456789\r\n0\r\nT: u\r\n\r\n',
    ),
  },
  { weight: 3, arbitrary: fc.constantFrom('hello', 'hello world', '') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '5 \r\nhello\r\n0\r\n\r\n',
      '5\nhello\n0\n\n',
      '5\r\nhelloX\r\n0\r\n\r\n',
      '-5\r\nhello\r\n0\r\n\r\n',
      '5;\r\nhello\r\n0\r\n\r\n',
      '5; a\r\nhello\r\n0\r\n\r\n',
      '0\r\nbad trailer\r\n\r\n',
      '0\r\n X: y\r\n\r\n',
    ),
  },
);

interface Change {
  at: number;
  kind: 'replace' | 'insert' | 'delete';
  byte: string;
}

const CHANGE: fc.Arbitrary<Change> = fc.record({
  at: fc.nat({ max: 200 }),
  kind: fc.constantFrom('replace', 'insert', 'delete'),
  byte: fc.constantFrom(
    ' ',
    '\t',
    '\r',
    '\n',
    '\0',
    ':',
    ',',
    ';',
    '0',
    'f',
    'Z',
    '/',
    '?',
    '"',
    '(',
    '\x7f',
    '\x80',
  ),
});

function apply(text: string, { at, kind, byte }: Change): string {
  const place = at % (text.length + 1);
  const rest = text.slice(kind === 'insert' ? place : place + 1);
  return text.slice(0, place) + (kind === 'delete' ? '' : byte) + rest;
}

export const request: fc.Arbitrary<string> = fc
  .record({
    method: METHOD,
    target: TARGET,
    version: VERSION,
    host: fc.constantFrom('Host: a', 'Host: a', 'Host: a', 'Host: [::1]:8080', ''),
    lines: fc.array(LINE, { maxLength: 4 }),
    body: BODY,
    changes: fc.oneof(
      { weight: 3, arbitrary: fc.constant<Change[]>([]) },
      { weight: 2, arbitrary: fc.array(CHANGE, { minLength: 1, maxLength: 2 }) },
    ),
  })
  .map(({ method, target, version, host, lines, body, changes }) => {
    const fields = [host, ...lines].filter((line) => line !== '');
    const head = [`${method} ${target} ${version}`, ...fields, '', ''].join('\r\n');
    return changes.reduce(apply, head + body);
  });
