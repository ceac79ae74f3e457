/**
 * Addresses of everything in the arena, as a pure function of what it has to hold. Each thread computes the same layout from the
 * constraints in the arena's header; nothing else is shared to find things.
 */
import { PADDING_BYTES } from './api.ts';
import { CompletionRing } from './completion-ring.ts';
import { Deque } from './deque.ts';
import { FreeList } from './free-list.ts';
import { ParkingLot } from './parker.ts';

/** What the arena has to hold. All are whole numbers. */
export interface ArenaConstraints {
  /** Threads that submit requests: each owns a deque, a completion ring and a bell. */
  readonly producers: number;
  /** Threads that steal and run them: each has a place in the lot and a control block. */
  readonly workers: number;
  /** Requests that can be in the system at once. */
  readonly slots: number;
  /** Bytes of one request slot; a multiple of PADDING_BYTES. */
  readonly slotBytes: number;
  readonly chunks: number;
  /** Bytes of one chunk; a multiple of PADDING_BYTES. */
  readonly chunkBytes: number;
  /** Bytes of a worker's control block (written by it, read by others). */
  readonly controlBytes: number;
}

/** Byte addresses; the `…StrideBytes` lead from one element to the next. */
export interface ArenaLayout {
  readonly headerAddress: number;
  /** One cell that the ticker sleeps on. */
  readonly beatAddress: number;
  readonly lotAddress: number;
  readonly dequesAddress: number;
  readonly dequeStrideBytes: number;
  readonly completionsAddress: number;
  readonly completionStrideBytes: number;
  readonly bellsAddress: number;
  readonly bellStrideBytes: number;
  readonly controlsAddress: number;
  readonly controlStrideBytes: number;
  readonly slotListAddress: number;
  readonly chunkListAddress: number;
  readonly slotsAddress: number;
  readonly chunksAddress: number;
  /** Capacity of each deque and completion ring: the slots, rounded up to a power of two, so that they are never full. */
  readonly ringCapacity: number;
  readonly totalBytes: number;
}

/** Bytes of the header: magic, version, then the constraints. */
export const HEADER_BYTES: number = PADDING_BYTES;

/** The largest arena: 2 GiB less a page, so that no address is negative as an i32. */
export const ARENA_BYTES_MAX: number = 2 ** 31 - 65536;

/** Throws a RangeError that names the constraint when the arena cannot be laid out. */
export function arenaLayout(c: ArenaConstraints): ArenaLayout {
  check(c);
  const ringCapacity = 2 ** Math.ceil(Math.log2(c.slots));
  const dequeStrideBytes = padded(Deque.bytes(ringCapacity));
  const completionStrideBytes = padded(CompletionRing.bytes(ringCapacity));
  const bellStrideBytes = PADDING_BYTES;
  const controlStrideBytes = padded(c.controlBytes);
  let at = 0;
  const region = (bytes: number): number => {
    const address = at;
    at += padded(bytes);
    return address;
  };
  const layout = {
    headerAddress: region(HEADER_BYTES),
    beatAddress: region(PADDING_BYTES),
    lotAddress: region(ParkingLot.bytes(c.workers)),
    dequesAddress: region(dequeStrideBytes * c.producers),
    dequeStrideBytes,
    completionsAddress: region(completionStrideBytes * c.producers),
    completionStrideBytes,
    bellsAddress: region(bellStrideBytes * c.producers),
    bellStrideBytes,
    controlsAddress: region(controlStrideBytes * c.workers),
    controlStrideBytes,
    slotListAddress: region(FreeList.bytes(c.slots)),
    chunkListAddress: region(FreeList.bytes(c.chunks)),
    slotsAddress: region(c.slotBytes * c.slots),
    chunksAddress: region(c.chunkBytes * c.chunks),
    ringCapacity,
    totalBytes: 0,
  };
  if (at > ARENA_BYTES_MAX) {
    throw new RangeError(
      `the arena would take ${at} bytes, more than ${ARENA_BYTES_MAX}: fewer slots (${c.slots} x ${c.slotBytes} bytes) or chunks (${c.chunks} x ${c.chunkBytes} bytes)`,
    );
  }
  return { ...layout, totalBytes: at };
}

function check(c: ArenaConstraints): void {
  for (const [name, value] of Object.entries(c) as [keyof ArenaConstraints, number][]) {
    const least = name === 'chunks' || name === 'controlBytes' ? 0 : 1;
    if (!Number.isInteger(value) || value < least || value > 2 ** 30) {
      throw new RangeError(
        `arena constraint ${name} must be a whole number from ${least}, not ${value}`,
      );
    }
  }
  for (const name of ['slotBytes', 'chunkBytes'] as const) {
    if (c[name] % PADDING_BYTES !== 0) {
      throw new RangeError(
        `arena constraint ${name} must be a multiple of ${PADDING_BYTES}, not ${c[name]}`,
      );
    }
  }
}

function padded(bytes: number): number {
  return Math.ceil(bytes / PADDING_BYTES) * PADDING_BYTES;
}
