/** The rewriter: from a guest's module to one that can be preempted, pooled and reset. */
export { RewriteError, type RewriteErrorCode } from './errors.ts';
export type { EntryPollKind, FunctionPolls, LoopPollKind, LoopPolls } from './poll-report.ts';
export { type MemoryInfo, type RewriteInfo, type RewriteOptions, rewrite } from './rewriter.ts';
