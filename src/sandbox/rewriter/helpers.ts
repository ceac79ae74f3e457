import type { Guest, GuestExport } from './guest.ts';
import type { IndexSpace } from './index-space.ts';
import { leb, type Writer } from './writer.ts';

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
  THROW: 0x08,
  RETHROW: 0x09,
  THROW_REF: 0x0a,
  END: 0x0b,
  BR: 0x0c,
  BR_IF: 0x0d,
  RETURN: 0x0f,
  CALL: 0x10,
  RETURN_CALL: 0x12,
  RETURN_CALL_INDIRECT: 0x13,
  RETURN_CALL_REF: 0x15,
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
  I32_GT_S: 0x4a,
  I32_GT_U: 0x4b,
  I32_LE_U: 0x4d,
  I64_EQZ: 0x50,
  I64_NE: 0x52,
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
  I64_SHR_U: 0x88,
  I32_WRAP: 0xa7,
  I64_EXTEND_U: 0xad,
  REF_NULL: 0xd0,
  REF_AS_NON_NULL: 0xd4,
} as const;

export const VOID = 0x40;

/** Asks the host; anything but 0 is an order to die, by a trap, which no guest can catch. */
export function writeInterrupted(out: Writer, interruptImport: number): void {
  out.raw(0, OP.CALL);
  out.u32(interruptImport);
  out.raw(OP.IF, VOID, OP.UNREACHABLE, OP.END, OP.END);
}

/**
 * `(address, expected, timeout, static offset) -> result`, for memory.atomic.wait of a shared memory. The value is
 * compared here: the host need not know which of the guest's memories it is, and nobody else can change it meanwhile.
 */
export function writeWait(
  out: Writer,
  bits: 32 | 64,
  waitImport: number,
  memory: number,
  wide: boolean,
): void {
  const alignment = bits === 32 ? 2 : 3;
  const atomicLoad = bits === 32 ? 0x10 : 0x11;
  const address = 0;
  const offset = 3;
  // One beyond the address type is out of bounds of every memory; the access that says so is the highest there can be.
  const trap = (staticOffset: readonly number[]): void => {
    out.raw(OP.IF, VOID, wide ? OP.I64_CONST : OP.I32_CONST, 0x7f, 0xfe, 0x12);
    out.raw(...memarg(0, memory), ...staticOffset, OP.DROP, OP.UNREACHABLE, OP.END);
  };
  out.raw(0, OP.LOCAL_GET, address);
  if (wide) {
    out.raw(OP.LOCAL_GET, offset, OP.I64_ADD, OP.LOCAL_TEE, address);
    out.raw(OP.LOCAL_GET, offset, OP.I64_LT_U);
    trap([0]);
  } else {
    // The effective address has 33 bits.
    out.raw(OP.I64_EXTEND_U, OP.LOCAL_GET, offset, OP.I64_EXTEND_U, OP.I64_ADD);
    out.raw(OP.I64_CONST, 32, OP.I64_SHR_U, OP.I32_WRAP);
    trap([0xff, 0xff, 0xff, 0xff, 0x0f]);
    out.raw(OP.LOCAL_GET, address, OP.LOCAL_GET, offset, OP.I32_ADD, OP.LOCAL_SET, address);
  }
  // Traps where the wait would: unaligned, or out of bounds.
  out.raw(OP.LOCAL_GET, address, 0xfe, atomicLoad, ...memarg(alignment, memory), 0);
  out.raw(OP.LOCAL_GET, 1, bits === 32 ? OP.I32_NE : OP.I64_NE);
  out.raw(OP.IF, VOID, OP.I32_CONST, 1, OP.RETURN, OP.END, OP.LOCAL_GET, address);
  if (wide) out.u8(OP.I32_WRAP);
  out.raw(OP.LOCAL_GET, 1, OP.LOCAL_GET, 2, OP.CALL);
  out.u32(waitImport);
  // 0 woken, 1 not equal, 2 timed out; a host that kills the sleeper returns anything else.
  if (wide) out.raw(OP.I64_EXTEND_U, OP.LOCAL_TEE, address, OP.I32_WRAP);
  else out.raw(OP.LOCAL_TEE, address);
  out.raw(OP.I32_CONST, 2, OP.I32_GT_U, OP.IF, VOID, OP.UNREACHABLE, OP.END);
  out.raw(OP.LOCAL_GET, address);
  if (wide) out.u8(OP.I32_WRAP);
  out.u8(OP.END);
}

/** A memarg without its static offset. */
export function memarg(alignment: number, memory: number): number[] {
  return memory === 0 ? [alignment] : [alignment | 0x40, ...leb(memory)];
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
    out.raw(0x36, ...memarg(2, space.controlMemory), address);
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
