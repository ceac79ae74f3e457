import { BAD, NEED_MORE, type ParserLimits, RequestParser } from '../../src/http/parser.ts';

/** All that a head said, as values that can be compared; or the error and its byte. */
export interface Head {
  length: number;
  method: string;
  methodId: number;
  target: string;
  form: number;
  path: string;
  query: string;
  host: string;
  minorVersion: number;
  headers: string;
  headerCount: number;
  contentLength: number;
  chunked: boolean;
  keepAlive: boolean;
  expectContinue: boolean;
  upgrade: boolean;
}

export interface Refusal {
  status: number;
  code: string;
  at: number;
}

export type Outcome = Head | Refusal | 'need more';

export function latin1(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'));
}

export function isRefusal(outcome: Outcome): outcome is Refusal {
  return typeof outcome === 'object' && 'status' in outcome;
}

function describe(parser: RequestParser, buffer: Uint8Array, start: number, end: number): Head {
  const text = (from: number, to: number): string =>
    Buffer.from(buffer.subarray(start + from, start + to)).toString('latin1');
  return {
    length: end - start,
    method: text(parser.methodStart, parser.methodEnd),
    methodId: parser.method,
    target: text(parser.targetStart, parser.targetEnd),
    form: parser.targetForm,
    path: text(parser.pathStart, parser.pathEnd),
    query: text(parser.queryStart, parser.targetEnd),
    host: text(parser.hostStart, parser.hostEnd),
    minorVersion: parser.minorVersion,
    headers: text(parser.headersStart, parser.headersEnd),
    headerCount: parser.headerCount,
    contentLength: parser.contentLength,
    chunked: parser.chunked,
    keepAlive: parser.keepAlive,
    expectContinue: parser.expectContinue,
    upgrade: parser.upgrade,
  };
}

/** Parse with the bytes known up to each of `ends` in turn, as of `start`; the last is the whole. */
export function feed(
  parser: RequestParser,
  buffer: Uint8Array,
  start: number,
  ends: readonly number[],
): Outcome {
  for (const end of ends) {
    const result = parser.parseHead(buffer, start, end);
    if (result === BAD) {
      const error = parser.error!;
      return { status: error.status, code: error.code, at: parser.errorOffset };
    }
    if (result !== NEED_MORE) return describe(parser, buffer, start, result);
  }
  return 'need more';
}

/** A fresh parser, the bytes at once. */
export function parse(text: string, limits?: ParserLimits): Outcome {
  const bytes = latin1(text);
  return feed(new RequestParser(limits), bytes, 0, [bytes.length]);
}

export function parseHead(text: string, limits?: ParserLimits): Head {
  const outcome = parse(text, limits);
  if (typeof outcome === 'string' || isRefusal(outcome)) {
    throw new Error(`not accepted: ${JSON.stringify(outcome)}`);
  }
  return outcome;
}

export function parseRefusal(text: string, limits?: ParserLimits): Refusal {
  const outcome = parse(text, limits);
  if (!isRefusal(outcome)) throw new Error(`not refused: ${JSON.stringify(outcome)}`);
  return outcome;
}
