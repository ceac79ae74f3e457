/** The runtime: scheduling, workers, supervision and the embedder's API. */

export { RESERVE_MAX } from './admission-board.ts';
export type * from './api.ts';
export { LugeError, outcomeKind } from './errors.ts';
export {
  estimateSettings,
  PERCENTILE_DEFAULT,
  PERCENTILE_MAX,
  PERCENTILE_MIN,
} from './estimate-settings.ts';
export type { SubmittedFunction } from './messages.ts';
export { createPolicy, type Policy, RunQueue } from './policy.ts';
export { Producer } from './producer.ts';
export { decodeSpec } from './records.ts';
export {
  type CloseOptions,
  createRuntime,
  type LoadedFunction,
  type ProducerSeat,
  Runtime,
  workerCount,
} from './runtime.ts';
export { sandboxLimits } from './sandbox-limits.ts';
