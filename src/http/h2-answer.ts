/** Heads of answers as node:http2 takes them. Its names are in lower case, and what belongs to a connection of HTTP/1 is left out. */
import type { OutgoingHttpHeaders } from 'node:http2';
import type { Exchange } from '../sandbox/index.ts';
import type { HttpRoute } from './api.ts';
import { ERROR_CONTENT_TYPE, retryAfter } from './error-answer.ts';
import type { HttpErrorKind } from './http-error.ts';
import { type DateLine, hasNoContent } from './response-head.ts';

/** RFC 9113 section 8.2.2. Guests cannot set the others of them (sandbox/response.ts). */
const OF_CONNECTION = new Set(['http2-settings', 'proxy-connection', 'te']);

/** Whether node:http2 ends the stream behind the head: 205 has no content either, though HTTP/1 has to tell its length. */
export function endsWithHead(status: number): boolean {
  return hasNoContent(status) || status === 205;
}

/** Of a response that is complete. */
export function wholeHeaders(
  route: HttpRoute,
  exchange: Exchange,
  date: DateLine,
): OutgoingHttpHeaders {
  const { status } = exchange;
  const { length } = exchange.body;
  const headers = beginHeaders(status, date);
  if (length > 0 && !exchange.isTyped) headers['content-type'] = route.contentType;
  if (!hasNoContent(status)) headers['content-length'] = status === 205 ? 0 : length;
  return addLines(headers, exchange.headers.latin1(0, exchange.headers.length));
}

/** Of a response that goes out while its function runs. */
export function partsHeaders(
  route: HttpRoute,
  exchange: Exchange,
  date: DateLine,
): OutgoingHttpHeaders {
  const { status } = exchange;
  const headers = beginHeaders(status, date);
  if (!hasNoContent(status) && !exchange.isTyped) headers['content-type'] = route.contentType;
  return addLines(headers, exchange.headers.latin1(0, exchange.headers.length));
}

/** Of an answer without a function; `fields` are lines of its own, as of HTTP/1. */
export function ownHeaders(
  kind: HttpErrorKind | undefined,
  fields: string,
  bodyBytes: number,
  date: DateLine,
): OutgoingHttpHeaders {
  const headers = beginHeaders(kind?.status ?? 204, date);
  if (kind !== undefined) {
    headers['content-type'] = ERROR_CONTENT_TYPE;
    headers['content-length'] = bodyBytes;
    const seconds = retryAfter(kind);
    if (seconds !== undefined) headers['retry-after'] = String(seconds);
  }
  return addLines(headers, fields);
}

function beginHeaders(status: number, date: DateLine): OutgoingHttpHeaders {
  // Not an ordinary object: a field may be called __proto__.
  const headers = Object.create(null) as OutgoingHttpHeaders;
  headers[':status'] = status;
  headers.date = date.value;
  return headers;
}

/** `Name: value CRLF` lines. Several of one name stay several. */
export function addLines(headers: OutgoingHttpHeaders, lines: string): OutgoingHttpHeaders {
  for (let at = 0; at < lines.length; ) {
    const end = lines.indexOf('\r\n', at);
    const colon = lines.indexOf(':', at);
    const name = lines.slice(at, colon).toLowerCase();
    const value = lines.slice(colon + 1, end).trim();
    at = end + 2;
    if (OF_CONNECTION.has(name)) continue;
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else headers[name] = [String(before), value];
  }
  return headers;
}
