/** The record `filestat` in the guest's memory, and the times that a guest sets. */
import type { Sandbox } from '../sandbox.ts';
import { realtimeOf } from './clocks.ts';
import { EINVAL, SUCCESS } from './errno.ts';
import { viewOf } from './guest-memory.ts';
import { FILETYPE, type Filestat } from './node.ts';

export const FILESTAT_BYTES = 64;

// Bits of fstflags.
const ATIM = 1;
const ATIM_NOW = 2;
const MTIM = 4;
const MTIM_NOW = 8;
const ALL = ATIM | ATIM_NOW | MTIM | MTIM_NOW;

/** Of a descriptor that is the request, the response or the log. */
export const STREAM_STAT: Filestat = {
  dev: 0n,
  ino: 0n,
  type: FILETYPE.CHARACTER_DEVICE,
  nlink: 1n,
  size: 0n,
  atim: 0n,
  mtim: 0n,
  ctim: 0n,
};

/** To FILESTAT_BYTES that were checked. */
export function storeFilestat(sandbox: Sandbox, result: number, stat: Filestat): number {
  const view = viewOf(sandbox);
  const at = result >>> 0;
  view.setBigUint64(at, stat.dev, true);
  view.setBigUint64(at + 8, stat.ino, true);
  view.setBigUint64(at + 16, BigInt(stat.type), true);
  view.setBigUint64(at + 24, stat.nlink, true);
  view.setBigUint64(at + 32, stat.size, true);
  view.setBigUint64(at + 40, stat.atim, true);
  view.setBigUint64(at + 48, stat.mtim, true);
  view.setBigUint64(at + 56, stat.ctim, true);
  return SUCCESS;
}

/** What is to be set, undefined for what stays. EINVAL for flags that exclude each other. */
export function timesOf(
  sandbox: Sandbox,
  atim: bigint,
  mtim: bigint,
  flags: number,
): { atim: bigint | undefined; mtim: bigint | undefined } | number {
  const isBoth = (both: number): boolean => (flags & both) === both;
  if ((flags & ~ALL) !== 0 || isBoth(ATIM | ATIM_NOW) || isBoth(MTIM | MTIM_NOW)) return EINVAL;
  const time = (set: number, now: number, value: bigint): bigint | undefined => {
    if ((flags & now) !== 0) return realtimeOf(sandbox);
    return (flags & set) === 0 ? undefined : BigInt.asUintN(64, value);
  };
  return { atim: time(ATIM, ATIM_NOW, atim), mtim: time(MTIM, MTIM_NOW, mtim) };
}
