/** A request that failed says where its time went, if it had come as far as the queue. */
import { expect, it } from 'vitest';
import type { LugeError, RequestTiming } from '../../src/core/index.ts';
import { allFree, luge, SLEEP, SPIN, small, TRAPS, until } from './guests.ts';

async function failure(call: Promise<unknown>): Promise<LugeError> {
  return call.then(
    () => {
      throw new Error('it was answered');
    },
    (error: LugeError) => error,
  );
}

/** The parts, which must add up to the total; doubles of this size are exact to a quarter of a nanosecond. */
function partsOf(timing: RequestTiming | undefined): Omit<RequestTiming, 'totalNs'> {
  const { totalNs, ...parts } = timing as RequestTiming;
  const values = Object.values(parts);
  expect(Math.abs(values.reduce((a, b) => a + b, 0) - totalNs)).toBeLessThan(100);
  expect(values.every((ns) => ns >= 0)).toBe(true);
  return parts;
}

it('a_guest_that_was_ended_asleep_has_slept_for_the_rest_of_its_deadline', async () => {
  await using runtime = await small();
  await runtime.load('f', { wasm: SLEEP, deadlineMs: 30 });
  const { code, timing } = await failure(runtime.invoke('f'));
  expect(code).toBe('ERR_DEADLINE');
  const { asleepNs, queuedNs } = partsOf(timing);
  expect(asleepNs).toBeGreaterThan(0);
  expect((timing as RequestTiming).totalNs).toBeGreaterThanOrEqual(30e6);
  expect(queuedNs).toBeLessThan((timing as RequestTiming).totalNs);
});

it('a_guest_at_its_cpu_limit_has_run_for_it', async () => {
  await using runtime = await small();
  await runtime.load('f', { wasm: SPIN, cpuLimitMs: 5 });
  const { timing } = await failure(runtime.invoke('f'));
  expect(partsOf(timing).runNs).toBeGreaterThanOrEqual(5e6);
});

it('a_trap_has_all_its_parts', async () => {
  await using runtime = await small();
  await runtime.load('f', { wasm: TRAPS });
  const { code, timing } = await failure(runtime.invoke('f', { body: 'u' }));
  expect(code).toBe('ERR_TRAP');
  expect(partsOf(timing).runNs).toBeGreaterThan(0);
});

it('a_request_that_was_never_started_was_queued_all_the_time', async () => {
  await using runtime = await small({ scheduler: 'fifo' });
  await runtime.load('ahead', { wasm: SPIN, cpuLimitMs: 60 });
  await runtime.load('f', { wasm: TRAPS, queueTimeoutMs: 20 });
  const ahead = failure(runtime.invoke('ahead'));
  await until(() => runtime.stats().workers[0]?.held === 1, 'the worker is busy');
  const { code, timing } = await failure(runtime.invoke('f'));
  expect(code).toBe('ERR_QUEUE_TIMEOUT');
  const { queuedNs, ...rest } = partsOf(timing);
  expect(queuedNs).toBeGreaterThanOrEqual(20e6);
  expect(rest).toEqual({ runnableNs: 0, runNs: 0, preemptedNs: 0, asleepNs: 0 });
  expect((await ahead).code).toBe('ERR_CPU_LIMIT');
});

it('a_slot_that_was_used_before_lends_nothing_to_a_request_that_its_worker_lost', async () => {
  await using runtime = await small({ maxQueue: 1 });
  await runtime.load('naps', {
    wasm: luge('(func (export "handle") (call $sleep (i64.const 5000000)))'),
  });
  await runtime.load('f', { wasm: SLEEP });
  const { timing: before } = await runtime.invoke('naps');
  expect(before.asleepNs).toBeGreaterThan(0);
  // The answer is out before the worker has counted it.
  await until(() => runtime.stats().workers[0]?.held === 0, 'nothing is held');
  const lost = failure(runtime.invoke('f'));
  await until(() => runtime.stats().workers[0]?.held === 1, 'it is held');
  await runtime.killWorker(0);
  const { code, timing } = await lost;
  expect(code).toBe('ERR_WORKER_LOST');
  const { runNs, asleepNs } = partsOf(timing);
  expect(asleepNs).toBe(0);
  expect(runNs).toBeGreaterThan(0);
  await allFree(runtime);
});

it('a_stream_that_fails_says_so_too', async () => {
  await using runtime = await small();
  const wasm = luge(`(func (export "handle")
    (drop (call $write (i32.const 0) (i32.const 9))) (drop (call $flush)) unreachable)`);
  await runtime.load('f', { wasm });
  const { body } = await runtime.invoke('f', { stream: true });
  const { timing } = await failure(new Response(body).bytes());
  expect(partsOf(timing).runNs).toBeGreaterThan(0);
});

it('what_was_refused_before_the_queue_has_none', async () => {
  await using runtime = await small({ maxQueue: 1 });
  await runtime.load('f', { wasm: SLEEP, deadlineMs: 2000 });
  const controller = new AbortController();
  const first = failure(runtime.invoke('f', { signal: controller.signal }));
  const full = await failure(runtime.invoke('f'));
  expect([full.code, full.timing]).toEqual(['ERR_QUEUE_FULL', undefined]);
  const unknown = await failure(runtime.invoke('g'));
  expect([unknown.code, unknown.timing]).toEqual(['ERR_NO_FUNCTION', undefined]);
  controller.abort(new RangeError('enough'));
  await first;
});
