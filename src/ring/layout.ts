/**
 * Addresses of several structures in one memory, as a pure function of what it has to hold: threads that compute it from the same
 * constraints find the same addresses, and nothing else has to be shared to find things.
 */
import { PADDING_BYTES, type RingOptions } from './api.ts';
import { Budget } from './budget.ts';
import { CompletionRing } from './completion-ring.ts';
import { Deque, type DequeOptions } from './deque.ts';
import { FreeList, type FreeListOptions } from './free-list.ts';
import { Heap, type HeapOptions } from './heap.ts';
import { expectCount } from './identity.ts';
import { MpmcRing, type MpmcRingOptions } from './mpmc-ring.ts';
import { ParkingLot, type ParkingLotOptions } from './parker.ts';
import { RingError } from './ring-error.ts';
import { SpscRing } from './spsc-ring.ts';

/** One structure, or `count` (1 by default) alike. `bytes` is room for whatever the caller keeps. */
export type Constraint = { readonly count?: number } & (
  | ({ readonly kind: 'deque' } & DequeOptions)
  | ({ readonly kind: 'mpmc' } & MpmcRingOptions)
  | ({ readonly kind: 'spsc' | 'completion' } & RingOptions)
  | ({ readonly kind: 'freeList' } & { readonly items: FreeListOptions['count'] })
  | ({ readonly kind: 'heap' } & HeapOptions)
  | ({ readonly kind: 'lot' } & ParkingLotOptions)
  | { readonly kind: 'bell' | 'beat' | 'budget' }
  | { readonly kind: 'bytes'; readonly bytes: number }
);

/** Where the structures of one constraint lie: the i-th at `address + i * strideBytes`, both multiples of PADDING_BYTES. */
export interface Region {
  readonly address: number;
  readonly strideBytes: number;
  readonly count: number;
}

export interface Layout<T extends Readonly<Record<string, Constraint>>> {
  readonly regions: { readonly [name in keyof T]: Region };
  /** The first byte behind all regions; `pages` 64 KiB pages hold it. */
  readonly totalBytes: number;
  readonly pages: number;
}

/** The most that a layout may take: 2 GiB less a page, so that no address is negative as an i32. */
export const LAYOUT_BYTES_MAX: number = 2 ** 31 - 65536;
const PAGE_BYTES = 65536;

/**
 * Lays the structures out one behind the other, in the order of the keys, from `fromByte` (rounded up) on. Throws a RingError that
 * names the constraint that cannot be met.
 */
export function layout<T extends Readonly<Record<string, Constraint>>>(
  constraints: T,
  fromByte: number = 0,
): Layout<T> {
  let at = padded(expectCount('fromByte', fromByte, 0, LAYOUT_BYTES_MAX));
  const regions: Record<string, Region> = {};
  for (const [name, constraint] of Object.entries(constraints)) {
    const count = expectCount(`${name}.count`, constraint.count ?? 1, 0, 2 ** 24);
    const strideBytes = padded(named(name, () => bytesOf(name, constraint)));
    regions[name] = { address: at, strideBytes, count };
    at += strideBytes * count;
    if (at > LAYOUT_BYTES_MAX) {
      throw new RingError(
        'ERR_RING_CAPACITY',
        `${name} (${count} x ${strideBytes} bytes) would end at byte ${at}, behind the limit of ${LAYOUT_BYTES_MAX}`,
      );
    }
  }
  return {
    regions: regions as Layout<T>['regions'],
    totalBytes: at,
    pages: Math.max(1, Math.ceil(at / PAGE_BYTES)),
  };
}

function bytesOf(name: string, constraint: Constraint): number {
  switch (constraint.kind) {
    case 'deque':
      return Deque.bytes(constraint);
    case 'mpmc':
      return MpmcRing.bytes(constraint);
    case 'spsc':
      return SpscRing.bytes(constraint);
    case 'completion':
      return CompletionRing.bytes(constraint);
    case 'freeList':
      return FreeList.bytes({ count: constraint.items });
    case 'heap':
      return Heap.bytes(constraint);
    case 'lot':
      return ParkingLot.bytes(constraint);
    case 'budget':
      return Budget.bytes();
    case 'bell':
    case 'beat':
      return PADDING_BYTES;
    case 'bytes':
      return expectCount(`${name}.bytes`, constraint.bytes, 0, LAYOUT_BYTES_MAX);
    default:
      throw new RingError(
        'ERR_RING_KIND',
        `${name}.kind: there is no '${String((constraint as { kind: unknown }).kind)}'`,
      );
  }
}

/** The structures' own checks know no names. */
function named(name: string, measure: () => number): number {
  try {
    return measure();
  } catch (error) {
    if (!(error instanceof RingError) || error.message.startsWith(`${name}.`)) throw error;
    throw new RingError(error.code, `${name}: ${error.message}`);
  }
}

function padded(bytes: number): number {
  return Math.ceil(bytes / PADDING_BYTES) * PADDING_BYTES;
}
