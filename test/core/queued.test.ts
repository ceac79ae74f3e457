/** Requests that wait for a worker while all of them are busy with guests that let nobody else go first. */
import { describe, expect, it } from 'vitest';
import type { InvokeOptions, Runtime, RuntimeOptions } from '../../src/core/index.ts';
import { allFree, codeOf, ECHO, luge, SPIN, small, textOf, until } from './guests.ts';

const LONG = { deadlineMs: 60_000, cpuLimitMs: 60_000 };

/** Says so when it runs: a worker that only has it may begin another one first. */
const LOUD_SPIN = luge(`(func (export "handle")
  (call $log (i32.const 0) (i32.const 1))
  (loop $l (br $l)))`);

/** A runtime whose workers all run guests without an end. */
async function busy(options: RuntimeOptions = {}) {
  let running = 0;
  const runtime = await small({ scheduler: 'fifo', ...options, onLog: () => running++ });
  await runtime.load('spin', { wasm: LOUD_SPIN, expectedMs: 1, ...LONG });
  await runtime.load('echo', { wasm: ECHO, expectedMs: 1, ...LONG });
  await runtime.load('hasty', { wasm: ECHO, ...LONG, queueTimeoutMs: 20 });
  // Word of what was loaded may reach a worker behind what it is about, and interrupts whom it finds then: not one of those that are to stay.
  for (let i = 0; i < 4; i++) await runtime.invoke('echo');
  const controller = new AbortController();
  const spins = runtime
    .stats()
    .workers.map(() => codeOf(runtime.invoke('spin', { signal: controller.signal })));
  await until(() => running === spins.length, 'all are busy');
  return {
    runtime,
    areBusy: () => runtime.stats().workers.every(({ held }) => held === 1),
    end: async () => {
      controller.abort(new RangeError('over'));
      await Promise.all(spins);
      await allFree(runtime);
    },
    [Symbol.asyncDispose]: () => runtime.close({ force: true }),
  };
}

/** A call that is aborted when it is in the queue. */
async function aborted(runtime: Runtime, options: InvokeOptions = {}): Promise<string> {
  const controller = new AbortController();
  const call = codeOf(runtime.invoke('echo', { ...options, signal: controller.signal }));
  controller.abort(new RangeError('enough'));
  return call;
}

const ORDERS: RuntimeOptions[] = [
  { scheduler: 'fifo' },
  { scheduler: 'fifo', workers: 2 },
  // No quantum: nobody is preempted, whatever the policy wants.
  { scheduler: 'rr', quantumUs: 0 },
  { scheduler: 'edf', quantumUs: 0 },
  { scheduler: 'sjf', quantumUs: 0 },
  { scheduler: 'mtds', quantumUs: 0 },
];

describe.each(ORDERS)('all busy, %j', (options) => {
  it('a_deadline_that_passes_in_the_queue_is_answered_at_once', async () => {
    await using bed = await busy(options);
    const error = await bed.runtime.invoke('echo', { deadlineMs: 15 }).then(
      () => undefined,
      (reason: unknown) => reason as { code: string; status: number; message: string },
    );
    expect(bed.areBusy()).toBe(true);
    expect(error).toMatchObject({
      code: 'ERR_DEADLINE',
      status: 504,
      message: 'the deadline of 15 ms (deadlineMs) passed in the queue',
    });
    expect(bed.runtime.stats().endedInQueue).toBe(1);
    await bed.end();
  });

  it('a_queue_timeout_is_answered_at_once', async () => {
    await using bed = await busy(options);
    expect(await codeOf(bed.runtime.invoke('hasty'))).toBe('ERR_QUEUE_TIMEOUT');
    expect(bed.areBusy()).toBe(true);
    await bed.end();
  });

  it('who_waits_longer_is_run_behind_those_that_were_taken_back', async () => {
    await using bed = await busy(options);
    const { runtime } = bed;
    const calls = Array.from({ length: 12 }, (_, i) =>
      i % 3 === 0
        ? runtime.invoke('echo', { body: `${i}` }).then(textOf)
        : i % 3 === 1
          ? codeOf(runtime.invoke('echo', { deadlineMs: 1 + (i % 4) }))
          : aborted(runtime),
    );
    const ended = await Promise.all(calls.filter((_, i) => i % 3 !== 0));
    expect(ended).toEqual(Array.from({ length: 4 }, () => ['ERR_DEADLINE', 'RangeError']).flat());
    expect(bed.areBusy()).toBe(true);
    await bed.end();
    expect(await Promise.all(calls.filter((_, i) => i % 3 === 0))).toEqual(['0', '3', '6', '9']);
  });
});

it('each_is_answered_in_its_time_whoever_came_first', async () => {
  await using bed = await busy();
  const ends = await Promise.all(
    [60, 20, 40, 30, 50].map((deadlineMs) => codeOf(bed.runtime.invoke('echo', { deadlineMs }))),
  );
  expect(ends).toEqual(Array(5).fill('ERR_DEADLINE'));
  expect(bed.areBusy()).toBe(true);
  await bed.end();
});

it('what_is_admitted_for_it_comes_back_once_and_at_once', async () => {
  await using bed = await busy({ admission: { reserve: 0 } });
  const { runtime } = bed;
  const before = runtime.stats().admission?.admitted as number;
  const late = codeOf(runtime.invoke('echo', { deadlineMs: 15 }));
  expect(runtime.stats().admission).toMatchObject({ requests: 2 });
  expect(await late).toBe('ERR_DEADLINE');
  expect(runtime.stats().admission).toMatchObject({ requests: 1, admitted: before });
  expect(await aborted(runtime)).toBe('RangeError');
  await until(() => runtime.stats().admission?.requests === 1, 'it is not admitted any more');
  expect(bed.areBusy()).toBe(true);
  await bed.end();
  expect(runtime.stats().admission).toMatchObject({ requests: 0, admitted: 0 });
});

it('what_was_taken_back_keeps_neither_memory_nor_slots_from_others', async () => {
  await using bed = await busy({ maxQueue: 4, bodyMemoryBytes: 2 ** 18 });
  const { runtime } = bed;
  const waits = runtime.invoke('echo', { body: 'first' });
  const body = 'x'.repeat(2 ** 17);
  for (let round = 0; round < 50; round++) {
    // Each time the two slots that are left, and half of the memory.
    const calls = [aborted(runtime, { body }), codeOf(runtime.invoke('echo', { deadlineMs: 1 }))];
    expect(await Promise.all(calls)).toEqual(['RangeError', 'ERR_DEADLINE']);
    await until(() => runtime.stats().chunksFree === runtime.stats().chunks, 'its memory is back');
  }
  const last = [1, 2].map((i) => runtime.invoke('echo', { body: `${i}` }));
  expect(await codeOf(runtime.invoke('echo'))).toBe('ERR_QUEUE_FULL');
  expect(bed.areBusy()).toBe(true);
  await bed.end();
  expect((await Promise.all([waits, ...last])).map(textOf)).toEqual(['first', '1', '2']);
});

const SEED = Number(process.env.LUGE_SEED ?? 20_261_129);

it.each(['fifo', 'rr', 'edf', 'sjf'] as const)(
  `in_chaos_each_call_has_one_end_and_each_slot_comes_back %s seed ${SEED}`,
  async (scheduler) => {
    let state = SEED;
    const next = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    await using runtime = await small({ scheduler, workers: 2, maxQueue: 40, admission: true });
    await runtime.load('spin', { wasm: SPIN, cpuLimitMs: 8 });
    await runtime.load('echo', { wasm: ECHO, expectedMs: 0.01 });
    await runtime.load('hasty', { wasm: ECHO, queueTimeoutMs: 2 });
    const ends = new Map<string, number>();
    const one = async (): Promise<void> => {
      const controller = new AbortController();
      if (next(3) === 0) setTimeout(() => controller.abort(new RangeError('enough')), next(8));
      const end = await codeOf(
        runtime.invoke(['spin', 'echo', 'echo', 'hasty'][next(4)] as string, {
          body: 'x'.repeat(next(3) === 0 ? 20_000 : 20),
          signal: controller.signal,
          deadlineMs: next(2) === 0 ? 0.5 + next(10) : 10_000,
        }),
      );
      ends.set(end, (ends.get(end) ?? 0) + 1);
    };
    let count = 0;
    for (let round = 0; round < 20; round++) {
      const calls = Array.from({ length: 10 + next(50) }, one);
      count += calls.length;
      if (round % 4 === 3) await runtime.killWorker(next(2));
      await Promise.all(calls);
    }
    expect([...ends.values()].reduce((sum, n) => sum + n, 0)).toBe(count);
    await allFree(runtime);
    expect(runtime.stats().admission).toMatchObject({ requests: 0, admitted: 0 });
  },
);
