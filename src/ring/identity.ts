/**
 * What stands at the beginning of each structure, so that a handle is never put on something else: 'L' 'R', kind, version. It is
 * stored last by `create` and read first by `attach`, both atomically, so whoever sees it sees the rest of the header.
 */
import type { Ring } from './api.ts';
import { PADDING_BYTES } from './api.ts';
import { RingError } from './ring-error.ts';

/** Kinds of structures; the tables in the .wat files have them as 0x4c52kkvv. */
export const KIND = {
  deque: 1,
  mpmc: 2,
  spsc: 3,
  completion: 4,
  freeList: 5,
  heap: 6,
  lot: 7,
  table: 8,
  budget: 9,
} as const;
export type Kind = keyof typeof KIND;

/** Of all layouts together: it grows when any of them changes. */
export const LAYOUT_VERSION = 1;
const MAGIC = 0x4c52;
export const MASK: number = 4;

export function identity(kind: Kind): number {
  return (MAGIC << 16) | (KIND[kind] << 8) | LAYOUT_VERSION;
}

/** Throws unless a structure of `bytes` fits at `address`. */
export function expectRoom(ring: Ring, address: number, bytes: number): void {
  const end = ring.i32.byteLength;
  if (!Number.isInteger(address) || address < 0 || address % PADDING_BYTES !== 0) {
    throw new RingError(
      'ERR_RING_ADDRESS',
      `a structure begins at a multiple of ${PADDING_BYTES}, not at ${address}`,
    );
  }
  if (address + bytes > end) {
    throw new RingError(
      'ERR_RING_ADDRESS',
      `a structure of ${bytes} bytes at ${address} ends behind the memory's ${end} bytes`,
    );
  }
}

/** The last step of every `create`. */
export function identify(ring: Ring, address: number, kind: Kind): void {
  ring.fn.store32(address, identity(kind));
}

/** The first step of every `attach`. */
export function expectIdentity(ring: Ring, address: number, kind: Kind): void {
  expectRoom(ring, address, PADDING_BYTES);
  const found = ring.fn.load32(address);
  if (found === identity(kind)) return;
  if (found >> 16 !== MAGIC) {
    throw new RingError('ERR_RING_FOREIGN', `at ${address} there is no structure of Luge`);
  }
  const other = (found >> 8) & 0xff;
  if (other !== KIND[kind]) {
    const name =
      Object.entries(KIND).find(([, number]) => number === other)?.[0] ?? `kind ${other}`;
    throw new RingError('ERR_RING_KIND', `at ${address} there is a ${name}, not a ${kind}`);
  }
  throw new RingError(
    'ERR_RING_VERSION',
    `the ${kind} at ${address} has layout version ${found & 0xff}, this code reads ${LAYOUT_VERSION}`,
  );
}

/** The capacity that MASK tells of. Throws when the header is damaged. */
export function capacityAt(ring: Ring, address: number): number {
  return expectCapacity((ring.i32[(address + MASK) >> 2] as number) + 1);
}

/** Throws unless `n` is a power of two that a ring can have; masks depend on it. */
export function expectCapacity(n: number): number {
  if (!Number.isInteger(n) || n < 1 || n > 2 ** 24 || (n & (n - 1)) !== 0) {
    throw new RingError(
      'ERR_RING_CAPACITY',
      `a ring's capacity must be a power of two up to 2^24, not ${n}`,
    );
  }
  return n;
}

/** Throws unless `n` is a whole number from `least` to `most`. */
export function expectCount(what: string, n: number, least: number, most: number): number {
  if (!Number.isInteger(n) || n < least || n > most) {
    throw new RingError(
      'ERR_RING_CAPACITY',
      `${what} must be a whole number from ${least} to ${most}, not ${n}`,
    );
  }
  return n;
}
