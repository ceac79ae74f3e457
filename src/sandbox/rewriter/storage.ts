// Instructions on memories, tables and segments as a whole: what becomes of each. Reads the immediates, and says what
// to write before the instruction or instead of it.

import { BulkHelpers } from './bulk.ts';
import { malformed } from './errors.ts';
import type { Guest } from './guest.ts';
import { OP, writeWait } from './helpers.ts';
import { I32, I64, type IndexSpace } from './index-space.ts';
import { Imm } from './opcodes.ts';
import type { Reader } from './reader.ts';
import { Segments } from './segments.ts';
import { Writer } from './writer.ts';

/** Where memory.size and memory.grow go under growth 'keep'. */
export interface LogicalMemory {
  readonly sizeGlobal: number;
  readonly growFunction: number;
}

export interface StorageOptions {
  /** Undefined leaves memory.size and memory.grow native. */
  readonly logicalMemory: LogicalMemory | undefined;
  /** Stack-neutral code that asks the host if the flag is up; undefined leaves bulk instructions whole. */
  readonly poll: readonly number[] | undefined;
}

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
  readonly #logicalMemory: LogicalMemory | undefined;
  readonly #bulk: BulkHelpers | undefined;
  readonly #waits: Map<number, number>;

  constructor(guest: Guest, space: IndexSpace, options: StorageOptions) {
    this.patch = new Writer(32);
    this.writtenTables = new Set();
    this.grownTables = new Set();
    this.splits = 0;
    this.#guest = guest;
    this.#space = space;
    this.#segments = new Segments(space);
    this.#logicalMemory = options.logicalMemory;
    this.#bulk = options.poll === undefined ? undefined : new BulkHelpers(space, options.poll);
    this.#waits = new Map();
  }

  /** Steps over the immediates; returns a `Patch`. `length` is the constant in front of the instruction, or -1. */
  read(reader: Reader, kind: number, length: number): number {
    this.patch.truncate(0);
    // Immediates are read before `bulk?.`, which would not evaluate its arguments.
    const bulk = this.#bulk;
    switch (kind) {
      case Imm.MEMORY_SIZE:
        this.memoryIndex(reader);
        return this.#logical(OP.GLOBAL_GET, this.#logicalMemory?.sizeGlobal);
      case Imm.MEMORY_GROW:
        this.memoryIndex(reader);
        return this.#logical(OP.CALL, this.#logicalMemory?.growFunction);
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
        if (kind === Imm.ARRAY_DATA) return Patch.BEFORE;
        return this.#split(bulk?.arrayInitData(type, segment, length));
      }
      case Imm.ARRAY_ELEM:
      case Imm.ARRAY_INIT_ELEM: {
        const type = this.typeIndex(reader);
        const segment = this.#elementIndex(reader);
        this.#call(this.#segments.adapter('element', segment));
        if (kind === Imm.ARRAY_ELEM) return Patch.BEFORE;
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
    return reader.index('memory', this.#guest.memory === undefined ? 0 : 1);
  }

  /** Returns the static offset. */
  memarg(reader: Reader): number {
    const at = reader.pos;
    const align = reader.u32();
    if (this.#guest.memory === undefined) throw malformed('memory 0 of 0', at);
    if (align & 0x40) this.memoryIndex(reader);
    return reader.u32();
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

  #logical(opcode: number, target: number | undefined): number {
    if (target === undefined) return Patch.NONE;
    this.patch.u8(opcode);
    this.patch.u32(target);
    return Patch.INSTEAD;
  }

  /** Calls what does the same with polls, if the instruction may not stay. */
  #split(helper: number | undefined): number {
    if (helper === undefined) return this.patch.length > 0 ? Patch.BEFORE : Patch.NONE;
    this.splits += 1;
    this.#call(helper);
    return Patch.INSTEAD;
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
    const offset = this.memarg(reader);
    if (!this.#space.waits) {
      this.patch.u8(OP.UNREACHABLE);
      return Patch.INSTEAD;
    }
    this.patch.u8(OP.I32_CONST);
    this.patch.s32(offset);
    this.#call(this.#waitHelper(bits));
    return Patch.INSTEAD;
  }

  #waitHelper(bits: 32 | 64): number {
    let helper = this.#waits.get(bits);
    if (helper === undefined) {
      const space = this.#space;
      const type = space.type([I32, bits === 32 ? I32 : I64, I64, I32], [I32]);
      const target = space.import(`wait${bits}`);
      helper = space.helper(`$luge.wait${bits}`, type, (out) => writeWait(out, bits, target));
      this.#waits.set(bits, helper);
    }
    return helper;
  }
}
