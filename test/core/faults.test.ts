/** Workers that die, and the end. */
import { expect, it } from 'vitest';
import { type InvokeOptions, type Runtime, SCHEDULERS } from '../../src/core/index.ts';
import { allFree, codeOf, ECHO, SLEEP, SPIN, small, TRAPS, textOf, until } from './guests.ts';

it('a_killed_worker_fails_what_it_held_and_is_replaced', async () => {
  await using runtime = await small({ scheduler: 'rr' });
  await runtime.load('spin', { wasm: SPIN });
  await runtime.load('sleep', { wasm: SLEEP });
  await runtime.load('echo', { wasm: ECHO });
  for (let round = 1; round <= 2; round++) {
    const calls = ['spin', 'sleep', 'spin'].map((name) =>
      codeOf(runtime.invoke(name, { body: new Uint8Array(20_000) })),
    );
    await until(() => runtime.stats().queued === 0, 'all are taken');
    await runtime.killWorker(0);
    expect(await Promise.all(calls)).toEqual(calls.map(() => 'ERR_WORKER_LOST'));
    expect(textOf(await runtime.invoke('echo', { body: 'after' }))).toBe('after');
    expect(runtime.stats().workersLost).toBe(round);
    await until(() => runtime.stats().workers[0]?.held === 0, 'its successor holds nothing');
    await allFree(runtime);
  }
  // Functions that come later reach the new thread, too.
  await runtime.load('late', { wasm: ECHO });
  expect(textOf(await runtime.invoke('late', { body: 'late' }))).toBe('late');
});

it('what_waits_in_the_queue_of_a_dead_worker_is_run_by_the_next', async () => {
  await using runtime = await small({ scheduler: 'fifo' });
  await runtime.load('spin', { wasm: SPIN });
  await runtime.load('echo', { wasm: ECHO });
  const long = codeOf(runtime.invoke('spin'));
  await until(() => runtime.stats().queued === 0, 'the long one is taken');
  const waiting = runtime.invoke('echo', { body: 'patient' });
  await runtime.killWorker(0);
  expect(await long).toBe('ERR_WORKER_LOST');
  expect(textOf(await waiting)).toBe('patient');
  await allFree(runtime);
});

it('close_drains_and_then_everything_is_refused', async () => {
  const runtime = await small();
  const echo = await runtime.load('echo', { wasm: ECHO });
  const calls = Array.from({ length: 20 }, (_, i) => echo.invoke({ body: `${i}` }));
  const end = runtime.close();
  expect(await codeOf(echo.invoke())).toBe('ERR_CLOSED');
  expect((await Promise.all(calls)).map(textOf)).toEqual(calls.map((_, i) => `${i}`));
  await end;
  expect(await codeOf(runtime.invoke('echo'))).toBe('ERR_CLOSED');
  expect(await codeOf(runtime.load('echo', { wasm: ECHO }))).toBe('ERR_CLOSED');
  expect(() => runtime.takeSeat()).toThrow('the runtime is closed');
  await allFree(runtime);
  await runtime.close();
});

it('close_by_force_ends_what_runs', async () => {
  const runtime = await small();
  await runtime.load('spin', { wasm: SPIN });
  await runtime.load('sleep', { wasm: SLEEP });
  const calls = ['spin', 'sleep'].map((name) => codeOf(runtime.invoke(name)));
  await runtime.close({ force: true });
  expect(await Promise.all(calls)).toEqual(['ERR_ABORTED', 'ERR_ABORTED']);
  await allFree(runtime);
});

/** Starts call number `i` of a mix; resolves to how it ended, in a word. */
function mixed(runtime: Runtime, i: number): Promise<string> {
  const call = (name: string, options: InvokeOptions): Promise<string> =>
    runtime.invoke(name, options).then(
      (result) => (textOf(result) === options.body ? 'same' : textOf(result)),
      (error: { code?: string; name: string }) => error.code ?? error.name,
    );
  const controller = new AbortController();
  if (i % 100 === 99) return call('brief', {});
  switch (i % 5) {
    case 0:
      return call('echo', { body: `${i}`.repeat(3000) });
    case 1:
      return call('traps', { body: 'u' });
    case 2: {
      const ends = call(i % 2 === 0 ? 'spin' : 'sleep', { signal: controller.signal });
      setTimeout(() => controller.abort(new RangeError('enough')), i % 7);
      return ends;
    }
    default:
      return call('echo', { body: `${i}` });
  }
}

it.each(SCHEDULERS.filter((name) => name !== 'fifo'))(
  'two_workers_settle_every_call_and_lose_nothing_under_%s',
  async (scheduler) => {
    await using runtime = await small({
      scheduler,
      workers: 2,
      maxQueue: 512,
      bodyMemoryBytes: 2 ** 25,
    });
    await runtime.load('echo', { wasm: ECHO });
    await runtime.load('traps', { wasm: TRAPS });
    await runtime.load('spin', { wasm: SPIN });
    await runtime.load('sleep', { wasm: SLEEP });
    await runtime.load('brief', { wasm: SPIN, cpuLimitMs: 3 });
    const COUNT = 2000;
    const AT_ONCE = 200;
    const expected = (i: number): string => {
      if (i % 100 === 99) return 'ERR_CPU_LIMIT';
      return ['same', 'ERR_TRAP', 'RangeError', 'same', 'same'][i % 5] as string;
    };
    for (let first = 0; first < COUNT; first += AT_ONCE) {
      const numbers = Array.from({ length: AT_ONCE }, (_, k) => first + k);
      const ends = await Promise.all(numbers.map((i) => mixed(runtime, i)));
      expect(ends).toEqual(numbers.map(expected));
    }
    await allFree(runtime);
    await until(() => {
      const { workers, endedInQueue } = runtime.stats();
      const ended = workers.map(({ completed, failed }) => completed + failed);
      return ended.reduce((sum, count) => sum + count, endedInQueue) === COUNT;
    }, 'each was counted once');
    expect(runtime.stats().workersLost).toBe(0);
  },
);
