/**
 * Addresses of everything in Luge's arena. Each thread computes the same layout from the constraints in the arena's header.
 */
import { PADDING_BYTES } from './api.ts';
import { layout } from './layout.ts';
import { RingError } from './ring-error.ts';

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
  /** Heaps that requests are sorted in: 0 where they are served in the order of arrival. */
  readonly heaps: number;
  readonly budgets: number;
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
  readonly heapsAddress: number;
  readonly heapStrideBytes: number;
  readonly budgetsAddress: number;
  readonly budgetStrideBytes: number;
  readonly slotListAddress: number;
  readonly chunkListAddress: number;
  readonly slotsAddress: number;
  readonly chunksAddress: number;
  /** Capacity of each deque: the slots, rounded up to a power of two, so that they are never full. A slot's number is below it. */
  readonly ringCapacity: number;
  /**
   * Of each completion ring: a slot has its completion in there and, before that, at most one part of its response, one word of a part of its body that was used up, and one of a guest that
   * waits for its body for the first time.
   */
  readonly completionCapacity: number;
  readonly totalBytes: number;
}

/** Bytes of the header: magic, version, then the constraints. */
export const HEADER_BYTES: number = PADDING_BYTES;

/** Throws a RingError that names the constraint when the arena cannot be laid out. */
export function arenaLayout(c: ArenaConstraints): ArenaLayout {
  check(c);
  const ringCapacity = 2 ** Math.ceil(Math.log2(c.slots));
  const completionCapacity = 4 * ringCapacity;
  const { regions, totalBytes } = layout({
    header: { kind: 'bytes', bytes: HEADER_BYTES },
    beat: { kind: 'beat' },
    lot: { kind: 'lot', workers: c.workers },
    deques: { kind: 'deque', capacity: ringCapacity, count: c.producers },
    completions: { kind: 'completion', capacity: completionCapacity, count: c.producers },
    bells: { kind: 'bell', count: c.producers },
    controls: { kind: 'bytes', bytes: c.controlBytes, count: c.workers },
    heaps: { kind: 'heap', capacity: c.slots, count: c.heaps },
    budgets: { kind: 'budget', count: c.budgets },
    slotList: { kind: 'freeList', items: c.slots },
    chunkList: { kind: 'freeList', items: c.chunks },
    slots: { kind: 'bytes', bytes: c.slotBytes, count: c.slots },
    chunks: { kind: 'bytes', bytes: c.chunkBytes, count: c.chunks },
  });
  return {
    headerAddress: regions.header.address,
    beatAddress: regions.beat.address,
    lotAddress: regions.lot.address,
    dequesAddress: regions.deques.address,
    dequeStrideBytes: regions.deques.strideBytes,
    completionsAddress: regions.completions.address,
    completionStrideBytes: regions.completions.strideBytes,
    bellsAddress: regions.bells.address,
    bellStrideBytes: regions.bells.strideBytes,
    controlsAddress: regions.controls.address,
    controlStrideBytes: regions.controls.strideBytes,
    heapsAddress: regions.heaps.address,
    heapStrideBytes: regions.heaps.strideBytes,
    budgetsAddress: regions.budgets.address,
    budgetStrideBytes: regions.budgets.strideBytes,
    slotListAddress: regions.slotList.address,
    chunkListAddress: regions.chunkList.address,
    slotsAddress: regions.slots.address,
    chunksAddress: regions.chunks.address,
    ringCapacity,
    completionCapacity,
    totalBytes,
  };
}

const MAY_BE_NONE = new Set<string>(['chunks', 'controlBytes', 'heaps', 'budgets']);

function check(c: ArenaConstraints): void {
  for (const [name, value] of Object.entries(c) as [keyof ArenaConstraints, number][]) {
    const least = MAY_BE_NONE.has(name) ? 0 : 1;
    if (!Number.isInteger(value) || value < least || value > 2 ** 30) {
      throw new RingError(
        'ERR_RING_CAPACITY',
        `arena constraint ${name} must be a whole number from ${least}, not ${value}`,
      );
    }
  }
  for (const name of ['slotBytes', 'chunkBytes'] as const) {
    if (c[name] % PADDING_BYTES !== 0) {
      throw new RingError(
        'ERR_RING_CAPACITY',
        `arena constraint ${name} must be a multiple of ${PADDING_BYTES}, not ${c[name]}`,
      );
    }
  }
}
