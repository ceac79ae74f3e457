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
  const type = length === 0 || exchange.isTyped ? '' : (answer.route?.contentType ?? '');
  const connection = connectionLine(answer.keepsAlive, answer.minorVersion);
  if (headers === 0 && answer.added === undefined) {
    return plainHead(status, length, type, connection, date.text);
  }
  return (
    commonHead(status, length, type, connection, date.text) +
    (answer.added === undefined ? '' : answer.added.beside(exchange, true)) +
    (headers === 0 ? '\r\n' : `${exchange.headers.latin1(0, headers)}\r\n`)
  );
}

function commonHead(
  status: number,
  length: number,
  type: string,
  connection: string,
  date: string,
): string {
  return (
    statusLine(status) +
    date +
    (type === '' ? '' : `Content-Type: ${type}\r\n`) +
    (hasNoContent(status) ? '' : `Content-Length: ${length}\r\n`) +
    connection
  );
}

/** The head that went out last, and what it was made of: answers of one length within a second have the same one. */
const last = { status: 0, length: 0, type: '', connection: '', date: '', text: '' };

function plainHead(
  status: number,
  length: number,
  type: string,
  connection: string,
  date: string,
): string {
  if (
    last.status !== status ||
    last.length !== length ||
    last.date !== date ||
    last.type !== type ||
    last.connection !== connection
  ) {
    last.text = `${commonHead(status, length, type, connection, date)}\r\n`;
    last.status = status;
    last.length = length;
    last.type = type;
    last.connection = connection;
    last.date = date;
  }
  return last.text;
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
