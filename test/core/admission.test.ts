/** Who is admitted, who is refused, and that all comes back whatever becomes of a request. */
import { expect, it } from 'vitest';
import {
  type InvokeOptions,
  type LoadOptions,
  LugeError,
  type Runtime,
} from '../../src/core/index.ts';
import { allFree, codeOf, ECHO, luge, SLEEP, SPIN, small, TRAPS, textOf, until } from './guests.ts';

/** Nothing is admitted, of the runtime and of each tenant. */
function expectNothing(runtime: Runtime): void {
  const { admitted, requests, tenants } = runtime.stats().admission!;
  const all = [{ tenant: '*', admitted, requests }, ...tenants];
  expect(all.filter((one) => one.admitted !== 0 || one.requests !== 0)).toEqual([]);
}

/** A call of a function that sleeps until it is aborted. */
function hold(runtime: Runtime, name: string, options: InvokeOptions = {}) {
  const controller = new AbortController();
  const end = codeOf(runtime.invoke(name, { ...options, signal: controller.signal }));
  const stop = (): Promise<string> => {
    controller.abort(new RangeError('enough'));
    return end;
  };
  return { end, stop };
}

const half: LoadOptions = { wasm: SLEEP, deadlineMs: 10_000, expectedMs: 5000 };

it('without_the_setting_everything_is_admitted', async () => {
  await using runtime = await small();
  await runtime.load('half', half);
  const held = Array.from({ length: 5 }, () => hold(runtime, 'half'));
  await until(() => runtime.stats().workers[0]?.held === 5, 'all run');
  expect(runtime.stats().admission).toBeUndefined();
  for (const { stop } of held) expect(await stop()).toBe('RangeError');
});

it('beyond_the_capacity_requests_are_refused_until_one_has_ended', async () => {
  await using runtime = await small({ admission: true });
  await runtime.load('half', half);
  const first = hold(runtime, 'half');
  expect(runtime.stats().admission).toMatchObject({ capacity: 0.8, admitted: 0.5, requests: 1 });
  const error = await runtime.invoke('half').then(
    () => undefined,
    (reason: unknown) => reason as LugeError,
  );
  expect(error).toBeInstanceOf(LugeError);
  expect([error?.code, error?.status]).toEqual(['ERR_ADMISSION', 429]);
  expect(error?.message).toMatch(/capacity/);
  // 0.2 of the 5 s are in the way, two fifths of what is admitted, at 0.8 of a worker.
  expect(error?.retryAfterMs).toBe(2500);
  expect(runtime.stats().admission).toMatchObject({ admitted: 0.5, requests: 1, refusals: 1 });
  await first.stop();
  // The slot comes back with the worker's answer, behind the abort.
  await allFree(runtime);
  expectNothing(runtime);
  const next = hold(runtime, 'half');
  expect(runtime.stats().admission?.requests).toBe(1);
  await next.stop();
});

it('a_shorter_deadline_weighs_more', async () => {
  await using runtime = await small({ admission: { reserve: 0 } });
  await runtime.load('light', { ...half, expectedMs: 1000 });
  const held = [hold(runtime, 'light'), hold(runtime, 'light', { deadlineMs: 2000 })];
  expect(runtime.stats().admission).toMatchObject({ capacity: 1, admitted: 0.6 });
  expect(await codeOf(runtime.invoke('light', { deadlineMs: 2000 }))).toBe('ERR_ADMISSION');
  held.push(hold(runtime, 'light', { deadlineMs: 4000 }));
  expect(runtime.stats().admission).toMatchObject({ admitted: 0.85, requests: 3 });
  for (const { stop } of held) await stop();
});

it('a_tenant_has_its_share_and_no_more', async () => {
  await using runtime = await small({ admission: { reserve: 0 } });
  await runtime.load('a', { ...half, expectedMs: 2000, tenant: 'greedy' });
  await runtime.load('b', { ...half, expectedMs: 2000, tenant: 'other' });
  runtime.setTenantLimits('greedy', { utilization: 0.5 });
  const held = [hold(runtime, 'a'), hold(runtime, 'a')];
  const error = await runtime.invoke('a').catch((reason: LugeError) => reason);
  // 0.1 of 0.4 workers are in the way, a quarter of 4 s of work, at half a worker.
  expect(error).toMatchObject({ code: 'ERR_ADMISSION', retryAfterMs: 2000 });
  expect((error as LugeError).message).toMatch(/limits\.utilization/);
  held.push(hold(runtime, 'b'));
  expect(runtime.stats().admission?.tenants).toEqual([
    { tenant: 'greedy', capacity: 0.5, admitted: 0.4, requests: 2, refusals: 1 },
    {
      tenant: 'other',
      capacity: Number.POSITIVE_INFINITY,
      admitted: 0.2,
      requests: 1,
      refusals: 0,
    },
  ]);
  // A refusal by the runtime takes nothing of the tenant's share.
  held.push(hold(runtime, 'b'));
  expect(await codeOf(runtime.invoke('b'))).toBe('ERR_ADMISSION');
  expect(runtime.stats().admission).toMatchObject({ admitted: 0.8, refusals: 2 });
  for (const { stop } of held) await stop();
  await allFree(runtime);
  expectNothing(runtime);
});

it('an_estimate_that_is_too_high_corrects_itself', async () => {
  await using runtime = await small({ admission: true });
  // Said to take all of its deadline: more than the capacity.
  await runtime.load('echo', { wasm: ECHO, deadlineMs: 1000, expectedMs: 1000 });
  const both = ['1', '2'].map((body) => codeOf(runtime.invoke('echo', { body })));
  expect(await Promise.all(both)).toEqual(['resolved', 'ERR_ADMISSION']);
  await until(() => runtime.stats().functions[0]?.measuredRuns === 1, 'the first run is measured');
  const many = Array.from({ length: 3 }, (_, i) =>
    codeOf(runtime.invoke('echo', { body: `${i}` })),
  );
  expect(await Promise.all(many)).toEqual(['resolved', 'resolved', 'resolved']);
});

it('a_refusal_reaches_its_caller_like_an_answer', async () => {
  await using runtime = await small({ admission: true });
  await runtime.load('half', half);
  const first = hold(runtime, 'half');
  expect(await codeOf(runtime.invoke('half', { stream: true }))).toBe('ERR_ADMISSION');
  const controller = new AbortController();
  const aborted = codeOf(runtime.invoke('half', { signal: controller.signal }));
  controller.abort(new RangeError('enough'));
  expect(await aborted, 'the abort was first').toBe('RangeError');
  expect(runtime.stats().admission?.refusals).toBe(2);
  await first.stop();
  await allFree(runtime);
  expectNothing(runtime);
});

it('close_takes_everything_back', async () => {
  const runtime = await small({ admission: true });
  await runtime.load('spin', { wasm: SPIN });
  await runtime.load('sleep', { wasm: SLEEP });
  const ends = ['spin', 'sleep'].map((name) => codeOf(runtime.invoke(name)));
  await runtime.close({ force: true });
  expect(await Promise.all(ends)).toEqual(['ERR_ABORTED', 'ERR_ABORTED']);
  expectNothing(runtime);
});

it('a_full_queue_says_when_to_come_back', async () => {
  await using runtime = await small({ admission: true, maxQueue: 1 });
  await runtime.load('sleep', { wasm: SLEEP, expectedMs: 1 });
  const first = hold(runtime, 'sleep');
  const error = await runtime.invoke('sleep').catch((reason: LugeError) => reason);
  expect(error).toMatchObject({ code: 'ERR_QUEUE_FULL', status: 503, retryAfterMs: 1000 });
  await first.stop();
});

/** Calls `/echo`, answers its body. */
const CALLER = luge(`(data (i32.const 0) "echo") (data (i32.const 16) "POST /echo\\n")
  (func (export "handle") (local $n i32)
    (drop (call $call (i32.const 0) (i32.const 4) (i32.const 16) (i32.const 11) (i32.const 64) (i32.const 3)))
    (local.set $n (call $call_read (i32.const 0) (i32.const 100) (i32.const 100)))
    (drop (call $write (i32.const 100) (local.get $n))))
  (data (i32.const 64) "abc")`);

it('calls_of_functions_are_not_refused_and_count_as_their_callers', async () => {
  await using runtime = await small({ admission: true });
  // The callee works for a while, and would be refused by itself.
  const work = luge(`(func (export "handle") (local $i i32)
    (local.set $i (i32.const 3000000))
    (loop $l
      (local.set $i (i32.sub (local.get $i) (i32.const 1)))
      (br_if $l (local.get $i)))
    (i32.store8 (i32.const 0) (i32.const 33))
    (drop (call $write (i32.const 0) (i32.const 1))))`);
  await runtime.load('echo', { wasm: work, deadlineMs: 1000, expectedMs: 1000 });
  await runtime.load('caller', { wasm: CALLER, deadlineMs: 1000, expectedMs: 100 });
  const result = await runtime.invoke('caller');
  expect(textOf(result)).toBe('!');
  await until(() => runtime.stats().functions[1]?.measuredRuns === 1, 'the caller is measured');
  const [callee, caller] = runtime.stats().functions;
  const both = result.timing.runNs + callee!.estimateNs;
  expect(Math.abs(caller!.estimateNs / both - 1)).toBeLessThan(1e-6);
  expectNothing(runtime);
});

it('a_deadline_of_a_call_is_a_number_above_0', async () => {
  await using runtime = await small();
  await runtime.load('echo', { wasm: ECHO });
  for (const deadlineMs of [0, -1, Number.NaN]) {
    expect(await codeOf(runtime.invoke('echo', { deadlineMs }))).toBe('ERR_INVALID_ARGUMENT');
  }
  const deadlineMs = Number.POSITIVE_INFINITY;
  expect(await codeOf(runtime.invoke('echo', { deadlineMs }))).toBe('resolved');
  await allFree(runtime);
});

it('settings_of_admission_are_checked', async () => {
  expect(await codeOf(small({ admission: { reserve: 1 } }))).toBe('ERR_INVALID_ARGUMENT');
  await using runtime = await small();
  for (const utilization of [0, -1, 1.1, Number.NaN]) {
    expect(() => runtime.setTenantLimits('t', { utilization })).toThrow('utilization');
  }
});

// Whatever becomes of requests

const SEED = Number(process.env.LUGE_SEED ?? 20_261_125);

function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Writes its page again and again, and hands it over each time. */
const POUR = luge(`(func (export "handle") (loop $l
  (drop (call $write (i32.const 0) (i32.const 8192)))
  (drop (call $flush))
  (br $l)))`);

async function readSome(runtime: Runtime, parts: number, options: InvokeOptions): Promise<string> {
  const { body } = await runtime.invoke('pour', { ...options, stream: true });
  const reader = body.getReader();
  for (let i = 0; i < parts; i++) await reader.read();
  await reader.cancel();
  return 'cancelled';
}

it(`in_chaos_nothing_stays_admitted seed ${SEED}`, async () => {
  const next = random(SEED);
  await using runtime = await small({
    ...{ workers: 2, maxQueue: 48, bodyMemoryBytes: 2 ** 20, admission: { reserve: 0 } },
  });
  const load = (name: string, options: LoadOptions) =>
    runtime.load(name, { tenant: next(2) === 0 ? 'even' : 'odd', expectedMs: 20, ...options });
  const functions: Record<string, LoadOptions> = {
    echo: { wasm: ECHO, tenant: 'even', model: 'fit' },
    caller: { wasm: CALLER, tenant: 'even' },
    traps: { wasm: TRAPS, deadlineMs: 500, model: { biasNs: 1e6, byteNs: 1e3 } },
    spin: { wasm: SPIN, cpuLimitMs: 15, deadlineMs: 300 },
    sleep: { wasm: SLEEP, deadlineMs: 60 },
    busy: { wasm: SLEEP, maxConcurrency: 1, deadlineMs: 40 },
    late: { wasm: ECHO, queueTimeoutMs: 0.5, deadlineMs: 400 },
    pour: { wasm: POUR, deadlineMs: 300, maxOutputBytes: Number.POSITIVE_INFINITY },
  };
  for (const [name, options] of Object.entries(functions)) await load(name, options);
  runtime.setTenantLimits('odd', { utilization: 0.7, maxConcurrency: 6 });
  const names = Object.keys(functions).filter((name) => name !== 'pour');
  const ends = new Map<string, number>();
  const count = (end: string) => ends.set(end, (ends.get(end) ?? 0) + 1);
  const one = async (): Promise<void> => {
    const controller = new AbortController();
    const options: InvokeOptions = {
      body: 'u'.repeat(next(4) === 0 ? next(60_000) : next(100)),
      signal: controller.signal,
      ...(next(4) === 0 ? { deadlineMs: 0.05 + next(30) } : {}),
    };
    if (next(4) === 0) setTimeout(() => controller.abort(new RangeError('enough')), next(20));
    const call =
      next(5) === 0
        ? readSome(runtime, next(4), options)
        : runtime.invoke(names[next(names.length)] as string, options);
    await call.then(
      () => count('fine'),
      (error: { code?: string; name: string }) =>
        count(typeof error.code === 'string' ? error.code : error.name),
    );
  };
  for (let round = 0; round < 24; round++) {
    const calls = Array.from({ length: 12 + next(50) }, one);
    if (round % 6 === 5) await runtime.killWorker(next(2));
    if (round % 8 === 7) await load('traps', functions.traps as LoadOptions);
    await Promise.all(calls);
  }
  await allFree(runtime);
  expectNothing(runtime);
  const { refusals } = runtime.stats().admission!;
  // Who gives up in the turn in which it is refused gets its own reason.
  const told = ends.get('ERR_ADMISSION') ?? 0;
  expect(refusals).toBeGreaterThanOrEqual(told);
  expect(refusals).toBeLessThanOrEqual(told + (ends.get('RangeError') ?? 0));
  // Otherwise it was no chaos.
  const seen = ['fine', 'RangeError', 'ERR_TRAP', 'ERR_ADMISSION', 'ERR_DEADLINE', 'ERR_CPU_LIMIT'];
  expect(
    seen.filter((end) => !ends.has(end)),
    JSON.stringify([...ends]),
  ).toEqual([]);
});
