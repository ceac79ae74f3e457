/**
 * Every way in which the HTTP layer answers with an error, as one table: status, code, message, and whether the
 * connection is closed behind the answer. Rows are shared constants, so refusing a request allocates nothing but its body.
 *
 * `code` is what clients and dashboards match on: it never changes its meaning. Codes of the protocol and of routing begin
 * with `ERR_HTTP_`; the others are those of the runtime and are the same for a call that did not come by HTTP.
 *
 * `close` is true wherever the end of the request in the byte stream is unknown or will not be waited for: what follows could
 * be read as a request of somebody else (request smuggling, RFC 9112 section 11.2).
 */

export interface HttpErrorKind {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly close: boolean;
  /** Where it is known better than by the status. */
  readonly retryAfterSeconds?: number;
}

export type HttpErrorName =
  // request line
  | 'INVALID_METHOD'
  | 'METHOD_TOO_LONG'
  | 'CONNECT_UNSUPPORTED'
  | 'INVALID_TARGET'
  | 'TARGET_TOO_LONG'
  | 'INVALID_VERSION'
  | 'VERSION_UNSUPPORTED'
  // lines and fields
  | 'BARE_CR'
  | 'BARE_LF'
  | 'OBSOLETE_FOLD'
  | 'EMPTY_HEADER_NAME'
  | 'INVALID_HEADER_NAME'
  | 'SPACE_BEFORE_COLON'
  | 'INVALID_HEADER_VALUE'
  | 'HEAD_TOO_LARGE'
  | 'TOO_MANY_HEADERS'
  | 'MISSING_HOST'
  | 'REPEATED_HOST'
  | 'INVALID_HOST'
  | 'EXPECTATION_FAILED'
  // framing
  | 'INVALID_CONTENT_LENGTH'
  | 'REPEATED_CONTENT_LENGTH'
  | 'AMBIGUOUS_LENGTH'
  | 'TRANSFER_ENCODING_IN_1_0'
  | 'INVALID_TRANSFER_ENCODING'
  | 'UNKNOWN_TRANSFER_CODING'
  | 'BODY_TOO_LARGE'
  | 'BODY_INCOMPLETE'
  | 'INVALID_CHUNK_SIZE'
  | 'INVALID_CHUNK_EXTENSION'
  | 'CHUNK_EXTENSION_TOO_LARGE'
  | 'INVALID_CHUNK_END'
  | 'INVALID_TRAILER'
  | 'TRAILERS_TOO_LARGE'
  // connection and routing
  | 'HEAD_TIMEOUT'
  | 'BODY_TIMEOUT'
  | 'TOO_MANY_CONNECTIONS'
  | 'PLAIN_ON_TLS'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  // runtime
  | 'ADMISSION'
  | 'INVALID_TIMEOUT'
  | 'QUEUE_FULL'
  | 'BODY_MEMORY'
  | 'QUEUE_TIMEOUT'
  | 'DRAINING'
  | 'DEADLINE'
  | 'CPU_LIMIT'
  | 'GUEST_TRAP'
  | 'GUEST_EXIT'
  | 'GUEST_OUTPUT_LIMIT'
  | 'WORKER_LOST'
  | 'INTERNAL';

function close(status: number, code: string, message: string): HttpErrorKind {
  return Object.freeze({ status, code, message, close: true });
}

function keep(status: number, code: string, message: string): HttpErrorKind {
  return Object.freeze({ status, code, message, close: false });
}

// biome-ignore format: a table, one kind a line
export const HTTP_ERRORS: Readonly<Record<HttpErrorName, HttpErrorKind>> = Object.freeze({
  INVALID_METHOD: close(400, 'ERR_HTTP_INVALID_METHOD', 'the request line does not begin with a method and one space'),
  METHOD_TOO_LONG: close(501, 'ERR_HTTP_METHOD_TOO_LONG', 'the method is longer than any that is known'),
  CONNECT_UNSUPPORTED: close(501, 'ERR_HTTP_CONNECT_UNSUPPORTED', 'CONNECT is for proxies, and this is none'),
  INVALID_TARGET: close(400, 'ERR_HTTP_INVALID_TARGET', 'the request target is malformed'),
  TARGET_TOO_LONG: close(414, 'ERR_HTTP_TARGET_TOO_LONG', 'the request target is too long'),
  INVALID_VERSION: close(400, 'ERR_HTTP_INVALID_VERSION', 'the request line does not end in HTTP/1.1'),
  VERSION_UNSUPPORTED: close(505, 'ERR_HTTP_VERSION_UNSUPPORTED', 'only HTTP/1.0 and HTTP/1.1 are spoken here'),

  BARE_CR: close(400, 'ERR_HTTP_BARE_CR', 'a carriage return without a line feed'),
  BARE_LF: close(400, 'ERR_HTTP_BARE_LF', 'a line feed without a carriage return'),
  OBSOLETE_FOLD: close(400, 'ERR_HTTP_OBSOLETE_FOLD', 'a header line begins with white space (obsolete line folding)'),
  EMPTY_HEADER_NAME: close(400, 'ERR_HTTP_EMPTY_HEADER_NAME', 'a header line without a name'),
  INVALID_HEADER_NAME: close(400, 'ERR_HTTP_INVALID_HEADER_NAME', 'a byte that no header name may hold'),
  SPACE_BEFORE_COLON: close(400, 'ERR_HTTP_SPACE_BEFORE_COLON', 'white space between header name and colon'),
  INVALID_HEADER_VALUE: close(400, 'ERR_HTTP_INVALID_HEADER_VALUE', 'a control byte in a header value'),
  HEAD_TOO_LARGE: close(431, 'ERR_HTTP_HEAD_TOO_LARGE', 'the request head is too large (http.maxHeadBytes)'),
  TOO_MANY_HEADERS: close(431, 'ERR_HTTP_TOO_MANY_HEADERS', 'too many header lines (http.maxHeaders)'),
  MISSING_HOST: close(400, 'ERR_HTTP_MISSING_HOST', 'an HTTP/1.1 request without Host'),
  REPEATED_HOST: close(400, 'ERR_HTTP_REPEATED_HOST', 'more than one Host'),
  INVALID_HOST: close(400, 'ERR_HTTP_INVALID_HOST', 'Host is no host name with an optional port'),
  EXPECTATION_FAILED: close(417, 'ERR_HTTP_EXPECTATION_FAILED', 'the only expectation that can be met is 100-continue'),

  INVALID_CONTENT_LENGTH: close(400, 'ERR_HTTP_INVALID_CONTENT_LENGTH', 'Content-Length is no decimal number below 2^53'),
  REPEATED_CONTENT_LENGTH: close(400, 'ERR_HTTP_REPEATED_CONTENT_LENGTH', 'more than one Content-Length'),
  AMBIGUOUS_LENGTH: close(400, 'ERR_HTTP_AMBIGUOUS_LENGTH', 'Transfer-Encoding together with Content-Length'),
  TRANSFER_ENCODING_IN_1_0: close(400, 'ERR_HTTP_TRANSFER_ENCODING_IN_1_0', 'Transfer-Encoding in an HTTP/1.0 request'),
  INVALID_TRANSFER_ENCODING: close(400, 'ERR_HTTP_INVALID_TRANSFER_ENCODING', 'chunked must be the last transfer coding, and there once'),
  UNKNOWN_TRANSFER_CODING: close(501, 'ERR_HTTP_UNKNOWN_TRANSFER_CODING', 'no transfer coding but chunked is known'),
  BODY_TOO_LARGE: close(413, 'ERR_HTTP_BODY_TOO_LARGE', 'the request body is too large (maxBodyBytes)'),
  BODY_INCOMPLETE: close(400, 'ERR_HTTP_BODY_INCOMPLETE', 'the client ended its side in the middle of the request body'),
  INVALID_CHUNK_SIZE: close(400, 'ERR_HTTP_INVALID_CHUNK_SIZE', 'a chunk size is no hexadecimal number of at most 16 digits'),
  INVALID_CHUNK_EXTENSION: close(400, 'ERR_HTTP_INVALID_CHUNK_EXTENSION', 'a chunk extension is malformed'),
  CHUNK_EXTENSION_TOO_LARGE: close(413, 'ERR_HTTP_CHUNK_EXTENSION_TOO_LARGE', 'too many bytes of chunk extensions'),
  INVALID_CHUNK_END: close(400, 'ERR_HTTP_INVALID_CHUNK_END', 'the data of a chunk does not end in CRLF'),
  INVALID_TRAILER: close(400, 'ERR_HTTP_INVALID_TRAILER', 'a trailer line is malformed'),
  TRAILERS_TOO_LARGE: close(431, 'ERR_HTTP_TRAILERS_TOO_LARGE', 'too many bytes of trailers'),

  HEAD_TIMEOUT: close(408, 'ERR_HTTP_HEAD_TIMEOUT', 'the request head did not arrive in time (http.headTimeoutMs)'),
  BODY_TIMEOUT: close(408, 'ERR_HTTP_BODY_TIMEOUT', 'the request body did not arrive in time (http.bodyTimeoutMs)'),
  TOO_MANY_CONNECTIONS: close(503, 'ERR_HTTP_TOO_MANY_CONNECTIONS', 'as many connections as are allowed are open (http.maxConnections)'),
  PLAIN_ON_TLS: close(400, 'ERR_HTTP_PLAIN_ON_TLS', 'this port speaks TLS: https and not http'),
  NOT_FOUND: keep(404, 'ERR_HTTP_NOT_FOUND', 'no route for this path'),
  METHOD_NOT_ALLOWED: keep(405, 'ERR_HTTP_METHOD_NOT_ALLOWED', 'the route does not take this method'),

  INVALID_TIMEOUT: keep(400, 'ERR_HTTP_INVALID_TIMEOUT', 'the timeout field is no whole number above 0 of milliseconds, or of a unit of gRPC behind it, or is there twice'),
  ADMISSION: keep(429, 'ERR_ADMISSION', 'not admitted: with it more would be admitted than the workers can do in time'),
  QUEUE_FULL: keep(503, 'ERR_QUEUE_FULL', 'the queue of requests is full'),
  BODY_MEMORY: keep(503, 'ERR_BODY_MEMORY', 'no memory left for request bodies'),
  // 503 and not 504: the function was never entered, so that a client or balancer may repeat even what is not idempotent.
  QUEUE_TIMEOUT: keep(503, 'ERR_QUEUE_TIMEOUT', 'the request was not started in time'),
  DRAINING: close(503, 'ERR_DRAINING', 'the server is shutting down'),
  DEADLINE: keep(504, 'ERR_DEADLINE', 'the function ran past its deadline'),
  CPU_LIMIT: keep(504, 'ERR_CPU_LIMIT', 'the function used up its running time'),
  GUEST_TRAP: keep(500, 'ERR_TRAP', 'the function trapped'),
  GUEST_EXIT: keep(500, 'ERR_GUEST_EXIT', 'the function ended with a failure code'),
  GUEST_OUTPUT_LIMIT: keep(500, 'ERR_GUEST_OUTPUT_LIMIT', 'the function wrote more than its response may hold'),
  WORKER_LOST: keep(502, 'ERR_WORKER_LOST', 'the worker that ran the function died'),
  INTERNAL: close(500, 'ERR_INTERNAL', 'the server failed'),
});

/**
 * JSON body of an error answer. `detail` replaces the kind's own message where more is known (a byte offset, a name); `requestId`, of characters that need no
 * escape, is there where the route gives its requests one.
 */
export function errorBody(
  kind: HttpErrorKind,
  detail: string = kind.message,
  requestId: string = '',
): string {
  const id = requestId === '' ? '' : `,"requestId":"${requestId}"`;
  return `{"error":{"code":"${kind.code}","message":${JSON.stringify(detail)},"status":${kind.status}${id}}}`;
}

/** 413 to a body whose length was told. */
export function bodyTooLarge(bytes: number, maxBodyBytes: number): HttpErrorKind {
  const message = `the body has ${bytes} bytes, and this route takes ${maxBodyBytes}`;
  return { ...HTTP_ERRORS.BODY_TOO_LARGE, message };
}
