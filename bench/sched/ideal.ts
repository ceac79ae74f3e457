/**
 * Preemptive EDF on one processor, as theory has it: it switches at once, at no cost, and ends a job at its deadline, as the runtime does. No scheduler
 * meets more deadlines of a set that can be met (Liu & Layland 1973); one that cannot be met leaves it with misses, too, and these are the
 * load's, not the runtime's.
 */
import type { Call } from './load.ts';

interface Waiting {
  leftMs: number;
  readonly deadlineMs: number;
}

/** How many of the calls, which must be in the order of their starts, are not done at their deadlines. */
export function idealMisses(calls: readonly Call[]): number {
  /** The earliest deadline last. */
  const waiting: Waiting[] = [];
  let missed = 0;
  let next = 0;
  let now = 0;
  while (next < calls.length || waiting.length > 0) {
    if (waiting.length === 0) now = Math.max(now, (calls[next] as Call).atMs);
    for (let call = calls[next]; call !== undefined && call.atMs <= now; call = calls[++next]) {
      insert(waiting, { leftMs: call.ms, deadlineMs: call.atMs + call.deadlineMs });
    }
    const first = waiting.at(-1) as Waiting;
    const arrivalMs = calls[next]?.atMs ?? Number.POSITIVE_INFINITY;
    const untilMs = Math.min(now + first.leftMs, first.deadlineMs, arrivalMs);
    first.leftMs -= Math.max(0, untilMs - now);
    now = Math.max(now, untilMs);
    if (first.leftMs <= EPSILON_MS) waiting.pop();
    else if (first.deadlineMs <= now) {
      waiting.pop();
      missed++;
    }
  }
  return missed;
}

/** Of sums of fractions. */
const EPSILON_MS = 1e-9;

function insert(waiting: Waiting[], one: Waiting): void {
  const at = waiting.findIndex(({ deadlineMs }) => deadlineMs <= one.deadlineMs);
  waiting.splice(at < 0 ? waiting.length : at, 0, one);
}
