/** Heads of answers, and whole answers that are errors, as the latin1 text that an HTTP/1 connection writes. */
import type { Exchange } from '../sandbox/index.ts';
import type { Answer } from './answer.ts';
import { ERROR_CONTENT_TYPE, retryAfter } from './error-answer.ts';
import { errorBody, type HttpErrorKind } from './http-error.ts';
import { connectionLine, type DateLine, hasNoContent, statusLine } from './response-head.ts';

/** Head of a response that is complete. */
export function wholeHead(answer: Answer, exchange: Exchange, date: DateLine): string {
  const { status } = exchange;
  const { length } = exchange.body;
  const headers = exchange.headers.length;
  return (
    statusLine(status) +
    date.text +
    (length === 0 || exchange.isTyped ? '' : `Content-Type: ${answer.route?.contentType}\r\n`) +
    (hasNoContent(status) ? '' : `Content-Length: ${length}\r\n`) +
    connectionLine(answer.keepsAlive, answer.minorVersion) +
    (answer.added === undefined ? '' : answer.added.beside(exchange, true)) +
    (headers === 0 ? '\r\n' : `${exchange.headers.latin1(0, headers)}\r\n`)
  );
}

/** Head of a response that goes out while its function runs: nobody knows its length. */
export function partsHead(answer: Answer, exchange: Exchange, date: DateLine): string {
  const { status } = exchange;
  const hasContent = !hasNoContent(status);
  return (
    statusLine(status) +
    date.text +
    (hasContent && !exchange.isTyped ? `Content-Type: ${answer.route?.contentType}\r\n` : '') +
    (hasContent && answer.minorVersion > 0 ? 'Transfer-Encoding: chunked\r\n' : '') +
    connectionLine(answer.keepsAlive, answer.minorVersion) +
    (answer.added === undefined ? '' : answer.added.beside(exchange, false)) +
    `${exchange.headers.latin1(0, exchange.headers.length)}\r\n`
  );
}

/** An answer without content. */
export function emptyText(answer: Answer, status: number, date: DateLine): string {
  return `${statusLine(status)}${date.text}${answer.fields}${connectionLine(answer.keepsAlive, answer.minorVersion)}\r\n`;
}

export function errorText(answer: Answer, kind: HttpErrorKind, date: DateLine): string {
  const { added, fields } = answer;
  const body = Buffer.from(errorBody(kind, kind.message, added?.id), 'utf8');
  const beside = added === undefined ? fields : fields + added.ofError(answer.exchange);
  const seconds = retryAfter(kind);
  const retry = seconds === undefined ? '' : `Retry-After: ${seconds}\r\n`;
  return (
    `${statusLine(kind.status)}${date.text}${beside}${retry}Content-Type: ${ERROR_CONTENT_TYPE}\r\n` +
    `Content-Length: ${body.length}\r\n${connectionLine(answer.keepsAlive, answer.minorVersion)}\r\n` +
    (answer.isHead ? '' : body.toString('latin1'))
  );
}
