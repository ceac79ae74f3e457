/** Lock-free structures over one shared WebAssembly.Memory. */
export { EMPTY, FULL, PADDING_BYTES, RETRY, type Ring, type RingFunctions } from './api.ts';
export { Arena } from './arena.ts';
export { CHAIN_BYTES, CHAIN_FIRST, CHAIN_LENGTH, ChunkPool } from './chunk-pool.ts';
export { CompletionRing } from './completion-ring.ts';
export { Deque } from './deque.ts';
export { FreeList } from './free-list.ts';
export { type ArenaConstraints, type ArenaLayout, arenaLayout } from './layout.ts';
export { Beat, Bell, Parker, ParkingLot, WORKERS_MAX } from './parker.ts';
export { attachRing } from './ring-module.ts';
