/** Streams of requests, mostly right, of a seeded generator: heads of any form, bodies of both framings, chunks with extensions and trailers; then some bytes changed. */

/** xorshift32: the same stream for the same seed, everywhere. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 2654435761 + 1) >>> 0 || 1;
  }

  below(limit: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state % limit;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  isOnce(of: number): boolean {
    return this.below(of) === 0;
  }
}

const METHODS = ['GET', 'GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'OPTIONS', 'PATCH', 'PROPFIND'];
const ODD_METHODS = ['CONNECT', 'get', 'BREW', 'G(T', ''];
const TARGETS = ['/', '/a/b?c=d', '/%41%00?', '//x', '/{a}|b', '/?q?r', 'http://h/x', 'http://h?q'];
const ODD_TARGETS = ['*', 'a', '/a b', '/\0', '/\x7f', '/#f', '/"', '/\xe9', '', 'ftp://h/'];
const VERSIONS = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'];
const ODD_VERSIONS = ['HTTP/2.0', 'HTTP/1.2', 'HTTP/0.9', 'http/1.1', 'HTTP/1.', 'HTTP/11', ''];
const FIELDS = [
  'Accept: */*',
  'X-A:\t a b \t',
  'X-Empty:',
  'X-Obs: \xe9\xff',
  "X!#$%&'*+-.^_`|~9: y",
  'Connection: keep-alive',
  'connection: Keep-Alive, x',
  'Cookie: a=b; c="d"',
  'Expect: 100-continue',
];
const ODD_FIELDS = [
  'Connection: close',
  'Connection: x, close',
  'Host: b',
  'Host: a b',
  'Host:',
  'X : y',
  ' folded',
  '\tfolded',
  ': y',
  'no colon',
  'X: a\0b',
  'X: a\rb',
  'X: a\nb',
  'X(: y',
  'Expect: more',
  'Content-Length: 3',
  'Content-Length: +3',
  'Content-Length: 3, 3',
  'Content-Length: 0x3',
  'Content-Length:',
  'Content-Length: 99999999999999999999999',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: chunked, gzip',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: gzip',
  'Transfer-Encoding: ,chunked',
  'Transfer-Encoding : chunked',
];
const EXTENSIONS = ['', '', '', ';a', ';a=b', ';a="b;c"', ';a="\\"";b', ';x=y;z'];
const ODD_EXTENSIONS = [';', '; a', ';a=', ' ;a', ';a="b', ';a=b c', ' ', '\t', ';\r'];
const TRAILERS = ['T: u\r\n', 'Content-Length: 9\r\n', 'X:\r\nY:\t z \r\n'];
const ODD_TRAILERS = ['no colon\r\n', ' X: y\r\n', 'X : y\r\n', 'X: y\n', ': y\r\n'];
const SIZES = [
  (n: number) => n.toString(16),
  (n: number) => n.toString(16).toUpperCase(),
  (n: number) => `00${n.toString(16)}`,
];
const ODD_SIZES = ['', '-1', '+1', '0x1', 'g', '1 ', ' 1', '1\t', 'fffffffffffffffff', '10000000'];
const DATA = ['x', 'hello', '\r\n0\r\n\r\n', 'GET / HTTP/1.1\r\n', '\0\xff', '0123456789abcdef'];
/** Bytes that mean something somewhere. */
const BYTES = ' \t\r\n\0:,;=0f9Z/?"(*\x7f\x80GH';

function chunked(random: Random): string {
  let text = '';
  for (let left = random.below(4); left > 0; left--) {
    const data = random.pick(DATA);
    const size = random.isOnce(60) ? random.pick(ODD_SIZES) : random.pick(SIZES)(data.length);
    text += `${size}${extension(random)}\r\n${data}\r\n`;
  }
  text += `${random.isOnce(8) ? '000' : '0'}${extension(random)}\r\n`;
  if (random.isOnce(4)) text += random.pick(random.isOnce(8) ? ODD_TRAILERS : TRAILERS);
  return `${text}\r\n`;
}

function extension(random: Random): string {
  return random.pick(random.isOnce(60) ? ODD_EXTENSIONS : EXTENSIONS);
}

function request(random: Random): string {
  const method = random.pick(random.isOnce(50) ? ODD_METHODS : METHODS);
  const target = random.pick(random.isOnce(50) ? ODD_TARGETS : TARGETS);
  const version = random.pick(random.isOnce(50) ? ODD_VERSIONS : VERSIONS);
  const fields = random.isOnce(40) ? [] : [random.isOnce(6) ? 'Host: [::1]:80' : 'Host: a'];
  for (let left = random.below(4); left > 0; left--) fields.push(random.pick(FIELDS));
  if (random.isOnce(12)) fields.push(random.pick(ODD_FIELDS));
  let body = '';
  const framing = random.below(5);
  if (framing === 0) {
    body = random.pick(DATA);
    fields.push(`Content-Length: ${body.length}`);
  } else if (framing <= 2) {
    body = chunked(random);
    fields.push(random.isOnce(3) ? 'transfer-encoding:\tChunked ' : 'Transfer-Encoding: chunked');
  }
  return `${[`${method} ${target} ${version}`, ...fields, '', ''].join('\r\n')}${body}`;
}

function mutate(random: Random, text: string): string {
  const at = random.below(text.length + 1);
  const byte = BYTES[random.below(BYTES.length)] as string;
  switch (random.below(5)) {
    case 0:
      return text.slice(0, at) + byte + text.slice(at);
    case 1:
      return text.slice(0, at) + text.slice(at + 1);
    case 2:
      return text.slice(0, at) + byte + text.slice(at + 1);
    case 3: {
      // A piece of it once more, somewhere else.
      const from = random.below(text.length + 1);
      return text.slice(0, at) + text.slice(from, from + 1 + random.below(12)) + text.slice(at);
    }
    default:
      return text.slice(0, at) + text.slice(at + 1 + random.below(6));
  }
}

export function randomStream(random: Random): string {
  let text = '';
  for (let left = 1 + random.below(4); left > 0; left--) text += request(random);
  if (random.isOnce(2)) return text;
  for (let left = 1 + random.below(3); left > 0; left--) text = mutate(random, text);
  return text;
}
