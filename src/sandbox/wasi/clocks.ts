/**
 * The clocks that a guest sees. All are rounded down to the function's resolution, and so are the times of files in its scratch folder:
 * a fine clock is what one tenant needs to watch another one's use of caches.
 */
import { monotonicNs, realtimeNs } from '../clock.ts';
import type { Sandbox } from '../sandbox.ts';
import { EFAULT, EINVAL, SUCCESS } from './errno.ts';
import { inside, store64, viewOf } from './guest-memory.ts';

export const CLOCK_REALTIME = 0;
export const CLOCK_MONOTONIC = 1;
const CLOCK_THREAD_CPUTIME = 3;
const U32_COUNT = 2 ** 32;

export function isClock(clock: number): boolean {
  return clock >= CLOCK_REALTIME && clock <= CLOCK_THREAD_CPUTIME;
}

/** Since 1970, in the function's resolution. */
export function realtimeOf({ spec }: Sandbox): bigint {
  const { clockResolutionNs } = spec;
  return BigInt(Math.floor(realtimeNs() / clockResolutionNs)) * BigInt(clockResolutionNs);
}

/** The first moment at which a clock that shows `ns` or more can be read, so that nobody wakes before the time that they see. */
export function roundedUpNs(ns: number, { spec }: Sandbox): number {
  return Math.ceil(ns / spec.clockResolutionNs) * spec.clockResolutionNs;
}

export function storeResolution(sandbox: Sandbox, clock: number, result: number): number {
  if (!isClock(clock)) return EINVAL;
  return store64(sandbox, result, BigInt(sandbox.spec.clockResolutionNs));
}

export function storeTime(sandbox: Sandbox, clock: number, result: number): number {
  if (!isClock(clock)) return EINVAL;
  if (clock === CLOCK_REALTIME) return store64(sandbox, result, realtimeOf(sandbox));
  if (!inside(sandbox, result, 8)) return EFAULT;
  const now = monotonicNs();
  // The two CPU clocks are one: a guest is one thread.
  const ns = clock === CLOCK_MONOTONIC ? now : sandbox.ranNs + (now - sandbox.switchedInNs);
  const { clockResolutionNs } = sandbox.spec;
  // Exact below 2^53, which is 104 days of uptime, and without a BigInt.
  const rounded = Math.floor(ns / clockResolutionNs) * clockResolutionNs;
  const view = viewOf(sandbox);
  const at = result >>> 0;
  view.setUint32(at, rounded % U32_COUNT, true);
  view.setUint32(at + 4, Math.floor(rounded / U32_COUNT), true);
  return SUCCESS;
}
