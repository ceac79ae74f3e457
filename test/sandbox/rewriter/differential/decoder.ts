/** Decodes instructions one after the other, by the table of opcodes alone. */
import {
  Imm,
  type OpcodeTable,
  PLAIN,
  PREFIXED,
} from '../../../../src/sandbox/rewriter/opcodes.ts';
import type { Reader } from '../../../../src/sandbox/rewriter/reader.ts';
import { readHeapType, readValType } from '../../../../src/sandbox/rewriter/types.ts';

export interface Instruction {
  readonly name: string;
  readonly prefix: number | undefined;
  readonly code: number;
  readonly kind: number;
  /** Offsets in the file: of the opcode, of its immediates, of what follows. */
  readonly start: number;
  readonly immediates: number;
  readonly end: number;
  /** Of an instruction with a memory argument. */
  readonly memory: number;
}

const ANY_TYPE = 2 ** 32;
const HAS_MEMORY_INDEX = 0x40;

/** Bytes and LEB128s behind the opcode, by kind; kinds that are absent are read by a function of their own. */
const LEB_COUNTS: ReadonlyMap<number, number> = new Map([
  ...counted(0, Imm.NONE, Imm.ELSE, Imm.CATCH_ALL, Imm.END),
  ...counted(1, Imm.LABEL, Imm.LABEL_HINTED, Imm.DELEGATE, Imm.CATCH, Imm.TAG, Imm.LOCAL),
  ...counted(
    1,
    Imm.CALL,
    Imm.CALL_REF,
    Imm.REF_FUNC,
    Imm.TYPE,
    Imm.ARRAY_NEW,
    Imm.ARRAY_FILL,
    Imm.GLOBAL,
  ),
  ...counted(1, Imm.TABLE, Imm.TABLE_SET, Imm.TABLE_GROW, Imm.TABLE_FILL, Imm.S32, Imm.S64),
  ...counted(1, Imm.MEMORY_SIZE, Imm.MEMORY_GROW, Imm.MEMORY_FILL, Imm.DATA_DROP, Imm.ELEM_DROP),
  ...counted(2, Imm.CALL_INDIRECT, Imm.MEMORY_INIT, Imm.MEMORY_COPY, Imm.TABLE_INIT),
  ...counted(2, Imm.TABLE_COPY, Imm.STRUCT_FIELD, Imm.ARRAY_FIXED, Imm.ARRAY_DATA),
  ...counted(2, Imm.ARRAY_ELEM, Imm.ARRAY_COPY, Imm.ARRAY_INIT_DATA, Imm.ARRAY_INIT_ELEM),
]);

function counted(count: number, ...kinds: number[]): (readonly [number, number])[] {
  return kinds.map((kind) => [kind, count]);
}

const BYTE_COUNTS: ReadonlyMap<number, number> = new Map([
  [Imm.F32, 4],
  [Imm.F64, 8],
  [Imm.V128, 16],
  [Imm.LANE, 1],
  [Imm.FENCE, 1],
]);

export function readInstruction(reader: Reader): Instruction {
  const start = reader.pos;
  const opcode = reader.u8();
  const prefixed: OpcodeTable | undefined = PREFIXED.get(opcode);
  const code = prefixed === undefined ? opcode : reader.u32();
  const table = prefixed ?? PLAIN;
  const kind = table.kinds[code] ?? Imm.INVALID;
  const immediates = reader.pos;
  const memory = skipImmediates(reader, kind);
  const name = table.names[code] ?? '';
  const prefix = prefixed === undefined ? undefined : opcode;
  return { name, prefix, code, kind, start, immediates, end: reader.pos, memory };
}

/** Returns the memory that is named, or -1. */
function skipImmediates(reader: Reader, kind: number): number {
  const lebs = LEB_COUNTS.get(kind);
  if (lebs !== undefined) {
    for (let at = 0; at < lebs; at += 1) reader.skipLeb(10);
    return -1;
  }
  const bytes = BYTE_COUNTS.get(kind);
  if (bytes !== undefined) {
    reader.skip(bytes);
    return -1;
  }
  switch (kind) {
    case Imm.BLOCK:
    case Imm.LOOP:
    case Imm.IF:
    case Imm.TRY:
      skipBlockType(reader);
      return -1;
    case Imm.BR_TABLE:
      for (let left = reader.u32() + 1; left > 0; left -= 1) reader.u32();
      return -1;
    case Imm.TRY_TABLE:
      skipBlockType(reader);
      for (let left = reader.u32(); left > 0; left -= 1) {
        if (reader.u8() < 2) reader.u32();
        reader.u32();
      }
      return -1;
    case Imm.BR_ON_CAST:
      reader.u8();
      reader.u32();
      readHeapType(reader, ANY_TYPE);
      readHeapType(reader, ANY_TYPE);
      return -1;
    case Imm.HEAP_TYPE:
      readHeapType(reader, ANY_TYPE);
      return -1;
    case Imm.SELECT_TYPED:
      for (let left = reader.u32(); left > 0; left -= 1) readValType(reader, ANY_TYPE);
      return -1;
    case Imm.MEMARG:
    case Imm.WAIT32:
    case Imm.WAIT64:
      return skipMemoryArgument(reader);
    case Imm.MEMARG_LANE: {
      const memory = skipMemoryArgument(reader);
      reader.u8();
      return memory;
    }
    default:
      throw new Error(`immediates of kind ${kind}`);
  }
}

function skipBlockType(reader: Reader): void {
  const first = reader.bytes[reader.pos]!;
  if (first === 0x40) reader.u8();
  else if (first > 0x40 && first < 0x80) readValType(reader, ANY_TYPE);
  else reader.s33();
}

function skipMemoryArgument(reader: Reader): number {
  const memory = reader.u32() & HAS_MEMORY_INDEX ? reader.u32() : 0;
  reader.skipLeb(10);
  return memory;
}

/** Steps over a constant expression with its `end`. */
export function skipExpression(reader: Reader): void {
  while (readInstruction(reader).kind !== Imm.END);
}

/** The instructions of one body, from behind its length; the locals are skipped. */
export function* bodyInstructions(body: Reader): Generator<Instruction> {
  for (let groups = body.u32(); groups > 0; groups -= 1) {
    body.u32();
    readValType(body, ANY_TYPE);
  }
  while (!body.done) yield readInstruction(body);
}
