/** Limits on how many sandboxes of a function, or of a tenant, are in use at once. */
import { expect, it } from 'vitest';
import type { Runtime } from '../../src/core/index.ts';
import { allFree, codeOf, ECHO, luge, SLEEP, small, textOf, until } from './guests.ts';

interface Refused {
  readonly code: string;
  readonly status: number;
  readonly message: string;
}

const refusal = (call: Promise<unknown>): Promise<Refused> =>
  call.then(
    () => Promise.reject(new Error('it was let in')),
    (error: Refused) => error,
  );

/** Calls that sleep until they are told to end. */
async function asleep(runtime: Runtime, names: readonly string[]) {
  const controller = new AbortController();
  const calls = names.map((name) => codeOf(runtime.invoke(name, { signal: controller.signal })));
  await until(
    () => runtime.stats().workers.reduce((sum, { held }) => sum + held, 0) === names.length,
    'they are all there',
  );
  return {
    end: async () => {
      controller.abort(new RangeError('over'));
      expect(await Promise.all(calls)).toEqual(names.map(() => 'RangeError'));
      await allFree(runtime);
    },
  };
}

it('who_has_an_answer_may_send_the_next_request_at_once', async () => {
  await using runtime = await small({ workers: 2 });
  await runtime.load('echo', { wasm: ECHO, maxConcurrency: 1 });
  for (let i = 0; i < 3000; i++) {
    expect(textOf(await runtime.invoke('echo', { body: `${i}` }))).toBe(`${i}`);
  }
});

it('a_function_has_no_more_than_its_limit_in_use_on_all_workers_together', async () => {
  await using runtime = await small({ workers: 2 });
  await runtime.load('f', { wasm: SLEEP, maxConcurrency: 3 });
  await runtime.load('echo', { wasm: ECHO });
  const three = await asleep(runtime, ['f', 'f', 'f']);
  expect(await refusal(runtime.invoke('f'))).toMatchObject({
    code: 'ERR_FUNCTION_BUSY',
    status: 503,
    message: 'all 3 sandboxes that /f may have are in use (maxConcurrency)',
  });
  // Nobody else is kept from anything.
  expect(textOf(await runtime.invoke('echo', { body: 'x' }))).toBe('x');
  await three.end();
  await (await asleep(runtime, ['f', 'f', 'f'])).end();
});

it('a_tenant_has_no_more_than_its_limit_in_use_of_all_its_functions', async () => {
  await using runtime = await small();
  runtime.setTenantLimits('one', { maxConcurrency: 2 });
  for (const name of ['a', 'b']) await runtime.load(name, { wasm: SLEEP, tenant: 'one' });
  await runtime.load('c', { wasm: SLEEP, tenant: 'two' });
  const two = await asleep(runtime, ['a', 'b']);
  for (const name of ['a', 'b']) {
    expect(await refusal(runtime.invoke(name))).toMatchObject({
      code: 'ERR_TENANT_BUSY',
      status: 503,
      message: 'all 2 sandboxes that the tenant one may have are in use (limits.maxConcurrency)',
    });
  }
  expect(await codeOf(runtime.invoke('c', { deadlineMs: 20 }))).toBe('ERR_DEADLINE');
  // A refusal by the tenant's limit leaves nothing in the function's own count.
  expect(runtime.stats().pools.map(({ fn, inUse }) => [fn, inUse])).toContainEqual(['a', 1]);
  runtime.setTenantLimits('one', { maxConcurrency: 3 });
  expect(await codeOf(runtime.invoke('a', { deadlineMs: 20 }))).toBe('ERR_DEADLINE');
  await two.end();
});

it('what_a_dead_worker_held_is_free_for_its_successor', async () => {
  await using runtime = await small();
  runtime.setTenantLimits('default', { maxConcurrency: 2 });
  await runtime.load('f', { wasm: SLEEP, maxConcurrency: 2 });
  const calls = [1, 2].map(() => codeOf(runtime.invoke('f')));
  await until(() => runtime.stats().pools[0]?.inUse === 2, 'both are there');
  await runtime.killWorker(0);
  expect(await Promise.all(calls)).toEqual(['ERR_WORKER_LOST', 'ERR_WORKER_LOST']);
  await (await asleep(runtime, ['f', 'f'])).end();
});

it('a_function_that_is_replaced_while_it_runs_leaves_nothing_with_its_tenant', async () => {
  await using runtime = await small();
  runtime.setTenantLimits('default', { maxConcurrency: 1 });
  await runtime.load('f', { wasm: SLEEP, deadlineMs: 2000 });
  const one = await asleep(runtime, ['f']);
  await runtime.load('f', { wasm: ECHO });
  expect(await codeOf(runtime.invoke('f'))).toBe('ERR_TENANT_BUSY');
  await one.end();
  expect(textOf(await runtime.invoke('f', { body: 'x' }))).toBe('x');
});

it('a_sandbox_that_cannot_be_made_is_not_counted', async () => {
  await using runtime = await small();
  runtime.setTenantLimits('default', { maxConcurrency: 1 });
  const wasm = luge('(data (i32.const 65536) "x") (func (export "handle"))', '1 1');
  await runtime.load('f', { wasm, maxConcurrency: 1 });
  for (let round = 0; round < 3; round++) {
    expect(await codeOf(runtime.invoke('f'))).toBe('ERR_NO_SANDBOX');
  }
  await allFree(runtime);
});

it.each([0, 1.5, 65_537, Number.NaN])('%d_is_no_limit', async (maxConcurrency) => {
  await using runtime = await small();
  expect(await codeOf(runtime.load('f', { wasm: ECHO, maxConcurrency }))).toBe(
    'ERR_INVALID_ARGUMENT',
  );
  expect(() => runtime.setTenantLimits('t', { maxConcurrency })).toThrow('maxConcurrency');
});
