/**
 * The hosts that a route is for: `a.example`, `*.example` (every name that ends in `.example`, of any depth, but not `example` itself), `[::1]`, `192.0.2.1`.
 *
 * Names are compared in any letter case, and one dot at the end of a name (the root of the DNS) is not looked at; a port is no part of a host: a request's
 * says what the client connected to, which behind a proxy or a container is not what is listened on. Address literals are compared as they are written.
 */
import { COLON, LBRACKET, RBRACKET } from './byte-class.ts';
import { RouteError } from './pattern.ts';

/** RFC 1035 section 2.3.4, less the root's. */
export const HOST_BYTES_MAX = 253;
const DOT = 0x2e;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const LITERAL = /^\[[0-9a-f:.]{2,45}\]$/;

/** Lower case and without a dot at the end; throws a RouteError for what no request's host can be. */
export function normalHost(pattern: string): string {
  const lower = pattern.toLowerCase();
  if (LITERAL.test(lower)) return lower;
  const name = lower.endsWith('.') ? lower.slice(0, -1) : lower;
  const labels = (isWildcard(name) ? name.slice(2) : name).split('.');
  if (name.length > HOST_BYTES_MAX || !labels.every((label) => LABEL.test(label))) {
    throw new RouteError(
      'ERR_ROUTE_HOST',
      `host ${JSON.stringify(pattern)} is no name, "*." and a name, or address, without a port`,
    );
  }
  return name;
}

export function isWildcard(host: string): boolean {
  return host.startsWith('*.');
}

/** Whether requests for `host` may be for `pattern`, both normal: it is that, or below it. */
export function coversHost(pattern: string, host: string): boolean {
  return pattern === host || (isWildcard(pattern) && host.endsWith(pattern.slice(1)));
}

/** Copies the host of `bytes[from..to)`, which is an authority, to `target` as `normalHost` has it: its length, or -1 where it is too long for a name. */
export function foldHost(bytes: Uint8Array, from: number, to: number, target: Uint8Array): number {
  let end = from;
  if (bytes[from] === LBRACKET) {
    while (end < to && bytes[end] !== RBRACKET) end++;
    if (end < to) end++;
  } else {
    while (end < to && bytes[end] !== COLON) end++;
    if (end > from && bytes[end - 1] === DOT) end--;
  }
  if (end - from > target.length) return -1;
  for (let i = from; i < end; i++) {
    const byte = bytes[i] as number;
    target[i - from] = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
  }
  return end - from;
}
