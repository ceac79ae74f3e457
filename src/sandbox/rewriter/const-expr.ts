import { itemBytes } from './allocation.ts';
import { malformed } from './errors.ts';
import type { ConstExpr, Guest } from './guest.ts';
import type { IndexSpace } from './index-space.ts';
import { GC, Imm, PLAIN } from './opcodes.ts';
import { Reader, type Span } from './reader.ts';
import { readHeapType } from './types.ts';
import type { Writer } from './writer.ts';

// Constant expressions: initializers of globals and tables, offsets and items of segments. The instructions are those
// of Wasm 3.0 (extended constants and the allocating ones of GC); anything else is refused.

const END = 0x0b;
const GLOBAL_GET = 0x23;
const I32_CONST = 0x41;
const GC_PREFIX = 0xfb;
const ARRAY_NEW = 6;
const ARRAY_NEW_DEFAULT = 7;
const REF_NULL = 0xd0;
const REF_FUNC = 0xd2;
const EXN = 0x69;
const NO_EXN = 0x74;

const CONST_PLAIN: ReadonlySet<number> = new Set([
  0x23,
  0x41,
  0x42,
  0x43,
  0x44,
  0x6a,
  0x6b,
  0x6c,
  0x7c,
  0x7d,
  0x7e,
  0xd0,
  REF_FUNC,
]);
const CONST_GC: ReadonlySet<number> = new Set([0, 1, 6, 7, 8, 0x1a, 0x1b, 0x1c]);
const V128_CONST = 0x0c;

export function readConstExpr(reader: Reader, guest: Guest): ConstExpr {
  const start = reader.pos;
  let makesMutable = false;
  let arrayBytes = 0;
  let length = -1;
  for (;;) {
    const at = reader.pos;
    const opcode = reader.u8();
    if (opcode === END) return { start, end: at, makesMutable, arrayBytes };
    if (opcode === REF_FUNC) {
      guest.takenFunctions.add(reader.index('function', guest.functions.length));
      continue;
    }
    makesMutable = readInstruction(reader, guest, opcode, at) || makesMutable;
    arrayBytes += arrayBytesOf(guest, at, length);
    length = opcode === I32_CONST ? new Reader(guest.source, at + 1, reader.pos).s33() >>> 0 : -1;
  }
}

/** Of the array that the instruction at `at` makes from a length; `length` is the constant in front of it, or -1. */
function arrayBytesOf(guest: Guest, at: number, length: number): number {
  if (guest.source[at] !== GC_PREFIX) return 0;
  const reader = new Reader(guest.source, at + 1, guest.source.length);
  const opcode = reader.u32();
  if (opcode !== ARRAY_NEW && opcode !== ARRAY_NEW_DEFAULT) return 0;
  if (length < 0) return Number.POSITIVE_INFINITY;
  return length * itemBytes(guest, reader.u32());
}

/** True if the instruction makes an object whose contents can be written. */
function readInstruction(reader: Reader, guest: Guest, opcode: number, at: number): boolean {
  if (opcode === 0xfb) return readGc(reader, guest, at);
  if (opcode === 0xfd) {
    if (reader.u32() !== V128_CONST) throw malformed('a vector instruction in a constant', at);
    reader.skip(16);
    return false;
  }
  if (!CONST_PLAIN.has(opcode)) {
    throw malformed(`${PLAIN.names[opcode] || 'an instruction'} in a constant expression`, at);
  }
  switch (PLAIN.kinds[opcode]) {
    case Imm.GLOBAL:
      reader.index('global', guest.importedGlobals + guest.globals.length);
      break;
    case Imm.S32:
      reader.skipLeb(5);
      break;
    case Imm.S64:
      reader.skipLeb(10);
      break;
    case Imm.F32:
      reader.skip(4);
      break;
    case Imm.F64:
      reader.skip(8);
      break;
    case Imm.HEAP_TYPE:
      readHeapType(reader, guest.types.length);
      break;
    default:
      break;
  }
  return false;
}

function readGc(reader: Reader, guest: Guest, at: number): boolean {
  const opcode = reader.u32();
  if (!CONST_GC.has(opcode)) {
    throw malformed(`${GC.names[opcode] || 'an instruction'} in a constant expression`, at);
  }
  const kind = GC.kinds[opcode];
  if (kind === Imm.NONE) return false;
  const type = guest.types[reader.index('type', guest.types.length)]!;
  if (kind === Imm.ARRAY_FIXED) reader.u32();
  return type.kind === 'func' || type.mutable;
}

/** Copies an expression (its `end` is the caller's) with function indices moved. */
export function writeConstExpr(
  out: Writer,
  guest: Guest,
  expr: Span,
  functionIndex: (index: number) => number,
): void {
  copyExpr(out, guest, expr, functionIndex, undefined);
}

/**
 * The same as code of a function, where V8 counts a null of an exception as one of the new exception instructions; it
 * takes no module that has legacy ones, too. A global that holds such a null is no such instruction.
 */
export function writeConstExprAsCode(out: Writer, space: IndexSpace, expr: Span): void {
  const move = (index: number): number => space.function(index);
  copyExpr(out, space.guest, expr, move, () => space.nullException());
}

/** `ref.null` in the code of a function; the heap type as it is encoded. */
export function writeNull(out: Writer, space: IndexSpace, heapType: Span): void {
  const { source } = space.guest;
  if (isException(source[heapType.start])) {
    out.u8(GLOBAL_GET);
    out.u32(space.nullException());
  } else {
    out.u8(REF_NULL);
    out.copy(source, heapType.start, heapType.end);
  }
}

function isException(heapType: number | undefined): boolean {
  return heapType === EXN || heapType === NO_EXN;
}

function copyExpr(
  out: Writer,
  guest: Guest,
  expr: Span,
  functionIndex: (index: number) => number,
  nullException: (() => number) | undefined,
): void {
  const reader = new Reader(guest.source, expr.start, expr.end);
  while (!reader.done) {
    const start = reader.pos;
    const opcode = reader.u8();
    if (opcode === REF_FUNC) {
      out.u8(REF_FUNC);
      out.u32(functionIndex(reader.u32()));
      continue;
    }
    readInstruction(reader, guest, opcode, start);
    if (nullException && opcode === REF_NULL && isException(guest.source[start + 1])) {
      out.u8(GLOBAL_GET);
      out.u32(nullException());
    } else {
      out.copy(guest.source, start, reader.pos);
    }
  }
}
