import { afterAll, describe, expect, it } from 'vitest';
import { Generator, PROFILES } from './generator.ts';
import { judge, Tally } from './judgement.ts';

// As many as take about ten seconds; `npm run test:differential` takes thousands.

const COUNT = 200;
const BATCH = 20;
const FIRST_SEED = 1;

describe('random modules', () => {
  const generator = new Generator();
  const tally = new Tally();
  const batches = Array.from({ length: COUNT / BATCH }, (_, at) => FIRST_SEED + at * BATCH);

  afterAll(() => generator.close());

  it.each(batches)(
    'mean_the_same_when_rewritten_reset_interrupted_and_killed_from_seed_%i',
    async (first) => {
      for (let seed = first; seed < first + BATCH; seed += 1) {
        tally.add(seed, await judge(generator, seed));
      }
    },
  );

  it('are_nearly_all_compared', () => {
    expect(tally.complaints(), tally.summary()).toEqual([]);
    expect(tally.total).toBe(COUNT);
  });

  it('are_compared_in_every_profile', () => {
    const silent = PROFILES.filter(({ name }) => tally.agreedOf(name) === 0);
    expect(silent.map(({ name }) => name)).toEqual([]);
  });

  it('are_the_same_for_the_same_seed', async () => {
    const first = await generator.generate(FIRST_SEED);
    expect(await generator.generate(FIRST_SEED)).toEqual(first);
    expect(await generator.generate(FIRST_SEED + PROFILES.length)).not.toEqual(first);
  });
});
