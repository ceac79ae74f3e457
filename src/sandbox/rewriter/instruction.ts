// How instructions are encoded: what stands behind an opcode, for passes that only step over it.

import { hex } from './errors.ts';
import { Imm, type OpcodeTable, PLAIN, PREFIXED } from './opcodes.ts';
import type { Reader } from './reader.ts';
import { readHeapType, readValType } from './types.ts';

export const EMPTY_BLOCK = 0x40;

/** Steps over an opcode, with its prefix; returns the kind of what follows. */
export function readKind(reader: Reader): number {
  const start = reader.pos;
  const opcode = reader.u8();
  const kind = PLAIN.kinds[opcode]!;
  return kind === Imm.INVALID ? readPrefixedKind(reader, opcode, start) : kind;
}

/** The same behind a byte that is no opcode of one byte. */
export function readPrefixedKind(reader: Reader, opcode: number, start: number): number {
  const table: OpcodeTable | undefined = PREFIXED.get(opcode);
  if (table === undefined) throw reader.refuse(`opcode ${hex(opcode)}`, start);
  const sub = reader.u32();
  const kind = table.kinds[sub] ?? Imm.INVALID;
  if (kind === Imm.INVALID) throw reader.refuse(`opcode ${hex(opcode)} ${hex(sub)}`, start);
  return kind;
}

export function skipLocals(reader: Reader, typeCount: number): number {
  const groups = reader.count('groups of locals', 2);
  let locals = 0;
  for (let group = 0; group < groups; group += 1) {
    locals += reader.u32();
    readValType(reader, typeCount);
  }
  return locals;
}

/** Returns the index of a type that the block has, or -1. */
export function readBlockType(reader: Reader, typeCount: number): number {
  const first = reader.bytes[reader.pos];
  if (first === EMPTY_BLOCK) {
    reader.u8();
    return -1;
  }
  if (first !== undefined && first > EMPTY_BLOCK && first < 0x80) {
    readValType(reader, typeCount);
    return -1;
  }
  return reader.s33();
}

/** Steps over the immediates of an instruction whose meaning does not matter. */
export function skipImmediates(reader: Reader, kind: number, typeCount: number): void {
  switch (kind) {
    case Imm.NONE:
    case Imm.ELSE:
    case Imm.CATCH_ALL:
    case Imm.END:
      return;
    case Imm.BLOCK:
    case Imm.LOOP:
    case Imm.IF:
    case Imm.TRY:
      readBlockType(reader, typeCount);
      return;
    case Imm.S32:
      reader.skipLeb(5);
      return;
    case Imm.S64:
      reader.skipLeb(10);
      return;
    case Imm.F32:
      reader.skip(4);
      return;
    case Imm.F64:
      reader.skip(8);
      return;
    case Imm.V128:
      reader.skip(16);
      return;
    case Imm.LANE:
    case Imm.FENCE:
      reader.u8();
      return;
    case Imm.MEMARG:
    case Imm.WAIT32:
    case Imm.WAIT64:
      skipMemarg(reader);
      return;
    case Imm.MEMARG_LANE:
      skipMemarg(reader);
      reader.u8();
      return;
    case Imm.CALL_INDIRECT:
    case Imm.STRUCT_FIELD:
    case Imm.ARRAY_FIXED:
    case Imm.ARRAY_DATA:
    case Imm.ARRAY_ELEM:
    case Imm.ARRAY_COPY:
    case Imm.ARRAY_INIT_DATA:
    case Imm.ARRAY_INIT_ELEM:
    case Imm.MEMORY_INIT:
    case Imm.MEMORY_COPY:
    case Imm.TABLE_INIT:
    case Imm.TABLE_COPY:
      reader.u32();
      reader.u32();
      return;
    case Imm.HEAP_TYPE:
      readHeapType(reader, typeCount);
      return;
    case Imm.SELECT_TYPED: {
      const count = reader.count('value types');
      for (let at = 0; at < count; at += 1) readValType(reader, typeCount);
      return;
    }
    case Imm.BR_TABLE: {
      const count = reader.count('labels');
      for (let at = 0; at <= count; at += 1) reader.u32();
      return;
    }
    case Imm.BR_ON_CAST:
      reader.u8();
      reader.u32();
      readHeapType(reader, typeCount);
      readHeapType(reader, typeCount);
      return;
    case Imm.TRY_TABLE:
      skipTryTable(reader, typeCount);
      return;
    default:
      reader.u32(); // one index
  }
}

function skipTryTable(reader: Reader, typeCount: number): void {
  readBlockType(reader, typeCount);
  const count = reader.count('catch clauses', 2);
  for (let clause = 0; clause < count; clause += 1) {
    // Kinds 0 and 1 name a tag.
    if (reader.u8() < 2) reader.u32();
    reader.u32();
  }
}

/** Alignment and memory; then an offset, a u64 in the grammar. */
function skipMemarg(reader: Reader): void {
  if (reader.u32() & 0x40) reader.u32();
  reader.skipLeb(10);
}
