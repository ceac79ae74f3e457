// The guest's memories: each becomes an import, shared and with a maximum, at the index that it had.
//
// `maxPages` is for all of them together, as that is what a sandbox costs its owner. A memory's own maximum is what the
// others leave of it at their smallest (or what it declares, if that is less); where the maxima together could still pass
// the limit, memory.grow asks for the sum of the sizes first. One memory alone grows as ever, by the engine's own instruction.
//
// Two imports of the same name are the same memory to a guest that was linked that way, and stay one: both are imported under
// the name of the first, with the limits that fit both.

import { RewriteError } from './errors.ts';
import type { Guest, GuestMemory } from './guest.ts';
import { OP, VOID } from './helpers.ts';
import { I32, I64, type IndexSpace } from './index-space.ts';
import { PAGES_MAX, PAGES_MAX_64 } from './memory-limits.ts';
import type { Writer } from './writer.ts';

export interface PlannedMemory {
  /** Its name in the module `$luge`. */
  readonly name: string;
  readonly minPages: number;
  readonly maxPages: number;
  /** Addresses are i64. */
  readonly wide: boolean;
  /** Index of the first import of the same memory: its own, but for the second import of one. */
  readonly first: number;
}

/** What memory.size and memory.grow of a memory become; undefined leaves them native. */
export interface Growth {
  /** Holds the logical size, in pages, as an i32. */
  readonly sizeGlobal: number | undefined;
  readonly growFunction: number | undefined;
}

/** Throws if the memories begin with more than `maxPages` together. */
export function planMemories(guest: Guest, maxPages: number): PlannedMemory[] {
  const { memories } = guest;
  const firsts = firstOfEach(memories);
  const limits = limitsOf(guest, firsts);
  let begin = 0;
  for (const [index, { minPages }] of limits.entries()) {
    if (firsts[index] !== index) continue;
    begin += minPages;
    if (begin > maxPages) throw tooLarge(guest, index, begin, maxPages);
  }
  return memories.map(({ wide }, index) => {
    const first = firsts[index]!;
    const limit = limits[first]!;
    const left = maxPages - begin + limit.minPages;
    return {
      name: first === 0 ? 'memory' : `memory${first}`,
      minPages: limit.minPages,
      maxPages: Math.min(limit.maxPages, left),
      wide,
      first,
    };
  });
}

function ceiling(wide: boolean): number {
  return wide ? PAGES_MAX_64 : PAGES_MAX;
}

/** By memory, the index of the first import of the same one. */
function firstOfEach(memories: readonly GuestMemory[]): number[] {
  const seen = new Map<string, number>();
  return memories.map(({ source, wide, shared }, index) => {
    if (source === undefined) return index;
    const key = `${wide} ${shared} ${source}`;
    const first = seen.get(key) ?? index;
    seen.set(key, first);
    return first;
  });
}

/** What fits all imports of the same memory, at the index of the first. */
function limitsOf(
  guest: Guest,
  firsts: readonly number[],
): { minPages: number; maxPages: number }[] {
  const limits = guest.memories.map(({ minPages, maxPages, wide }) => {
    return { minPages, maxPages: maxPages ?? ceiling(wide) };
  });
  for (const [index, { minPages, maxPages }] of limits.entries()) {
    const limit = limits[firsts[index]!]!;
    limit.minPages = Math.max(limit.minPages, minPages);
    limit.maxPages = Math.min(limit.maxPages, maxPages);
  }
  for (const [index, { minPages, maxPages }] of limits.entries()) {
    if (maxPages < minPages) throw impossible(guest, index, minPages, maxPages);
  }
  return limits;
}

/** Nobody could provide a memory for it: the guest would never have been instantiated. */
function impossible(guest: Guest, index: number, least: number, most: number): RewriteError {
  const { source = '', offset } = guest.memories[index]!;
  const text = `the memory ${source} is imported with at least ${least} and at most ${most} pages`;
  return new RewriteError('ERR_MEMORY_LIMIT', text, offset);
}

function tooLarge(guest: Guest, index: number, begin: number, maxPages: number): RewriteError {
  const what = index === 0 ? 'the memory begins' : `the first ${index + 1} memories begin`;
  return new RewriteError(
    'ERR_MEMORY_LIMIT',
    `${what} with ${begin} pages of 64 KiB, and the limit is ${maxPages} (maxPages)`,
    guest.memories[index]!.offset,
  );
}

export function distinct(memories: readonly PlannedMemory[]): PlannedMemory[] {
  return memories.filter(({ first }, index) => first === index);
}

/** Adds what memory.size and memory.grow need, by memory. */
export function addGrowth(
  space: IndexSpace,
  memories: readonly PlannedMemory[],
  maxPages: number,
  keeps: boolean,
): Growth[] {
  const sum = distinct(memories).reduce((pages, memory) => pages + memory.maxPages, 0);
  const isSumBounded = sum > maxPages && memories.length > 1;
  const sizeGlobals = memories.map(({ first, minPages }, index) =>
    keeps && first === index ? space.global(suffixed('$luge.pages', index), minPages) : undefined,
  );
  const total = isSumBounded ? addTotal(space, memories, sizeGlobals) : undefined;
  const growth: Growth[] = [];
  for (const [index, { first, wide, maxPages: own }] of memories.entries()) {
    const sizeGlobal = sizeGlobals[first];
    if (first !== index) {
      growth.push(growth[first]!);
      continue;
    }
    let growFunction: number | undefined;
    if (keeps || total !== undefined) {
      const address = wide ? I64 : I32;
      const plan = { index, wide, own, limit: maxPages, total, sizeGlobal };
      const type = space.type([address], [address]);
      growFunction = space.helper(suffixed('$luge.grow', index), type, (out) =>
        writeGrow(out, plan),
      );
    }
    growth.push({ sizeGlobal, growFunction });
  }
  return growth;
}

/** `() -> i32`: the pages of all memories. One function for all that grow: each with the sum in it would be n² code. */
function addTotal(
  space: IndexSpace,
  memories: readonly PlannedMemory[],
  sizeGlobals: readonly (number | undefined)[],
): number {
  return space.helper('$luge.total_pages', space.type([], [I32]), (out) => {
    out.raw(0, OP.I32_CONST, 0);
    for (const [at, memory] of memories.entries()) {
      if (memory.first !== at) continue;
      pushSize(out, at, memory.wide, sizeGlobals[at]);
      out.u8(OP.I32_ADD);
    }
    out.u8(OP.END);
  });
}

function suffixed(name: string, index: number): string {
  return index === 0 ? name : `${name}.${index}`;
}

/** Pushes the memory's size as an i32. */
function pushSize(out: Writer, index: number, wide: boolean, sizeGlobal: number | undefined): void {
  out.u8(sizeGlobal === undefined ? OP.MEMORY_SIZE : OP.GLOBAL_GET);
  out.u32(sizeGlobal ?? index);
  if (sizeGlobal === undefined && wide) out.u8(OP.I32_WRAP);
}

interface GrowPlan {
  readonly index: number;
  readonly wide: boolean;
  /** The memory's own maximum, in pages. */
  readonly own: number;
  /** That of all memories together; asked for by `total`, unless their maxima see to it. */
  readonly limit: number;
  readonly total: number | undefined;
  readonly sizeGlobal: number | undefined;
}

/**
 * `memory.grow`: refused beyond the limits. Under growth 'keep' it raises the logical size, and the physical one only
 * when that is short of it. Pages between the two are zero: reset wipes all of the physical memory. (A guest that wrote
 * behind its logical end, which would have trapped in a memory of its own, finds what it wrote.)
 */
function writeGrow(out: Writer, { index, wide, own, limit, total, sizeGlobal }: GrowPlan): void {
  const param = 0;
  const delta = 1;
  const missing = 2;
  const size = (): void => pushSize(out, index, wide, sizeGlobal);
  const fail = (): void => out.raw(wide ? OP.I64_CONST : OP.I32_CONST, 0x7f, OP.RETURN, OP.END);
  out.raw(1, 2, I32, OP.LOCAL_GET, param);
  if (wide) {
    // Beyond what an i32 holds there is no such memory.
    out.raw(OP.I64_CONST, 31, OP.I64_SHR_U, OP.I64_EQZ, OP.I32_EQZ, OP.IF, VOID);
    fail();
    out.raw(OP.LOCAL_GET, param, OP.I32_WRAP);
  }
  out.raw(OP.LOCAL_SET, delta);
  // delta > maximum - size: refused, without any sum that could wrap
  const refuseBeyond = (maximum: number, pushPages: () => void): void => {
    out.raw(OP.LOCAL_GET, delta, OP.I32_CONST);
    out.s32(maximum);
    pushPages();
    out.raw(OP.I32_SUB, OP.I32_GT_U, OP.IF, VOID);
    fail();
  };
  refuseBeyond(own, size);
  if (total !== undefined) {
    refuseBeyond(limit, () => {
      out.u8(OP.CALL);
      out.u32(total);
    });
  }
  if (sizeGlobal === undefined) {
    out.raw(OP.LOCAL_GET, param, OP.MEMORY_GROW);
    out.u32(index);
    out.u8(OP.END);
    return;
  }
  size();
  out.raw(OP.LOCAL_GET, delta, OP.I32_ADD);
  pushSize(out, index, wide, undefined);
  out.raw(OP.I32_SUB, OP.LOCAL_TEE, missing, OP.I32_CONST, 0, OP.I32_GT_S, OP.IF, VOID);
  out.raw(OP.LOCAL_GET, missing);
  if (wide) out.u8(OP.I64_EXTEND_U);
  out.u8(OP.MEMORY_GROW);
  out.u32(index);
  if (wide) out.u8(OP.I32_WRAP);
  out.raw(OP.I32_CONST, 0x7f, OP.I32_EQ, OP.IF, VOID);
  fail();
  out.u8(OP.END);
  size();
  if (wide) out.u8(OP.I64_EXTEND_U);
  size();
  out.raw(OP.LOCAL_GET, delta, OP.I32_ADD, OP.GLOBAL_SET);
  out.u32(sizeGlobal);
  out.u8(OP.END);
}
