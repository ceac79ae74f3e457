// Making a memory all zeros again: looks for what is not, and fills that.
//
// A guest of 17 pages (the default of Rust, of Go more) mostly writes a few kilobytes: its stack, some globals, a bit of heap. To fill all of
// it costs 17 µs, evicts 1.1 MB of the caches, and makes each OS page of it resident for good. To read it costs 7.1 µs: pages that nobody has
// written are all the same physical page of zeros, which stays in the first-level cache. With 200 sandboxes in turn, each writing
// 8 KB of its 17 pages, run and reset together: filling 111 µs, this 11. (Xeon, V8 14.6; `npm run bench -- sandbox`.)
// A host that knows which OS pages were touched does it in 1 µs and calls `$luge.restore` instead of `$luge.reset`: src/sandbox/memory-wiper.ts.
//
// Nothing is assumed of the guest: what is not zero is found wherever it is. The size is that of now, whatever it was declared as.
// The reads are of 16 bytes, 256 bytes a round, OS page by OS page, so that what is filled is not more than what has to be.

import { memarg, OP, VOID } from './helpers.ts';
import type { PlannedMemory } from './memories.ts';
import type { Writer } from './writer.ts';

/** Filled if any of it is not zero: an OS page. A power of two, and a divisor of the Wasm page. */
const CHUNK_BYTES = 4096;
const ROUND_BYTES = 256;
/** The others are filled: a module of thousands of memories, two bytes each, shall not become thousands of such loops. */
const MEMORIES_READ_MAX = 16;
const VECTOR_BYTES = 16;
const PAGE_BITS = 16;

const V128 = 0x7b;
const SIMD = 0xfd;
const LOAD = 0x00;
const CONST = 0x0c;
const OR = 0x50;
const ANY_TRUE = 0x53;
const BULK = 0xfc;
const MEMORY_FILL = 11;
const I32_AND = 0x71;
const I64_AND = 0x83;

const AT = 0;
const END = 1;
const FOUND = 2;

/** `() -> ()`. */
export function writeClear(out: Writer, index: number, { wide }: PlannedMemory): void {
  if (index < MEMORIES_READ_MAX) writeSearch(out, index, wide);
  else writeFill(out, index, wide);
}

/** In two halves, since the bytes of all 65,536 pages of a 32-bit memory do not fit into an i32. */
function writeFill(out: Writer, index: number, wide: boolean): void {
  const half = (): void => {
    out.u8(OP.MEMORY_SIZE);
    out.u32(index);
    out.raw(wide ? OP.I64_CONST : OP.I32_CONST, PAGE_BITS - 1, wide ? OP.I64_SHL : OP.I32_SHL);
  };
  const fill = (): void => {
    out.raw(OP.I32_CONST, 0);
    half();
    out.raw(BULK, MEMORY_FILL);
    out.u32(index);
  };
  out.raw(0, wide ? OP.I64_CONST : OP.I32_CONST, 0);
  fill();
  half();
  fill();
  out.u8(OP.END);
}

function writeSearch(out: Writer, index: number, wide: boolean): void {
  const address = wide ? 0x7e : 0x7f;
  const constant = (value: number): void => {
    out.u8(wide ? OP.I64_CONST : OP.I32_CONST);
    out.s32(value);
  };
  const advance = (bytes: number): void => {
    out.raw(OP.LOCAL_GET, AT);
    constant(bytes);
    out.raw(wide ? OP.I64_ADD : OP.I32_ADD);
  };
  out.raw(2, 2, address, 1, V128);
  out.u8(OP.MEMORY_SIZE);
  out.u32(index);
  out.raw(wide ? OP.I64_EQZ : OP.I32_EQZ, OP.IF, VOID, OP.RETURN, OP.END);
  // Of all 65,536 pages with 32-bit addresses the end is 0, where the address has wrapped to by then.
  out.u8(OP.MEMORY_SIZE);
  out.u32(index);
  constant(PAGE_BITS);
  out.raw(wide ? OP.I64_SHL : OP.I32_SHL, OP.LOCAL_SET, END);
  out.raw(OP.LOOP, VOID, SIMD, CONST, ...new Array<number>(VECTOR_BYTES).fill(0));
  out.raw(OP.LOCAL_SET, FOUND, OP.LOOP, VOID, OP.LOCAL_GET, FOUND);
  writeOr(out, index, 0, ROUND_BYTES);
  out.raw(SIMD, OR, OP.LOCAL_SET, FOUND);
  advance(ROUND_BYTES);
  out.raw(OP.LOCAL_TEE, AT);
  constant(CHUNK_BYTES - 1);
  out.raw(wide ? I64_AND : I32_AND);
  if (wide) out.raw(OP.I64_EQZ, OP.I32_EQZ);
  out.raw(OP.BR_IF, 0, OP.END);
  out.raw(OP.LOCAL_GET, FOUND, SIMD, ANY_TRUE, OP.IF, VOID);
  advance(-CHUNK_BYTES);
  out.raw(OP.I32_CONST, 0);
  constant(CHUNK_BYTES);
  out.raw(BULK, MEMORY_FILL);
  out.u32(index);
  out.raw(OP.END, OP.LOCAL_GET, AT, OP.LOCAL_GET, END, wide ? OP.I64_NE : OP.I32_NE);
  out.raw(OP.BR_IF, 0, OP.END, OP.END);
}

/** The OR of the vectors from AT + `from` to AT + `to`, as a tree: no load waits for another. */
function writeOr(out: Writer, memory: number, from: number, to: number): void {
  if (to - from === VECTOR_BYTES) {
    // Alignment as the exponent of two.
    out.raw(OP.LOCAL_GET, AT, SIMD, LOAD, ...memarg(4, memory));
    out.u32(from);
    return;
  }
  const middle = (from + to) / 2;
  writeOr(out, memory, from, middle);
  writeOr(out, memory, middle, to);
  out.raw(SIMD, OR);
}
