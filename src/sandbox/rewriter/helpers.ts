import type { Guest, GuestExport } from './guest.ts';
import type { IndexSpace } from './index-space.ts';
import type { Writer } from './writer.ts';

// The small functions that the rewriter appends, but for `reset`, which has a file of its own. None of them polls.

/** The worker's control memory, in bytes; one page, written by the worker's host side and by `enter`. */
export const CONTROL = { INTERRUPT: 0, DONE: 4, RESULT: 8 } as const;

export const OP = {
  UNREACHABLE: 0x00,
  NOP: 0x01,
  BLOCK: 0x02,
  LOOP: 0x03,
  IF: 0x04,
  ELSE: 0x05,
  END: 0x0b,
  BR_IF: 0x0d,
  RETURN: 0x0f,
  CALL: 0x10,
  DROP: 0x1a,
  SELECT: 0x1b,
  LOCAL_GET: 0x20,
  LOCAL_SET: 0x21,
  LOCAL_TEE: 0x22,
  GLOBAL_GET: 0x23,
  GLOBAL_SET: 0x24,
  MEMORY_SIZE: 0x3f,
  MEMORY_GROW: 0x40,
  I32_CONST: 0x41,
  I64_CONST: 0x42,
  I32_EQZ: 0x45,
  I32_EQ: 0x46,
  I32_NE: 0x47,
  I32_LT_U: 0x49,
  I32_GT_U: 0x4b,
  I32_LE_U: 0x4d,
  I64_EQZ: 0x50,
  I64_LT_U: 0x54,
  I64_GT_U: 0x56,
  I64_LE_U: 0x58,
  I32_ADD: 0x6a,
  I32_SUB: 0x6b,
  I32_MUL: 0x6c,
  I32_OR: 0x72,
  I32_SHL: 0x74,
  I64_ADD: 0x7c,
  I64_SUB: 0x7d,
  I64_MUL: 0x7e,
  I64_SHL: 0x86,
  I64_EXTEND_U: 0xad,
  REF_NULL: 0xd0,
} as const;

export const VOID = 0x40;

/** Asks the host; anything but 0 is an order to die, by a trap, which no guest can catch. */
export function writeInterrupted(out: Writer, interruptImport: number): void {
  out.raw(0, OP.CALL);
  out.u32(interruptImport);
  out.raw(OP.IF, VOID, OP.UNREACHABLE, OP.END, OP.END);
}

/** `(address, expected, timeout, static offset) -> result`, for memory.atomic.wait of a shared memory. */
export function writeWait(out: Writer, bits: 32 | 64, waitImport: number): void {
  const alignment = bits === 32 ? 2 : 3;
  const atomicLoad = bits === 32 ? 0x10 : 0x11;
  // The effective address has 33 bits. One beyond 32 is out of bounds of every memory; the access that says so is
  // the highest there can be.
  out.raw(0);
  out.raw(OP.LOCAL_GET, 0, 0xad, OP.LOCAL_GET, 3, 0xad, 0x7c, OP.I64_CONST, 32, 0x88, 0xa7);
  out.raw(OP.IF, VOID, OP.I32_CONST, 0x7f, 0xfe, 0x12, 0x00, 0xff, 0xff, 0xff, 0xff, 0x0f);
  out.raw(OP.DROP, OP.UNREACHABLE, OP.END);
  out.raw(OP.LOCAL_GET, 0, OP.LOCAL_GET, 3, OP.I32_ADD, OP.LOCAL_TEE, 0);
  // Traps where the wait would: unaligned, or out of bounds.
  out.raw(0xfe, atomicLoad, alignment, 0x00, OP.DROP);
  out.raw(OP.LOCAL_GET, 0, OP.LOCAL_GET, 1, OP.LOCAL_GET, 2, OP.CALL);
  out.u32(waitImport);
  // 0 woken, 1 not equal, 2 timed out; a host that kills the sleeper returns anything else.
  out.raw(OP.LOCAL_TEE, 0, OP.I32_CONST, 2, OP.I32_GT_U, OP.IF, VOID, OP.UNREACHABLE, OP.END);
  out.raw(OP.LOCAL_GET, 0, OP.END);
}

/**
 * `memory.grow` under growth 'keep': raises the logical size, and the physical one only when that is short of it.
 * Pages between the two are zero: reset wipes all of the physical memory. (A guest that wrote behind its logical end, which would have
 * trapped in a memory of its own, finds what it wrote.)
 */
export function writeGrow(out: Writer, sizeGlobal: number, maxPages: number): void {
  const size = (): void => {
    out.u8(OP.GLOBAL_GET);
    out.u32(sizeGlobal);
  };
  const delta = 0;
  const missing = 1;
  out.raw(1, 1, 0x7f);
  // delta > maximum - size: refused, without any sum that could wrap
  out.raw(OP.LOCAL_GET, delta, OP.I32_CONST);
  out.s32(maxPages);
  size();
  out.raw(OP.I32_SUB, OP.I32_GT_U, OP.IF, VOID, OP.I32_CONST, 0x7f, OP.RETURN, OP.END);
  size();
  out.raw(OP.LOCAL_GET, delta, OP.I32_ADD, OP.MEMORY_SIZE, 0, OP.I32_SUB, OP.LOCAL_TEE, missing);
  out.raw(OP.I32_CONST, 0, 0x4a, OP.IF, VOID);
  out.raw(OP.LOCAL_GET, missing, OP.MEMORY_GROW, 0, OP.I32_CONST, 0x7f, OP.I32_EQ, OP.IF, VOID);
  out.raw(OP.I32_CONST, 0x7f, OP.RETURN, OP.END, OP.END);
  size();
  size();
  out.raw(OP.LOCAL_GET, delta, OP.I32_ADD, OP.GLOBAL_SET);
  out.u32(sizeGlobal);
  out.u8(OP.END);
}

export interface Entry {
  readonly iface: 'wasi' | 'luge';
  readonly target: GuestExport;
  readonly returnsResult: boolean;
  /** `_initialize`, if the guest exports one that can be called. */
  readonly initialize: GuestExport | undefined;
}

/**
 * start, `_initialize`, the entry; then RESULT and DONE, in this order, so that DONE vouches for RESULT. Without an entry no
 * `_initialize` either: whoever calls the module's exports by hand calls that one, too, as in the module that it was.
 */
export function writeEnter(
  out: Writer,
  guest: Guest,
  space: IndexSpace,
  entry: Entry | undefined,
): void {
  const call = (index: number): void => {
    out.u8(OP.CALL);
    out.u32(space.function(index));
  };
  const store = (address: number): void => {
    const control = space.controlMemory;
    out.raw(0x36, ...(control === 0 ? [0x02] : [0x42, control]), address);
  };
  const returnsResult = entry?.returnsResult === true;
  if (returnsResult) out.raw(1, 1, 0x7f);
  else out.raw(0);
  if (guest.start !== undefined) call(guest.start);
  if (entry?.initialize !== undefined) call(entry.initialize.index);
  if (entry !== undefined) call(entry.target.index);
  if (returnsResult) {
    out.raw(OP.LOCAL_SET, 0, OP.I32_CONST, 0, OP.LOCAL_GET, 0);
  } else {
    out.raw(OP.I32_CONST, 0, OP.I32_CONST, 0);
  }
  store(CONTROL.RESULT);
  out.raw(OP.I32_CONST, 0, OP.I32_CONST, 1);
  store(CONTROL.DONE);
  out.u8(OP.END);
}
