/**
 * One module, run as it is and rewritten. Both are opened up (opened-module.ts) and called by the same plan; what the two
 * write down has to be the same:
 *
 *   undisturbed   with the flag down
 *   again         after a reset, which has to leave what a fresh instance has
 *   forced        with an interruption at every poll
 *   killed        at one of these interruptions, chosen by the seed; then reset, and once more undisturbed
 *
 * each with the entries, the results, how calls ended, the calls of imports with their arguments, and at the end globals, tables
 * and memories. Numbers are compared by value and memories by their bytes, so that a NaN counts as a NaN in a result and
 * by its bits in a memory: the generator is told to avoid them there (`--denan`).
 */
import {
  RewriteError,
  type RewriteOptions,
  rewrite,
} from '../../../../src/sandbox/rewriter/index.ts';
import { LinkImpossible } from './host.ts';
import { ModuleFile } from './module-file.ts';
import { openModule } from './opened-module.ts';
import { type PlannedCall, planCalls } from './plan.ts';
import { ALLOWED_REFUSALS } from './refusals.ts';
import { Rng } from './rng.ts';
import { Original, Rewritten, type State } from './subject.ts';

export type Verdict =
  | { readonly is: 'agreed'; readonly interrupts: number; readonly retires: boolean }
  | { readonly is: 'refused' | 'skipped'; readonly why: string };

/** The rewriter changed what the module means. */
export class Disagreement extends Error {}

const MAX_PAGES = 65_536;

export interface Options {
  readonly seed: number;
  readonly polls?: RewriteOptions['polls'];
  readonly growth?: RewriteOptions['growth'];
  /** Instead of calls drawn by the seed. */
  readonly plan?: (opened: ModuleFile) => readonly PlannedCall[];
}

interface Record {
  readonly lines: readonly string[];
  readonly state: State | undefined;
}

export async function compare(source: Uint8Array, options: Options): Promise<Verdict> {
  const opened = openModule(source);
  new WebAssembly.Module(opened.bytes as Uint8Array<ArrayBuffer>);
  const rewritten = rewriteOpened(opened, options);
  if (typeof rewritten === 'string') return { is: 'refused', why: rewritten };
  const rng = new Rng(options.seed);
  const plan = options.plan?.(opened) ?? planCalls(opened, rng);
  try {
    return await new Comparison(opened, rewritten.file, plan, rng, rewritten.servesOnce).run(
      rewritten.polls,
    );
  } catch (error) {
    if (error instanceof WebAssembly.LinkError || error instanceof LinkImpossible) {
      return { is: 'skipped', why: `imports that the host cannot provide (${error.message})` };
    }
    throw error;
  }
}

function rewriteOpened(
  opened: ModuleFile,
  { polls = 'exit', growth = 'retire' }: Options,
): string | { file: ModuleFile; servesOnce: boolean; polls: Polls } {
  try {
    const { bytes, info } = rewrite(opened.bytes, { maxPages: MAX_PAGES, polls, growth });
    return { file: new ModuleFile(bytes), servesOnce: info.servesOnce, polls: info };
  } catch (error) {
    if (!(error instanceof RewriteError)) throw error;
    if (
      error.offset === undefined ||
      !ALLOWED_REFUSALS.some((words) => words.test(error.message))
    ) {
      throw new Disagreement(`refused: ${error.message}`);
    }
    return error.message;
  }
}

interface Polls {
  readonly loopPolls: number;
  readonly entryPolls: number;
}

class Comparison {
  readonly #opened: ModuleFile;
  readonly #output: ModuleFile;
  readonly #plan: readonly PlannedCall[];
  readonly #rng: Rng;
  readonly #servesOnce: boolean;

  constructor(
    opened: ModuleFile,
    output: ModuleFile,
    plan: readonly PlannedCall[],
    rng: Rng,
    servesOnce: boolean,
  ) {
    this.#opened = opened;
    this.#output = output;
    this.#plan = plan;
    this.#rng = rng;
    this.#servesOnce = servesOnce;
  }

  async run(polls: Polls): Promise<Verdict> {
    const original = new Original(this.#opened);
    const expected = await this.#record(original);
    if (original.overflowed) return { is: 'skipped', why: 'a stack overflow' };
    const retires = await this.#undisturbed(expected);
    const interrupts = await this.#forced(expected, polls);
    if (interrupts > 0) await this.#killed(expected, 1 + this.#rng.below(interrupts));
    return { is: 'agreed', interrupts, retires };
  }

  async #undisturbed(expected: Record): Promise<boolean> {
    const guest = new Rewritten(this.#opened, this.#output, { forced: false });
    const fresh = guest.instantiate() ? guest.state() : undefined;
    this.#same('undisturbed', expected, await this.#record(guest, fresh));
    if (guest.interrupts > 0) throw new Disagreement('interrupted with the flag down');
    if (fresh === undefined) return false;
    return !(await this.#again('again', guest, fresh, expected));
  }

  /** Resets and runs once more. False if the instance is to be retired, which is held to have a reason. */
  async #again(phase: string, guest: Rewritten, fresh: State, expected: Record): Promise<boolean> {
    const before = guest.state();
    const verdict = guest.reset();
    if (verdict === 1) {
      if (!this.#servesOnce && !hasGrown(fresh, before)) {
        throw new Disagreement(`${phase}: retired, and nothing has grown`);
      }
      return false;
    }
    if (verdict !== 0) throw new Disagreement(`${phase}: reset gave ${verdict}`);
    sameState(`${phase}, after the reset`, fresh, guest.state());
    guest.forget();
    this.#same(phase, expected, await this.#record(guest, fresh));
    return true;
  }

  async #forced(expected: Record, polls: Polls): Promise<number> {
    const guest = new Rewritten(this.#opened, this.#output, { forced: true });
    const { loopPolls, entryPolls } = guest.polls!;
    if (loopPolls !== polls.loopPolls || entryPolls !== polls.entryPolls) {
      const found = `${loopPolls} and ${entryPolls} polls in loops and at entries`;
      throw new Error(`${found}, and the rewriter says ${polls.loopPolls} and ${polls.entryPolls}`);
    }
    const fresh = guest.instantiate() ? guest.state() : undefined;
    this.#same('forced', expected, await this.#record(guest, fresh));
    return guest.interrupts;
  }

  async #killed(expected: Record, killAt: number): Promise<void> {
    const guest = new Rewritten(this.#opened, this.#output, { forced: true });
    if (!guest.instantiate()) throw new Disagreement('killed: no instance, unlike before');
    const fresh = guest.state();
    guest.dieAt(killAt);
    await this.#record(guest, fresh);
    const last = guest.lines.at(-1) ?? '';
    const phase = `killed at interruption ${killAt}`;
    if (!last.endsWith('RuntimeError: unreachable')) {
      throw new Disagreement(`${phase}: the guest went on, and ended with ${last}`);
    }
    await this.#again(phase, guest, fresh, expected);
  }

  async #record(subject: Original | Rewritten, fresh?: State): Promise<Record> {
    const isInstance = subject instanceof Original || fresh !== undefined;
    const runs = isInstance && (await subject.begin());
    if (runs) await subject.calls(this.#plan);
    return { lines: subject.lines, state: runs ? subject.state() : undefined };
  }

  #same(phase: string, expected: Record, found: Record): void {
    sameLines(phase, expected.lines, found.lines);
    if (expected.state !== undefined && found.state !== undefined) {
      sameState(phase, expected.state, found.state);
    }
  }
}

function hasGrown(fresh: State, now: State): boolean {
  const tableSizes = (state: State): string =>
    state.lines.map((line) => /^table \d+ of \d+/.exec(line)?.[0] ?? '').join();
  return (
    fresh.memories.some(({ pages }, index) => pages !== now.memories[index]?.pages) ||
    tableSizes(fresh) !== tableSizes(now)
  );
}

function sameLines(phase: string, expected: readonly string[], found: readonly string[]): void {
  for (let at = 0; at < Math.max(expected.length, found.length); at += 1) {
    if (expected[at] === found[at]) continue;
    const context = expected.slice(Math.max(0, at - 3), at).join('\n');
    const difference = `expected: ${expected[at] ?? 'nothing'}\n   found: ${found[at] ?? 'nothing'}`;
    throw new Disagreement(`${phase}, line ${at}:\n${context}\n${difference}`);
  }
}

function sameState(phase: string, expected: State, found: State): void {
  sameLines(`${phase}, state`, expected.lines, found.lines);
  for (const [index, { pages, bytes }] of expected.memories.entries()) {
    const other = found.memories[index]!;
    if (pages !== other.pages) {
      throw new Disagreement(`${phase}: memory ${index} has ${other.pages} pages, not ${pages}`);
    }
    if (bytes.equals(other.bytes)) continue;
    const at = bytes.findIndex((byte, offset) => byte !== other.bytes[offset]);
    const was = `${bytes[at]} expected, ${other.bytes[at]} found`;
    throw new Disagreement(`${phase}: memory ${index} differs at ${at}: ${was}`);
  }
}
