/**
 * What a guest's host calls do to its response: status, header lines, body. Both interfaces go through here, so limits
 * and the rules for headers are the same for both.
 */
import { OUTCOME } from './outcome.ts';
import type { Sandbox } from './sandbox.ts';
import { UNWIND } from './unwind.ts';

/** Header fields that belong to the connection or are made by the front end: a guest that sets one is refused. */
const RESERVED = new Set([
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'trailer',
]);
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Visible characters, blanks, tabs and bytes from 0x80 on (RFC 9110 section 5.5). */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const HEADERS_BYTES_MAX = 16384;

/** Whether nobody but the front end may set the field. */
export function isReservedField(name: string): boolean {
  return RESERVED.has(name.toLowerCase());
}

/** Appends guest memory [from, from + count) to the response body; ends the guest when that is over a limit. */
export function appendBody(
  sandbox: Sandbox,
  source: Uint8Array,
  from: number,
  count: number,
): void {
  const { exchange, spec } = sandbox;
  if (exchange === undefined) return;
  const { body } = exchange;
  if (sandbox.sentBytes + body.length + count > spec.maxOutputBytes) {
    sandbox.doom(
      OUTCOME.OUTPUT_LIMIT,
      `the response is longer than ${spec.maxOutputBytes} bytes (maxOutputBytes)`,
    );
    throw UNWIND;
  }
  if (!body.append(source, from, from + count)) {
    const text = `no memory left for the response: all ${exchange.bodyMemoryBytes} bytes for bodies are in use (bodyMemoryBytes)`;
    sandbox.doom(OUTCOME.NO_CHUNKS, text);
    throw UNWIND;
  }
  if (body.length >= sandbox.pressureBytes) sandbox.onPressure(sandbox);
}

/** False when the status cannot be a final one. The head must not be fixed, here and below: the caller has looked. */
export function setStatus(sandbox: Sandbox, status: number): boolean {
  if (sandbox.exchange === undefined || status < 200 || status > 599) return false;
  sandbox.exchange.status = status;
  return true;
}

/** False when the name or value cannot be a header field, or the fields are too many bytes. */
export function addHeader(sandbox: Sandbox, name: string, value: string): boolean {
  const { exchange } = sandbox;
  if (exchange === undefined || !TOKEN.test(name) || !FIELD_VALUE.test(value)) return false;
  if (isReservedField(name)) return false;
  const line = Buffer.from(`${name}: ${value.trim()}\r\n`, 'latin1');
  if (exchange.headers.length + line.length > HEADERS_BYTES_MAX) return false;
  if (!exchange.headers.append(line, 0, line.length)) return false;
  if (name.toLowerCase() === 'content-type') sandbox.contentTypeSet = true;
  return true;
}
