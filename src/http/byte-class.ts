/**
 * What each byte may be in an HTTP/1.1 message, as one table of bit sets: a loop over a token costs one load and one
 * `and` per byte. Regular expressions were rejected: they need strings, and strings are what the parser avoids.
 *
 * Grammar: RFC 9110 section 5.6.2 (token), 5.5 (field value), 5.6.4 (quoted-string); RFC 3986 section 3.2.2 (host).
 */

export const HTAB: number = 0x09;
export const LF: number = 0x0a;
export const CR: number = 0x0d;
export const SP: number = 0x20;
export const DQUOTE: number = 0x22;
export const PERCENT: number = 0x25;
export const ASTERISK: number = 0x2a;
export const COMMA: number = 0x2c;
export const SLASH: number = 0x2f;
export const COLON: number = 0x3a;
export const SEMICOLON: number = 0x3b;
export const EQUALS: number = 0x3d;
export const QUESTION: number = 0x3f;
export const LBRACKET: number = 0x5b;
export const BACKSLASH: number = 0x5c;
export const RBRACKET: number = 0x5d;

/** A byte of a token: methods, field names, transfer codings. */
export const TOKEN: number = 1;
/** A byte of a field value: HTAB, SP, visible ASCII and obs-text (0x80 up, opaque). Of a quoted-string too, which
 * gives `"` and `\` a meaning of their own. */
export const FIELD: number = 2;
/** A byte of the request target in front of `?`. */
export const PATH: number = 4;
/** A byte of the request target behind `?`; `?` itself is one. */
export const QUERY: number = 8;
/** A byte of a registered name or IPv4 address, `%` not included. */
export const NAME: number = 16;
/** A byte of an IPv6 address between its brackets. */
export const IPV6: number = 32;
/** A hexadecimal digit. */
export const HEX: number = 64;

function mark(table: Uint8Array, bytes: string, flags: number): void {
  for (let i = 0; i < bytes.length; i++) table[bytes.charCodeAt(i)]! |= flags;
}

function build(): Uint8Array {
  const table = new Uint8Array(256);
  const alphanumeric = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
  mark(table, alphanumeric, TOKEN | NAME);
  mark(table, "!#$%&'*+-.^_`|~", TOKEN);
  mark(table, "-._~!$&'()*+,;=", NAME);
  mark(table, '0123456789abcdefABCDEF', HEX | IPV6);
  mark(table, ':.', IPV6);
  table[HTAB]! |= FIELD;
  table[SP]! |= FIELD;
  for (let byte = 0x21; byte <= 0x7e; byte++) table[byte]! |= FIELD | PATH | QUERY;
  for (let byte = 0x80; byte <= 0xff; byte++) table[byte]! |= FIELD;
  table[QUESTION]! &= ~PATH;
  // Browsers send \ ^ ` { | } as they are (the WHATWG URL standard leaves them alone in a query), so they pass, though
  // RFC 3986 would have them escaped. What every client escapes is refused: " < > and the fragment mark.
  for (const byte of '"<>#') table[byte.charCodeAt(0)]! &= ~(PATH | QUERY);
  return table;
}

/** Bit sets by byte value. */
export const BYTE_CLASS: Uint8Array = build();

/** Value of a byte that has the `HEX` bit. */
export function hexValue(byte: number): number {
  return byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57;
}

/** The bytes of an ASCII string; throws on anything else, because what follows compares bytes and not characters. */
export function asciiBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) throw new RangeError(`not ASCII at index ${i}: ${JSON.stringify(text)}`);
    bytes[i] = code;
  }
  return bytes;
}

/** Whether `buffer[from..to)` is `word`, byte for byte. */
export function equalsBytes(
  buffer: Uint8Array,
  from: number,
  to: number,
  word: Uint8Array,
): boolean {
  const length = word.length;
  if (to - from !== length) return false;
  for (let i = 0; i < length; i++) if (buffer[from + i] !== word[i]) return false;
  return true;
}

/**
 * Whether `buffer[from..to)` is `word` in any letter case. `word` is in lower case, without `[\]^_@`; folding
 * with `| 0x20` also maps control bytes onto digits and punctuation, so the caller has made sure that there are none.
 */
export function equalsFolded(
  buffer: Uint8Array,
  from: number,
  to: number,
  word: Uint8Array,
): boolean {
  const length = word.length;
  if (to - from !== length) return false;
  for (let i = 0; i < length; i++) if ((buffer[from + i]! | 0x20) !== word[i]) return false;
  return true;
}
