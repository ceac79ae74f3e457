/** Why a request ends in the queue: what whoever has it then, a worker or its producer, answers. */
import { type Exchange, OUTCOME } from '../sandbox/index.ts';

export interface QueueEnd {
  readonly outcome: Exchange['outcome'];
  readonly message: string;
}

export const CANCELLED_IN_QUEUE: QueueEnd = {
  outcome: OUTCOME.CANCELLED,
  message: 'cancelled in the queue',
};

/** Undefined: it may begin. `queueTimeoutNs` is its function's. */
export function queueEnd(
  exchange: Exchange,
  now: number,
  queueTimeoutNs: number,
): QueueEnd | undefined {
  if (exchange.isCancelled) return CANCELLED_IN_QUEUE;
  if (now >= exchange.deadlineNs) {
    const message = `${deadlineText(exchange)} passed in the queue`;
    return { outcome: OUTCOME.DEADLINE, message };
  }
  if (now < exchange.arrivalNs + queueTimeoutNs) return undefined;
  const message = `it waited in the queue for longer than ${queueTimeoutNs / 1e6} ms (queueTimeoutMs)`;
  return { outcome: OUTCOME.QUEUE_TIMEOUT, message };
}

/** As it is for this request: the function's own, or what its caller left of it. Microseconds are as fine as clocks are here. */
export function deadlineText({ deadlineNs, arrivalNs }: Exchange): string {
  return `the deadline of ${Math.round((deadlineNs - arrivalNs) / 1e3) / 1e3} ms (deadlineMs)`;
}
