/** How a request ended, as the number that its slot carries from the worker to whoever submitted it. */
export const OUTCOME = {
  /** The guest answered. */
  OK: 0,
  /** The guest trapped. */
  TRAP: 1,
  /** The guest ended with a non-zero exit code. */
  EXIT: 2,
  /** It used up its CPU time. */
  CPU_LIMIT: 3,
  /** Its deadline passed, in the queue or while it ran. */
  DEADLINE: 4,
  /** Whoever submitted it does not want the answer any more. */
  CANCELLED: 5,
  /** It wrote more than the route allows. */
  OUTPUT_LIMIT: 6,
  /** The worker thread that ran it died. */
  WORKER_LOST: 7,
  /** No sandbox could be made for it: memories or address space are used up. */
  NO_SANDBOX: 8,
  /** The chunk pool was used up. */
  NO_CHUNKS: 9,
  /** It waited in the queue for longer than its route allows. */
  QUEUE_TIMEOUT: 10,
  /** The runtime was closed by force. */
  CLOSED: 11,
  /** A fault of the runtime's own. */
  INTERNAL: 12,
  /** The guest's answer was no valid response (CGI head, status). */
  BAD_RESPONSE: 13,
  /** As many sandboxes of the function are in use as may be. */
  FUNCTION_BUSY: 14,
  /** As many sandboxes of the tenant are in use as may be. */
  TENANT_BUSY: 15,
  /** With it, more would be admitted than the workers can do in time. */
  NOT_ADMITTED: 16,
} as const;

export type Outcome = (typeof OUTCOME)[keyof typeof OUTCOME];
