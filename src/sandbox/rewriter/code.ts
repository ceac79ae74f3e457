// Function bodies: one pass, copying runs of unchanged bytes and rewriting what lies between them.
//
// WHERE THERE IS A POLL.
// - In every loop that is not provably covered by another, at its back edge: loops.ts has the forms, and why they are so.
// - In front of calls, where recursion or the length of what a call runs asks for it, and in long code without loops: meter.ts.
//   Nothing polls at a function's entry.
// - In instructions that do work in proportion to an operand (memory.fill, table.copy and their like): bulk.ts.
//
// What that costs (`npm run bench -- poll`; geometric mean over the kernels, against the untouched module, TurboFan): memory
// imported as shared and no poll 1.00; these polls about 1.01. Rejected: a poll at the head of each loop and at each entry
// of a function that calls, 1.08 (what Luge had before); poll and call inside each loop, 1.26 (kept as `polls: 'call'` for the
// bench); counting down fuel in a global, which needs a store in each iteration; Asyncify, which doubles the code.
//
// THE LOAD IS PLAIN, not atomic. It needs no ordering: the flag is a hint to leave, and whatever the worker is to do
// next it learns after the suspension, through atomics of its own. It needs no atomicity: an aligned 32-bit load does
// not tear (memory model, section "Tearing"), and any non-zero value means the same. It needs to be repeated, and is: an engine
// must not keep a load of shared memory across iterations for ever, and V8 14.6 does not move loads of linear memory
// out of loops at all; a test raises the flag from another thread against an optimized loop without stores. The
// writer is atomic. An atomic load would be a sequentially consistent one, which keeps V8 from reordering any other
// access of the loop around it.
//
// A COVERED LOOP has no poll: each of its rounds certainly enters a loop inside it, which then polls before its first round, too (or
// is covered itself). The inner loop stands
// directly in the outer one's body, no branch before it goes back to the outer header (nor to that of a loop
// which the outer one covers in its turn), and no third loop lies between. Control comes back to the outer header by a branch only, those branches are all behind the inner
// header, and so each round passes a poll. This is found on meeting the inner loop; the outer one is then taken
// back and read again without a poll. As there is no loop in what is read again, no byte is read more than twice.

import type { AllocationLimits } from './allocation.ts';
import { HintList, HintSection, readHints, UNLIKELY } from './branch-hints.ts';
import { CallGraph, LOOP_BYTES } from './call-graph.ts';
import { CompileCost } from './compile-cost.ts';
import { malformed } from './errors.ts';
import type { Guest } from './guest.ts';
import { memarg, OP, VOID } from './helpers.ts';
import type { IndexSpace } from './index-space.ts';
import { readBlockType, readPrefixedKind, skipImmediates, skipLocals } from './instruction.ts';
import { Frame, LabelStack } from './labels.ts';
import { LoopWriter, type OpenLoop } from './loops.ts';
import type { Growth } from './memories.ts';
import { Meter } from './meter.ts';
import { Imm, PLAIN } from './opcodes.ts';
import { PollReport } from './poll-report.ts';
import { Reader } from './reader.ts';
import { Patch, StoragePass } from './storage.ts';
import { type FuncType, readHeapType } from './types.ts';
import { Writer } from './writer.ts';

/**
 * 'exit': those of the head of this file. For the ablation: 'call', a poll and a call in each loop and at each function's entry;
 * 'entry', at function entries alone, so that a loop is not preempted.
 */
export type PollMode = 'exit' | 'call' | 'entry' | 'none';

export interface CodeOptions {
  readonly polls: PollMode;
  /** Keep a list of all loops, by function. */
  readonly report: boolean;
  /** Function index of `$interrupted`. */
  readonly interrupted: number;
  /** What becomes of memory.size and memory.grow, by memory. */
  readonly growth: readonly Growth[];
  /** Undefined: the engine's own. */
  readonly limits: AllocationLimits | undefined;
}

export class CodePass {
  readonly report: PollReport;
  readonly hints: HintSection;
  readonly storage: StoragePass;
  readonly #guest: Guest;
  readonly #space: IndexSpace;
  readonly #options: CodeOptions;
  readonly #pollLoad: readonly number[];
  readonly #callPoll: readonly number[];
  /** Only of mode 'exit'. */
  readonly #graph: CallGraph | undefined;
  readonly #meter: Meter;
  readonly #cost: CompileCost;
  readonly #guestHints: Map<number, HintList> | undefined;
  readonly #labels: LabelStack;
  readonly #body: Writer;
  readonly #loops: LoopWriter;
  /** Polled loops that are open. */
  readonly #open: OpenLoop[];
  readonly #globalCount: number;
  /** The function that is read. */
  #index: number;
  #copied: number;
  /** How many loops have been opened. */
  #loopNumber: number;
  /** Offset of the integer constant that was read last. */
  #constant: number;
  #calls: boolean;
  #bodyHints: HintList;
  #bodyStart: number;
  #sourceHints: HintList | undefined;
  #hintCursor: number;
  /** The loop that was opened last, if it polls and no other loop has been seen since. */
  #candidate: OpenLoop | undefined;
  /** The next loop covers the one around it. */
  #isNextCovering: boolean;

  constructor(guest: Guest, space: IndexSpace, options: CodeOptions) {
    this.report = new PollReport(options.report);
    this.hints = new HintSection();
    this.#guest = guest;
    this.#space = space;
    this.#options = options;
    this.#pollLoad = [0x41, 0, 0x28, ...memarg(2, space.controlMemory), 0];
    this.#callPoll = this.#makeCallPoll();
    this.#graph = options.polls === 'exit' ? new CallGraph(guest) : undefined;
    this.#meter = new Meter();
    this.#cost = new CompileCost();
    this.storage = new StoragePass(guest, space, {
      growth: options.growth,
      arrayBytes: options.limits?.arrayBytes,
      poll: options.polls === 'exit' || options.polls === 'call' ? this.#callPoll : undefined,
    });
    this.#guestHints = readHints(guest);
    this.#labels = new LabelStack();
    this.#body = new Writer(4096);
    this.#bodyHints = new HintList();
    this.#loops = new LoopWriter(guest.source, this.#body, this.#bodyHints, {
      flag: this.#pollLoad,
      poll: this.#callPoll,
      interrupted: options.interrupted,
    });
    this.#open = [];
    this.#globalCount = guest.importedGlobals + guest.globals.length;
    this.#index = 0;
    this.#copied = 0;
    this.#loopNumber = 0;
    this.#constant = 0;
    this.#calls = false;
    this.#bodyStart = 0;
    this.#sourceHints = undefined;
    this.#hintCursor = 0;
    this.#candidate = undefined;
    this.#isNextCovering = false;
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
    const locals = skipLocals(reader, this.#guest.types.length);
    this.#cost.begin();
    const localsEnd = reader.pos;
    this.#index = index;
    this.#copied = localsEnd;
    this.#calls = false;
    this.#bodyHints = new HintList();
    this.#loops.hints = this.#bodyHints;
    this.#bodyStart = localsStart;
    this.#sourceHints = this.#guestHints?.get(index);
    this.#hintCursor = 0;
    this.#candidate = undefined;
    this.#isNextCovering = false;
    this.#open.length = 0;
    this.#body.truncate(0);
    this.#labels.clear();
    this.#labels.push(Frame.FUNCTION);
    if (this.#graph !== undefined) this.#meter.begin(localsEnd, this.#graph.isRecursive(index));
    while (this.#labels.top >= 0) this.#instruction(reader);
    reader.expectDone(`function ${index}`);
    this.#flush(reader.pos);
    const poll = this.#entryPoll();
    const localsBytes = localsEnd - localsStart;
    const bytesAfter = localsBytes + poll.length + this.#body.length;
    if (this.#options.limits !== undefined) {
      this.#cost.check(index, localsStart, locals, this.#body.length - (reader.pos - localsEnd));
    }
    this.report.end(index, localsStart, reader.pos - localsStart, bytesAfter);
    out.u32(bytesAfter);
    out.copy(this.#guest.source, localsStart, localsEnd);
    out.raw(...poll);
    out.append(this.#body);
    this.#recordHints(this.#space.function(index), localsBytes, poll.length);
  }

  /** Of the modes for comparison. A function that makes no call is part of no recursion, and needs none. */
  #entryPoll(): readonly number[] {
    const { polls } = this.#options;
    if (!this.#calls || polls === 'none' || polls === 'exit') return [];
    this.report.call();
    return this.#callPoll;
  }

  /** `if (flag) call $interrupted`. */
  #makeCallPoll(): number[] {
    const poll = new Writer(16);
    poll.raw(...this.#pollLoad, OP.IF, VOID, OP.CALL);
    poll.u32(this.#options.interrupted);
    poll.u8(OP.END);
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

  /** A poll in front of the instruction at `start`. */
  #poll(start: number): void {
    this.#flush(start);
    this.#loops.poll();
    this.#meter.polled(start);
    this.report.call();
    this.#markCall();
  }

  /** What is in the loop that is open keeps V8 from peeling it. */
  #markCall(): void {
    const loop = this.#open.at(-1);
    if (loop !== undefined) loop.hasCall = true;
  }

  #instruction(reader: Reader): void {
    const start = reader.pos;
    if (start >= this.#meter.dueAt) this.#poll(start);
    const opcode = reader.u8();
    let kind: number = PLAIN.kinds[opcode]!;
    if (kind === Imm.NONE) {
      if (opcode < OP.CALL) this.#leave(opcode);
      return;
    }
    if (kind === Imm.INVALID) kind = readPrefixedKind(reader, opcode, start);
    switch (kind) {
      case Imm.LOCAL:
        reader.u32();
        return;
      case Imm.S32:
      case Imm.S64:
        this.#constant = start;
        skipImmediates(reader, kind, 0);
        return;
      case Imm.NONE:
      case Imm.F32:
      case Imm.F64:
      case Imm.V128:
      case Imm.LANE:
      case Imm.FENCE:
      case Imm.HEAP_TYPE:
      case Imm.SELECT_TYPED:
        skipImmediates(reader, kind, this.#guest.types.length);
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
      case Imm.CALL_INDIRECT:
      case Imm.CALL_REF:
        this.#call(reader, kind, opcode, start);
        return;
      case Imm.REF_FUNC:
        this.#functionIndex(reader);
        return;
      case Imm.TYPE:
        this.storage.typeIndex(reader);
        return;
      case Imm.STRUCT_FIELD:
      case Imm.ARRAY_FIXED:
        this.storage.typeIndex(reader);
        reader.u32();
        return;
      case Imm.TAG:
        reader.index('tag', this.#guest.tags.length);
        if (opcode === OP.THROW) this.#meter.kill();
        return;
      default:
        if (kind <= Imm.BR_ON_CAST || kind === Imm.LABEL_HINTED) {
          this.#control(reader, kind, opcode, start);
        } else {
          this.#store(reader, kind, start);
        }
    }
  }

  #leave(opcode: number): void {
    if (opcode === OP.UNREACHABLE || opcode === OP.RETURN || opcode === OP.THROW_REF)
      this.#meter.kill();
  }

  // --- calls ---------------------------------------------------------------------------------------------------

  #call(reader: Reader, kind: number, opcode: number, start: number): void {
    this.#calls = true;
    this.#markCall();
    const isTail =
      opcode === OP.RETURN_CALL ||
      opcode === OP.RETURN_CALL_INDIRECT ||
      opcode === OP.RETURN_CALL_REF;
    if (kind === Imm.CALL) {
      const callee = new Reader(reader.bytes, reader.pos, reader.end);
      const index = callee.index('function', this.#guest.functions.length);
      this.#pollBeforeCall(start, index, isTail);
      this.#functionIndex(reader);
    } else {
      this.#pollBeforeCall(start, -1, isTail);
      this.storage.typeIndex(reader);
      if (kind === Imm.CALL_INDIRECT) this.storage.tableIndex(reader);
    }
    if (isTail) this.#meter.kill();
  }

  /** `callee` is -1 if it is not known which function is called. */
  #pollBeforeCall(start: number, callee: number, isTail: boolean): void {
    const graph = this.#graph;
    if (graph === undefined) return;
    const isRecursive =
      callee < 0
        ? graph.isRecursiveIndirectCall(this.#index)
        : graph.isRecursiveCall(this.#index, callee);
    const bytes = callee < 0 ? graph.indirectRunBytes : graph.runBytes(callee);
    if (!this.#meter.call(start, bytes, isRecursive, isTail)) return;
    const after = this.#meter.state(start);
    this.#poll(start);
    this.#meter.restore(after, start);
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

  #control(reader: Reader, kind: number, opcode: number, start: number): void {
    const labels = this.#labels;
    const meter = this.#meter;
    this.#cost.add(1);
    switch (kind) {
      case Imm.LABEL_HINTED:
        this.#carryHint(start);
        this.#label(reader);
        return;
      case Imm.LABEL:
        this.#label(reader);
        if (opcode === OP.BR || opcode === OP.RETHROW) meter.kill();
        return;
      case Imm.BLOCK:
        this.#blockType(reader);
        this.#enter(Frame.BLOCK, start);
        return;
      case Imm.IF:
        this.#carryHint(start);
        this.#blockType(reader);
        this.#enter(Frame.IF, start);
        return;
      case Imm.TRY:
        this.#blockType(reader);
        this.#enter(Frame.TRY, start);
        return;
      case Imm.TRY_TABLE:
        this.#tryTable(reader, start);
        return;
      case Imm.LOOP:
        this.#loop(reader, start);
        return;
      case Imm.ELSE:
        meter.otherwise(labels.top, start);
        return;
      case Imm.CATCH:
        this.#expectTry(start);
        reader.index('tag', this.#guest.tags.length);
        meter.handler(labels.top, reader.pos);
        return;
      case Imm.CATCH_ALL:
        this.#expectTry(start);
        meter.handler(labels.top, reader.pos);
        return;
      case Imm.DELEGATE:
        // Its label counts from outside the try that it closes, and names who catches, not where control goes.
        this.#expectTry(start);
        meter.close(labels.top, start, false);
        labels.pop();
        this.#label(reader);
        return;
      case Imm.BR_TABLE: {
        const count = reader.count('labels');
        this.#cost.add(count);
        for (let at = 0; at <= count; at += 1) this.#label(reader);
        meter.kill();
        return;
      }
      case Imm.BR_ON_CAST:
        this.#carryHint(start);
        reader.u8();
        this.#label(reader);
        readHeapType(reader, this.#guest.types.length);
        readHeapType(reader, this.#guest.types.length);
        return;
      default:
        this.#end(reader, start);
    }
  }

  #enter(frame: number, start: number): void {
    this.#labels.push(frame);
    this.#meter.open(this.#labels.top, start);
  }

  #expectTry(start: number): void {
    if (this.#labels.kind !== Frame.TRY) throw malformed('a catch or delegate outside try', start);
  }

  /** Returns the block that the label names. */
  #label(reader: Reader): number {
    const at = reader.pos;
    const depth = reader.u32();
    const mapped = this.#labels.map(depth, at);
    if (mapped !== depth) this.#replace(reader, at, mapped);
    const block = this.#labels.top - depth;
    // Into the next round of a loop: its poll, or that of the loop which covers it, lies between.
    if (!this.#labels.isLoop(block)) this.#meter.branch(block, at);
    return block;
  }

  #tryTable(reader: Reader, start: number): void {
    this.#blockType(reader);
    const count = reader.count('catch clauses', 2);
    for (let clause = 0; clause < count; clause += 1) {
      const at = reader.pos;
      const form = reader.u8();
      if (form > 3) throw malformed(`a catch clause of kind ${form}`, at);
      if (form < 2) reader.index('tag', this.#guest.tags.length);
      this.#meter.catchTo(this.#label(reader));
    }
    this.#enter(Frame.BLOCK, start);
  }

  /** Returns the index of a type with parameters, or -1. */
  #blockType(reader: Reader): number {
    const at = reader.pos;
    const index = readBlockType(reader, this.#guest.types.length);
    if (index === -1) return -1;
    const type = this.#guest.types[index];
    if (type?.kind !== 'func') throw malformed(`block type ${index}`, at);
    return type.paramCount > 0 ? index : -1;
  }

  #loop(reader: Reader, start: number): void {
    if (this.#options.polls !== 'exit') {
      this.#plainLoop(reader, start);
      return;
    }
    const covered = this.#covered();
    if (covered !== undefined) {
      this.#takeBack(reader, covered);
      return;
    }
    const meter = this.#meter;
    if (meter.needsPollBeforeLoop(start, this.#open.length === 0)) this.#poll(start);
    this.#flush(start);
    const before = {
      meter: meter.state(start),
      hintCursor: this.#hintCursor,
      splits: this.storage.splits,
      callPolls: this.report.counts.callPolls,
      report: this.report.open(start),
    };
    const from = reader.pos;
    const carryType = this.#carryType(this.#blockType(reader));
    const blockType = { start: from, end: reader.pos };
    const covers = this.#isNextCovering;
    this.#isNextCovering = false;
    const outer = this.#open.at(-1);
    if (outer !== undefined) outer.hasLoop = true;
    const loop = this.#loops.open({ offset: start, blockType, carryType, covers }, before);
    this.#copied = reader.pos;
    this.#open.push(loop);
    this.#candidate = loop;
    this.#labels.push(Frame.POLLED_LOOP);
    const isInnermost = this.#graph?.isInnermost(this.#loopNumber) === true;
    meter.openLoop(this.#labels.top, start, isInnermost ? LOOP_BYTES : 0);
    this.#loopNumber += 1;
  }

  /** The type P -> P for the parameters P of a type; -1 for none. */
  #carryType(paramType: number): number {
    if (paramType < 0) return -1;
    const type = this.#guest.types[paramType] as FuncType;
    return this.#space.passThrough(paramType, type.params, type.paramCount);
  }

  /** The loop that needs no poll because of the one that begins here, if there is one; see the head of the file. */
  #covered(): OpenLoop | undefined {
    const labels = this.#labels;
    const isCovered = labels.kind === Frame.POLLED_LOOP && !labels.branched;
    return isCovered ? this.#candidate : undefined;
  }

  /** Goes back to the head of a loop, which has no poll this time. */
  #takeBack(reader: Reader, loop: OpenLoop): void {
    this.#open.pop();
    this.#labels.pop();
    this.#body.truncate(loop.start);
    this.#bodyHints.truncate(loop.hintsStart);
    this.#hintCursor = loop.hintCursor;
    this.storage.splits = loop.splits;
    this.report.takeBack(loop.offset, loop.callPolls);
    this.#copied = loop.offset;
    reader.pos = loop.offset + 1;
    this.#blockType(reader);
    this.#meter.restore(loop.meter, loop.offset);
    this.#isNextCovering = true;
    this.#candidate = undefined;
    this.#labels.push(Frame.PLAIN_LOOP);
    this.#meter.openCoveredLoop(this.#labels.top, loop.offset);
  }

  /** Of the modes for comparison. */
  #plainLoop(reader: Reader, start: number): void {
    const mode = this.#options.polls;
    this.#blockType(reader);
    this.#labels.push(Frame.PLAIN_LOOP);
    this.report.plain(start, mode === 'call' ? 'call' : 'none');
    if (mode !== 'call') return;
    this.#flush(reader.pos);
    this.#loops.poll();
  }

  #end(reader: Reader, start: number): void {
    const { top } = this.#labels;
    const isRepeated = this.#labels.isBranchedTo(top);
    const kind = this.#labels.pop();
    this.#meter.close(top, start, kind === Frame.IF);
    if (kind === Frame.PLAIN_LOOP || kind === Frame.POLLED_LOOP) this.#candidate = undefined;
    if (kind !== Frame.POLLED_LOOP) return;
    const loop = this.#open.pop()!;
    this.#flush(start);
    this.#copied = reader.pos;
    const { poll, rounds } = this.#loops.close(loop, isRepeated);
    this.report.close(loop.report, poll, rounds);
    if (loop.hasCall) this.#markCall();
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
