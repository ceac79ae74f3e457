/**
 * Memory 0 of the guest, as calls read and write it. Pointers and sizes come as i32 and mean u32. Every range is checked: one that is
 * not inside gives EFAULT, and nothing is written.
 */
import type { Sandbox } from '../sandbox.ts';
import { EFAULT, EINVAL, SUCCESS } from './errno.ts';

export const IOVECS_MAX = 1024;
const U32_MAX = 0xffff_ffff;

/** Address and length of each buffer of the call under way; no call suspends while it uses them. */
export const IOVECS: Uint32Array = new Uint32Array(2 * IOVECS_MAX);

export function inside(sandbox: Sandbox, pointer: number, bytes: number): boolean {
  return (pointer >>> 0) + (bytes >>> 0) <= sandbox.u8.length;
}

export function viewOf(sandbox: Sandbox): DataView {
  const { u8 } = sandbox;
  return new DataView(u8.buffer, u8.byteOffset, u8.length);
}

export function store32(sandbox: Sandbox, pointer: number, value: number): number {
  if (!inside(sandbox, pointer, 4)) return EFAULT;
  viewOf(sandbox).setUint32(pointer >>> 0, value, true);
  return SUCCESS;
}

export function store64(sandbox: Sandbox, pointer: number, value: bigint): number {
  if (!inside(sandbox, pointer, 8)) return EFAULT;
  viewOf(sandbox).setBigUint64(pointer >>> 0, value, true);
  return SUCCESS;
}

/** Fills IOVECS. The number of buffers, or an errno below zero: the list and each buffer are inside, and their sum is an u32. */
export function readIovecs(sandbox: Sandbox, pointer: number, count: number): number {
  const n = count >>> 0;
  if (n > IOVECS_MAX) return -EINVAL;
  if (!inside(sandbox, pointer, n * 8)) return -EFAULT;
  const view = viewOf(sandbox);
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const at = view.getUint32((pointer >>> 0) + i * 8, true);
    const bytes = view.getUint32((pointer >>> 0) + i * 8 + 4, true);
    if (!inside(sandbox, at, bytes)) return -EFAULT;
    sum += bytes;
    IOVECS[2 * i] = at;
    IOVECS[2 * i + 1] = bytes;
  }
  return sum > U32_MAX ? -EINVAL : n;
}

/** Copies the first bytes of `source`, as many as there is room for, to a range that was checked. How many. */
export function storeBytes(sandbox: Sandbox, at: number, source: Uint8Array, room: number): number {
  const count = Math.min(source.length, room);
  sandbox.u8.set(count === source.length ? source : source.subarray(0, count), at);
  return count;
}
