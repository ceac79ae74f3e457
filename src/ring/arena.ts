/**
 * The arena: one shared WebAssembly.Memory that holds everything that threads share.
 *
 *   byte  name          meaning (written by create, read by all)
 *      0  MAGIC         'LUGE'
 *      4  VERSION       of the layout; another one is refused
 *      8  constraints   ArenaConstraints in the order of FIELDS, i32 each
 */

import type { Ring } from './api.ts';
import { type ArenaConstraints, type ArenaLayout, arenaLayout } from './arena-layout.ts';
import { Budget } from './budget.ts';
import { ChunkPool } from './chunk-pool.ts';
import { CompletionRing } from './completion-ring.ts';
import { Deque } from './deque.ts';
import { DequeGroup } from './deque-group.ts';
import { FreeList } from './free-list.ts';
import { Heap } from './heap.ts';
import { LAYOUT_VERSION } from './identity.ts';
import { Beat, Bell, Parker, ParkingLot } from './parker.ts';
import { RingError } from './ring-error.ts';
import { attachRing } from './ring-module.ts';

const MAGIC = 0x4547554c;
const PAGE_BYTES = 65536;
const FIELDS = [
  'producers',
  'workers',
  'slots',
  'slotBytes',
  'chunks',
  'chunkBytes',
  'controlBytes',
  'heaps',
  'budgets',
] as const satisfies readonly (keyof ArenaConstraints)[];

export class Arena {
  readonly ring: Ring;
  readonly constraints: ArenaConstraints;
  readonly layout: ArenaLayout;
  readonly lot: ParkingLot;
  /** The deques of all producers. */
  readonly deques: DequeGroup;
  readonly slotList: FreeList;
  readonly chunks: ChunkPool;
  /** The whole arena as a Node Buffer, for sockets and latin1 text. */
  readonly bytes: Buffer<SharedArrayBuffer>;
  readonly #completions: (CompletionRing | undefined)[] = [];
  readonly #bells: (Bell | undefined)[] = [];

  private constructor(ring: Ring, constraints: ArenaConstraints, fresh: boolean) {
    const layout = arenaLayout(constraints);
    this.ring = ring;
    this.constraints = constraints;
    this.layout = layout;
    const { memory } = ring;
    const { workers, slots, chunks, producers } = constraints;
    if (fresh) {
      const options = { capacity: layout.ringCapacity };
      const several = { capacity: layout.completionCapacity };
      for (let p = 0; p < producers; p++) {
        Deque.create(memory, layout.dequesAddress + p * layout.dequeStrideBytes, options);
        const completions = layout.completionsAddress + p * layout.completionStrideBytes;
        CompletionRing.create(memory, completions, several);
      }
      for (let h = 0; h < constraints.heaps; h++) {
        Heap.create(memory, layout.heapsAddress + h * layout.heapStrideBytes, { capacity: slots });
      }
      for (let b = 0; b < constraints.budgets; b++) {
        Budget.create(memory, layout.budgetsAddress + b * layout.budgetStrideBytes);
      }
      ParkingLot.create(memory, layout.lotAddress, { workers });
      FreeList.create(memory, layout.slotListAddress, { count: slots });
      FreeList.create(memory, layout.chunkListAddress, { count: chunks });
    }
    this.lot = ParkingLot.attach(memory, layout.lotAddress);
    this.deques = new DequeGroup(memory, layout.dequesAddress, layout.dequeStrideBytes, producers);
    this.slotList = FreeList.attach(memory, layout.slotListAddress);
    this.chunks = new ChunkPool(
      FreeList.attach(memory, layout.chunkListAddress),
      layout.chunksAddress,
      constraints.chunkBytes,
    );
    this.bytes = Buffer.from(ring.memory.buffer as SharedArrayBuffer);
  }

  /** A new arena, all slots and chunks free. The operating system commits its pages when they are first touched. */
  static create(constraints: ArenaConstraints): Arena {
    const pages = Math.ceil(arenaLayout(constraints).totalBytes / PAGE_BYTES);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    const ring = attachRing(memory);
    FIELDS.forEach((name, i) => {
      ring.i32[2 + i] = constraints[name];
    });
    const arena = new Arena(ring, constraints, true);
    ring.i32[1] = LAYOUT_VERSION;
    ring.fn.store32(0, MAGIC);
    return arena;
  }

  /** The arena that another thread made. Throws when the memory does not hold one of this version. */
  static attach(memory: WebAssembly.Memory): Arena {
    const ring = attachRing(memory);
    if (ring.fn.load32(0) !== MAGIC) {
      throw new RingError('ERR_RING_FOREIGN', 'Arena.attach: this memory holds no Luge arena');
    }
    if (ring.i32[1] !== LAYOUT_VERSION) {
      throw new RingError(
        'ERR_RING_VERSION',
        `Arena.attach: this arena has layout version ${ring.i32[1]}, this code reads ${LAYOUT_VERSION}`,
      );
    }
    const constraints = Object.fromEntries(
      FIELDS.map((name, i) => [name, ring.i32[2 + i]]),
    ) as unknown as ArenaConstraints;
    return new Arena(ring, constraints, false);
  }

  /** The deque of producer `p`: `p` itself pushes, workers steal. */
  deque(p: number): Deque {
    return Deque.attach(
      this.ring.memory,
      this.layout.dequesAddress + p * this.layout.dequeStrideBytes,
    );
  }

  /** Kept, like the bell: a worker needs both for each answer. To attach them anew, which checks a header, was 0.17 µs; this is 0.02. */
  completions(p: number): CompletionRing {
    this.#completions[p] ??= CompletionRing.attach(
      this.ring.memory,
      this.layout.completionsAddress + p * this.layout.completionStrideBytes,
    );
    return this.#completions[p];
  }

  /** Heap `h` of the global queue, for the thread whose number is `holder`: a worker's own, or the number of workers for the supervisor. */
  heap(h: number, holder: number): Heap {
    return Heap.attach(this.ring.memory, this.heapAddress(h), holder);
  }

  heapAddress(h: number): number {
    return this.layout.heapsAddress + h * this.layout.heapStrideBytes;
  }

  budget(b: number): Budget {
    const { budgetsAddress, budgetStrideBytes } = this.layout;
    return Budget.attach(this.ring.memory, budgetsAddress + b * budgetStrideBytes);
  }

  bell(p: number): Bell {
    const { bellsAddress, bellStrideBytes } = this.layout;
    this.#bells[p] ??= new Bell(this.ring.memory, bellsAddress + p * bellStrideBytes);
    return this.#bells[p];
  }

  beat(): Beat {
    return new Beat(this.ring.memory, this.layout.beatAddress);
  }

  parker(worker: number): Parker {
    return new Parker(this.lot, worker);
  }

  /** Byte address of request slot `i`. */
  slotAddress(i: number): number {
    return this.layout.slotsAddress + i * this.constraints.slotBytes;
  }

  /** Byte address of the control block of worker `w`. */
  controlAddress(w: number): number {
    return this.layout.controlsAddress + w * this.layout.controlStrideBytes;
  }
}
