// Instructions on memories, tables and segments as a whole: what becomes of each. Reads the immediates, and says what
// to write before the instruction or instead of it.

import { ArrayLimit } from './allocation.ts';
import { BulkHelpers } from './bulk.ts';
import { malformed } from './errors.ts';
import type { Guest } from './guest.ts';
import { OP, writeWait } from './helpers.ts';
import { I32, I64, type IndexSpace } from './index-space.ts';
import type { Growth } from './memories.ts';
import { Imm } from './opcodes.ts';
import { Reader } from './reader.ts';
import { Segments } from './segments.ts';
import { Writer } from './writer.ts';

export interface StorageOptions {
  /** By memory. */
  readonly growth: readonly Growth[];
  /** Stack-neutral code that asks the host if the flag is up; undefined leaves bulk instructions whole. */
  readonly poll: readonly number[] | undefined;
  /** Undefined leaves arrays as large as the engine makes them. */
  readonly arrayBytes: number | undefined;
}

/** The bit of a memarg's alignment that says that a memory index follows. */
const EXPLICIT_MEMORY = 0x40;

/** What to do with the patch. */
export const Patch = {
  /** Nothing: the instruction stays. */
  NONE: 0,
  BEFORE: 1,
  INSTEAD: 2,
} as const;

export class StoragePass {
  readonly patch: Writer;
  /** Tables that some instruction writes; `grown` those that one grows. */
  readonly writtenTables: Set<number>;
  readonly grownTables: Set<number>;
  /** Instructions that were made to poll. */
  splits: number;
  readonly #guest: Guest;
  readonly #space: IndexSpace;
  readonly #segments: Segments;
  readonly #growth: readonly Growth[];
  readonly #bulk: BulkHelpers | undefined;
  readonly #arrays: ArrayLimit | undefined;
  readonly #waits: Map<string, number>;

  constructor(guest: Guest, space: IndexSpace, options: StorageOptions) {
    this.patch = new Writer(32);
    this.writtenTables = new Set();
    this.grownTables = new Set();
    this.splits = 0;
    this.#guest = guest;
    this.#space = space;
    this.#segments = new Segments(space);
    this.#growth = options.growth;
    this.#bulk = options.poll === undefined ? undefined : new BulkHelpers(space, options.poll);
    const { arrayBytes } = options;
    this.#arrays = arrayBytes === undefined ? undefined : new ArrayLimit(space, arrayBytes);
    this.#waits = new Map();
  }

  /** Steps over the immediates; returns a `Patch`. `length` is the constant in front of the instruction, or -1. */
  read(reader: Reader, kind: number, length: number): number {
    this.patch.truncate(0);
    // Immediates are read before `bulk?.`, which would not evaluate its arguments.
    const bulk = this.#bulk;
    switch (kind) {
      case Imm.MEMORY_SIZE:
        return this.#size(this.memoryIndex(reader));
      case Imm.MEMORY_GROW:
        return this.#grow(this.memoryIndex(reader));
      case Imm.MEMORY_COPY: {
        const to = this.memoryIndex(reader);
        const from = this.memoryIndex(reader);
        return this.#split(bulk?.memoryCopy(to, from, length));
      }
      case Imm.MEMORY_FILL: {
        const memory = this.memoryIndex(reader);
        return this.#split(bulk?.memoryFill(memory, length));
      }
      case Imm.MEMORY_INIT: {
        const segment = this.#dataIndex(reader);
        const memory = this.memoryIndex(reader);
        this.#call(this.#segments.adapter('data', segment));
        return this.#split(bulk?.memoryInit(memory, segment, length));
      }
      case Imm.DATA_DROP:
        return this.#drop('data', this.#dataIndex(reader));
      case Imm.TABLE_SET:
        this.writtenTables.add(this.tableIndex(reader));
        return Patch.NONE;
      case Imm.TABLE_FILL: {
        const table = this.#writtenTable(reader);
        return this.#split(bulk?.tableFill(table, length));
      }
      case Imm.TABLE_GROW:
        this.grownTables.add(this.#writtenTable(reader));
        return Patch.NONE;
      case Imm.TABLE_COPY: {
        const to = this.#writtenTable(reader);
        const from = this.tableIndex(reader);
        return this.#split(bulk?.tableCopy(to, from, length));
      }
      case Imm.TABLE_INIT: {
        const segment = this.#elementIndex(reader);
        const table = this.#writtenTable(reader);
        this.#call(this.#segments.adapter('element', segment));
        return this.#split(bulk?.tableInit(table, segment, length));
      }
      case Imm.ELEM_DROP:
        return this.#drop('element', this.#elementIndex(reader));
      case Imm.ARRAY_NEW:
        return this.#limited(this.typeIndex(reader), length);
      case Imm.ARRAY_FILL: {
        const type = this.typeIndex(reader);
        return this.#split(bulk?.arrayFill(type, length));
      }
      case Imm.ARRAY_COPY: {
        const to = this.typeIndex(reader);
        const from = this.typeIndex(reader);
        return this.#split(bulk?.arrayCopy(to, from, length));
      }
      case Imm.ARRAY_DATA:
      case Imm.ARRAY_INIT_DATA: {
        const type = this.typeIndex(reader);
        const segment = this.#dataIndex(reader);
        this.#call(this.#segments.adapter('data', segment));
        if (kind === Imm.ARRAY_DATA) return this.#limited(type, length);
        return this.#split(bulk?.arrayInitData(type, segment, length));
      }
      case Imm.ARRAY_ELEM:
      case Imm.ARRAY_INIT_ELEM: {
        const type = this.typeIndex(reader);
        const segment = this.#elementIndex(reader);
        this.#call(this.#segments.adapter('element', segment));
        if (kind === Imm.ARRAY_ELEM) return this.#limited(type, length);
        return this.#split(bulk?.arrayInitElem(type, segment, length));
      }
      case Imm.WAIT32:
        return this.#wait(reader, 32);
      case Imm.WAIT64:
        return this.#wait(reader, 64);
      default:
        this.tableIndex(reader);
        return Patch.NONE;
    }
  }

  // --- indices: one that is out of range in the source would be in range in the output ---------------------------

  typeIndex(reader: Reader): number {
    return reader.index('type', this.#guest.types.length);
  }

  tableIndex(reader: Reader): number {
    return reader.index('table', this.#guest.tables.length);
  }

  memoryIndex(reader: Reader): number {
    return reader.index('memory', this.#guest.memories.length);
  }

  /** Steps over alignment, memory and static offset; returns the index of the memory. */
  memarg(reader: Reader): number {
    const at = reader.pos;
    let memory = 0;
    if (reader.u32() & EXPLICIT_MEMORY) memory = this.memoryIndex(reader);
    else if (this.#guest.memories.length === 0) throw malformed('memory 0 of 0', at);
    // Offsets are u64 in the grammar, whatever the memory; the engine checks them against its addresses.
    reader.skipLeb(10);
    return memory;
  }

  #writtenTable(reader: Reader): number {
    const table = this.tableIndex(reader);
    this.writtenTables.add(table);
    return table;
  }

  #dataIndex(reader: Reader): number {
    return reader.index('data segment', this.#guest.data.length);
  }

  #elementIndex(reader: Reader): number {
    return reader.index('element segment', this.#guest.elements.length);
  }

  // --- patches -----------------------------------------------------------------------------------------------------

  #call(target: number): void {
    this.patch.u8(OP.CALL);
    this.patch.u32(target);
  }

  #size(memory: number): number {
    const sizeGlobal = this.#growth[memory]?.sizeGlobal;
    if (sizeGlobal === undefined) return Patch.NONE;
    this.patch.u8(OP.GLOBAL_GET);
    this.patch.u32(sizeGlobal);
    if (this.#guest.memories[memory]!.wide) this.patch.u8(OP.I64_EXTEND_U);
    return Patch.INSTEAD;
  }

  #grow(memory: number): number {
    const growFunction = this.#growth[memory]?.growFunction;
    if (growFunction === undefined) return Patch.NONE;
    this.#call(growFunction);
    return Patch.INSTEAD;
  }

  /** Calls what does the same with polls, if the instruction may not stay. */
  #split(helper: number | undefined): number {
    if (helper === undefined) return this.patch.length > 0 ? Patch.BEFORE : Patch.NONE;
    this.splits += 1;
    this.#call(helper);
    return Patch.INSTEAD;
  }

  /** The length is on top of the stack. */
  #limited(type: number, length: number): number {
    const check = this.#arrays?.check(type, length);
    if (check !== undefined) this.#call(check);
    return this.patch.length > 0 ? Patch.BEFORE : Patch.NONE;
  }

  #drop(kind: 'data' | 'element', index: number): number {
    const flag = this.#segments.flag(kind, index);
    if (flag === undefined) {
      this.patch.u8(OP.NOP); // it is dropped already
    } else {
      this.patch.raw(OP.I32_CONST, 1, OP.GLOBAL_SET);
      this.patch.u32(flag);
    }
    return Patch.INSTEAD;
  }

  /**
   * A wait would block the worker's thread with every other guest on it. Of a memory that was declared unshared it
   * must trap, which is what `unreachable` does (it takes any operands); of a shared one the host waits.
   */
  #wait(reader: Reader, bits: 32 | 64): number {
    const immediates = new Reader(reader.bytes, reader.pos, reader.end);
    const memory = this.memarg(reader);
    const { shared, wide } = this.#guest.memories[memory]!;
    if (!shared) {
      this.patch.u8(OP.UNREACHABLE);
      return Patch.INSTEAD;
    }
    if (immediates.u32() & EXPLICIT_MEMORY) immediates.u32();
    const offset = immediates.u64();
    this.patch.u8(wide ? OP.I64_CONST : OP.I32_CONST);
    if (wide) this.patch.s64(offset);
    else this.patch.s32(Number(offset));
    this.#call(this.#waitHelper(bits, memory));
    return Patch.INSTEAD;
  }

  #waitHelper(bits: 32 | 64, memory: number): number {
    const name = memory === 0 ? `$luge.wait${bits}` : `$luge.wait${bits}.${memory}`;
    let helper = this.#waits.get(name);
    if (helper === undefined) {
      const space = this.#space;
      const { wide } = this.#guest.memories[memory]!;
      const address = wide ? I64 : I32;
      const type = space.type([address, bits === 32 ? I32 : I64, I64, address], [I32]);
      const target = space.import(`wait${bits}`);
      helper = space.helper(name, type, (out) => writeWait(out, bits, target, memory, wide));
      this.#waits.set(name, helper);
    }
    return helper;
  }
}
