/**
 * Reading the few field values that the parser has to understand: lists (RFC 9110 section 5.6.1), Connection, Content-Length.
 * Ranges of a buffer in, numbers out.
 */
import { asciiBytes, COMMA, equalsFolded, HTAB, SP } from './byte-class.ts';

/** Bits of `connectionOptions`. */
export const OPTION_CLOSE: number = 1;
export const OPTION_KEEP_ALIVE: number = 2;
export const OPTION_UPGRADE: number = 4;

const CLOSE: Uint8Array = asciiBytes('close');
const KEEP_ALIVE: Uint8Array = asciiBytes('keep-alive');
const UPGRADE: Uint8Array = asciiBytes('upgrade');

/** Offset of the first comma in `buffer[from..to)`, or `to`. */
export function findComma(buffer: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && buffer[at] !== COMMA) at++;
  return at;
}

/** Offset behind the white space at the beginning. */
export function trimStart(buffer: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && (buffer[at] === SP || buffer[at] === HTAB)) at++;
  return at;
}

/** Offset of the white space at the end. */
export function trimEnd(buffer: Uint8Array, from: number, to: number): number {
  let at = to;
  while (at > from && (buffer[at - 1] === SP || buffer[at - 1] === HTAB)) at--;
  return at;
}

/**
 * Which of the options that matter here are in a Connection list. Others, and elements that are no tokens, are passed over:
 * they ask for nothing that is done here.
 */
export function connectionOptions(buffer: Uint8Array, from: number, to: number): number {
  let options = 0;
  let element = from;
  while (element < to) {
    const elementEnd = findComma(buffer, element, to);
    const first = trimStart(buffer, element, elementEnd);
    const last = trimEnd(buffer, first, elementEnd);
    if (equalsFolded(buffer, first, last, CLOSE)) options |= OPTION_CLOSE;
    else if (equalsFolded(buffer, first, last, KEEP_ALIVE)) options |= OPTION_KEEP_ALIVE;
    else if (equalsFolded(buffer, first, last, UPGRADE)) options |= OPTION_UPGRADE;
    element = elementEnd + 1;
  }
  return options;
}

/**
 * The decimal number in `buffer[from..to)`: digits only, below 2^53. What is none gives `~offset` (< 0) of the byte that does not
 * fit; an empty range, that of its end.
 */
export function parseLength(buffer: Uint8Array, from: number, to: number): number {
  if (from === to) return ~to;
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = buffer[at]! - 0x30;
    if (digit < 0 || digit > 9) return ~at;
    // Exact up to 2^53; a value above it is seen here, before it could grow further.
    value = value * 10 + digit;
    if (value > Number.MAX_SAFE_INTEGER) return ~at;
  }
  return value;
}
