/** A rewritten guest that counts what it does between two polls. */
import { RUN_BYTES_MAX } from '../../../../src/sandbox/rewriter/call-graph.ts';
import { type RewriteOptions, rewrite } from '../../../../src/sandbox/rewriter/index.ts';
import { FRAME_BYTES_MAX } from '../../../../src/sandbox/rewriter/meter.ts';
import { ModuleFile } from '../differential/module-file.ts';
import { openModule } from '../differential/opened-module.ts';
import { Rewritten } from '../differential/subject.ts';
import { type CountedFunction, type Counter, counterName, countInstructions } from './counting.ts';

const MAX_PAGES = 65_536;

type Polls = Exclude<RewriteOptions['polls'], undefined>;

export interface Stretch {
  /** The longest between two polls, in instructions. */
  readonly work: number;
  readonly bulk: number;
  /** The most activations that there were at once, without the first. */
  readonly depth: number;
  readonly polls: number;
}

export class CountedGuest extends Rewritten {
  readonly functions: readonly CountedFunction[];
  readonly #polls: Polls;
  #longest: Stretch = { work: 0, bulk: 0, depth: 0, polls: 0 };

  private constructor(
    opened: ModuleFile,
    output: Uint8Array,
    counted: readonly CountedFunction[],
    polls: Polls,
  ) {
    super(opened, new ModuleFile(output), { forced: false });
    this.functions = counted;
    this.#polls = polls;
  }

  /** Undefined where the module cannot be instantiated. */
  static of(source: Uint8Array, polls: Polls): CountedGuest | undefined {
    const opened = openModule(source);
    const { bytes } = rewrite(opened.bytes, { maxPages: MAX_PAGES, polls });
    const counted = countInstructions(new ModuleFile(bytes));
    const guest = new CountedGuest(opened, counted.bytes, counted.functions, polls);
    return guest.instantiate() ? guest : undefined;
  }

  /** Of the calls since this was asked last. */
  takeLongest(): Stretch {
    const longest = this.#longest;
    this.#longest = { work: 0, bulk: 0, depth: 0, polls: 0 };
    return longest;
  }

  /** Each call from outside begins a stretch of its own: the host had the worker before. */
  protected override async call(name: string, args: readonly unknown[]): Promise<string> {
    for (const counter of [
      'work',
      'workMax',
      'bulk',
      'bulkMax',
      'depth',
      'depthMax',
      'polls',
    ] as const) {
      this.#counter(counter).value = 0n;
    }
    const outcome = await super.call(name, args);
    const value = (counter: Counter): number => Number(this.#counter(counter).value);
    const { work, bulk, depth, polls } = this.#longest;
    this.#longest = {
      work: Math.max(work, value('workMax')),
      bulk: Math.max(bulk, value('bulkMax')),
      depth: Math.max(depth, value('depthMax')),
      polls: polls + value('polls'),
    };
    return outcome;
  }

  #counter(counter: Counter): WebAssembly.Global {
    return this.link.exports[counterName(counter)] as WebAssembly.Global;
  }

  /**
   * What the design promises, in instructions; each has at least a byte.
   *
   * 'exit' (src/sandbox/rewriter/meter.ts): four runs of code, each of at most RUN_BYTES_MAX; what the rewriter adds round the copies of
   * a loop is not counted there, and is less than they are. Beyond that each activation that there is may go down and come up again,
   * with FRAME_BYTES_MAX on each way.
   *
   * The modes for comparison, with a poll at the entry of each function that calls: an activation executes each instruction at most
   * once, and can call functions that do not poll, once from each of its call instructions; those call nothing. And all
   * activations that there are can return, one after the other.
   */
  bound(depth: number): number {
    if (this.#polls === 'exit') return 2 * 4 * RUN_BYTES_MAX + depth * 2 * FRAME_BYTES_MAX;
    const largest = Math.max(...this.functions.map(({ instructions }) => instructions));
    const one = Math.max(...this.functions.map((f) => f.instructions + f.calls * largest));
    return (depth + 1) * one;
  }
}
