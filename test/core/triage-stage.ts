/** What a tick looks at, without any thread: an arena, the memories that guests would poll, two heaps where the chunks would be. */

import type { TickerData } from '../../src/core/messages.ts';
import type { TriageMode } from '../../src/core/triage.ts';
import { CONTROL_BYTES, WorkerControl } from '../../src/core/worker-control.ts';
import { Arena, CompletionRing, Deque, Heap } from '../../src/ring/index.ts';
import { CONTROL_FLAG_INDEX, ExchangeTable, SLOT_BYTES } from '../../src/sandbox/index.ts';

export const WORKERS = 3;
export const SLOTS = 8;
const HEAPS = 2;
const CHUNK_BYTES = 4096;

export class TriageStage {
  readonly arena: Arena;
  readonly controls: readonly WebAssembly.Memory[];
  readonly workers: readonly WorkerControl[];
  readonly heaps: readonly Heap[];
  readonly exchanges: ExchangeTable;

  /** `start`: where the free-running counters of the rings begin. */
  constructor(start = 0) {
    this.arena = Arena.create({
      producers: 2 + WORKERS,
      workers: WORKERS,
      slots: SLOTS,
      slotBytes: SLOT_BYTES,
      chunks: HEAPS,
      chunkBytes: CHUNK_BYTES,
      controlBytes: CONTROL_BYTES,
      heaps: 0,
      budgets: 0,
    });
    const { memory } = this.arena.ring;
    const { layout, constraints } = this.arena;
    for (let p = 0; p < constraints.producers; p++) {
      const deque = layout.dequesAddress + p * layout.dequeStrideBytes;
      Deque.create(memory, deque, { capacity: layout.ringCapacity, start });
      const ring = layout.completionsAddress + p * layout.completionStrideBytes;
      CompletionRing.create(memory, ring, { capacity: layout.completionCapacity, start });
    }
    this.controls = Array.from(
      { length: WORKERS },
      () => new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }),
    );
    this.workers = this.controls.map((_, w) => new WorkerControl(this.arena, w));
    for (const worker of this.workers) worker.clear();
    this.heaps = Array.from({ length: HEAPS }, (_, h) =>
      Heap.create(memory, this.arena.layout.chunksAddress + h * CHUNK_BYTES, { capacity: SLOTS }),
    );
    this.exchanges = new ExchangeTable(this.arena);
  }

  get heapAddresses(): number[] {
    return this.heaps.map(({ address }) => address);
  }

  /** What a timer is started with. */
  tickerData(triage: TriageMode, quantumNs = 1e6): TickerData {
    const { arena, controls, heapAddresses } = this;
    const { memory } = arena.ring;
    return { memory, controls, quantumNs, idleNsMax: 4e6, triage, heapAddresses };
  }

  /** Worker `w` switches to a guest. */
  run(w: number, killAtNs = Number.POSITIVE_INFINITY, runKey = 0): void {
    const worker = this.workers[w] as WorkerControl;
    worker.runKey = runKey;
    worker.switchIn(w, killAtNs);
  }

  /** Which flags are up; they are taken down. */
  takeFlags(): number[] {
    return this.controls.flatMap(({ buffer }, w) => {
      const flag = new Int32Array(buffer as SharedArrayBuffer);
      const isUp = flag[CONTROL_FLAG_INDEX] !== 0;
      flag[CONTROL_FLAG_INDEX] = 0;
      return isUp ? [w] : [];
    });
  }
}
