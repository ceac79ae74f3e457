/** The rewriter: from a guest's module to one that can be preempted, pooled and reset. */
export type { AllocationLimits } from './allocation.ts';
export type { CustomSectionInfo } from './custom-sections.ts';
export { RewriteError, type RewriteErrorCode } from './errors.ts';
export type { FunctionPolls, LoopPollKind, LoopPolls } from './poll-report.ts';
export type { ResetInfo } from './reset-report.ts';
export { type MemoryInfo, type RewriteInfo, type RewriteOptions, rewrite } from './rewriter.ts';
export { MARK } from './sections.ts';
