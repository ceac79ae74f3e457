import { malformed } from './errors.ts';

// The stack of open blocks of one function, in the guest's numbering and in the output's. A polled loop is one label
// to the guest and four to the engine (loops.ts), so that a label which leaves such a loop moves by
// three for each of them.

export const Frame = {
  FUNCTION: 0,
  BLOCK: 1,
  TRY: 2,
  PLAIN_LOOP: 3,
  POLLED_LOOP: 4,
  IF: 5,
} as const;

/** Those around $L, in each form of a polled loop. */
const POLL_LABELS = 3;

/** Loops right in each other, more than programs have; without a limit a chain of n of them would take n² steps. */
const CHAIN_MAX = 32;

export class LabelStack {
  /** Index of the innermost frame; -1 when the function is closed. */
  top: number = -1;
  readonly #kinds: number[] = [];
  /** Position of each guest label on the output's stack, the function being 0. */
  readonly #positions: number[] = [];
  readonly #branched: boolean[] = [];
  #outputTop = -1;

  /** Forgets what a function that could not be read left behind. */
  clear(): void {
    this.top = -1;
    this.#outputTop = -1;
  }

  push(kind: number): void {
    this.top += 1;
    this.#outputTop += kind === Frame.POLLED_LOOP ? 1 + POLL_LABELS : 1;
    this.#kinds[this.top] = kind;
    this.#positions[this.top] = this.#outputTop;
    this.#branched[this.top] = false;
  }

  /** Returns the kind of the frame that is closed. */
  pop(): number {
    const kind = this.#kinds[this.top]!;
    this.top -= 1;
    this.#outputTop -= kind === Frame.POLLED_LOOP ? 1 + POLL_LABELS : 1;
    return kind;
  }

  get kind(): number {
    return this.#kinds[this.top]!;
  }

  /** Whether any branch so far names the frame. */
  isBranchedTo(frame: number): boolean {
    return this.#branched[frame]!;
  }

  isLoop(frame: number): boolean {
    const kind = this.#kinds[frame];
    return kind === Frame.PLAIN_LOOP || kind === Frame.POLLED_LOOP;
  }

  /**
   * Whether any branch so far names the innermost frame, or one of the plain loops that it stands directly in: those
   * may have left their poll to the loop at the top, so that a way back to one of them is a way round that poll, too.
   * Where the chain is too long to look, too.
   */
  get branched(): boolean {
    const last = this.top - CHAIN_MAX;
    let frame = this.top;
    do {
      if (this.#branched[frame] || frame === last) return true;
      frame -= 1;
    } while (this.#kinds[frame] === Frame.PLAIN_LOOP);
    return false;
  }

  /** The output's depth for a guest's label; `offset` is where it stands. */
  map(depth: number, offset: number): number {
    const frame = this.top - depth;
    if (frame < 0) throw malformed(`label ${depth} of ${this.top + 1}`, offset);
    this.#branched[frame] = true;
    return this.#outputTop - this.#positions[frame]!;
  }
}
