// The forms of a polled loop. The guest's loop of type P -> R, with the body B, becomes one of these; `poll?` is
// `(i32.load $control (i32.const 0))`, and all that leads to a call is hinted unlikely.
//
//   small: no call or loop inside        larger                          with calls
//
//   block $exit (P -> R)                 block $exit (P -> R)            block $exit (P -> R)
//     block $poll (P -> P)                 loop $again (P -> R)            block (P -> R)
//       (br_if $poll poll?)   if it          loop $fast (P -> P)             loop $fast (P -> P)
//       loop $fast (P -> P)   covers           block $L (P -> P)               block $L (P -> P)
//         block $L (P -> P)   }                  B  br $exit                     B  br $exit
//           B  br $exit       } up to 10       end                             end
//         end                 } times          (br_if $fast !poll?)            (if poll? call $interrupted)
//         (br_if $fast !poll?)               end                               br $fast
//       end                                  call $interrupted               end
//     end                                    br $again                     end
//     loop $again (P -> R)                 end                           end
//       call $interrupted                end
//       loop $slow (P -> P)
//         block $L … end   up to twice
//         (br_if $slow !poll?)
//       end
//       br $again
//     end
//   end
//
// A branch of the guest to its loop leads to the end of its copy, and so into the next one or to the poll. Since $L is at the
// same depth in each form, all copies are the same bytes, and what leaves the loop has three labels more to cross.
//
// Why so. Figures: nanoseconds or ratios to the untouched module, TurboFan, V8 14.6 on a Xeon; `npm run bench -- poll` has those of today.
// - The poll is three loads (V8 keeps the base of memory 0 in a register, but not that of the second), a compare and a branch: 4 to 15 %
//   of a loop of a few instructions. So it comes once in up to 10 rounds, of at most LOOP_BYTES of code together. Geometric means over 27
//   kernels by clang -O2: 10 rounds 1.014, 8 1.029, 16 1.023; 1024 bytes 1.020, 768 1.025, 512 1.039, 256 1.07, where clang has
//   unrolled a loop before us. The copies do what V8's own unrolling would (4 rounds, fewer than 50 nodes), which is why some
//   loops come out faster than they were.
//   Other ways, in a loop of two memory accesses (poll_way_… of the bench): a poll each round 1.44; with the control memory as memory 0 and the
//   guest's behind it 1.47, and all its other accesses pay; a local that counts ten rounds down 1.7; ten copies 0.93. A flag in a mutable global
//   would be 1.1, since V8 loads its address once, but no other thread can write one. And the base of a memory, whose two loads are most
//   of the cost, is nothing that Wasm code could keep in a local.
// - At the back edge, since a loop of few rounds then meets no poll. At the head it met one more than it had rounds.
// - The poll leaves the loop: there is no call in $fast, so that V8 still peels it and keeps its values in registers.
// - $again is a loop of its own, apart from $fast. With $fast inside it, each entry passed two loop headers, each with V8's
//   own stack check and up to 63 bytes of nops for its alignment: 1.5 for a loop of one or two rounds (UTF-8 validation).
//   A body beyond half of LOOP_BYTES is not written twice for that.
// - Where the guest's loop makes calls, V8 neither peels nor unrolls it, and the plain form is the fastest: fib with its
//   second call made a loop by clang, 1.15 against 1.24. (It is the worst that is left: clang -O3 makes it a call in 2 cycles,
//   as V8 inlines it into itself, and the poll between two calls is a third cycle: 1.45.)
//
// Progress: the body runs before the poll, so that a guest whose flag stays up still makes a round for each interruption.

import { type HintList, LIKELY, UNLIKELY } from './branch-hints.ts';
import { LOOP_BYTES } from './call-graph.ts';
import { OP } from './helpers.ts';
import { EMPTY_BLOCK } from './instruction.ts';
import type { MeterState } from './meter.ts';
import type { Span } from './reader.ts';
import type { Writer } from './writer.ts';

const COPIES_MAX = 10;
const SLOW_COPIES_MAX = 2;

/** Of $exit, seen from inside $L. */
const EXIT = 3;

export interface OpenLoop {
  /** Of the `loop` instruction in the source. */
  readonly offset: number;
  /** The guest's block type in the source. */
  readonly blockType: Span;
  /** Index of the type P -> P, or -1 if there are no parameters. */
  readonly carryType: number;
  /** Each round of the loop around it enters it, and has no poll of its own. */
  readonly covers: boolean;
  /** Where it starts in the output, and where $again and $L do; and its hints. */
  readonly start: number;
  readonly again: number;
  readonly body: number;
  readonly hintsStart: number;
  readonly hintsBody: number;
  /** Before it, for those who go back there. */
  readonly meter: MeterState;
  readonly hintCursor: number;
  readonly splits: number;
  readonly callPolls: number;
  /** Its number in the report. */
  readonly report: number;
  hasLoop: boolean;
  hasCall: boolean;
}

export interface LoopCode {
  /** Pushes the flag. */
  readonly flag: readonly number[];
  /** `if (flag) call $interrupted`. */
  readonly poll: readonly number[];
  readonly interrupted: number;
}

export class LoopWriter {
  readonly #source: Uint8Array;
  readonly #out: Writer;
  readonly #code: LoopCode;
  hints: HintList;

  constructor(source: Uint8Array, out: Writer, hints: HintList, code: LoopCode) {
    this.#source = source;
    this.#out = out;
    this.#code = code;
    this.hints = hints;
  }

  /** Stack-neutral, wherever it stands. */
  poll(): void {
    this.hints.push(this.#out.length + this.#code.flag.length, UNLIKELY);
    this.#out.raw(...this.#code.poll);
  }

  /** Opens a loop in the form of a larger one; what comes next is its body. */
  open(
    loop: Pick<OpenLoop, 'offset' | 'blockType' | 'carryType' | 'covers'>,
    before: Pick<OpenLoop, 'meter' | 'hintCursor' | 'splits' | 'callPolls' | 'report'>,
  ): OpenLoop {
    const out = this.#out;
    const start = out.length;
    const hintsStart = this.hints.offsets.length;
    if (loop.covers) this.poll();
    this.#head(OP.BLOCK, loop.blockType);
    const again = out.length;
    this.#head(OP.LOOP, loop.blockType);
    this.#carry(OP.LOOP, loop.carryType);
    const body = out.length;
    const hintsBody = this.hints.offsets.length;
    this.#carry(OP.BLOCK, loop.carryType);
    return {
      ...loop,
      ...before,
      ...{ start, again, body, hintsStart, hintsBody },
      hasLoop: false,
      hasCall: false,
    };
  }

  /**
   * Closes a loop whose body has been written, but for its `end`; `isRepeated`: some branch leads to it. Returns the form, and how many
   * rounds come before a poll.
   */
  close(loop: OpenLoop, isRepeated: boolean): { poll: 'exit' | 'call'; rounds: number } {
    const out = this.#out;
    out.raw(OP.BR, EXIT, OP.END);
    if (loop.hasCall) {
      out.set(loop.again, OP.BLOCK);
      this.poll();
      out.raw(OP.BR, 0, OP.END, OP.UNREACHABLE, OP.END, OP.END);
      return { poll: 'call', rounds: 1 };
    }
    const bytes = out.length - loop.body;
    const rounds = Math.min(COPIES_MAX, Math.floor(LOOP_BYTES / bytes));
    if (isRepeated && !loop.hasLoop && rounds > 1) {
      this.#rewrite(loop, rounds);
      return { poll: 'exit', rounds };
    }
    this.#backEdge();
    out.raw(OP.CALL);
    out.u32(this.#code.interrupted);
    out.raw(OP.BR, 0, OP.END, OP.END);
    return { poll: 'exit', rounds: 1 };
  }

  /** As a small loop, with copies of what stands there as a larger one. */
  #rewrite(loop: OpenLoop, rounds: number): void {
    const out = this.#out;
    const copy = out.view().slice(loop.body);
    const offsets = this.hints.offsets.slice(loop.hintsBody);
    const values = this.hints.values.slice(loop.hintsBody);
    out.truncate(loop.start);
    this.hints.truncate(loop.hintsStart);
    const copies = (count: number): void => {
      for (let round = 0; round < count; round += 1) {
        const shift = out.length - loop.body;
        for (const [at, offset] of offsets.entries()) this.hints.push(offset + shift, values[at]!);
        out.copy(copy, 0, copy.length);
      }
      this.#backEdge();
    };
    this.#head(OP.BLOCK, loop.blockType);
    this.#carry(OP.BLOCK, loop.carryType);
    if (loop.covers) {
      out.raw(...this.#code.flag);
      this.hints.push(out.length, UNLIKELY);
      out.raw(OP.BR_IF, 0);
    }
    this.#carry(OP.LOOP, loop.carryType);
    copies(rounds);
    out.u8(OP.END);
    this.#head(OP.LOOP, loop.blockType);
    out.u8(OP.CALL);
    out.u32(this.#code.interrupted);
    this.#carry(OP.LOOP, loop.carryType);
    copies(Math.min(rounds, SLOW_COPIES_MAX));
    out.raw(OP.BR, 0, OP.END, OP.END);
  }

  /** The next rounds, unless the flag is up; and the end of the loop. */
  #backEdge(): void {
    const out = this.#out;
    out.raw(...this.#code.flag, OP.I32_EQZ);
    this.hints.push(out.length, LIKELY);
    out.raw(OP.BR_IF, 0, OP.END);
  }

  #head(opcode: number, { start, end }: Span): void {
    this.#out.u8(opcode);
    this.#out.copy(this.#source, start, end);
  }

  #carry(opcode: number, carryType: number): void {
    this.#out.u8(opcode);
    // A block type is an s33: an index whose LEB128 would end with bit 6 set needs another byte.
    if (carryType < 0) this.#out.u8(EMPTY_BLOCK);
    else this.#out.s32(carryType);
  }
}
