import { describe, expect, it } from 'vitest';
import {
  Imm,
  type OpcodeTable,
  PLAIN,
  PREFIXED,
} from '../../../../src/sandbox/rewriter/opcodes.ts';
import { compare } from './comparison.ts';
import { bodyInstructions } from './decoder.ts';
import { ModuleFile } from './module-file.ts';
import { numericSamples } from './numeric-samples.ts';
import { planCalls } from './plan.ts';
import { Rng } from './rng.ts';
import { watSamples } from './wat-samples.ts';

// Each instruction that V8 has, in functions that are called with many values, as it is and rewritten.

const SAMPLES = [...numericSamples(), ...watSamples()];
const SEED = 0x10e6e;
const ROUNDS = 4;
const ALL = Number.POSITIVE_INFINITY;

function instructions(): Set<string> {
  const found = new Set<string>();
  for (const { bytes } of SAMPLES) {
    for (const body of new ModuleFile(bytes).bodies()) {
      for (const { prefix, code } of bodyInstructions(body)) found.add(key(prefix, code));
    }
  }
  return found;
}

/** By number: two instructions have the name `select`. */
function key(prefix: number | undefined, code: number): string {
  return `${prefix ?? ''} ${code}`;
}

describe('samples', () => {
  it('have_every_instruction_of_the_tables', () => {
    const found = instructions();
    const tables: [number | undefined, OpcodeTable][] = [[undefined, PLAIN], ...PREFIXED];
    const missing = tables.flatMap(([prefix, { kinds, names }]) =>
      names.filter((_, code) => kinds[code] !== Imm.INVALID && !found.has(key(prefix, code))),
    );
    expect(missing).toEqual([]);
  });

  it.each(SAMPLES)(
    'mean_the_same_when_rewritten_reset_interrupted_and_killed: $name',
    async ({ bytes }) => {
      for (const polls of ['exit', 'call'] as const) {
        for (const growth of ['retire', 'keep'] as const) {
          const verdict = await compare(bytes, {
            seed: SEED,
            polls,
            growth,
            plan: (opened) => planCalls(opened, new Rng(SEED), ALL, ROUNDS),
          });
          // What may still be refused stands in refusals.ts.
          expect(verdict.is).not.toBe('skipped');
        }
      }
    },
  );
});
