/** Sandboxes: from a module's bytes to preemptible, resettable instances, and what they may call. */
export {
  type NativeAddon,
  type NativeTimer,
  type NativeTimerOptions,
  nativeAddon,
} from './addon.ts';
export {
  type AddressSpace,
  type AddressSpaceBound,
  type AddressSpaceFacts,
  addressSpaceOf,
  MEMORY_RESERVED_BYTES,
  readAddressSpace,
} from './address-space.ts';
export { monotonicNs, realtimeNs } from './clock.ts';
export { ERRNO } from './errno.ts';
export {
  CLAIM,
  Exchange,
  ExchangeTable,
  HEAD_ROOM_BYTES,
  placeOf,
  SLOT_BYTES,
  SLOT_STATE,
} from './exchange.ts';
export { LENGTH_UNKNOWN } from './feed.ts';
export {
  ALLOCATION_LIMITS,
  compileFunction,
  compileRewritten,
  FunctionError,
  type FunctionSettings,
  LOG_BYTES,
  MODULE_BYTES,
  MODULE_BYTES_MAX,
} from './function-compiler.ts';
export type { FunctionImage, FunctionSpec, MemorySpec, ModelSpec } from './function-image.ts';
export { type GuestKernel, Host } from './host.ts';
export { type Inspection, type InspectOptions, inspectModule } from './inspection.ts';
export type { KvAccess } from './kv-interface.ts';
export { isLegal, STATE, type State, stateName, step } from './lifecycle.ts';
export { MemoryPool } from './memory-pool.ts';
export { OUTCOME, type Outcome } from './outcome.ts';
export { Payload } from './payload.ts';
export { type Intrinsics, type PoolLimits, SandboxPool } from './pool.ts';
export { PoolCells, type PoolLine } from './pool-cells.ts';
export { headerValue } from './request-head.ts';
export { isReservedField } from './response.ts';
export {
  type AllocationLimits,
  type FunctionPolls,
  RewriteError,
  type RewriteInfo,
  type RewriteOptions,
  rewrite,
} from './rewriter/index.ts';
export {
  CONTROL_DONE_INDEX,
  CONTROL_FLAG_INDEX,
  CONTROL_RESULT_INDEX,
  Sandbox,
} from './sandbox.ts';
export { finishWasi } from './wasi/imports.ts';
export {
  FILE_DEFAULTS,
  FILE_LIMITS,
  type FolderSpec,
  guestPathProblem,
  hostFolderProblem,
  type PreopenOptions,
  preopensOf,
  type ScratchSpec,
} from './wasi/preopens.ts';
