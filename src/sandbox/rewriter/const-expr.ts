import { malformed } from './errors.ts';
import type { ConstExpr, Guest } from './guest.ts';
import { GC, Imm, PLAIN } from './opcodes.ts';
import { Reader, type Span } from './reader.ts';
import { readHeapType } from './types.ts';
import type { Writer } from './writer.ts';

// Constant expressions: initializers of globals and tables, offsets and items of segments. The instructions are those
// of Wasm 3.0 (extended constants and the allocating ones of GC); anything else is refused.

const END = 0x0b;
const REF_FUNC = 0xd2;

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
  for (;;) {
    const at = reader.pos;
    const opcode = reader.u8();
    if (opcode === END) return { start, end: at, makesMutable };
    makesMutable = readInstruction(reader, guest, opcode, at) || makesMutable;
  }
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
    case Imm.REF_FUNC:
      reader.index('function', guest.functions.length);
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

/** Copies an expression (its `end` is the caller's) with function indices moved by `shift`. */
export function writeConstExpr(
  out: Writer,
  guest: Guest,
  expr: Span,
  functionIndex: (index: number) => number,
): void {
  const reader = new Reader(guest.source, expr.start, expr.end);
  while (!reader.done) {
    const start = reader.pos;
    const opcode = reader.u8();
    if (opcode === REF_FUNC) {
      out.u8(REF_FUNC);
      out.u32(functionIndex(reader.u32()));
    } else {
      readInstruction(reader, guest, opcode, start);
      out.copy(guest.source, start, reader.pos);
    }
  }
}
