// What became of every place that could poll: counts always, and a list by function where it was asked for
// (`report: true`). The list is for people (`luge inspect`, `luge instrument --explain`); a module of 10 MB has some hundred thousand
// loops, which nobody else wants to pay for.

/**
 * `exit`: it polls at its back edge, and leaves the loop for that. `call`: it polls, with a call inside the loop. `covered`: each of
 * its rounds passes the poll of a loop inside it. `none`: the mode has no polls in loops.
 */
export type LoopPollKind = 'exit' | 'call' | 'covered' | 'none';

export interface LoopPolls {
  /** Of the `loop` instruction in the source file, in bytes. */
  readonly offset: number;
  readonly poll: LoopPollKind;
  /** Rounds from one poll to the next: copies of a small body; 0 without a poll of its own. */
  readonly rounds: number;
  /** Offset of the loop inside it that polls, or is covered in its turn; null unless `poll` is `covered`. */
  readonly coveredBy: number | null;
}

export interface FunctionPolls {
  /** In the source's function index space, behind the imported ones. */
  readonly index: number;
  /** From the name section, else that of an export, else `func[index]`. */
  readonly name: string;
  /** Of the body (its local declarations) in the source file, in bytes. */
  readonly offset: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Polls outside the heads of loops: in front of calls, in long code, in handlers. */
  readonly callPolls: number;
  readonly loops: readonly LoopPolls[];
}

export interface PollCounts {
  loopPolls: number;
  elidedLoopPolls: number;
  callPolls: number;
}

export class PollReport {
  readonly counts: PollCounts;
  /** Empty unless the list was asked for. Names come later: the code pass does not know them. */
  readonly functions: Omit<FunctionPolls, 'name'>[];
  readonly #isDetailed: boolean;
  #loops: Omit<LoopPolls, 'coveredBy'>[];
  /** Call polls before the function. */
  #callsBefore: number;

  constructor(isDetailed: boolean) {
    this.counts = { loopPolls: 0, elidedLoopPolls: 0, callPolls: 0 };
    this.functions = [];
    this.#isDetailed = isDetailed;
    this.#loops = [];
    this.#callsBefore = 0;
  }

  /** A loop whose form is known when it is closed; returns what `close` wants. */
  open(offset: number): number {
    return this.#push({ offset, poll: 'exit', rounds: 1 });
  }

  close(loop: number, poll: 'exit' | 'call', rounds: number): void {
    this.counts.loopPolls += 1;
    if (this.#isDetailed) this.#loops[loop] = { ...this.#loops[loop]!, poll, rounds };
  }

  /** The loop that was opened last is covered, and read again from its head; `callPolls` had been counted there. */
  takeBack(offset: number, callPolls: number): void {
    this.counts.elidedLoopPolls += 1;
    this.counts.callPolls = callPolls;
    this.#loops.pop();
    this.#push({ offset, poll: 'covered', rounds: 0 });
  }

  plain(offset: number, poll: 'call' | 'none'): void {
    if (poll === 'call') this.counts.loopPolls += 1;
    this.#push({ offset, poll, rounds: poll === 'call' ? 1 : 0 });
  }

  call(): void {
    this.counts.callPolls += 1;
  }

  /** Ends a function, behind all that it has. */
  end(index: number, offset: number, bytesBefore: number, bytesAfter: number): void {
    const callPolls = this.counts.callPolls - this.#callsBefore;
    this.#callsBefore = this.counts.callPolls;
    if (!this.#isDetailed) return;
    // What covers a loop stands next in the code; see the head of code.ts.
    const loops = this.#loops.map((loop, at) => ({
      ...loop,
      coveredBy: loop.poll === 'covered' ? this.#loops[at + 1]!.offset : null,
    }));
    this.functions.push({ index, offset, bytesBefore, bytesAfter, callPolls, loops });
    this.#loops = [];
  }

  #push(loop: Omit<LoopPolls, 'coveredBy'>): number {
    if (!this.#isDetailed) return -1;
    this.#loops.push(loop);
    return this.#loops.length - 1;
  }
}
