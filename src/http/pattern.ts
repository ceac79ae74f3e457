/**
 * Route patterns: `/fib` (exactly that), `/users/:id` (one segment, not empty), `/static/*` (all that begins with `/static/`, the
 * rest may be empty). They are compared with the path as it was sent, byte for byte: nothing is decoded or normalized, so that
 * there is one spelling of a path and not one for the router and another for the function behind it. Hence a pattern that could
 * never match, for instance with a space or an `é` in it, is refused.
 */
import { asciiBytes, BYTE_CLASS, PATH } from './byte-class.ts';

/** A route that cannot be used. `code` is one of `ERR_ROUTE_PATTERN`, `ERR_ROUTE_METHOD`, `ERR_ROUTE_TARGET`, `ERR_ROUTE_DUPLICATE`. */
export class RouteError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'RouteError';
    this.code = code;
  }
}

export interface Pattern {
  /** The segments behind the first slash, without the wildcard; null stands for a parameter. */
  readonly segments: readonly (Uint8Array | null)[];
  readonly paramNames: readonly string[];
  readonly wildcard: boolean;
}

/** A literal path or prefix as bytes. */
export function literalBytes(pattern: string): Uint8Array {
  if (!pattern.startsWith('/')) throw malformed(pattern, 'does not begin with /');
  for (let i = 0; i < pattern.length; i++) {
    const code = pattern.charCodeAt(i);
    if (code > 0x7f || (BYTE_CLASS[code]! & PATH) === 0) {
      throw malformed(pattern, `holds at index ${i} what no path does; escape it as %XX`);
    }
  }
  return asciiBytes(pattern);
}

export function parsePattern(pattern: string): Pattern {
  literalBytes(pattern);
  const parts = pattern.slice(1).split('/');
  const wildcard = parts.at(-1) === '*';
  if (wildcard) parts.pop();
  const paramNames: string[] = [];
  const segments = parts.map((part) => {
    if (part.includes('*')) throw malformed(pattern, 'has a * that is not its whole last segment');
    if (!part.startsWith(':')) return asciiBytes(part);
    const name = part.slice(1);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw malformed(pattern, `has a parameter ${part} that is no identifier`);
    }
    if (paramNames.includes(name)) throw malformed(pattern, `names the parameter ${part} twice`);
    paramNames.push(name);
    return null;
  });
  return { segments, paramNames, wildcard };
}

function malformed(pattern: string, reason: string): RouteError {
  return new RouteError('ERR_ROUTE_PATTERN', `route pattern ${JSON.stringify(pattern)} ${reason}`);
}
