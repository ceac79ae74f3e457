/**
 * The head of an HTTP/2 request as the HTTP/1.1 text that it stands for, read by the parser of HTTP/1.1: so limits, rules, errors and what guests see are the
 * same for both, and what is added to one is there in the other.
 *
 *   :method :path                  METHOD path HTTP/1.1
 *   :authority                     host: authority           (beside another `host`: refused, as two of them are)
 *   a: 1, cookie: b, cookie: c     a: 1, cookie: b; c        (RFC 9113 section 8.2.3; other fields stay lines of their own)
 *   a body of unknown length       transfer-encoding: chunked
 *
 * nghttp2 has refused what is malformed (names in upper case, connection-specific fields, missing or repeated pseudo-fields, control bytes) by a reset of the
 * stream. That no value makes a line of its own is looked at all the same: that is what the text must not get wrong.
 * Text and parser cost 1.2 µs for a head of two fields and 4.1 for a browser's eleven (the best of nine rounds of 50,000).
 */
import { type HttpLimits, parserLimits } from './api.ts';
import { COLON } from './byte-class.ts';
import { HTTP_ERRORS, type HttpErrorKind } from './http-error.ts';
import { NEED_MORE, RequestParser } from './parser.ts';

/** One for the sessions of a port: what it holds is the head that was read last. */
export class H2Head {
  readonly parser: RequestParser;
  /** Holds the head; `parser` has the offsets in it. */
  readonly bytes: Buffer;
  bytesUsed = 0;
  errorMessage = '';

  constructor(limits: HttpLimits, maxBodyBytes: number) {
    this.parser = new RequestParser(parserLimits(limits, maxBodyBytes));
    // One byte more than is allowed, for the parser to see that.
    this.bytes = Buffer.allocUnsafeSlow(limits.maxHeadBytes + 1);
  }

  /** Names and values in turn, as node:http2 has them. Why it is refused, or undefined. */
  read(fields: readonly string[], endsStream: boolean): HttpErrorKind | undefined {
    let method = '';
    let path = '';
    let authority: string | undefined;
    let cookie = '';
    let lines = '';
    let lineCount = 0;
    let isLengthKnown = endsStream;
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i] as string;
      const value = fields[i + 1] as string;
      if (name === ':method') method = value;
      else if (name === ':path') path = value;
      else if (name === ':authority') authority = value;
      else if (name === 'cookie') cookie = cookie === '' ? value : `${cookie}; ${value}`;
      else if (name.charCodeAt(0) !== COLON && (name !== 'host' || value !== authority)) {
        if (name === 'content-length') isLengthKnown = true;
        lines += `${name}: ${value}\r\n`;
        lineCount++;
      }
    }
    let head = '';
    if (authority !== undefined) {
      head = `host: ${authority}\r\n`;
      lineCount++;
    }
    if (cookie !== '') {
      lines += `cookie: ${cookie}\r\n`;
      lineCount++;
    }
    if (!isLengthKnown) {
      lines += 'transfer-encoding: chunked\r\n';
      lineCount++;
    }
    // CONNECT has no path. An absolute one would bring a host of its own.
    const target = path.startsWith('/') || path === '*' ? path : (authority ?? '');
    return this.#parse(`${method} ${target} HTTP/1.1\r\n${head}${lines}\r\n`, lineCount);
  }

  #parse(text: string, lineCount: number): HttpErrorKind | undefined {
    const { parser, bytes } = this;
    this.errorMessage = '';
    parser.reset();
    this.bytesUsed = bytes.write(text, 'latin1');
    const end = parser.parseHead(bytes, 0, this.bytesUsed);
    if (end > NEED_MORE) {
      if (end === text.length && parser.headerCount === lineCount) return undefined;
      return HTTP_ERRORS.INVALID_HEADER_VALUE;
    }
    if (end === NEED_MORE) return HTTP_ERRORS.HEAD_TOO_LARGE;
    this.errorMessage = parser.errorMessage();
    return parser.error ?? undefined;
  }

  /** `GET /path?query` */
  label(): string {
    return this.bytes.toString('latin1', this.parser.methodStart, this.parser.targetEnd);
  }
}
