// What became of every place that could poll: counts always, and a list by function where it was asked for
// (`report: true`). The list is for people (`luge inspect`, `luge instrument --explain`); a module of 10 MB has some hundred thousand
// loops, which nobody else wants to pay for.

/**
 * `exit`, `call`: it polls, in that form. `covered`: each of its rounds passes the poll of a loop inside it. `none`: the
 * mode has no polls in loops.
 */
export type LoopPollKind = 'exit' | 'call' | 'covered' | 'none';

/** `leaf`: the function makes no call, so that it is part of no recursion. `none`: the mode has no polls. */
export type EntryPollKind = 'polled' | 'leaf' | 'none';

export interface LoopPolls {
  /** Of the `loop` instruction in the source file, in bytes. */
  readonly offset: number;
  readonly poll: LoopPollKind;
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
  readonly entry: EntryPollKind;
  readonly loops: readonly LoopPolls[];
}

export interface PollCounts {
  loopPolls: number;
  elidedLoopPolls: number;
  entryPolls: number;
  elidedEntryPolls: number;
}

export class PollReport {
  readonly counts: PollCounts;
  /** Empty unless the list was asked for. Names come later: the code pass does not know them. */
  readonly functions: Omit<FunctionPolls, 'name'>[];
  readonly #isDetailed: boolean;
  #loops: { offset: number; poll: LoopPollKind }[];
  #entry: EntryPollKind;

  constructor(isDetailed: boolean) {
    this.counts = { loopPolls: 0, elidedLoopPolls: 0, entryPolls: 0, elidedEntryPolls: 0 };
    this.functions = [];
    this.#isDetailed = isDetailed;
    this.#loops = [];
    this.#entry = 'none';
  }

  /** A loop that turns out to be covered comes a second time, with nothing in between: it has been counted as one that polls. */
  loop(offset: number, poll: LoopPollKind): void {
    if (poll === 'exit' || poll === 'call') this.counts.loopPolls += 1;
    if (poll === 'covered') {
      this.counts.loopPolls -= 1;
      this.counts.elidedLoopPolls += 1;
    }
    if (!this.#isDetailed) return;
    if (poll === 'covered') this.#loops.pop();
    this.#loops.push({ offset, poll });
  }

  entry(poll: EntryPollKind): void {
    if (poll === 'polled') this.counts.entryPolls += 1;
    if (poll === 'leaf') this.counts.elidedEntryPolls += 1;
    this.#entry = poll;
  }

  /** Ends a function, behind its loops and its entry. */
  end(index: number, offset: number, bytesBefore: number, bytesAfter: number): void {
    if (!this.#isDetailed) return;
    // What covers a loop stands next in the code; see the head of code.ts.
    const loops = this.#loops.map((loop, at) => ({
      ...loop,
      coveredBy: loop.poll === 'covered' ? this.#loops[at + 1]!.offset : null,
    }));
    this.functions.push({ index, offset, bytesBefore, bytesAfter, entry: this.#entry, loops });
    this.#loops = [];
  }
}
