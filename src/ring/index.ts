/** Lock-free structures over one shared WebAssembly.Memory. */
export {
  EMPTY,
  FULL,
  GONE,
  PADDING_BYTES,
  RETRY,
  type Ring,
  type RingFunctions,
  type RingOptions,
} from './api.ts';
export { Arena } from './arena.ts';
export { type ArenaConstraints, type ArenaLayout, arenaLayout } from './arena-layout.ts';
export { Batch } from './batch.ts';
export { Budget } from './budget.ts';
export { CHAIN_BYTES, CHAIN_FIRST, CHAIN_LENGTH, ChunkPool } from './chunk-pool.ts';
export { CompletionRing } from './completion-ring.ts';
export { Deque, type DequeOptions } from './deque.ts';
export { DequeGroup } from './deque-group.ts';
export { FreeList, type FreeListOptions } from './free-list.ts';
export { Heap, type HeapOptions } from './heap.ts';
export { type Constraint, type Layout, layout, type Region } from './layout.ts';
export { MpmcRing, type MpmcRingOptions } from './mpmc-ring.ts';
export { Beat, Bell, Parker, ParkingLot, type ParkingLotOptions, WORKERS_MAX } from './parker.ts';
export { RingError, type RingErrorCode } from './ring-error.ts';
export { attachRing } from './ring-module.ts';
export { SpscRing } from './spsc-ring.ts';
export {
  TABLE,
  TABLE_BLOCK_BYTES,
  TABLE_KEY_BYTES_MAX,
  TABLE_MODE,
  Table,
  type TableEntry,
  type TableMode,
  type TableOptions,
  tableBlocks,
} from './table.ts';
