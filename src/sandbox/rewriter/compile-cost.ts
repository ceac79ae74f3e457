// What a function costs the engine's first compilation, which happens at its first call: inside a worker, where it can be neither
// preempted nor ended. V8's baseline compiler takes note of every local at every branch: 25 to 40 ns for each pair of them on 2 GHz.
// 50,000 locals and 20,000 branches, 180 KB of a module, held a worker for 40 s; 50,000 locals and a br_table of 655,200 labels were
// more memory than the compiler has, which ends the process. No other part of a function was found to cost more than its bytes.

import { RewriteError } from './errors.ts';

/** About a second. Of the functions that compilers make those without any optimization come closest: some 10^7. */
const COST_MAX = 2 ** 25;
/** The copies of small loops: a branch in how many bytes. */
const COPIED_BYTES_PER_BRANCH = 8;

export class CompileCost {
  #branches = 0;

  begin(): void {
    this.#branches = 0;
  }

  add(branches: number): void {
    this.#branches += branches;
  }

  /** Throws if function `index`, at `offset`, is too costly; `grownBytes`: what the rewriter has added to it. */
  check(index: number, offset: number, locals: number, grownBytes: number): void {
    const added = Math.max(0, grownBytes) / COPIED_BYTES_PER_BRANCH;
    if (locals * (this.#branches + added) <= COST_MAX) return;
    throw new RewriteError(
      'ERR_COMPILE_LIMIT',
      `function ${index} at offset 0x${offset.toString(16)} has ${locals} locals and ${this.#branches} branches: to compile it would hold a worker for seconds`,
      offset,
    );
  }
}
