/**
 * Modules with a function or two for each instruction that only computes, loads or stores. Written as bytes, since no
 * assembler has all of them. A vector is passed as two i64, for JavaScript has none.
 *
 *   around   the instruction in a loop that is entered with the operands on the stack and left with the result
 *   again    the instruction three times in a loop without parameters, each time with the operands anew
 */
import {
  Imm,
  type OpcodeTable,
  PLAIN,
  PREFIXED,
} from '../../../../src/sandbox/rewriter/opcodes.ts';
import { Writer } from '../../../../src/sandbox/rewriter/writer.ts';
import { type NumericSignature, numericSignature, type Operand } from './numeric-signatures.ts';

export interface Sample {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

interface Instruction {
  readonly name: string;
  readonly code: readonly number[];
  readonly signature: NumericSignature;
}

const TYPE_CODES = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b, address: 0x7f };
const INSTRUCTIONS_PER_MODULE = 24;

export function numericSamples(): Sample[] {
  const all = [
    ...instructionsOf(PLAIN, undefined),
    ...[...PREFIXED].flatMap(([prefix, table]) => instructionsOf(table, prefix)),
  ];
  const samples: Sample[] = [];
  for (let at = 0; at < all.length; at += INSTRUCTIONS_PER_MODULE) {
    const some = all.slice(at, at + INSTRUCTIONS_PER_MODULE);
    samples.push({ name: `${some[0]!.name} to ${some.at(-1)!.name}`, bytes: moduleOf(some) });
  }
  return samples;
}

function instructionsOf(table: OpcodeTable, prefix: number | undefined): Instruction[] {
  const instructions: Instruction[] = [];
  for (const [opcode, name] of table.names.entries()) {
    const kind = table.kinds[opcode]!;
    const signature = kind === Imm.INVALID ? undefined : numericSignature(name);
    if (signature === undefined) continue;
    const code = new Writer(32);
    if (prefix !== undefined) code.u8(prefix);
    code.u32(opcode);
    if (prefix === undefined) {
      code.truncate(0);
      code.u8(opcode);
    }
    code.raw(...immediates(kind, signature));
    instructions.push({ name, code: [...code.view()], signature });
  }
  return instructions;
}

const OFFSET = 3;
const SHUFFLE = [31, 0, 17, 2, 5, 5, 20, 7, 8, 30, 10, 11, 28, 13, 1, 16];

function immediates(kind: number, { alignment }: NumericSignature): readonly number[] {
  // An odd offset is for those that need no alignment; the atomic ones have their addresses aligned.
  switch (kind) {
    case Imm.MEMARG:
      return [alignment!, 8];
    case Imm.MEMARG_LANE:
      return [alignment!, OFFSET, 1];
    case Imm.LANE:
      return [1];
    case Imm.V128:
      return SHUFFLE;
    default:
      return [];
  }
}

const LOCAL_GET = 0x20;
const LOCAL_SET = 0x21;
const LOCAL_TEE = 0x22;
const LOOP = 0x03;
const END = 0x0b;
const BR_IF = 0x0d;
const VOID = 0x40;
const I32_CONST = 0x41;
const I32_LT_U = 0x49;
const I32_ADD = 0x6a;
const I32_AND = 0x71;
const SPLAT = [0xfd, 0x12];
const REPLACE_HIGH = [0xfd, 0x1e, 1];
const extract = (lane: number): number[] => [0xfd, 0x1d, lane];
/** Up to the end of the only page, so that some accesses are out of bounds. */
const ADDRESS_MASK = [I32_CONST, 0xf8, 0xff, 0x03, I32_AND];

function paramsOf(signature: NumericSignature): number[] {
  return signature.operands.flatMap((operand) =>
    operand === 'v128' ? [TYPE_CODES.i64, TYPE_CODES.i64] : [TYPE_CODES[operand]],
  );
}

function stackTypes(operands: readonly Operand[]): number[] {
  return operands.map((operand) => TYPE_CODES[operand]);
}

/** Pushes the operands from the parameters. */
function push({ operands }: NumericSignature): number[] {
  let local = 0;
  return operands.flatMap((operand) => {
    const first = local;
    local += operand === 'v128' ? 2 : 1;
    if (operand === 'address') return [LOCAL_GET, first, ...ADDRESS_MASK];
    if (operand !== 'v128') return [LOCAL_GET, first];
    return [LOCAL_GET, first, ...SPLAT, LOCAL_GET, first + 1, ...REPLACE_HIGH];
  });
}

function resultsOf({ result }: NumericSignature): number[] {
  if (result === undefined) return [];
  return result === 'v128' ? [TYPE_CODES.i64, TYPE_CODES.i64] : [TYPE_CODES[result]];
}

/** The locals behind the parameters: a counter, and one for the result. */
function localsOf({ result }: NumericSignature): number[] {
  return [2, 1, TYPE_CODES.i32, 1, TYPE_CODES[result ?? 'i32']];
}

function around(instruction: Instruction, loopType: number): number[] {
  const { signature, code } = instruction;
  const kept = paramsOf(signature).length + 1;
  const body = [...push(signature), LOOP, ...signed(loopType), ...code, END];
  return [...localsOf(signature), ...body, ...give(signature, kept)];
}

/** From the stack into the function's results. */
function give({ result }: NumericSignature, local: number): number[] {
  if (result !== 'v128') return [END];
  return [LOCAL_SET, local, LOCAL_GET, local, ...extract(0), LOCAL_GET, local, ...extract(1), END];
}

function again(instruction: Instruction): number[] {
  const { signature, code } = instruction;
  const counter = paramsOf(signature).length;
  const kept = counter + 1;
  const keep = signature.result === undefined ? [] : [LOCAL_SET, kept];
  const count = [LOCAL_GET, counter, I32_CONST, 1, I32_ADD, LOCAL_TEE, counter, I32_CONST, 3];
  const loop = [
    LOOP,
    VOID,
    ...push(signature),
    ...code,
    ...keep,
    ...count,
    I32_LT_U,
    BR_IF,
    0,
    END,
  ];
  const get = signature.result === undefined ? [] : [LOCAL_GET, kept];
  return [...localsOf(signature), ...loop, ...get, ...give(signature, kept)];
}

function signed(value: number): number[] {
  const out = new Writer();
  out.s32(value);
  return [...out.view()];
}

function moduleOf(instructions: readonly Instruction[]): Uint8Array<ArrayBuffer> {
  const types: number[][] = [];
  const functions: number[] = [];
  const bodies: number[][] = [];
  const type = (params: readonly number[], results: readonly number[]): number =>
    types.push([0x60, params.length, ...params, results.length, ...results]) - 1;
  for (const instruction of instructions) {
    const { signature } = instruction;
    const own = type(paramsOf(signature), resultsOf(signature));
    const result = signature.result === undefined ? [] : [TYPE_CODES[signature.result]];
    const loop = type(stackTypes(signature.operands), result);
    functions.push(own, own);
    bodies.push(around(instruction, loop), again(instruction));
  }
  const out = new Writer(8192);
  out.raw(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  section(out, 1, types.length, (to) => to.raw(...types.flat()));
  section(out, 3, functions.length, (to) => {
    for (const type of functions) to.u32(type);
  });
  section(out, 5, 1, (to) => to.raw(1, 1, 1));
  section(out, 10, bodies.length, (to) => {
    for (const body of bodies) {
      to.u32(body.length);
      to.raw(...body);
    }
  });
  section(out, 11, 2, (to) => {
    writeData(to, 0, (at) => (at * 37) ^ (at >> 3));
    writeData(to, 0xff80, (at) => 255 - at);
  });
  return out.toBytes();
}

const DATA_BYTES = 128;

function writeData(to: Writer, offset: number, byte: (at: number) => number): void {
  to.raw(0, I32_CONST);
  to.s32(offset);
  to.u8(END);
  to.u32(DATA_BYTES);
  for (let at = 0; at < DATA_BYTES; at += 1) to.u8(byte(at) & 0xff);
}

function section(out: Writer, id: number, count: number, write: (to: Writer) => void): void {
  const content = new Writer();
  content.u32(count);
  write(content);
  out.u8(id);
  out.sized(content);
}
