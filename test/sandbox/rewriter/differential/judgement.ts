/** A seed's module, generated and compared; and the counts of many such judgements, which say whether they mean anything. */
import { type CompareOptions, compare, type Verdict } from './comparison.ts';
import { type Generator, GeneratorFailure, profileOf } from './generator.ts';
import { openModule } from './opened-module.ts';
import { planCalls } from './plan.ts';
import { Rng } from './rng.ts';
import { Original } from './subject.ts';

export function optionsOf(seed: number): CompareOptions {
  return {
    seed,
    polls: seed % 7 === 3 ? 'call' : 'exit',
    growth: seed % 3 === 1 ? 'keep' : 'retire',
  };
}

export function repeatCommand(seed: number): string {
  return `LUGE_SEED=${seed} LUGE_DIFF_COUNT=1 npm run test:differential`;
}

export async function judge(generator: Generator, seed: number): Promise<Verdict> {
  let source: Uint8Array<ArrayBuffer>;
  try {
    source = await generator.generate(seed);
  } catch (error) {
    if (!(error instanceof GeneratorFailure)) throw error;
    return { is: 'skipped', why: 'the generator failed' };
  }
  if (!WebAssembly.validate(source)) return { is: 'skipped', why: 'the engine refuses the module' };
  try {
    return await compare(source, optionsOf(seed));
  } catch (error) {
    const { name, message } = error as Error;
    const place = `seed ${seed} (profile ${profileOf(seed).name}): ${name}: ${message}`;
    throw new Error(`${place}\nrepeat it: ${repeatCommand(seed)}`, { cause: error });
  }
}

/** For a module that did not end: who is to blame? */
export async function runOriginalAlone(generator: Generator, seed: number): Promise<void> {
  const opened = openModule(await generator.generate(seed));
  const original = new Original(opened);
  if (original.instantiate() && (await original.begin())) {
    await original.calls(planCalls(opened, new Rng(seed)));
  }
}

export class Tally {
  total: number = 0;
  agreed: number = 0;
  refused: number = 0;
  skipped: number = 0;
  retired: number = 0;
  interrupts: number = 0;
  /** Of what was not compared. */
  readonly reasons: Map<string, number> = new Map();
  readonly #agreedByProfile: Map<string, number> = new Map();

  add(seed: number, verdict: Verdict): void {
    this.total += 1;
    this[verdict.is] += 1;
    if (verdict.is !== 'agreed') {
      const reason = verdict.why.replace(/ at offset 0x[0-9a-f]+/, '');
      this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
      return;
    }
    const { name } = profileOf(seed);
    this.#agreedByProfile.set(name, (this.#agreedByProfile.get(name) ?? 0) + 1);
    this.interrupts += verdict.interrupts;
    if (verdict.retires) this.retired += 1;
  }

  agreedOf(profile: string): number {
    return this.#agreedByProfile.get(profile) ?? 0;
  }

  /** What is wrong with the run as a whole, if something is: a comparison that never takes place proves nothing. */
  complaints(): string[] {
    const complaints: string[] = [];
    const complain = (isWrong: boolean, words: string): void => {
      if (isWrong) complaints.push(words);
    };
    complain(this.skipped > this.total * SKIPPED_MAX, `${this.skipped} of ${this.total} skipped`);
    complain(this.refused > this.total * REFUSED_MAX, `${this.refused} of ${this.total} refused`);
    complain(
      this.retired > this.agreed / 2,
      `${this.retired} of ${this.agreed} could not be reset`,
    );
    complain(this.interrupts < this.agreed, `${this.interrupts} polls taken`);
    return complaints;
  }

  summary(): string {
    const reasons = [...this.reasons].map(([why, count]) => `  ${count} ${why}`);
    const counts = `${this.agreed} agreed, ${this.refused} refused, ${this.skipped} skipped`;
    const more = `${this.retired} retired after the calls, ${this.interrupts} polls taken`;
    return [`${this.total} modules: ${counts}; ${more}`, ...reasons].join('\n');
  }
}

/** Shares of all modules. The refused ones are nearly all of one profile in eleven. */
const SKIPPED_MAX = 0.05;
const REFUSED_MAX = 0.12;
