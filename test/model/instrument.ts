/**
 * Makes a module whose every access to shared memory is a step that somebody else decides on. It reads and writes with the rewriter's
 * own decoder, and changes nothing else: what is explored is the module that ships.
 *
 * Each memory instruction becomes `i32.const site; call $helper`, one helper for each opcode and offset:
 *
 *   (func $helper (param operands… i32) (result as before)
 *     (if (call $point (site) (address)) (then (if (call $yield) (then unreachable))))   ;; a step; may be suspended, may be told to die
 *     …the instruction…)
 *
 * A plain store asks `$delay` first and goes to `$buffer32/64` when the memory model is to hold it back; memory.atomic.wait32 and notify become
 * `$wait` and `$notify`. With `kills`, function entries and loop headers, where V8 has its stack checks, ask `$edge` whether the thread dies
 * there. Calls of the module's own functions are renumbered behind the imports.
 */
import { Imm, PLAIN, PREFIXED } from '../../src/sandbox/rewriter/opcodes.ts';
import { Reader } from '../../src/sandbox/rewriter/reader.ts';
import { Writer } from '../../src/sandbox/rewriter/writer.ts';

export type AccessKind = 'load' | 'store' | 'rmw' | 'wait' | 'notify';

/** One memory instruction of the source. */
export interface Site {
  /** Index of its function among those of the module, and its place among the memory instructions of that function. */
  readonly fn: number;
  readonly ordinal: number;
  readonly opcode: string;
  readonly kind: AccessKind;
  readonly isAtomic: boolean;
  readonly bytes: number;
}

export interface Instrumented {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly sites: readonly Site[];
}

/** In the order in which they are imported. */
const IMPORTS = [
  ['point', [0x7f, 0x7f], [0x7f]],
  ['yield', [], [0x7f]],
  ['delay', [0x7f, 0x7f], [0x7f]],
  ['buffer32', [0x7f, 0x7f], []],
  ['buffer64', [0x7f, 0x7e], []],
  ['wait', [0x7f, 0x7f, 0x7e], [0x7f]],
  ['notify', [0x7f, 0x7f], [0x7f]],
  ['edge', [], [0x7f]],
] as const satisfies readonly (readonly [string, readonly number[], readonly number[]])[];
type ImportName = (typeof IMPORTS)[number][0];

const SECTION = { CUSTOM: 0, TYPE: 1, IMPORT: 2, FUNCTION: 3, EXPORT: 7, CODE: 10 } as const;
const ADDED = IMPORTS.length;
const DIE_IF = [0x04, 0x40, 0x00, 0x0b]; // if unreachable end

interface Helper {
  readonly params: readonly number[];
  readonly results: readonly number[];
  readonly body: Writer;
}

export function instrument(source: Uint8Array, options: { readonly kills: boolean }): Instrumented {
  return new Instrumenter(source, options.kills).run();
}

class Instrumenter {
  readonly #source: Uint8Array;
  readonly #kills: boolean;
  readonly #sites: Site[] = [];
  readonly #helpers: Helper[] = [];
  readonly #helperOf = new Map<string, number>();
  #types = 0;
  #functions = 0;

  constructor(source: Uint8Array, kills: boolean) {
    this.#source = source;
    this.#kills = kills;
  }

  run(): Instrumented {
    const sections = this.#sections();
    const get = (id: number): Reader => {
      const found = sections.get(id);
      if (found === undefined) throw new Error(`the module has no section ${id}`);
      return found;
    };
    this.#types = get(SECTION.TYPE).u32();
    const functions = get(SECTION.FUNCTION);
    this.#functions = functions.u32();
    const code = this.#code(get(SECTION.CODE));
    const out = new Writer(2 * this.#source.length);
    out.copy(this.#source, 0, 8);
    this.#section(out, SECTION.TYPE, this.#typeSection(get(SECTION.TYPE)));
    this.#section(out, SECTION.IMPORT, this.#importSection(get(SECTION.IMPORT)));
    this.#section(out, SECTION.FUNCTION, this.#functionSection(functions));
    this.#section(out, SECTION.EXPORT, this.#exportSection(get(SECTION.EXPORT)));
    this.#section(out, SECTION.CODE, code);
    return { bytes: out.toBytes(), sites: this.#sites };
  }

  #sections(): Map<number, Reader> {
    const reader = new Reader(this.#source, 8, this.#source.length);
    const sections = new Map<number, Reader>();
    const known: readonly number[] = Object.values(SECTION);
    while (!reader.done) {
      const id = reader.u8();
      const content = reader.sub(reader.u32());
      if (!known.includes(id)) throw new Error(`section ${id} is not for this instrumenter`);
      if (id !== SECTION.CUSTOM) sections.set(id, content);
    }
    return sections;
  }

  #section(out: Writer, id: number, content: Writer): void {
    out.u8(id);
    out.sized(content);
  }

  /** Type indices: the source's, then one for each import, then one for each helper. */
  #typeSection(types: Reader): Writer {
    const out = new Writer();
    out.u32(this.#types + ADDED + this.#helpers.length);
    out.copy(this.#source, types.pos, types.end);
    for (const [, params, results] of IMPORTS) writeType(out, params, results);
    for (const { params, results } of this.#helpers) writeType(out, params, results);
    return out;
  }

  #importSection(imports: Reader): Writer {
    const out = new Writer();
    if (imports.u32() !== 1) throw new Error('the module should import its memory alone');
    out.u32(1 + ADDED);
    out.copy(this.#source, imports.pos, imports.end);
    IMPORTS.forEach(([name], i) => {
      out.name('model');
      out.name(name);
      out.u8(0);
      out.u32(this.#types + i);
    });
    return out;
  }

  #functionSection(functions: Reader): Writer {
    const out = new Writer();
    out.u32(this.#functions + this.#helpers.length);
    out.copy(this.#source, functions.pos, functions.end);
    this.#helpers.forEach((_, i) => {
      out.u32(this.#types + ADDED + i);
    });
    return out;
  }

  #exportSection(exports: Reader): Writer {
    const out = new Writer();
    const count = exports.u32();
    out.u32(count);
    for (let i = 0; i < count; i++) {
      out.name(exports.name());
      const kind = exports.u8();
      out.u8(kind);
      out.u32(exports.u32() + (kind === 0 ? ADDED : 0));
    }
    return out;
  }

  #code(code: Reader): Writer {
    const bodies = new Writer(2 * this.#source.length);
    const count = code.u32();
    for (let fn = 0; fn < count; fn++) bodies.sized(this.#body(code.sub(code.u32()), fn));
    for (const { body } of this.#helpers) bodies.sized(body);
    const out = new Writer(bodies.length + 8);
    out.u32(count + this.#helpers.length);
    out.append(bodies);
    return out;
  }

  #body(reader: Reader, fn: number): Writer {
    const out = new Writer(2 * (reader.end - reader.pos));
    const start = reader.pos;
    for (let groups = reader.u32(); groups > 0; groups--) {
      reader.u32();
      reader.u8();
    }
    out.copy(this.#source, start, reader.pos);
    if (this.#kills) this.#edge(out);
    for (let ordinal = 0; !reader.done; ) {
      if (this.#instruction(reader, out, fn, ordinal)) ordinal++;
    }
    return out;
  }

  #edge(out: Writer): void {
    out.u8(0x10);
    out.u32(importIndex('edge'));
    out.raw(...DIE_IF);
  }

  /** Copies or replaces one instruction; true when it accesses memory. */
  #instruction(reader: Reader, out: Writer, fn: number, ordinal: number): boolean {
    const start = reader.pos;
    const opcode = reader.u8();
    const table = PREFIXED.get(opcode) ?? PLAIN;
    const sub = table === PLAIN ? opcode : reader.u32();
    const kind = table.kinds[sub] ?? Imm.INVALID;
    const opcodeEnd = reader.pos;
    switch (kind) {
      case Imm.MEMARG:
      case Imm.WAIT32:
      case Imm.WAIT64: {
        const align = reader.u32();
        const offset = reader.u32();
        const bytes = this.#source.subarray(start, opcodeEnd);
        const helper = this.#helper(table.names[sub] as string, bytes, align, offset);
        out.u8(0x41);
        out.s32(this.#sites.length);
        out.u8(0x10);
        out.u32(ADDED + this.#functions + helper);
        this.#sites.push({ fn, ordinal, ...accessOf(table.names[sub] as string) });
        return true;
      }
      case Imm.CALL: {
        out.u8(opcode);
        out.u32(reader.u32() + ADDED);
        return false;
      }
      case Imm.LOOP:
        reader.u8();
        out.copy(this.#source, start, reader.pos);
        if (this.#kills) this.#edge(out);
        return false;
      case Imm.BLOCK:
      case Imm.IF:
        reader.u8();
        break;
      case Imm.NONE:
      case Imm.ELSE:
      case Imm.END:
        break;
      case Imm.LOCAL:
      case Imm.LABEL:
      case Imm.LABEL_HINTED:
        reader.u32();
        break;
      case Imm.FENCE:
        reader.u8();
        break;
      case Imm.S32:
        reader.skipLeb(5);
        break;
      case Imm.S64:
        reader.skipLeb(10);
        break;
      case Imm.F64:
        reader.skip(8);
        break;
      default:
        throw new Error(`${table.names[sub]}: not for this instrumenter`);
    }
    out.copy(this.#source, start, reader.pos);
    return false;
  }

  #helper(opcode: string, bytes: Uint8Array, align: number, offset: number): number {
    const key = `${opcode}+${offset}`;
    const known = this.#helperOf.get(key);
    if (known !== undefined) return known;
    const index = this.#helpers.length;
    this.#helperOf.set(key, index);
    this.#helpers.push(makeHelper(opcode, bytes, align, offset));
    return index;
  }
}

function makeHelper(opcode: string, bytes: Uint8Array, align: number, offset: number): Helper {
  const { kind, isAtomic, bytes: width } = accessOf(opcode);
  const type = opcode.startsWith('i64') ? 0x7e : 0x7f;
  const operands =
    kind === 'load'
      ? []
      : kind === 'wait'
        ? [0x7f, 0x7e]
        : kind === 'notify'
          ? [0x7f]
          : opcode.includes('cmpxchg')
            ? [type, type]
            : [type];
  const params = [0x7f, ...operands, 0x7f];
  const results = kind === 'store' ? [] : [kind === 'load' || kind === 'rmw' ? type : 0x7f];
  const site = params.length - 1;
  const body = new Writer();
  const call = (name: ImportName): void => {
    body.u8(0x10);
    body.u32(importIndex(name));
  };
  const local = (index: number): void => body.raw(0x20, index);
  const address = (): void => {
    local(0);
    body.u8(0x41);
    body.s32(offset);
    body.u8(0x6a);
  };
  const operandsUp = (): void => operands.forEach((_, i) => void local(1 + i));
  body.u32(0);
  local(site);
  address();
  call('point');
  body.raw(0x04, 0x40);
  call('yield');
  body.raw(...DIE_IF, 0x0b);
  if (kind === 'wait' || kind === 'notify') {
    address();
    operandsUp();
    call(kind);
  } else {
    if (kind === 'store' && !isAtomic) {
      local(site);
      address();
      call('delay');
      body.raw(0x04, 0x40);
      address();
      local(1);
      if (type === 0x7e && width === 4) body.u8(0xa7); // i32.wrap_i64
      call(width === 4 ? 'buffer32' : 'buffer64');
      body.raw(0x0f, 0x0b); // return, end
    }
    local(0);
    operandsUp();
    body.raw(...bytes);
    body.u32(align);
    body.u32(offset);
  }
  body.u8(0x0b);
  return { params, results, body };
}

function accessOf(opcode: string): Pick<Site, 'opcode' | 'kind' | 'isAtomic' | 'bytes'> {
  const isAtomic = opcode.includes('atomic');
  const bytes = opcode.startsWith('i64') && !/32/.test(opcode.slice(3)) ? 8 : 4;
  const kind: AccessKind = opcode.startsWith('memory.atomic.wait')
    ? 'wait'
    : opcode.startsWith('memory.atomic.notify')
      ? 'notify'
      : opcode.includes('rmw')
        ? 'rmw'
        : opcode.includes('store')
          ? 'store'
          : 'load';
  return { opcode, kind, isAtomic, bytes };
}

function importIndex(name: ImportName): number {
  return IMPORTS.findIndex(([known]) => known === name);
}

function writeType(out: Writer, params: readonly number[], results: readonly number[]): void {
  out.u8(0x60);
  out.u32(params.length);
  out.raw(...params);
  out.u32(results.length);
  out.raw(...results);
}
