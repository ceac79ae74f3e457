import { describe, expect, it } from 'vitest';
import { CORPUS, type Sample } from './corpus.ts';
import { assemble, Rewritten, type RunOptions, runOriginal, runRewritten } from './harness.ts';

const bytesOf = new Map(CORPUS.map((sample) => [sample.name, assemble(sample.wat)]));

function optionsOf(sample: Sample, options: RunOptions = {}): RunOptions {
  return sample.imports === undefined ? options : { ...options, imports: sample.imports() };
}

function original(sample: Sample): ReturnType<typeof runOriginal> {
  return runOriginal(bytesOf.get(sample.name)!, sample.calls, optionsOf(sample));
}

function guestOf(sample: Sample, options: RunOptions = {}): Rewritten {
  return new Rewritten(bytesOf.get(sample.name)!, optionsOf(sample, options));
}

describe.each(CORPUS)('$name', (sample) => {
  it.each(['exit', 'call', 'entry', 'none'] as const)(
    'does_the_same_with_polls_%s',
    async (polls) => {
      const guest = guestOf(sample, { polls, dirt: 0xa5 });
      expect(await runRewritten(guest, sample.calls)).toEqual(await original(sample));
      expect(guest.interrupts).toBe(0);
    },
  );

  // With a flag that nobody lowers: a guest makes a round of a loop, or a call, for each interruption.
  it.each(['exit', 'call', 'entry'] as const)(
    'does_the_same_when_each_poll_is_taken: %s',
    async (polls) => {
      const expected = await original(sample);
      const guest = guestOf(sample, {
        polls,
        interrupt: () => (count++ % 2 === 0 ? 0 : Promise.resolve(0)),
      });
      let count = 0;
      await guest.reset();
      guest.control[0] = 1;
      expect(await runRewritten(guest, sample.calls)).toEqual(expected);
      // Loops of few rounds need not meet a poll that stands at the back edge.
      if (polls === 'call' && guest.info.loopPolls > 0 && sample.calls.length > 1)
        expect(guest.interrupts).toBeGreaterThan(0);
    },
  );

  it('is_like_new_after_a_reset_or_says_that_it_is_not', async () => {
    const guest = guestOf(sample);
    const first = await runRewritten(guest, sample.calls);
    if (sample.retires === true) {
      expect(await guest.reset()).toBe(1);
      return;
    }
    const fresh = guestOf(sample, { dirt: 1 });
    await fresh.reset();
    expect(await guest.reset()).toBe(0);
    expect(guest.state()).toEqual(fresh.state());
    expect(await runRewritten(guest, sample.calls)).toEqual(first);
  });
});
