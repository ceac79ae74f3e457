import { describe, expect, it } from 'vitest';
import { rewrite } from '../../../src/sandbox/rewriter/index.ts';
import {
  ATOMIC,
  GC,
  Imm,
  NUMERIC,
  type OpcodeTable,
  PLAIN,
  SIMD,
} from '../../../src/sandbox/rewriter/opcodes.ts';

// Asks the engine about each opcode, alone in dead code, where any operands do. What it takes with some immediates must
// be decoded here to the same length (the body ends where it should, or both refuse); what it does not know must not
// be in the tables.

const vec = (...items: readonly (readonly number[])[]): number[] => [items.length, ...items.flat()];
const section = (id: number, content: readonly number[]): number[] => [
  id,
  ...leb(content.length),
  ...content,
];

function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return [...bytes, rest];
}

// Types: 0 () -> (), 1 struct of a mutable i8, 2 array of mutable i8, 3 array of mutable funcref, 4 struct of i32, 5 array of i32
const TYPES = [
  [0x60, 0, 0],
  [0x5f, 1, 0x78, 1],
  [0x5e, 0x78, 1],
  [0x5e, 0x70, 1],
  [0x5f, 1, 0x7f, 1],
  [0x5e, 0x7f, 1],
];

function moduleWith(code: readonly number[]): Uint8Array<ArrayBuffer> {
  const body = [1, 1, 0x7f, ...code, 0x0b];
  return new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vec(...TYPES)),
    ...section(3, vec([0])),
    ...section(4, vec([0x70, 0, 1])),
    ...section(5, vec([3, 1, 2])),
    ...section(13, vec([0, 0])),
    ...section(6, vec([0x7f, 1, 0x41, 0, 0x0b])),
    ...section(7, vec([6, ...new TextEncoder().encode('handle'), 0, 0])),
    ...section(9, vec([1, 0, 1, 0])),
    ...section(12, [1]),
    ...section(10, vec([...leb(body.length), ...body])),
    ...section(11, vec([1, 0])),
  ]);
}

const UNREACHABLE = 0x00;
const END = 0x0b;

/** Immediates of a kind to try; the engine takes at least one of them. Natural alignments go up to 16 bytes. */
function immediates(kind: number): readonly (readonly number[])[] {
  const types = TYPES.map((_, type) => [type]);
  const heaps = [[0x70], [0x6e], [0x71], ...types];
  switch (kind) {
    case Imm.S32:
    case Imm.S64:
      return [[0x80, 0x7f]];
    case Imm.F32:
      return [[1, 2, 3, 4]];
    case Imm.F64:
      return [[1, 2, 3, 4, 5, 6, 7, 8]];
    case Imm.V128:
      return [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]];
    case Imm.MEMARG:
    case Imm.WAIT32:
    case Imm.WAIT64:
      return [0, 1, 2, 3]
        .map((align) => [align, 0x85, 1])
        .concat([
          [0x40, 0, 3],
          [0x42, 0, 3],
          [0x43, 0, 3],
        ]);
    case Imm.MEMARG_LANE:
      return [0, 1, 2, 3].map((align) => [align, 0x85, 1, 0]);
    case Imm.TYPE:
    case Imm.ARRAY_NEW:
    case Imm.ARRAY_FILL:
      return types;
    case Imm.STRUCT_FIELD:
    case Imm.ARRAY_FIXED:
      return types.map((type) => [...type, 0]);
    case Imm.ARRAY_COPY:
    case Imm.ARRAY_DATA:
    case Imm.ARRAY_ELEM:
    case Imm.ARRAY_INIT_DATA:
    case Imm.ARRAY_INIT_ELEM:
      return types.flatMap((type) => [
        [...type, ...type],
        [...type, 0],
      ]);
    case Imm.HEAP_TYPE:
      return heaps;
    case Imm.BR_ON_CAST:
      return [0, 3].flatMap((flags) => [
        [flags, 0, 0x6e, 0x6d],
        [flags, 0, 0x6e, 0x6e],
      ]);
    case Imm.SELECT_TYPED:
      return [[1, 0x7f]];
    case Imm.BR_TABLE:
      return [[1, 0, 0]];
    case Imm.CALL_INDIRECT:
    case Imm.MEMORY_INIT:
    case Imm.MEMORY_COPY:
    case Imm.TABLE_INIT:
    case Imm.TABLE_COPY:
      return [[0, 0]];
    case Imm.NONE:
      return [[]];
    default:
      return [[0]];
  }
}

/** The dead code around an opcode that opens, continues or closes a block. */
function variants(opcode: readonly number[], kind: number): number[][] {
  switch (kind) {
    case Imm.BLOCK:
    case Imm.LOOP:
    case Imm.IF:
    case Imm.TRY:
      return [[UNREACHABLE, ...opcode, 0x40, UNREACHABLE, END, UNREACHABLE]];
    case Imm.TRY_TABLE:
      return [[UNREACHABLE, ...opcode, 0x40, 1, 2, 0, UNREACHABLE, END, UNREACHABLE]];
    case Imm.ELSE:
      return [[UNREACHABLE, 0x04, 0x40, ...opcode, END]];
    case Imm.CATCH:
      return [[0x06, 0x40, ...opcode, 0, END]];
    case Imm.CATCH_ALL:
      return [[0x06, 0x40, ...opcode, END]];
    case Imm.DELEGATE:
      return [[0x06, 0x40, ...opcode, 0]];
    case Imm.END:
      return [[0x02, 0x40, ...opcode]];
    default: {
      // In a polled loop and in a catch, of which rethrow needs one, and under a block that takes a reference.
      const tails = [[], [0x1a]];
      return immediates(kind).flatMap((immediate) =>
        tails.flatMap((tail) => [
          [0x03, 0x40, UNREACHABLE, ...opcode, ...immediate, ...tail, UNREACHABLE, END],
          [0x06, 0x40, 0x19, UNREACHABLE, ...opcode, ...immediate, ...tail, UNREACHABLE, END],
          [0x02, 0x6e, UNREACHABLE, ...opcode, ...immediate, ...tail, UNREACHABLE, END, 0x1a],
        ]),
      );
    }
  }
}

function codeOf(prefix: number | undefined, opcode: number): number[] {
  return prefix === undefined ? [opcode] : [prefix, ...leb(opcode)];
}

const TABLES: readonly (readonly [string, number | undefined, OpcodeTable, number])[] = [
  ['plain', undefined, PLAIN, 256],
  ['gc', 0xfb, GC, 0x100],
  ['numeric', 0xfc, NUMERIC, 0x100],
  ['simd', 0xfd, SIMD, 0x180],
  ['atomic', 0xfe, ATOMIC, 0x100],
];

function compileError(bytes: Uint8Array<ArrayBuffer>): string {
  try {
    new WebAssembly.Module(bytes);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

describe.each(TABLES)('%s', (_name, prefix, table, size) => {
  it('each_opcode_of_the_table_is_the_engines_and_stays_valid', () => {
    for (let opcode = 0; opcode < table.kinds.length; opcode += 1) {
      const kind = table.kinds[opcode]!;
      if (kind === Imm.INVALID) continue;
      let accepted = 0;
      for (const code of variants(codeOf(prefix, opcode), kind)) {
        const source = moduleWith(code);
        if (!WebAssembly.validate(source)) continue;
        accepted += 1;
        for (const polls of ['exit', 'call'] as const) {
          const { bytes } = rewrite(source, { maxPages: 2, polls });
          expect(compileError(bytes), `${table.names[opcode]} in ${code}`).toBe('');
        }
      }
      expect(accepted, table.names[opcode]).toBeGreaterThan(0);
    }
  });

  it('the_engine_knows_no_opcode_that_the_table_does_not', () => {
    const invalid = /invalid ([a-z]+ )?opcode|enable with --experimental/i;
    for (let opcode = 0; opcode < size; opcode += 1) {
      if ((table.kinds[opcode] ?? Imm.INVALID) !== Imm.INVALID) continue;
      if (prefix === undefined && opcode >= 0xfb && opcode <= 0xfe) continue;
      const source = moduleWith([UNREACHABLE, ...codeOf(prefix, opcode), 0, 0, 0, 0, UNREACHABLE]);
      // Of custom descriptors the engine reads the type before it asks for the flag.
      const isDescriptor = prefix === 0xfb && opcode >= 0x20 && opcode <= 0x26;
      if (!isDescriptor) {
        expect(compileError(source), `opcode ${opcode.toString(16)}`).toMatch(invalid);
      }
      expect(() => rewrite(source, { maxPages: 2 }), `opcode ${opcode.toString(16)}`).toThrow(
        expect.objectContaining({ code: 'ERR_WASM_UNSUPPORTED' }),
      );
    }
  });
});
