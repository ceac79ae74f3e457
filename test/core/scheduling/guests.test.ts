/** Policies with real guests on a real worker. What the contracts are is held by simulation.test.ts; here, that the worker keeps to them. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Runtime, SchedulerOption } from '../../../src/core/index.ts';
import { allFree, codeOf, ECHO, SPIN, small, textOf, until } from '../guests.ts';

let runtime: Runtime | undefined;
afterEach(async () => {
  await runtime?.close({ force: true });
  runtime = undefined;
});

async function serving(scheduler: SchedulerOption, more: object = {}): Promise<Runtime> {
  runtime = await small({ scheduler, workers: 1, quantumUs: 500, ...more });
  return runtime;
}

/** Names in the order in which their calls end. */
async function orderOf(calls: Readonly<Record<string, Promise<unknown>>>): Promise<string[]> {
  const order: string[] = [];
  await Promise.all(
    Object.entries(calls).map(([name, call]) =>
      call.then(
        () => order.push(name),
        () => order.push(name),
      ),
    ),
  );
  return order;
}

const isTaken = (own: Runtime) => until(() => own.stats().queued === 0, 'it is taken');

it('edf_lets_an_earlier_deadline_pass_a_guest_that_never_yields', async () => {
  const own = await serving('edf');
  await own.load('hog', { wasm: SPIN, deadlineMs: 60_000, cpuLimitMs: 60_000 });
  await own.load('echo', { wasm: ECHO, deadlineMs: 1000 });
  const stop = new AbortController();
  const hog = codeOf(own.invoke('hog', { signal: stop.signal }));
  await isTaken(own);
  for (let i = 0; i < 5; i++)
    expect(textOf(await own.invoke('echo', { body: `${i}` }))).toBe(`${i}`);
  expect(own.stats().workers[0]?.preemptions).toBeGreaterThan(0);
  stop.abort();
  await hog;
  await allFree(own);
});

it('edf_keeps_a_later_deadline_waiting', async () => {
  const own = await serving('edf');
  await own.load('first', { wasm: SPIN, deadlineMs: 5000, cpuLimitMs: 30 });
  await own.load('later', { wasm: ECHO, deadlineMs: 60_000 });
  const first = own.invoke('first');
  await isTaken(own);
  expect(await orderOf({ later: own.invoke('later', { body: 'x' }), first })).toEqual([
    'first',
    'later',
  ]);
  expect(own.stats().workers[0]?.preemptions).toBe(0);
});

it('edf_sorts_what_waits', async () => {
  const own = await serving('edf');
  await own.load('busy', { wasm: SPIN, deadlineMs: 100, cpuLimitMs: 20 });
  await own.load('echo', { wasm: ECHO, deadlineMs: 60_000 });
  const busy = codeOf(own.invoke('busy'));
  await isTaken(own);
  const calls = Object.fromEntries(
    [9000, 3000, 7000, 5000, 1000].map((deadlineMs) => [
      deadlineMs,
      own.invoke('echo', { body: '', deadlineMs }),
    ]),
  );
  expect((await orderOf(calls)).map(Number)).toEqual([1000, 3000, 5000, 7000, 9000]);
  expect(await busy).toBe('ERR_CPU_LIMIT');
});

it('sjf_lets_a_shorter_estimate_pass', async () => {
  const own = await serving('sjf');
  const more = { deadlineMs: 60_000, cpuLimitMs: 60_000 };
  await own.load('hog', { wasm: SPIN, expectedMs: 50_000, ...more });
  await own.load('long', { wasm: ECHO, expectedMs: 55_000, ...more });
  await own.load('short', { wasm: ECHO, expectedMs: 1, ...more });
  const stop = new AbortController();
  const hog = codeOf(own.invoke('hog', { signal: stop.signal }));
  await isTaken(own);
  const long = own.invoke('long', { body: 'long' });
  const short = own.invoke('short', { body: 'short' });
  expect(textOf(await short)).toBe('short');
  expect(own.stats().queued).toBe(1);
  stop.abort();
  await hog;
  expect(textOf(await long)).toBe('long');
  await allFree(own);
});

it('sorted_requests_of_a_killed_worker_run_on_its_successor', async () => {
  const own = await serving('edf');
  await own.load('hog', { wasm: SPIN, deadlineMs: 100, cpuLimitMs: 60_000 });
  await own.load('echo', { wasm: ECHO, deadlineMs: 60_000 });
  const hog = codeOf(own.invoke('hog', { deadlineMs: 50_000 }));
  await isTaken(own);
  const waiting = Array.from({ length: 20 }, (_, i) => own.invoke('echo', { body: `${i}` }));
  await until(() => own.stats().queued === 20, 'they wait');
  await own.killWorker(0);
  expect(['ERR_WORKER_LOST', 'ERR_DEADLINE']).toContain(await hog);
  expect((await Promise.all(waiting)).map(textOf)).toEqual(waiting.map((_, i) => `${i}`));
  await allFree(own);
});

it('mtds_gives_a_tenant_with_a_budget_its_turn_and_takes_it_back', async () => {
  const own = await serving('mtds');
  own.setTenantLimits('paid', { budgetMs: 20, periodMs: 100 });
  await own.load('hog', { wasm: SPIN, tenant: 'free', deadlineMs: 1000, cpuLimitMs: 60_000 });
  await own.load('echo', { wasm: ECHO, tenant: 'paid', deadlineMs: 60_000 });
  await own.load('spin', { wasm: SPIN, tenant: 'paid', deadlineMs: 60_000, cpuLimitMs: 500 });
  const hog = codeOf(own.invoke('hog'));
  await isTaken(own);
  // Its deadline is later, and it is served at once: it has a budget.
  expect(textOf(await own.invoke('echo', { body: 'paid' }))).toBe('paid');
  const long = codeOf(own.invoke('spin'));
  await until(() => (own.stats().budgets[0]?.leftMs ?? 1) <= 0, 'its budget is used up');
  // Used up, the one with the earlier deadline runs again: its time, which ends at its deadline, and not the other's.
  expect(await hog).toBe('ERR_DEADLINE');
  expect(await long).toBe('ERR_CPU_LIMIT');
  expect(own.stats().budgets).toMatchObject([{ tenant: 'paid', budgetMs: 20, periodMs: 100 }]);
  await allFree(own);
});

describe('a budget', () => {
  it('is_no_more_than_the_workers_have', async () => {
    const own = await serving('mtds');
    expect(() => own.setTenantLimits('a', { budgetMs: 101, periodMs: 100 })).toThrow(
      'setTenantLimits: budgetMs must be a number from 0 to 100, not 101',
    );
    expect(() => own.setTenantLimits('a', { budgetMs: 1, periodMs: 0.5 })).toThrow('periodMs');
  });

  it('is_there_for_as_many_tenants_as_was_said', async () => {
    const own = await serving('mtds', { maxReservations: 1 });
    own.setTenantLimits('a', { budgetMs: 1 });
    own.setTenantLimits('a', { budgetMs: 2 });
    expect(() => own.setTenantLimits('b', { budgetMs: 1 })).toThrow(
      'all 1 budgets are taken (maxReservations)',
    );
    expect(own.stats().budgets).toMatchObject([{ tenant: 'a', budgetMs: 2, periodMs: 100 }]);
  });
});

describe("a policy of one's own", () => {
  const at = (file: string): URL => new URL(file, import.meta.url);

  it('decides_who_runs', async () => {
    const own = await serving(at('../../../examples/schedulers/least-laxity.ts'));
    expect([own.scheduler, own.stats().scheduler]).toEqual(['llf', 'llf']);
    await own.load('hog', { wasm: SPIN, deadlineMs: 60_000, cpuLimitMs: 60_000 });
    await own.load('echo', { wasm: ECHO, deadlineMs: 1000 });
    const stop = new AbortController();
    const hog = codeOf(own.invoke('hog', { signal: stop.signal }));
    await isTaken(own);
    expect(textOf(await own.invoke('echo', { body: 'now' }))).toBe('now');
    stop.abort();
    await hog;
  });

  it.each([
    ['./no-such-policy.ts', 'no-such-policy'],
    ['./jobs.ts', 'exports no function createPolicy'],
    ['./broken-policy.ts', 'createPolicy made no policy: it has no method bound'],
  ])('is_refused_by_name_where_%s_is_none', async (file, text) => {
    await expect(small({ scheduler: at(file) })).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_SCHEDULER', message: expect.stringContaining(text) }),
    );
  });

  it('has_a_name_that_there_is_or_a_url', async () => {
    await expect(small({ scheduler: 'lifo' as 'fifo' })).rejects.toThrow(
      "createRuntime: scheduler must be one of fifo, rr, edf, sjf, mtds, the URL of a module that exports createPolicy, or {module, options}, not 'lifo'",
    );
  });
});
