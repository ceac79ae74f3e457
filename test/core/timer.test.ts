/** The runtime's timer: which one, and that guests take turns by it. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { TimerName } from '../../src/core/index.ts';
import { chooseTimer } from '../../src/core/quantum-timer.ts';
import { nativeAddon } from '../../src/sandbox/index.ts';
import { allFree, codeOf, ECHO, SPIN, small, textOf } from './guests.ts';

const HAS_ADDON = nativeAddon() !== undefined;
const TIMERS: readonly TimerName[] = HAS_ADDON ? ['js', 'native'] : ['js'];

describe('the choice', () => {
  it('auto_is_native_where_the_addon_is', () => {
    expect(chooseTimer('auto', true)).toBe('native');
    expect(chooseTimer('auto', false)).toBe('js');
    expect(chooseTimer('js', true)).toBe('js');
    expect(chooseTimer('native', true)).toBe('native');
  });

  it('native_without_the_addon_is_refused', async () => {
    expect(await codeOf(small({ timer: 'native', native: 'off' }))).toBe('ERR_NO_ADDON');
  });

  it('what_is_no_timer_is_refused', async () => {
    expect(await codeOf(small({ timer: 'quartz' as 'js' }))).toBe('ERR_INVALID_ARGUMENT');
  });

  it('is_told', async () => {
    for (const timer of TIMERS) {
      await using runtime = await small({ timer });
      expect([runtime.timer, runtime.stats().timer]).toEqual([timer, timer]);
    }
    await using runtime = await small({ native: 'off' });
    expect([runtime.timer, runtime.native]).toEqual(['js', false]);
  });

  it('a_process_that_cannot_load_addons_has_all_but_precision', () => {
    const child = fileURLToPath(new URL('./no-addon-child.ts', import.meta.url));
    const output = execFileSync(process.execPath, ['--no-addons', child], { encoding: 'utf8' });
    expect(JSON.parse(output)).toEqual({
      native: false,
      timer: 'js',
      answers: ['0', '1', '2'],
      ends: ['ERR_CPU_LIMIT', 'ERR_CPU_LIMIT'],
      preempted: true,
      refused: ['ERR_NO_ADDON', 'ERR_NO_ADDON'],
    });
  });
});

describe.each(TIMERS)('the %s timer', (timer) => {
  /** Two endless guests on one worker until their limit of running time ends them. */
  async function duel(quantumUs: number): Promise<{ preemptions: number; ticks: number }> {
    await using runtime = await small({ timer, quantumUs });
    await runtime.load('spin', { wasm: SPIN, cpuLimitMs: 120 });
    const ends = await Promise.all([1, 2].map(() => codeOf(runtime.invoke('spin'))));
    expect(ends).toEqual(['ERR_CPU_LIMIT', 'ERR_CPU_LIMIT']);
    await allFree(runtime);
    const { workers, ticks, interrupts } = runtime.stats();
    const { preemptions = 0, kills = 0 } = workers[0] ?? {};
    expect(kills).toBe(2);
    // A guest leaves because a flag was raised, and a tick raises a worker's flag once.
    expect(preemptions).toBeLessThanOrEqual(interrupts);
    expect(interrupts).toBeLessThanOrEqual(ticks);
    return { preemptions, ticks };
  }

  it('a_shorter_quantum_means_more_turns', async () => {
    const short = await duel(500);
    const long = await duel(40_000);
    expect(long.preemptions).toBeGreaterThan(0);
    // It would be 80 times as many on a machine that does nothing else.
    expect(short.preemptions).toBeGreaterThan(5 * long.preemptions);
  });

  it('a_guest_has_its_quantum', async () => {
    // 240 ms of running in quanta of 40 ms: who is preempted has run for half a quantum at least (tick-schedule.ts).
    expect((await duel(40_000)).preemptions).toBeLessThanOrEqual(12);
  });

  it('preemption_can_be_switched_off_and_limits_still_hold', async () => {
    expect((await duel(0)).preemptions).toBe(0);
  });

  it('the_shortest_quantum_works', async () => {
    await using runtime = await small({ timer, quantumUs: 50 });
    await runtime.load('spin', { wasm: SPIN, cpuLimitMs: 100 });
    await runtime.load('echo', { wasm: ECHO });
    const end = codeOf(runtime.invoke('spin'));
    for (let i = 0; i < 20; i++) {
      expect(textOf(await runtime.invoke('echo', { body: `${i}` }))).toBe(`${i}`);
    }
    expect(await end).toBe('ERR_CPU_LIMIT');
    await allFree(runtime);
  });

  it('a_closed_runtime_ticks_no_more', async () => {
    // A second's sleep is not waited for.
    const runtime = await small({ timer, quantumUs: 1e6 });
    await runtime.close();
    const { ticks } = runtime.stats();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(runtime.stats().ticks).toBe(ticks);
  });
});
