/** Which threads get cores of their own. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createRuntime } from '../../src/core/index.ts';
import {
  describePlan,
  listenerCores,
  type PinOption,
  pinThread,
  planCores,
  planProcessCores,
} from '../../src/core/pinning.ts';
import { type NativeAddon, nativeAddon } from '../../src/sandbox/index.ts';
import { codeOf, ECHO, small, textOf } from './guests.ts';

/** Where workers and the first three listeners sit. */
function places(pin: PinOption, workers: number, allowed: readonly number[]): unknown {
  const plan = planCores(pin, workers, allowed);
  return plan && [plan.workers, [0, 1, 2].map((n) => listenerCores(plan, n))];
}

describe('a plan', () => {
  it('without_pin_nobody_is_pinned', () => {
    expect(places(false, 1, [0, 1])).toBeUndefined();
  });

  it('on_two_cores_the_worker_and_the_listener_have_one_each', () => {
    expect(places(true, 1, [0, 1])).toEqual([[1], [[0], [0], [0]]]);
  });

  it('workers_have_the_last_cores_and_listeners_the_first_of_those_left', () => {
    expect(places(true, 2, [2, 3, 5, 7, 9])).toEqual([
      [7, 9],
      [[2], [3], [5]],
    ]);
    expect(places(true, 3, [0, 1, 2, 3, 4])).toEqual([
      [2, 3, 4],
      [[0], [1], [0, 1]],
    ]);
  });

  it('a_listener_floats_where_no_core_is_left', () => {
    expect(places(true, 2, [0, 1])).toEqual([
      [0, 1],
      [undefined, undefined, undefined],
    ]);
  });

  it('named_cores_go_to_workers_first_and_then_to_listeners', () => {
    expect(places([3, 0, 2], 2, [0, 1, 2, 3])).toEqual([
      [3, 0],
      [[2], [1, 2], [1, 2]],
    ]);
    expect(places([3, 0], 2, [0, 3])).toEqual([
      [3, 0],
      [undefined, undefined, undefined],
    ]);
  });

  it.each([
    [true, 3, [0, 1], '3 workers need a core each, and this process may use cores 0, 1'],
    [true, 1, [], '1 workers need a core each, and this process may use cores (none)'],
    [[1], 2, [0, 1], '2 workers need a core each, and pin names core 1'],
    [[], 1, [0, 1], '1 workers need a core each, and pin names cores (none)'],
    [[0, 4], 1, [0, 1], '4 is no core that this process may use (cores 0, 1)'],
    [[0.5], 1, [0, 1], '0.5 is no core that this process may use (cores 0, 1)'],
    [[1, 0, 1], 1, [0, 1], 'core 1 is named twice'],
  ] as const)('%j_for_%i_workers_of_%j_is_refused', (pin, workers, allowed, text) => {
    expect(() => planCores(pin, workers, allowed)).toThrow(
      expect.objectContaining({ code: 'ERR_PIN', message: `pin: ${text}` }),
    );
  });

  it('is_described_in_words', () => {
    const words = (pin: PinOption, workers: number, allowed: readonly number[]): string =>
      describePlan(planCores(pin, workers, allowed) as NonNullable<ReturnType<typeof planCores>>);
    expect(words(true, 1, [0, 1])).toBe('worker on core 1, listener on core 0');
    expect(words(true, 2, [0, 1])).toBe(
      'workers on cores 0, 1, no core of its own for the listener',
    );
    expect(words([2], 1, [0, 1, 2])).toBe('worker on core 2, listener on cores 0, 1');
  });
});

describe('a process', () => {
  it('pin_is_refused_without_the_addon_and_when_it_is_no_choice', async () => {
    expect(await codeOf(createRuntime({ pin: true, native: 'off' }))).toBe('ERR_NO_ADDON');
    expect(() => planProcessCores('yes', 1, true)).toThrow('must be true, false or an array');
    expect(planProcessCores(false, 1, false)).toBeUndefined();
  });

  describe.skipIf(nativeAddon() === undefined)('with the addon', () => {
    const addon = nativeAddon() as NativeAddon;
    const cores = addon.cores();

    it('a_thread_is_pinned_alone_and_back', () => {
      const one = [cores.at(-1) as number];
      pinThread(one);
      expect(addon.cores()).toEqual(one);
      pinThread(undefined);
      expect(addon.cores()).toEqual(one);
      pinThread(cores);
      expect(addon.cores()).toEqual(cores);
    });

    it('what_is_not_a_list_of_cores_is_refused', () => {
      for (const wrong of [undefined, [], 1, ['0'], [-1], [65_536], [Number.NaN], [0, null]]) {
        expect(() => addon.pin(wrong as number[]), String(wrong)).toThrow(TypeError);
      }
      expect(() => addon.pin([65_535])).toThrow(expect.objectContaining({ code: 'ERR_PIN' }));
      expect(addon.cores()).toEqual(cores);
    });

    it('cores_that_went_away_leave_a_thread_where_it_was', () => {
      pinThread([65_535]);
      expect(addon.cores()).toEqual(cores);
    });

    /** Threads of this process that may run on that core alone. */
    const sitting = (core: number): number =>
      readdirSync('/proc/self/task').filter((thread) => {
        const status = readFileSync(`/proc/self/task/${thread}/status`, 'utf8');
        return status.includes(`\nCpus_allowed_list:\t${core}\n`);
      }).length;

    it.skipIf(cores.length < 2)(
      'workers_sit_on_their_cores_and_so_do_their_successors',
      async () => {
        await using runtime = await small({ pin: true });
        await runtime.load('echo', { wasm: ECHO });
        const last = cores.at(-1) as number;
        expect(runtime.cores?.workers).toEqual([last]);
        expect(sitting(last)).toBe(1);
        expect(runtime.takeSeat().cores).toEqual([cores[0]]);
        // The caller's thread stays where it was.
        expect(addon.cores()).toEqual(cores);
        await runtime.killWorker(0);
        expect(textOf(await runtime.invoke('echo', { body: 'on' }))).toBe('on');
        expect(sitting(last)).toBe(1);
      },
    );

    it('a_core_that_is_not_there_is_refused', async () => {
      expect(await codeOf(small({ pin: [60_000] }))).toBe('ERR_PIN');
      expect(await codeOf(small({ pin: true, workers: Math.min(64, cores.length + 1) }))).toBe(
        cores.length < 64 ? 'ERR_PIN' : 'resolved',
      );
    });
  });
});
