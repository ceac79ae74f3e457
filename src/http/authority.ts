/**
 * `host[:port]` as it stands in Host and in an absolute request target (RFC 9110 section 7.2, RFC 3986 section 3.2).
 *
 * Refused on purpose: user information (RFC 9110 section 4.2.4 calls it an error in a request), ports above 65535, zone
 * identifiers and future forms of address literals, `%` without two hexadecimal digits behind it. What stands between
 * the brackets is checked by its bytes only; who wants to connect there has to parse it anyway.
 */
import { BYTE_CLASS, COLON, HEX, IPV6, LBRACKET, NAME, PERCENT, RBRACKET } from './byte-class.ts';

const PORT_MAX = 65535;

/** Offset of the first byte in `buffer[from..to)` that does not fit, or `to` if all do. An empty host does not fit. */
export function scanAuthority(buffer: Uint8Array, from: number, to: number): number {
  if (from === to) return to;
  const hostEnd =
    buffer[from] === LBRACKET ? scanLiteral(buffer, from, to) : scanName(buffer, from, to);
  if (hostEnd === to) return to;
  if (hostEnd === from || buffer[hostEnd] !== COLON) return hostEnd;
  return scanPort(buffer, hostEnd + 1, to);
}

function scanName(buffer: Uint8Array, from: number, to: number): number {
  let i = from;
  while (i < to) {
    const byte = buffer[i]!;
    if ((BYTE_CLASS[byte]! & NAME) !== 0) i++;
    else if (byte === PERCENT && isHex(buffer, i + 1, to) && isHex(buffer, i + 2, to)) i += 3;
    else break;
  }
  return i;
}

function isHex(buffer: Uint8Array, at: number, to: number): boolean {
  return at < to && (BYTE_CLASS[buffer[at]!]! & HEX) !== 0;
}

/** Offset behind `]`; in front of the literal's end, the offset of what does not fit; `from` when it is never closed. */
function scanLiteral(buffer: Uint8Array, from: number, to: number): number {
  let i = from + 1;
  while (i < to && (BYTE_CLASS[buffer[i]!]! & IPV6) !== 0) i++;
  if (i === to || buffer[i] !== RBRACKET || i - from < 3) return from;
  return i + 1;
}

/** An empty port is allowed by the grammar: `host:` means the scheme's own. */
function scanPort(buffer: Uint8Array, from: number, to: number): number {
  let port = 0;
  for (let i = from; i < to; i++) {
    const digit = buffer[i]! - 0x30;
    if (digit < 0 || digit > 9) return i;
    port = port * 10 + digit;
    if (port > PORT_MAX) return i;
  }
  return to;
}
