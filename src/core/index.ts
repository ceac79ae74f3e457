/** The runtime: scheduling, workers, supervision and the embedder's API. */

export { RESERVE_MAX } from './admission-board.ts';
export type * from './api.ts';
export type { BodyFeed } from './body-feed.ts';
export { LugeError, outcomeKind } from './errors.ts';
export {
  estimateSettings,
  PERCENTILE_DEFAULT,
  PERCENTILE_MAX,
  PERCENTILE_MIN,
} from './estimate-settings.ts';
export type { SubmittedFunction } from './messages.ts';
export { type CorePlan, describePlan, pinThread, planProcessCores } from './pinning.ts';
export { Producer } from './producer.ts';
export { chooseTimer } from './quantum-timer.ts';
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
export { type KeyedPolicyOptions, keyedPolicy } from './scheduling/keyed.ts';
export { SCHEDULERS } from './scheduling/policies.ts';
export {
  ARRIVAL,
  type Guest,
  type Policy,
  type PolicyContext,
  type QueuedRequest,
  type QueueOrder,
} from './scheduling/policy.ts';
