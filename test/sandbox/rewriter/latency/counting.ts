/**
 * Makes a rewritten module count what it executes between two polls. Into its bytes goes, and nothing else is changed:
 *
 *   at the head of each straight run of code   work += instructions of the run; depth = that of this activation
 *   behind each load from the control memory   work = 0; bulk = 0
 *   in front of each call                      depth += 1
 *   behind each bulk instruction               bulk += its length, in units of which a chunk has CHUNK_UNITS
 *
 * each with its maximum. A run ends with what can be jumped from or to, with a call and with a poll, so that what is
 * counted has begun to execute; a trap within a run counts as if the run had been finished. A bulk instruction that traps
 * writes nothing and is not counted. Counters are globals behind all others; they are exported, and the host clears them.
 */
import { I32, I64 } from '../../../../src/sandbox/rewriter/index-space.ts';
import { Imm } from '../../../../src/sandbox/rewriter/opcodes.ts';
import { Reader } from '../../../../src/sandbox/rewriter/reader.ts';
import { leb, sleb, Writer } from '../../../../src/sandbox/rewriter/writer.ts';
import { bodyInstructions, type Instruction } from '../differential/decoder.ts';
import type { ModuleFile } from '../differential/module-file.ts';

/** A chunk of bulk.ts is 65,536 bytes, 1,024 table elements or 16,384 array items. */
export const CHUNK_UNITS = 65_536;
const UNITS_PER_BYTE = 1;
const UNITS_PER_ELEMENT = 64;
const UNITS_PER_ITEM = 4;

const COUNTERS = ['work', 'workMax', 'bulk', 'bulkMax', 'depth', 'depthMax', 'polls'] as const;
export type Counter = (typeof COUNTERS)[number];
/** Where a length waits while its instruction is executed. */
const STASHES = [I32, I64] as const;

export interface CountedFunction {
  readonly instructions: number;
  readonly calls: number;
}

export interface CountingModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Without `$luge.reset`, which no guest calls. */
  readonly functions: readonly CountedFunction[];
}

export function counterName(counter: Counter): string {
  return `count.${counter}`;
}

const GET = 0x23;
const SET = 0x24;
const LOCAL_GET = 0x20;
const LOCAL_SET = 0x21;
const I64_CONST = 0x42;
const I64_GT_U = 0x56;
const I64_ADD = 0x7c;
const I64_MUL = 0x7e;
const EXTEND_U = 0xad;
const SELECT = 0x1b;

/** What ends a run, apart from polls: whatever moves control, or where it may come in. */
const ENDS_RUN: ReadonlySet<number> = new Set([
  ...[Imm.BLOCK, Imm.LOOP, Imm.IF, Imm.ELSE, Imm.END, Imm.TRY, Imm.TRY_TABLE, Imm.CATCH],
  ...[Imm.CATCH_ALL, Imm.DELEGATE, Imm.LABEL, Imm.LABEL_HINTED, Imm.BR_TABLE, Imm.BR_ON_CAST],
  ...[Imm.CALL, Imm.CALL_INDIRECT, Imm.CALL_REF, Imm.TAG],
]);
const NAMES_END_RUN: ReadonlySet<string> = new Set(['return', 'unreachable', 'throw_ref']);
const CALLS: ReadonlySet<number> = new Set([Imm.CALL, Imm.CALL_INDIRECT, Imm.CALL_REF]);

export function countInstructions(file: ModuleFile): CountingModule {
  const pass = new CountingPass(file);
  const out = new Writer(file.bytes.length * 4);
  out.copy(file.bytes, 0, 8);
  let hasGlobals = false;
  const globals = (): void => {
    if (hasGlobals) return;
    hasGlobals = true;
    append(out, file, 6, COUNTERS.length + STASHES.length, (to) => {
      for (const _ of COUNTERS) to.raw(I64, 1, I64_CONST, 0, 0x0b);
      to.raw(I32, 1, 0x41, 0, 0x0b, I64, 1, I64_CONST, 0, 0x0b);
    });
  };
  for (const { id, start, end } of file.sections) {
    if (id === 0) continue; // offsets of branch hints would be wrong
    if (id >= 6 && id <= 12) globals();
    if (id === 6) continue;
    if (id === 7) {
      append(out, file, 7, COUNTERS.length, (to) => {
        for (const [at, counter] of COUNTERS.entries()) {
          to.name(counterName(counter));
          to.u8(3);
          to.u32(file.globals.length + at);
        }
      });
    } else if (id === 10) {
      out.u8(10);
      out.sized(pass.code());
    } else {
      out.u8(id);
      out.u32(end - start);
      out.copy(file.bytes, start, end);
    }
  }
  return { bytes: out.toBytes(), functions: pass.functions };
}

/** The section of that id, with more entries behind its own. */
function append(
  out: Writer,
  file: ModuleFile,
  id: number,
  count: number,
  write: (to: Writer) => void,
): void {
  const content = new Writer();
  const old = file.sections.find((section) => section.id === id);
  const reader = new Reader(file.bytes, old?.start ?? 0, old?.end ?? 0);
  content.u32((old === undefined ? 0 : reader.u32()) + count);
  content.copy(file.bytes, reader.pos, reader.end);
  write(content);
  out.u8(id);
  out.sized(content);
}

/** Whether nobody but the host calls it, who waits for it. */
function resetIndex(file: ModuleFile): number {
  const section = file.sections.find(({ id }) => id === 7)!;
  const reader = new Reader(file.bytes, section.start, section.end);
  for (let left = reader.u32(); left > 0; left -= 1) {
    const name = reader.name();
    reader.u8();
    const index = reader.u32();
    if (name === '$luge.reset') return index;
  }
  return -1;
}

class CountingPass {
  readonly functions: CountedFunction[];
  readonly #file: ModuleFile;
  readonly #control: number;
  readonly #body: Writer;

  constructor(file: ModuleFile) {
    this.functions = [];
    this.#file = file;
    this.#body = new Writer(4096);
    const { imports } = file;
    const control = imports.find((item) => item.module === '$luge' && item.name === 'control');
    this.#control = control!.index;
  }

  code(): Writer {
    const content = new Writer(this.#file.bytes.length * 4);
    content.u32([...this.#file.bodies()].length);
    const reset = resetIndex(this.#file);
    let index = this.#file.imported('func').length;
    for (const body of this.#file.bodies()) {
      if (index === reset) {
        content.u32(body.end - body.pos);
        content.copy(this.#file.bytes, body.pos, body.end);
      } else {
        this.#body.truncate(0);
        this.#function(body, index);
        content.sized(this.#body);
      }
      index += 1;
    }
    return content;
  }

  #function(body: Reader, index: number): void {
    const saved = this.#locals(body, index);
    this.#body.raw(...this.#get('depth'), LOCAL_SET, ...leb(saved));
    const instructions = [...bodyInstructions(body)];
    let calls = 0;
    let run: Instruction[] = [];
    for (const instruction of instructions) {
      run.push(instruction);
      if (CALLS.has(instruction.kind)) calls += 1;
      if (!this.#endsRun(instruction)) continue;
      this.#run(run, saved);
      run = [];
    }
    this.#run(run, saved);
    this.functions.push({ instructions: instructions.length, calls });
  }

  /** Copies the locals, with one more of type i64; returns its index. */
  #locals(body: Reader, index: number): number {
    const reader = new Reader(body.bytes, body.pos, body.end);
    const groups = reader.u32();
    const start = reader.pos;
    let local = this.#file.signature(index).params.length;
    // A dry run: the groups are read again by whoever reads the instructions.
    const first = [...bodyInstructions(new Reader(body.bytes, body.pos, body.end))][0]!;
    for (let at = reader.pos; at < first.start; ) {
      const group = new Reader(body.bytes, at, first.start);
      local += group.u32();
      at = skipType(group);
    }
    this.#body.u32(groups + 1);
    this.#body.copy(body.bytes, start, first.start);
    this.#body.raw(1, I64);
    return local;
  }

  #isPoll({ memory, name }: Instruction): boolean {
    return memory === this.#control && name.includes('load');
  }

  #endsRun(instruction: Instruction): boolean {
    const { kind, name } = instruction;
    return ENDS_RUN.has(kind) || NAMES_END_RUN.has(name) || this.#isPoll(instruction);
  }

  #run(run: readonly Instruction[], saved: number): void {
    if (run.length === 0) return;
    this.#body.raw(LOCAL_GET, ...leb(saved), ...this.#set('depth'));
    this.#body.raw(I64_CONST, ...sleb(run.length));
    this.#add('work', 'workMax');
    for (const instruction of run) this.#instruction(instruction);
  }

  #instruction(instruction: Instruction): void {
    const { start, end, kind, name } = instruction;
    // A tail call leaves its own activation.
    if (CALLS.has(kind) && !name.startsWith('return_')) {
      this.#body.raw(I64_CONST, 1);
      this.#add('depth', 'depthMax');
    }
    const bulk = this.#bulk(instruction);
    const stash = this.#file.globals.length + COUNTERS.length + (bulk?.wide === true ? 1 : 0);
    if (bulk !== undefined) this.#body.raw(SET, ...leb(stash), GET, ...leb(stash));
    this.#body.copy(this.#file.bytes, start, end);
    if (bulk !== undefined) {
      this.#body.raw(GET, ...leb(stash));
      if (!bulk.wide) this.#body.u8(EXTEND_U);
      this.#body.raw(I64_CONST, ...sleb(bulk.units), I64_MUL);
      this.#add('bulk', 'bulkMax');
    }
    if (this.#isPoll(instruction)) {
      this.#body.raw(I64_CONST, 0, ...this.#set('work'), I64_CONST, 0, ...this.#set('bulk'));
      this.#body.raw(I64_CONST, 1);
      this.#add('polls', 'polls');
    }
  }

  /** Of an instruction whose work is its length: the units of each, and whether the length is an i64. */
  #bulk({ kind, immediates, end }: Instruction): { units: number; wide: boolean } | undefined {
    const reader = new Reader(this.#file.bytes, immediates, end);
    const { memories, tables } = this.#file;
    const inMemory = (): boolean => memories[reader.u32()]!.is64;
    const inTable = (): boolean => tables[reader.u32()]!.limits.is64;
    switch (kind) {
      case Imm.MEMORY_FILL:
        return { units: UNITS_PER_BYTE, wide: inMemory() };
      case Imm.MEMORY_COPY:
        return { units: UNITS_PER_BYTE, wide: [inMemory(), inMemory()].every((wide) => wide) };
      case Imm.MEMORY_INIT:
        return { units: UNITS_PER_BYTE, wide: false };
      case Imm.TABLE_FILL:
        return { units: UNITS_PER_ELEMENT, wide: inTable() };
      case Imm.TABLE_COPY:
        return { units: UNITS_PER_ELEMENT, wide: [inTable(), inTable()].every((wide) => wide) };
      case Imm.TABLE_INIT:
      case Imm.ARRAY_INIT_ELEM:
        return { units: UNITS_PER_ELEMENT, wide: false };
      case Imm.ARRAY_FILL:
      case Imm.ARRAY_COPY:
      case Imm.ARRAY_INIT_DATA:
        return { units: UNITS_PER_ITEM, wide: false };
      default:
        return undefined;
    }
  }

  #get(counter: Counter): number[] {
    return [GET, ...leb(this.#file.globals.length + COUNTERS.indexOf(counter))];
  }

  #set(counter: Counter): number[] {
    return [SET, ...leb(this.#file.globals.length + COUNTERS.indexOf(counter))];
  }

  /** Adds what is on the stack. */
  #add(counter: Counter, maximum: Counter): void {
    this.#body.raw(...this.#get(counter), I64_ADD, ...this.#set(counter));
    if (counter === maximum) return;
    const both = [...this.#get(counter), ...this.#get(maximum)];
    this.#body.raw(...both, ...both, I64_GT_U, SELECT, ...this.#set(maximum));
  }
}

/** Where the value type ends at which the reader stands. */
function skipType(reader: Reader): number {
  const code = reader.u8();
  if (code === 0x63 || code === 0x64) reader.s33();
  return reader.pos;
}
