/** The guest of these experiments (steps.wat), what it is asked and what it has to answer. */
import { readFileSync } from 'node:fs';
import wabtInit from 'wabt';

const FACTOR = 1_664_525;
const SUMMAND = 1_013_904_223;

export async function stepsModule(): Promise<Uint8Array> {
  const wabt = await wabtInit();
  const text = readFileSync(new URL('./steps.wat', import.meta.url), 'utf8');
  const module = wabt.parseWat('steps.wat', text);
  try {
    return module.toBinary({}).buffer;
  } finally {
    module.destroy();
  }
}

export function bodyOf(seed: number, steps: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(seed, steps).buffer);
}

/** Throws unless it is what `steps` steps from `seed` lead to: a wrong answer is not worth timing. */
export function verify(body: Uint8Array, seed: number, steps: number): void {
  const answer = new DataView(body.buffer, body.byteOffset, body.length).getUint32(0, true);
  const expected = stateAfter(seed, steps);
  if (body.length !== 4 || answer !== expected) {
    throw new Error(`${steps} steps from ${seed}: ${answer} where ${expected} was expected`);
  }
}

/** x -> FACTOR x + SUMMAND, `steps` times, modulo 2^32; by squares: the steps of 2, 4, 8 … steps are of the same form. */
export function stateAfter(seed: number, steps: number): number {
  let state = seed | 0;
  let factor = FACTOR;
  let summand = SUMMAND;
  for (let left = steps; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) state = (Math.imul(state, factor) + summand) | 0;
    summand = (Math.imul(summand, factor) + summand) | 0;
    factor = Math.imul(factor, factor);
  }
  return state >>> 0;
}
