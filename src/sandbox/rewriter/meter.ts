// How much code can have run since the last poll, along every path through one function, and where that asks for another.
//
// Loops poll at their back edges (loops.ts), so that what is left to bound is code that runs once: long functions, and calls.
//
//   RUN    Bytes of code since the last poll. A call adds what its callee may run unpolled (call-graph.ts), RUN_BYTES_MAX at
//          most. A poll goes in front of what would take it beyond twice that; paths that meet go on with the larger of their
//          runs. As what stands before a call or behind it may be a whole run of its own, at most four times RUN_BYTES_MAX
//          bytes of code run between two polls outside recursion.
//   DEPTH  Recursion. A function that makes one recursive call and returns can run no longer than the stack is deep; what runs
//          for ever comes back and calls again. So the first recursive call of an activation is free, and each later one needs
//          a poll between the last one and itself. (One poll at each entry costs a leaf as much as a node; this one costs
//          nothing in a leaf, and nothing in a list.) Going down and coming up again,
//          an activation may add FRAME_BYTES_MAX of code on each way; where it has more, that polls: before the first
//          recursive call, and behind the last. A stack of V8 has at most some 20,000 frames, so 2 * 20,000 * 64 bytes, about as
//          long as a chunk of a bulk instruction takes.
//          A tail call makes no frame, and so polls always if it is recursive.
//   Exceptions leave from anywhere: their handlers begin with a poll.
//
// The positions are those of the source: what the rewriter adds is not counted.

import { RUN_BYTES_MAX } from './call-graph.ts';

export const FRAME_BYTES_MAX = 64;
const LIMIT_BYTES: number = 2 * RUN_BYTES_MAX;

/** No path leads here. */
const NEVER = -1;

/** State at a place: `run` in bytes since the last poll or NEVER, and whether a recursive call has been made since. */
export interface MeterState {
  readonly run: number;
  readonly hasCalled: boolean;
}

export class Meter {
  /** Where a poll is due, unless one comes before; a position in the source. */
  dueAt: number;
  /** Bytes at `#mark`, or NEVER. */
  #run: number;
  #mark: number;
  #hasCalled: boolean;
  #isRecursive: boolean;
  /** Nothing is measured before the first `begin`. */
  #isOn: boolean;
  // By open block: what flows in, for `else`; and the worst of what flows to its end.
  readonly #inRun: number[];
  readonly #inCalled: boolean[];
  readonly #outRun: number[];
  readonly #outCalled: boolean[];

  constructor() {
    this.dueAt = Number.POSITIVE_INFINITY;
    this.#run = NEVER;
    this.#mark = 0;
    this.#hasCalled = false;
    this.#isRecursive = false;
    this.#isOn = false;
    this.#inRun = [];
    this.#inCalled = [];
    this.#outRun = [];
    this.#outCalled = [];
  }

  /** A function whose code begins at `pos`. Its body is block 0. */
  begin(pos: number, isRecursive: boolean): void {
    this.#isOn = true;
    this.#isRecursive = isRecursive;
    this.#set(0, false, pos);
    this.open(0, pos);
  }

  state(pos: number): MeterState {
    return { run: this.#at(pos), hasCalled: this.#hasCalled };
  }

  restore({ run, hasCalled }: MeterState, pos: number): void {
    this.#set(run, hasCalled, pos);
  }

  // --- control -------------------------------------------------------------------------------------------------

  open(block: number, pos: number): void {
    this.#inRun[block] = this.#at(pos);
    this.#inCalled[block] = this.#hasCalled;
    this.#outRun[block] = NEVER;
    this.#outCalled[block] = false;
  }

  /**
   * Whether a poll has to go in front of a loop: its rounds start without a recursive call, and so shall the first; and an
   * outermost one is the better place for a poll that would be due soon.
   */
  needsPollBeforeLoop(pos: number, isOutermost: boolean): boolean {
    return (
      this.#run !== NEVER && (this.#hasCalled || (isOutermost && this.#at(pos) > RUN_BYTES_MAX))
    );
  }

  /** `bytes`: what it may run before its first poll, beyond its own. */
  openLoop(block: number, pos: number, bytes: number): void {
    const run = this.#at(pos);
    if (run !== NEVER) this.#set(run + bytes, this.#hasCalled, pos);
    this.open(block, pos);
  }

  /** One without a poll at its back edge, so that its head may come behind anything that its body calls. */
  openCoveredLoop(block: number, pos: number): void {
    const run = this.#at(pos);
    if (run !== NEVER) this.#set(run, this.#isRecursive, pos);
    this.open(block, pos);
  }

  branch(block: number, pos: number): void {
    this.#flow(block, this.#at(pos), this.#hasCalled);
  }

  /** What follows is not reached from before. */
  kill(): void {
    this.#set(NEVER, false, 0);
  }

  otherwise(block: number, pos: number): void {
    this.branch(block, pos);
    this.#set(this.#inRun[block]!, this.#inCalled[block]!, pos);
    this.#inRun[block] = NEVER;
  }

  /** A handler that begins at `pos`. */
  handler(block: number, pos: number): void {
    this.branch(block, pos);
    if (this.#isOn) this.#set(LIMIT_BYTES, this.#isRecursive, pos);
  }

  /** An exception may be caught by a branch to `block`. */
  catchTo(block: number): void {
    if (this.#isOn) this.#flow(block, LIMIT_BYTES, this.#isRecursive);
  }

  /** `isIf`: without an `else`, what flowed in may flow out; behind an `else` there is nothing left of it. */
  close(block: number, pos: number, isIf: boolean): void {
    if (isIf) this.#flow(block, this.#inRun[block]!, this.#inCalled[block]!);
    this.branch(block, pos);
    this.#set(this.#outRun[block]!, this.#outCalled[block]!, pos);
  }

  // --- polls ---------------------------------------------------------------------------------------------------

  polled(pos: number): void {
    this.#set(0, false, pos);
  }

  /** Whether a call at `pos` needs a poll in front, which is then taken to be there. `bytes`: what the callee may run unpolled. */
  call(pos: number, bytes: number, isRecursive: boolean, isTail: boolean): boolean {
    const run = this.#at(pos);
    if (run === NEVER) return false;
    const needsPoll = isRecursive
      ? isTail || this.#hasCalled || run > FRAME_BYTES_MAX
      : run + bytes > LIMIT_BYTES;
    const before = needsPoll ? 0 : run;
    const hasCalled = this.#hasCalled && !needsPoll;
    if (isRecursive) this.#set(0, true, pos);
    else this.#set(before + bytes, hasCalled, pos);
    return needsPoll;
  }

  #at(pos: number): number {
    return this.#run === NEVER ? NEVER : this.#run + pos - this.#mark;
  }

  #set(run: number, hasCalled: boolean, pos: number): void {
    this.#run = run;
    this.#mark = pos;
    this.#hasCalled = hasCalled;
    const most = hasCalled ? FRAME_BYTES_MAX : LIMIT_BYTES;
    this.dueAt = run === NEVER ? Number.POSITIVE_INFINITY : pos + Math.max(0, most - run);
  }

  #flow(block: number, run: number, hasCalled: boolean): void {
    if (run === NEVER) return;
    this.#outRun[block] = Math.max(this.#outRun[block]!, run);
    this.#outCalled[block] ||= hasCalled;
  }
}
