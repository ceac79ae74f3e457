/**
 * Request methods as small numbers: the router's tables are indexed by them. A method is any token (RFC 9110 section 9.1);
 * those without an id of their own are `OTHER`, and who cares about them compares the bytes.
 */
import { asciiBytes, equalsBytes } from './byte-class.ts';

export const GET: number = 0;
export const HEAD: number = 1;
export const POST: number = 2;
export const PUT: number = 3;
export const DELETE: number = 4;
export const PATCH: number = 5;
export const OPTIONS: number = 6;
export const CONNECT: number = 7;
export const TRACE: number = 8;
export const OTHER: number = 9;

/** Names by id; `OTHER` has none. Methods are case-sensitive: `get` is `OTHER`. */
export const METHODS: readonly string[] = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'PATCH',
  'OPTIONS',
  'CONNECT',
  'TRACE',
];

const BYTES: readonly Uint8Array[] = METHODS.map(asciiBytes);

/** Id by first letter; `P` and the rest that share one are settled by the comparison behind it. */
const FIRST: Int8Array = new Int8Array(256).fill(OTHER);
for (const [id, name] of METHODS.entries()) {
  if (FIRST[name.charCodeAt(0)] === OTHER) FIRST[name.charCodeAt(0)] = id;
}

/** Id of the method in `buffer[from..to)`, which holds at least one byte. */
export function methodId(buffer: Uint8Array, from: number, to: number): number {
  const first = FIRST[buffer[from]!]!;
  if (first === OTHER) return OTHER;
  if (equalsBytes(buffer, from, to, BYTES[first]!)) return first;
  if (first !== POST) return OTHER;
  if (equalsBytes(buffer, from, to, BYTES[PUT]!)) return PUT;
  return equalsBytes(buffer, from, to, BYTES[PATCH]!) ? PATCH : OTHER;
}
