/** Errors of the runtime. `code` is stable, `status` is the HTTP status that says the same. */
import { OUTCOME, type Outcome } from '../sandbox/index.ts';
import type { RequestTiming } from './api.ts';

export interface LugeErrorOptions extends ErrorOptions {
  readonly timing?: RequestTiming;
  readonly retryAfterMs?: number;
  readonly exitCode?: number;
}

export class LugeError extends Error {
  readonly code: string;
  readonly status: number;
  /** Where its time went. Undefined for what was refused before it was queued, and for all that is no request. */
  readonly timing: RequestTiming | undefined;
  /** Of a refusal (429, 503 of a full queue): after how long another try may be worth it. */
  readonly retryAfterMs: number | undefined;
  /** Of ERR_GUEST_EXIT: what the guest ended with, by `proc_exit` or as the result of `handle`. */
  readonly exitCode: number | undefined;

  constructor(code: string, status: number, message: string, options: LugeErrorOptions = {}) {
    super(message, options);
    this.timing = options.timing;
    this.name = 'LugeError';
    this.code = code;
    this.status = status;
    this.retryAfterMs = options.retryAfterMs;
    this.exitCode = options.exitCode;
  }
}

interface OutcomeKind {
  readonly code: string;
  readonly status: number;
}

/** For each outcome but OK. CANCELLED has the status that proxies log for a client that went away. */
const KINDS: Readonly<Record<number, OutcomeKind>> = {
  [OUTCOME.TRAP]: { code: 'ERR_TRAP', status: 500 },
  [OUTCOME.EXIT]: { code: 'ERR_GUEST_EXIT', status: 500 },
  [OUTCOME.CPU_LIMIT]: { code: 'ERR_CPU_LIMIT', status: 504 },
  [OUTCOME.DEADLINE]: { code: 'ERR_DEADLINE', status: 504 },
  [OUTCOME.CANCELLED]: { code: 'ERR_ABORTED', status: 499 },
  [OUTCOME.OUTPUT_LIMIT]: { code: 'ERR_GUEST_OUTPUT_LIMIT', status: 500 },
  [OUTCOME.WORKER_LOST]: { code: 'ERR_WORKER_LOST', status: 502 },
  [OUTCOME.NO_SANDBOX]: { code: 'ERR_NO_SANDBOX', status: 503 },
  [OUTCOME.NO_CHUNKS]: { code: 'ERR_BODY_MEMORY', status: 503 },
  [OUTCOME.QUEUE_TIMEOUT]: { code: 'ERR_QUEUE_TIMEOUT', status: 503 },
  [OUTCOME.CLOSED]: { code: 'ERR_CLOSED', status: 503 },
  [OUTCOME.INTERNAL]: { code: 'ERR_INTERNAL', status: 500 },
  [OUTCOME.FUNCTION_BUSY]: { code: 'ERR_FUNCTION_BUSY', status: 503 },
  [OUTCOME.TENANT_BUSY]: { code: 'ERR_TENANT_BUSY', status: 503 },
  [OUTCOME.NOT_ADMITTED]: { code: 'ERR_ADMISSION', status: 429 },
  [OUTCOME.BAD_RESPONSE]: { code: 'ERR_BAD_RESPONSE', status: 502 },
};

export function outcomeKind(outcome: Outcome): OutcomeKind {
  return KINDS[outcome] ?? { code: 'ERR_INTERNAL', status: 500 };
}
