// Bulk instructions: those that do work in proportion to an operand. One of them could hold the worker for as long as
// a guest likes (memory.fill of 128 MiB takes 12 ms, and 770 when the pages are touched for the first time), so that
// each becomes a call of a function that does the same in chunks with a poll in front of each:
//
//   if length <= native: the instruction; return
//   if a range is out of bounds: the instruction, which traps before it has written anything; return
//   loop: poll; c = min(length, chunk); the instruction for the next c; length -= c; while length > 0
//
// The check is needed once only: neither a memory nor a table, an array or a segment ever gets shorter while the
// instruction runs (a segment is dropped by its own guest, which waits here). Where source and destination may be the
// same, the chunks are taken from the end if the destination lies behind the source, so that none is overwritten
// before it is read; inside a chunk the engine's own instruction sees to that.
//
// An instruction whose length is a small constant stays as it is, and so does one that reads a segment no longer than that.
//
// NOT SPLIT, since the engine can only do the whole of it, and what bounds it (V8 14.6, measured on 2 GHz):
// - array.new, array.new_default: the allocation itself writes all of the object, 1.5 ns a byte or 20 ns a reference while pages
//   are new; allocation.ts bounds its bytes.
// - array.new_fixed: as many operands as it has, at most 10,000.
// - array.new_data, array.new_elem: as above, and no longer than a segment of the module. The first use of an element
//   segment evaluates all of its expressions, 30 ns each.
// - table.grow: up to the table's maximum, which allocation.ts bounds; whenever the capacity is used up all elements are copied.
//   Steps of it could not be undone if one failed.
// - memory.grow: the pages are mapped, not written; some 10 µs whatever the number.

import type { Guest } from './guest.ts';
import { OP, VOID } from './helpers.ts';
import { I32, I64, type IndexSpace, type ValType } from './index-space.ts';
import type { Span } from './reader.ts';
import { leb, sleb, type Writer } from './writer.ts';

/** How much of an instruction's work stays together. */
interface Grain {
  /** Done at once and without a poll: a poll would cost more, and the code's size bounds how many follow each other. */
  readonly native: number;
  readonly chunk: number;
}

/** 64 KiB are 4 to 20 µs, and 50 to 170 where each of the 16 OS pages is touched for the first time. */
const BYTES: Grain = { native: 4096, chunk: 65_536 };
/** V8 stores table elements one by one, each 10 to 56 ns: 1,024 are at most 57 µs. */
const ELEMENTS: Grain = { native: 64, chunk: 1024 };
/** Up to 16 bytes and 1 to 2 ns an item, with the collector's write barrier: some 30 µs. */
const ITEMS: Grain = { native: 1024, chunk: 16_384 };

const BULK = 0xfc;
const GC = 0xfb;
const MEMORY_INIT = 8;
const MEMORY_COPY = 10;
const MEMORY_FILL = 11;
const TABLE_INIT = 12;
const TABLE_COPY = 14;
const TABLE_SIZE = 16;
const TABLE_FILL = 17;
const ARRAY_LEN = 15;
const ARRAY_FILL = 16;
const ARRAY_COPY = 17;
const ARRAY_INIT_DATA = 18;
const ARRAY_INIT_ELEM = 19;
const PAGE_BITS = 16;
const REF_NULL_TYPE = 0x63;

/** An operand that moves on with each chunk. */
interface Place {
  /** i64 instead of i32. */
  readonly wide: boolean;
  /** Pushes, as an i64, how much there is of what it points into. */
  readonly limit: (out: Writer) => void;
  /** Of these units for each of the length; 1 but for the bytes of array.init_data. */
  readonly scale: number;
}

/** An operand that stays. */
interface Fixed {
  readonly type: ValType;
}

interface Split {
  readonly name: string;
  /** In the order of the stack; the length comes last and is not among them. */
  readonly operands: readonly (Place | Fixed)[];
  readonly wideLength: boolean;
  readonly grain: Grain;
  /** Which operands are destination and source of a copy that may overlap. */
  readonly overlap: readonly [to: number, from: number] | undefined;
  /** Prefix, opcode, immediates. */
  readonly instruction: readonly number[];
}

export class BulkHelpers {
  readonly #space: IndexSpace;
  /** Stack-neutral code that asks the host if the flag is up. */
  readonly #poll: readonly number[];
  readonly #known: Map<string, number>;

  constructor(space: IndexSpace, poll: readonly number[]) {
    this.#space = space;
    this.#poll = poll;
    this.#known = new Map();
  }

  // Each returns the index of the function to call instead, or undefined where the instruction may stay; `length` is
  // the constant in front of it, or -1.

  memoryFill(memory: number, length: number): number | undefined {
    if (isShort(length, BYTES)) return undefined;
    const place = this.#memory(memory);
    const instruction = [BULK, MEMORY_FILL, ...leb(memory)];
    const operands = [place, { type: I32 }];
    return this.#helper(`fill.${memory}`, operands, BYTES, instruction, undefined, place.wide);
  }

  memoryCopy(to: number, from: number, length: number): number | undefined {
    if (isShort(length, BYTES)) return undefined;
    const operands = [this.#memory(to), this.#memory(from)];
    const instruction = [BULK, MEMORY_COPY, ...leb(to), ...leb(from)];
    const wide = operands.every((place) => place.wide);
    return this.#helper(`copy.${to}.${from}`, operands, BYTES, instruction, [0, 1], wide);
  }

  memoryInit(memory: number, segment: number, length: number): number | undefined {
    const bytes = this.#guest.data[segment]!.length;
    if (isShort(length, BYTES) || isShort(bytes, BYTES)) return undefined;
    const operands = [this.#memory(memory), constantPlace(bytes)];
    const instruction = [BULK, MEMORY_INIT, ...leb(segment), ...leb(memory)];
    return this.#helper(`init.${memory}.${segment}`, operands, BYTES, instruction);
  }

  tableFill(table: number, length: number): number | undefined {
    if (isShort(length, ELEMENTS)) return undefined;
    const place = this.#table(table);
    const { type, heapType } = this.#guest.tables[table]!;
    const value = { type: this.#bytes({ start: type.start, end: heapType.end }) };
    const instruction = [BULK, TABLE_FILL, ...leb(table)];
    const name = `table.fill.${table}`;
    return this.#helper(name, [place, value], ELEMENTS, instruction, undefined, place.wide);
  }

  tableCopy(to: number, from: number, length: number): number | undefined {
    if (isShort(length, ELEMENTS)) return undefined;
    const operands = [this.#table(to), this.#table(from)];
    const instruction = [BULK, TABLE_COPY, ...leb(to), ...leb(from)];
    const wide = operands.every((place) => place.wide);
    return this.#helper(`table.copy.${to}.${from}`, operands, ELEMENTS, instruction, [0, 1], wide);
  }

  tableInit(table: number, segment: number, length: number): number | undefined {
    const { count } = this.#guest.elements[segment]!;
    if (isShort(length, ELEMENTS) || isShort(count, ELEMENTS)) return undefined;
    const operands = [this.#table(table), constantPlace(count)];
    const instruction = [BULK, TABLE_INIT, ...leb(segment), ...leb(table)];
    return this.#helper(`table.init.${table}.${segment}`, operands, ELEMENTS, instruction);
  }

  arrayFill(type: number, length: number): number | undefined {
    const element = this.#element(type);
    if (isShort(length, ITEMS) || element === undefined) return undefined;
    const operands = [this.#array(type), arrayPlace(0), { type: element.valType }];
    return this.#helper(`array.fill.${type}`, operands, ITEMS, [GC, ARRAY_FILL, ...leb(type)]);
  }

  arrayCopy(to: number, from: number, length: number): number | undefined {
    if (isShort(length, ITEMS)) return undefined;
    const operands = [this.#array(to), arrayPlace(0), this.#array(from), arrayPlace(2)];
    const instruction = [GC, ARRAY_COPY, ...leb(to), ...leb(from)];
    return this.#helper(`array.copy.${to}.${from}`, operands, ITEMS, instruction, [1, 3]);
  }

  arrayInitData(type: number, segment: number, length: number): number | undefined {
    const bytes = this.#guest.data[segment]!.length;
    const element = this.#element(type);
    if (element === undefined) return undefined;
    const { scale } = element;
    if (isShort(length, ITEMS) || isShort(bytes / scale, ITEMS)) return undefined;
    const operands = [this.#array(type), arrayPlace(0), constantPlace(bytes, scale)];
    const instruction = [GC, ARRAY_INIT_DATA, ...leb(type), ...leb(segment)];
    return this.#helper(`array.init_data.${type}.${segment}`, operands, ITEMS, instruction);
  }

  arrayInitElem(type: number, segment: number, length: number): number | undefined {
    const { count } = this.#guest.elements[segment]!;
    if (isShort(length, ELEMENTS) || isShort(count, ELEMENTS)) return undefined;
    const operands = [this.#array(type), arrayPlace(0), constantPlace(count)];
    const instruction = [GC, ARRAY_INIT_ELEM, ...leb(type), ...leb(segment)];
    return this.#helper(`array.init_elem.${type}.${segment}`, operands, ELEMENTS, instruction);
  }

  get #guest(): Guest {
    return this.#space.guest;
  }

  #memory(memory: number): Place {
    const { wide } = this.#guest.memories[memory]!;
    const limit = (out: Writer): void => {
      out.u8(OP.MEMORY_SIZE);
      out.u32(memory);
      if (!wide) out.u8(OP.I64_EXTEND_U);
      out.raw(OP.I64_CONST, PAGE_BITS, OP.I64_SHL);
    };
    return { wide, limit, scale: 1 };
  }

  #table(table: number): Place {
    const { wide } = this.#guest.tables[table]!;
    const limit = (out: Writer): void => {
      out.raw(BULK, TABLE_SIZE);
      out.u32(table);
      if (!wide) out.u8(OP.I64_EXTEND_U);
    };
    return { wide, limit, scale: 1 };
  }

  #array(type: number): Fixed {
    return { type: [REF_NULL_TYPE, ...sleb(type)] };
  }

  #bytes({ start, end }: Span): number[] {
    return [...this.#guest.source.subarray(start, end)];
  }

  /** What an item of the array is on the stack, and its bytes in a data segment; undefined if it is no array. */
  #element(type: number): { valType: ValType; scale: number } | undefined {
    const definition = this.#guest.types[type];
    if (definition?.kind !== 'array') return undefined;
    const code = this.#guest.source[definition.element.start]!;
    const scale = ITEM_BYTES.get(code) ?? 1;
    return { valType: code === I8 || code === I16 ? I32 : this.#bytes(definition.element), scale };
  }

  #helper(
    name: string,
    operands: Split['operands'],
    grain: Grain,
    instruction: readonly number[],
    overlap?: Split['overlap'],
    wideLength: boolean = false,
  ): number {
    let helper = this.#known.get(name);
    if (helper === undefined) {
      const split = { name, operands, wideLength, grain, overlap, instruction };
      const params = operands.map((operand) =>
        'type' in operand ? operand.type : operand.wide ? I64 : I32,
      );
      const type = this.#space.type([...params, wideLength ? I64 : I32], []);
      helper = this.#space.helper(`$luge.${name}`, type, (out) =>
        writeSplit(out, split, this.#poll),
      );
      this.#known.set(name, helper);
    }
    return helper;
  }
}

const I8 = 0x78;
const I16 = 0x77;
const ITEM_BYTES: ReadonlyMap<number, number> = new Map([
  [I8, 1],
  [I16, 2],
  [0x7f, 4],
  [0x7d, 4],
  [0x7e, 8],
  [0x7c, 8],
  [0x7b, 16],
]);

function isShort(length: number, grain: Grain): boolean {
  return length >= 0 && length <= grain.native;
}

function constantPlace(limit: number, scale: number = 1): Place {
  // Segments are shorter than 2^31: the file is.
  const push = (out: Writer): void => {
    out.u8(OP.I64_CONST);
    out.s32(limit);
  };
  return { wide: false, limit: push, scale };
}

/** Within the array that is operand `array`; traps on null, as the instruction would. */
function arrayPlace(array: number): Place {
  const limit = (out: Writer): void => {
    out.raw(OP.LOCAL_GET, array, GC, ARRAY_LEN, OP.I64_EXTEND_U);
  };
  return { wide: false, limit, scale: 1 };
}

function writeSplit(out: Writer, split: Split, poll: readonly number[]): void {
  const { operands, grain, instruction, wideLength, overlap } = split;
  const length = operands.length;
  const part = length + 1;
  const get = (local: number): void => out.raw(OP.LOCAL_GET, local);
  const constant = (value: number): void => {
    out.u8(wideLength ? OP.I64_CONST : OP.I32_CONST);
    out.s32(value);
  };
  /** The operands and `count`, then the instruction itself. */
  const perform = (count: number): void => {
    for (let local = 0; local < length; local += 1) get(local);
    get(count);
    out.raw(...instruction);
  };
  const moved = (place: Place, by: number): void => {
    get(by);
    if (place.wide && !wideLength) out.u8(OP.I64_EXTEND_U);
    if (place.scale > 1) out.raw(OP.I32_CONST, place.scale, OP.I32_MUL);
    out.u8(place.wide ? OP.I64_ADD : OP.I32_ADD);
  };
  /** part = min(length, chunk); length -= part */
  const take = (): void => {
    get(length);
    constant(grain.chunk);
    get(length);
    constant(grain.chunk);
    out.raw(wideLength ? OP.I64_LT_U : OP.I32_LT_U, OP.SELECT, OP.LOCAL_SET, part);
    get(length);
    get(part);
    out.raw(wideLength ? OP.I64_SUB : OP.I32_SUB, OP.LOCAL_SET, length);
  };
  const again = (): void => {
    get(length);
    if (wideLength) out.raw(OP.I64_EQZ, OP.I32_EQZ);
    out.raw(OP.BR_IF, 0, OP.END);
  };

  out.raw(1, 1, wideLength ? I64 : I32);
  get(length);
  constant(grain.native);
  out.raw(wideLength ? OP.I64_LE_U : OP.I32_LE_U, OP.IF, VOID);
  perform(length);
  out.raw(OP.RETURN, OP.END);
  writeRangeCheck(out, split);
  out.raw(OP.IF, VOID);
  perform(length);
  out.raw(OP.RETURN, OP.END);
  if (overlap !== undefined) {
    const [to, from] = overlap.map((at) => operands[at] as Place) as [Place, Place];
    // Places of different width lie in different memories or tables.
    if (to.wide === from.wide) {
      get(overlap[0]);
      get(overlap[1]);
      out.raw(to.wide ? OP.I64_GT_U : OP.I32_GT_U, OP.IF, VOID, OP.LOOP, VOID, ...poll);
      take();
      for (const [local, operand] of operands.entries()) {
        get(local);
        if (!('type' in operand)) moved(operand, length);
      }
      get(part);
      out.raw(...instruction);
      again();
      out.raw(OP.RETURN, OP.END);
    }
  }
  out.raw(OP.LOOP, VOID, ...poll);
  take();
  perform(part);
  for (const [local, operand] of operands.entries()) {
    if ('type' in operand) continue;
    get(local);
    moved(operand, part);
    out.raw(OP.LOCAL_SET, local);
  }
  again();
  out.u8(OP.END);
}

/** Leaves 1 if any range is out of bounds: length > limit or place > limit - length, in 64 bits and so without a wrap. */
function writeRangeCheck(out: Writer, { operands, wideLength }: Split): void {
  const length = (scale: number): void => {
    out.raw(OP.LOCAL_GET, operands.length);
    if (!wideLength) out.u8(OP.I64_EXTEND_U);
    if (scale > 1) out.raw(OP.I64_CONST, scale, OP.I64_MUL);
  };
  let isFirst = true;
  for (const [local, operand] of operands.entries()) {
    if ('type' in operand) continue;
    length(operand.scale);
    operand.limit(out);
    out.raw(OP.I64_GT_U, OP.LOCAL_GET, local);
    if (!operand.wide) out.u8(OP.I64_EXTEND_U);
    operand.limit(out);
    length(operand.scale);
    out.raw(OP.I64_SUB, OP.I64_GT_U, OP.I32_OR);
    if (!isFirst) out.u8(OP.I32_OR);
    isFirst = false;
  }
}
