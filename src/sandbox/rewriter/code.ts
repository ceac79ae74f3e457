// Function bodies: one pass, copying runs of unchanged bytes and rewriting what lies between them.
//
// THE EXIT POLL. Every loop that is not provably covered by another becomes
//
//   block $exit (P -> R)
//     loop $again (P -> R)
//       block $poll (P -> P)
//         loop $L (P -> R)                                ;; the guest's loop
//           (br_if $poll (i32.load $control (i32.const 0)))  ;; hinted unlikely
//           …body…
//         end
//         br $exit
//       end
//       call $interrupted                                 ;; yields; traps when told to die
//       br $again
//     end
//   end
//
// Why so: there is no call inside the guest's loop, so that V8 still peels and unrolls it and keeps its values in
// registers. On the 30 PolyBench kernels (geometric mean over the untouched module, TurboFan, Node 26.10): memory
// imported as shared and no poll 1.01-1.03; this poll 1.07-1.10; rejected: poll and call inside the loop 1.59, the
// same with a branch hint 1.17-1.25 (kept as `polls: 'call'` for the ablation bench); counting down fuel in a global,
// which needs a store in each iteration; Asyncify, which doubles the code.
//
// The host has to lower the flag before it resumes the guest: `$again` leads to the same poll, and a guest whose flag
// stays up makes no step. (A poll that is skipped once after each interruption would need a local per loop.)
//
// THE LOAD IS PLAIN, not atomic. It needs no ordering: the flag is a hint to leave, and whatever the worker is to do
// next it learns after the suspension, through atomics of its own. It needs no atomicity: an aligned 32-bit load does
// not tear (memory model, section "Tearing"), and any non-zero value means the same. It needs to be repeated, and is: an engine
// must not keep a load of shared memory across iterations for ever, and V8 14.6 does not move loads of linear memory
// out of loops at all; a test raises the flag from another thread against an optimized loop without stores. The
// writer is atomic. An atomic load would be a sequentially consistent one, which keeps V8 from reordering any other
// access of the loop around it.
//
// WHERE THERE IS NO POLL.
// - At the entry of a function that makes no call. An execution that goes on for ever enters functions or loops for
//   ever; without a call a function is not part of any recursion, and its loops have their own polls.
// - In a loop whose every iteration certainly enters a polled (or itself covered) inner loop: the inner loop stands
//   directly in the outer one's body, no branch before it goes back to the outer header (nor to that of a loop
//   which the outer one covers in its turn), and no third loop lies between. Control comes back to the outer header by a branch only, those branches are all behind the inner
//   header, and so each round passes a poll. This is found on meeting the inner loop; the outer one is then taken
//   back and read again without a poll. As there is no loop in what is read again, no byte is read more than twice.
//
// A poll bounds what can run between two of them by the size of the code, since instructions that do work in proportion
// to an operand (memory.fill, table.copy and their like) are split and poll themselves; bulk.ts has the few that cannot be.

import { HintList, HintSection, readHints, UNLIKELY } from './branch-hints.ts';
import { hex, malformed } from './errors.ts';
import type { Guest } from './guest.ts';
import { memarg } from './helpers.ts';
import type { IndexSpace } from './index-space.ts';
import { Frame, LabelStack } from './labels.ts';
import type { Growth } from './memories.ts';
import { Imm, type OpcodeTable, PLAIN, PREFIXED } from './opcodes.ts';
import { PollReport } from './poll-report.ts';
import { Reader } from './reader.ts';
import { Patch, StoragePass } from './storage.ts';
import { type FuncType, readHeapType, readValType } from './types.ts';
import { Writer } from './writer.ts';

/** 'entry': at function entries alone, for the ablation; a loop is not preempted. */
export type PollMode = 'exit' | 'call' | 'entry' | 'none';

export interface CodeOptions {
  readonly polls: PollMode;
  /** Keep a list of all loops, by function. */
  readonly report: boolean;
  /** Function index of `$interrupted`. */
  readonly interrupted: number;
  /** What becomes of memory.size and memory.grow, by memory. */
  readonly growth: readonly Growth[];
}

const BLOCK = 0x02;
const LOOP = 0x03;
const IF = 0x04;
const EMPTY = 0x40;

export class CodePass {
  readonly report: PollReport;
  readonly hints: HintSection;
  readonly storage: StoragePass;
  readonly #guest: Guest;
  readonly #space: IndexSpace;
  readonly #options: CodeOptions;
  readonly #pollLoad: readonly number[];
  readonly #callPoll: readonly number[];
  readonly #guestHints: Map<number, HintList> | undefined;
  readonly #labels: LabelStack;
  readonly #body: Writer;
  readonly #globalCount: number;
  #copied: number;
  /** Offset of the integer constant that was read last. */
  #constant: number;
  #calls: boolean;
  #bodyHints: HintList;
  #bodyStart: number;
  #sourceHints: HintList | undefined;
  #hintCursor: number;
  /** Frame of the loop that was opened last, while no other loop has been seen since; otherwise -1. */
  #lastLoop: number;
  #loopStart: number;
  #loopOutput: number;
  #loopHints: number;
  #loopHintCursor: number;

  constructor(guest: Guest, space: IndexSpace, options: CodeOptions) {
    this.report = new PollReport(options.report);
    this.hints = new HintSection();
    this.#guest = guest;
    this.#space = space;
    this.#options = options;
    this.#pollLoad = [0x41, 0, 0x28, ...memarg(2, space.controlMemory), 0];
    this.#callPoll = this.#makeCallPoll();
    this.storage = new StoragePass(guest, space, {
      growth: options.growth,
      poll: options.polls === 'exit' || options.polls === 'call' ? this.#callPoll : undefined,
    });
    this.#guestHints = readHints(guest);
    this.#labels = new LabelStack();
    this.#body = new Writer(4096);
    this.#globalCount = guest.importedGlobals + guest.globals.length;
    this.#copied = 0;
    this.#constant = 0;
    this.#calls = false;
    this.#bodyHints = new HintList();
    this.#bodyStart = 0;
    this.#sourceHints = undefined;
    this.#hintCursor = 0;
    this.#lastLoop = -1;
    this.#loopStart = 0;
    this.#loopOutput = 0;
    this.#loopHints = 0;
    this.#loopHintCursor = 0;
  }

  /** Whether the guest has hints that can be read, and so are carried over. */
  get carriesGuestHints(): boolean {
    return this.#guestHints !== undefined;
  }

  /** Appends every body of the guest, each behind its length. */
  run(out: Writer): void {
    const { importedFunctions, functions, code, source } = this.#guest;
    const section = new Reader(source, code.start, code.end);
    for (let index = importedFunctions; index < functions.length; index += 1) {
      const body = section.sub(section.u32());
      this.#function(body, index, out);
    }
    section.expectDone('the function bodies');
  }

  #function(reader: Reader, index: number, out: Writer): void {
    const localsStart = reader.pos;
    this.#skipLocals(reader);
    const localsEnd = reader.pos;
    this.#copied = localsEnd;
    this.#calls = false;
    this.#bodyHints = new HintList();
    this.#bodyStart = localsStart;
    this.#sourceHints = this.#guestHints?.get(index);
    this.#hintCursor = 0;
    this.#lastLoop = -1;
    this.#body.truncate(0);
    this.#labels.clear();
    this.#labels.push(Frame.FUNCTION);
    while (this.#labels.top >= 0) this.#instruction(reader);
    reader.expectDone(`function ${index}`);
    this.#flush(reader.pos);
    const poll = this.#entryPoll();
    const localsBytes = localsEnd - localsStart;
    const bytesAfter = localsBytes + poll.length + this.#body.length;
    this.report.end(index, localsStart, reader.pos - localsStart, bytesAfter);
    out.u32(bytesAfter);
    out.copy(this.#guest.source, localsStart, localsEnd);
    out.raw(...poll);
    out.append(this.#body);
    this.#recordHints(this.#space.function(index), localsBytes, poll.length);
  }

  #skipLocals(reader: Reader): void {
    const groups = reader.count('groups of locals', 2);
    for (let group = 0; group < groups; group += 1) {
      reader.u32();
      readValType(reader, this.#guest.types.length);
    }
  }

  #entryPoll(): readonly number[] {
    const polls = this.#options.polls !== 'none';
    this.report.entry(!polls ? 'none' : this.#calls ? 'polled' : 'leaf');
    return polls && this.#calls ? this.#callPoll : [];
  }

  /** `if (flag) call $interrupted`. */
  #makeCallPoll(): number[] {
    const poll = new Writer(16);
    poll.raw(...this.#pollLoad, IF, EMPTY, 0x10);
    poll.u32(this.#options.interrupted);
    poll.u8(0x0b);
    return [...poll.view()];
  }

  #recordHints(index: number, localsBytes: number, pollBytes: number): void {
    let hints = this.#bodyHints;
    if (pollBytes > 0) {
      // The entry poll's `if` comes before all others.
      hints = new HintList();
      hints.push(this.#pollLoad.length - pollBytes, UNLIKELY);
      for (let at = 0; at < this.#bodyHints.offsets.length; at += 1) {
        hints.push(this.#bodyHints.offsets[at]!, this.#bodyHints.values[at]!);
      }
    }
    this.hints.add(index, hints, localsBytes + pollBytes);
  }

  #flush(until: number): void {
    if (this.#copied < until) this.#body.copy(this.#guest.source, this.#copied, until);
    this.#copied = until;
  }

  /** Where an instruction that begins at `start` in the source will begin in the output's body. */
  #outputOffset(start: number): number {
    return this.#body.length + start - this.#copied;
  }

  #instruction(reader: Reader): void {
    const start = reader.pos;
    const opcode = reader.u8();
    let kind: number = PLAIN.kinds[opcode]!;
    if (kind === Imm.NONE) return;
    if (kind === Imm.INVALID) kind = this.#prefixed(reader, opcode, start);
    switch (kind) {
      case Imm.NONE:
        return;
      case Imm.LOCAL:
        reader.u32();
        return;
      case Imm.S32:
        this.#constant = start;
        reader.skipLeb(5);
        return;
      case Imm.S64:
        this.#constant = start;
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
        this.storage.memarg(reader);
        return;
      case Imm.MEMARG_LANE:
        this.storage.memarg(reader);
        reader.u8();
        return;
      case Imm.GLOBAL:
        reader.index('global', this.#globalCount);
        return;
      case Imm.CALL:
        this.#calls = true;
        this.#functionIndex(reader);
        return;
      case Imm.REF_FUNC:
        this.#functionIndex(reader);
        return;
      case Imm.CALL_INDIRECT:
        this.#calls = true;
        this.storage.typeIndex(reader);
        this.storage.tableIndex(reader);
        return;
      case Imm.CALL_REF:
        this.#calls = true;
        this.storage.typeIndex(reader);
        return;
      case Imm.TYPE:
        this.storage.typeIndex(reader);
        return;
      case Imm.STRUCT_FIELD:
      case Imm.ARRAY_FIXED:
        this.storage.typeIndex(reader);
        reader.u32();
        return;
      case Imm.HEAP_TYPE:
        readHeapType(reader, this.#guest.types.length);
        return;
      case Imm.SELECT_TYPED: {
        const count = reader.count('value types');
        for (let at = 0; at < count; at += 1) readValType(reader, this.#guest.types.length);
        return;
      }
      default:
        if (kind <= Imm.BR_ON_CAST || kind === Imm.LABEL_HINTED) this.#control(reader, kind, start);
        else if (kind === Imm.TAG) reader.index('tag', this.#guest.tags.length);
        else this.#store(reader, kind, start);
    }
  }

  #prefixed(reader: Reader, opcode: number, start: number): number {
    const table: OpcodeTable | undefined = PREFIXED.get(opcode);
    if (table === undefined) throw reader.refuse(`opcode ${hex(opcode)}`, start);
    const sub = reader.u32();
    const kind = table.kinds[sub] ?? Imm.INVALID;
    if (kind === Imm.INVALID) throw reader.refuse(`opcode ${hex(opcode)} ${hex(sub)}`, start);
    return kind;
  }

  // --- indices -------------------------------------------------------------------------------------------------

  #functionIndex(reader: Reader): void {
    const at = reader.pos;
    const index = reader.index('function', this.#guest.functions.length);
    const moved = this.#space.function(index);
    if (moved !== index) this.#replace(reader, at, moved);
  }

  /** Writes `value` in place of the immediate from `at` up to the reader. */
  #replace(reader: Reader, at: number, value: number): void {
    this.#flush(at);
    this.#body.u32(value);
    this.#copied = reader.pos;
  }

  // --- control -------------------------------------------------------------------------------------------------

  #control(reader: Reader, kind: number, start: number): void {
    switch (kind) {
      case Imm.LABEL_HINTED:
        this.#carryHint(start);
        this.#label(reader);
        return;
      case Imm.LABEL:
        this.#label(reader);
        return;
      case Imm.BLOCK:
        this.#blockType(reader);
        this.#labels.push(Frame.BLOCK);
        return;
      case Imm.IF:
        this.#carryHint(start);
        this.#blockType(reader);
        this.#labels.push(Frame.BLOCK);
        return;
      case Imm.TRY:
        this.#blockType(reader);
        this.#labels.push(Frame.TRY);
        return;
      case Imm.TRY_TABLE:
        this.#tryTable(reader);
        return;
      case Imm.LOOP:
        this.#loop(reader, start);
        return;
      case Imm.CATCH:
        this.#expectTry(start);
        reader.index('tag', this.#guest.tags.length);
        return;
      case Imm.CATCH_ALL:
        this.#expectTry(start);
        return;
      case Imm.DELEGATE:
        // Its label counts from outside the try that it closes.
        this.#expectTry(start);
        this.#labels.pop();
        this.#label(reader);
        return;
      case Imm.BR_TABLE: {
        const count = reader.count('labels');
        for (let at = 0; at <= count; at += 1) this.#label(reader);
        return;
      }
      case Imm.BR_ON_CAST:
        this.#carryHint(start);
        reader.u8();
        this.#label(reader);
        readHeapType(reader, this.#guest.types.length);
        readHeapType(reader, this.#guest.types.length);
        return;
      case Imm.END:
        this.#end(reader);
        return;
      default:
        return; // else: the frame stays
    }
  }

  #expectTry(start: number): void {
    if (this.#labels.kind !== Frame.TRY) throw malformed('a catch or delegate outside try', start);
  }

  #label(reader: Reader): void {
    const at = reader.pos;
    const depth = reader.u32();
    const mapped = this.#labels.map(depth, at);
    if (mapped !== depth) this.#replace(reader, at, mapped);
  }

  #tryTable(reader: Reader): void {
    this.#blockType(reader);
    const count = reader.count('catch clauses', 2);
    for (let clause = 0; clause < count; clause += 1) {
      const at = reader.pos;
      const form = reader.u8();
      if (form > 3) throw malformed(`a catch clause of kind ${form}`, at);
      if (form < 2) reader.index('tag', this.#guest.tags.length);
      this.#label(reader);
    }
    this.#labels.push(Frame.BLOCK);
  }

  /** Returns the index of a type with parameters, or -1. */
  #blockType(reader: Reader): number {
    const at = reader.pos;
    const first = reader.bytes[at];
    if (first === EMPTY) {
      reader.u8();
      return -1;
    }
    if (first !== undefined && first > EMPTY && first < 0x80) {
      readValType(reader, this.#guest.types.length);
      return -1;
    }
    const index = reader.s33();
    const type = this.#guest.types[index];
    if (type?.kind !== 'func') throw malformed(`block type ${index}`, at);
    return type.paramCount > 0 ? index : -1;
  }

  #loop(reader: Reader, start: number): void {
    let at = start;
    const mode = this.#options.polls;
    let polls: boolean = mode === 'exit';
    if (polls && this.#coversOuter()) {
      at = this.#takeBack(reader);
      polls = false;
    }
    this.report.loop(at, at !== start ? 'covered' : mode === 'entry' ? 'none' : mode);
    const blockStart = reader.pos;
    const paramType = this.#blockType(reader);
    const blockEnd = reader.pos;
    this.#flush(at);
    this.#loopStart = at;
    this.#loopOutput = this.#body.length;
    this.#loopHints = this.#bodyHints.offsets.length;
    this.#loopHintCursor = this.#hintCursor;
    this.#copied = reader.pos;
    const source = this.#guest.source;
    if (polls) {
      const body = this.#body;
      body.u8(BLOCK);
      body.copy(source, blockStart, blockEnd);
      body.u8(LOOP);
      body.copy(source, blockStart, blockEnd);
      body.u8(BLOCK);
      this.#pollBlockType(paramType);
    }
    this.#body.u8(LOOP);
    this.#body.copy(source, blockStart, blockEnd);
    this.#labels.push(polls ? Frame.POLLED_LOOP : Frame.PLAIN_LOOP);
    this.#lastLoop = this.#labels.top;
    if (polls) this.#exitPoll();
    else if (mode === 'call') this.#innerPoll();
  }

  #pollBlockType(paramType: number): void {
    if (paramType < 0) {
      this.#body.u8(EMPTY);
      return;
    }
    const type = this.#guest.types[paramType] as FuncType;
    // A block type is an s33: an index whose LEB128 would end with bit 6 set needs another byte.
    const index = this.#space.passThrough(paramType, type.params, type.paramCount);
    this.#body.s32(index);
  }

  #exitPoll(): void {
    this.#body.raw(...this.#pollLoad);
    this.#bodyHints.push(this.#body.length, UNLIKELY);
    this.#body.raw(0x0d, 1);
  }

  #innerPoll(): void {
    this.#bodyHints.push(this.#body.length + this.#pollLoad.length, UNLIKELY);
    this.#body.raw(...this.#callPoll);
  }

  /** Whether the loop that begins here makes the poll of the loop around it needless; see the head of the file. */
  #coversOuter(): boolean {
    const labels = this.#labels;
    return labels.kind === Frame.POLLED_LOOP && this.#lastLoop === labels.top && !labels.branched;
  }

  /** Goes back to the head of the outer loop; returns its offset. */
  #takeBack(reader: Reader): number {
    this.#labels.pop();
    this.#body.truncate(this.#loopOutput);
    this.#bodyHints.truncate(this.#loopHints);
    this.#hintCursor = this.#loopHintCursor;
    this.#copied = this.#loopStart;
    reader.pos = this.#loopStart + 1;
    return this.#loopStart;
  }

  #end(reader: Reader): void {
    const kind = this.#labels.pop();
    if (kind !== Frame.POLLED_LOOP) {
      if (kind === Frame.PLAIN_LOOP) this.#lastLoop = -1;
      return;
    }
    this.#lastLoop = -1;
    this.#flush(reader.pos);
    this.#body.raw(0x0c, 2, 0x0b, 0x10);
    this.#body.u32(this.#options.interrupted);
    this.#body.raw(0x0c, 0, 0x0b, 0x0b);
  }

  /** Carries the guest's own hint for the branch at `start` over, if there is one. */
  #carryHint(start: number): void {
    const hints = this.#sourceHints;
    if (hints === undefined) return;
    const offset = start - this.#bodyStart;
    let cursor = this.#hintCursor;
    while (cursor < hints.offsets.length && hints.offsets[cursor]! < offset) cursor += 1;
    if (hints.offsets[cursor] === offset) {
      this.#bodyHints.push(this.#outputOffset(start), hints.values[cursor]!);
      cursor += 1;
    }
    this.#hintCursor = cursor;
  }

  // --- memories, tables, segments -------------------------------------------------------------------------------

  #store(reader: Reader, kind: number, start: number): void {
    const storage = this.storage;
    const patch = storage.read(reader, kind, this.#constantBefore(start));
    if (patch === Patch.NONE) return;
    this.#flush(start);
    this.#body.append(storage.patch);
    if (patch === Patch.INSTEAD) this.#copied = reader.pos;
  }

  /** The value of a constant of one or two bytes that stands right before `start`, and so is on top of the stack; or -1. */
  #constantBefore(start: number): number {
    const { source } = this.#guest;
    const first = source[this.#constant + 1]!;
    const second = source[this.#constant + 2]!;
    const bytes = start - this.#constant;
    if (bytes === 2 && first < 0x40) return first;
    if (bytes === 3 && first >= 0x80 && second < 0x40) return (first & 0x7f) | (second << 7);
    return -1;
  }
}
