/**
 * One module, run as it is and rewritten. Both are opened up (opened-module.ts) and called by the same plan; what the two
 * write down has to be the same:
 *
 *   undisturbed   with the flag down, over a memory that held something else before
 *   again         after a reset, which has to leave what a fresh instance has
 *   forced        with an interruption at every poll
 *   killed        at one of these interruptions, chosen by the seed; then reset, and once more from the start
 *
 * each with the results, how calls ended, the calls of imports with their arguments and in their order, and at the end
 * globals, tables and memories. Numbers are compared by value and memories by their bytes, so that a NaN counts as a NaN in
 * a result and by its bits in a memory: the generator is told to avoid them there (`--denan`).
 */
import {
  RewriteError,
  type RewriteOptions,
  rewrite,
} from '../../../../src/sandbox/rewriter/index.ts';
import {
  Disagreement,
  hasGrown,
  memorySizes,
  type Record,
  sameRecord,
  sameState,
} from './difference.ts';
import { LinkImpossible } from './host.ts';
import { ModuleFile } from './module-file.ts';
import { openModule } from './opened-module.ts';
import { type PlannedCall, planCalls } from './plan.ts';
import { countPolls } from './polls.ts';
import { ALLOWED_REFUSALS } from './refusals.ts';
import { Rng } from './rng.ts';
import { Original, Rewritten, type State } from './subject.ts';

export type Verdict =
  | {
      readonly is: 'agreed';
      /** Polls that were taken in the forced run. */
      readonly interrupts: number;
      /** The instance could not serve again after the calls. */
      readonly retires: boolean;
    }
  | { readonly is: 'refused' | 'skipped'; readonly why: string };

export interface CompareOptions {
  readonly seed: number;
  readonly polls?: Exclude<RewriteOptions['polls'], undefined>;
  readonly growth?: Exclude<RewriteOptions['growth'], undefined>;
  /** Instead of calls drawn by the seed. */
  readonly plan?: (opened: ModuleFile) => readonly PlannedCall[];
}

const MAX_PAGES = 65_536;

/** Throws a Disagreement. The module has to be one that V8 takes. */
export async function compare(source: Uint8Array, options: CompareOptions): Promise<Verdict> {
  const opened = openModule(source);
  try {
    // Says what is wrong if a module that was good is no longer.
    new WebAssembly.Module(opened.bytes as Uint8Array<ArrayBuffer>);
  } catch (error) {
    if (isRaceOfExceptions(error)) return RACE;
    throw error;
  }
  const rewritten = rewriteOpened(opened, options);
  if (rewritten.is === 'refused') return rewritten;
  try {
    return await new Comparison(opened, rewritten, options).run();
  } catch (error) {
    if (error instanceof WebAssembly.LinkError || error instanceof LinkImpossible) {
      return { is: 'skipped', why: `imports that the host cannot provide (${error.message})` };
    }
    if (isRaceOfExceptions(error)) return RACE;
    throw error;
  }
}

const RACE: Verdict = { is: 'skipped', why: 'V8 takes it or not, as it happens' };

/** V8 compiles functions on several threads: whether it notices that two of them use different exceptions is up to which comes first. */
function isRaceOfExceptions(error: unknown): boolean {
  return /mix of legacy and new exception/.test((error as Error).message);
}

interface Output {
  readonly is: 'rewritten';
  readonly file: ModuleFile;
  readonly servesOnce: boolean;
}

function rewriteOpened(
  opened: ModuleFile,
  { polls = 'exit', growth = 'retire' }: CompareOptions,
): Output | { is: 'refused'; why: string } {
  try {
    const { bytes, info } = rewrite(opened.bytes, { maxPages: MAX_PAGES, polls, growth });
    const file = new ModuleFile(bytes);
    // There may be more: copies, and bulk instructions poll in functions of their own.
    const found = countPolls(file);
    const claimed = info.loopPolls + info.callPolls;
    if (found < claimed) throw new Error(`${found} polls were found and ${claimed} are claimed`);
    return { is: 'rewritten', file, servesOnce: info.servesOnce };
  } catch (error) {
    if (!(error instanceof RewriteError)) throw error;
    const { message, offset } = error;
    if (offset === undefined || !ALLOWED_REFUSALS.some((words) => words.test(message))) {
      throw new Disagreement(`refused: ${message}`);
    }
    return { is: 'refused', why: message };
  }
}

class Comparison {
  readonly #opened: ModuleFile;
  readonly #output: Output;
  readonly #plan: readonly PlannedCall[];
  readonly #rng: Rng;
  readonly #keepsGrown: boolean;

  constructor(opened: ModuleFile, output: Output, options: CompareOptions) {
    this.#opened = opened;
    this.#output = output;
    this.#rng = new Rng(options.seed);
    this.#plan = options.plan?.(opened) ?? planCalls(opened, this.#rng);
    this.#keepsGrown = options.growth === 'keep';
  }

  async run(): Promise<Verdict> {
    const original = new Original(this.#opened);
    const initial = original.instantiate() ? original.state() : undefined;
    const expected = await this.#record(original, initial);
    if (original.overflowed) return { is: 'skipped', why: 'a stack overflow' };
    const retires = await this.#undisturbed(initial, expected);
    const interrupts = await this.#forced(expected);
    if (interrupts > 0) await this.#killed(expected, 1 + this.#rng.below(interrupts));
    return { is: 'agreed', interrupts, retires };
  }

  /** True if the instance has to be retired in the end. */
  async #undisturbed(initial: State | undefined, expected: Record): Promise<boolean> {
    const guest = this.#guest(false);
    const fresh = guest.instantiate() ? guest.state() : undefined;
    if (initial !== undefined && fresh !== undefined && !this.#opened.hasStart) {
      sameState('before the first call', initial, fresh);
    }
    sameRecord('undisturbed', expected, await this.#record(guest, fresh));
    if (guest.interrupts > 0) throw new Disagreement('interrupted with the flag down');
    return fresh !== undefined && !(await this.#again('again', guest, fresh, expected));
  }

  /** Resets and runs once more. False if the instance is to be retired, which is held to have a reason. */
  async #again(phase: string, guest: Rewritten, fresh: State, expected: Record): Promise<boolean> {
    const before = guest.state();
    const verdict = guest.reset();
    if (verdict === 1) {
      if (!this.#output.servesOnce && !hasGrown(fresh, before)) {
        throw new Disagreement(`${phase}: retired, and nothing has grown`);
      }
      return false;
    }
    if (verdict !== 0) throw new Disagreement(`${phase}: reset gave ${verdict}`);
    const now = guest.state();
    sameState(`${phase}, after the reset`, fresh, now, this.#keepsGrown);
    // A memory that stays grown can be read where the original's traps.
    if (memorySizes(fresh) !== memorySizes(now)) return true;
    guest.forget();
    sameRecord(phase, expected, await this.#record(guest, fresh));
    return true;
  }

  async #forced(expected: Record): Promise<number> {
    const guest = this.#guest(true);
    const fresh = guest.instantiate() ? guest.state() : undefined;
    sameRecord('forced', expected, await this.#record(guest, fresh));
    return guest.interrupts;
  }

  async #killed(expected: Record, interruption: number): Promise<void> {
    const phase = `killed at interruption ${interruption}`;
    const guest = this.#guest(true);
    if (!guest.instantiate()) throw new Disagreement(`${phase}: no instance, unlike before`);
    const fresh = guest.state();
    guest.dieAt(interruption);
    await this.#record(guest, fresh);
    const last = guest.lines.at(-1) ?? '';
    if (!last.endsWith('RuntimeError: unreachable')) {
      throw new Disagreement(`${phase}: the guest went on, and ended with ${last}`);
    }
    await this.#again(phase, guest, fresh, expected);
  }

  #guest(forced: boolean): Rewritten {
    return new Rewritten(this.#opened, this.#output.file, { forced });
  }

  /** Without an instance, what was written down so far is all. */
  async #record(subject: Original | Rewritten, instance: State | undefined): Promise<Record> {
    const goesOn = instance !== undefined && (await subject.begin());
    if (goesOn) await subject.calls(this.#plan);
    return { lines: subject.lines, state: goesOn ? subject.state() : undefined };
  }
}
