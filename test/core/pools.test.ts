/** Pools as an embedder sees them: `prewarm`, `stats().pools`, and what comes back. */
import { expect, it } from 'vitest';
import { allFree, codeOf, ECHO, luge, SLEEP, small, textOf, until } from './guests.ts';

it('prewarmed_sandboxes_are_there_when_load_resolves', async () => {
  await using runtime = await small({ workers: 2 });
  await runtime.load('echo', { wasm: ECHO, prewarm: 3 });
  expect(runtime.stats().pools).toEqual(
    [0, 1].map((worker) => ({
      ...{ fn: 'echo', worker, ready: 3, inUse: 0, made: 3, retired: 0 },
      residentBytes: 3 * 65_536,
    })),
  );
  expect(runtime.stats().workers.map(({ sandboxes, memories }) => [sandboxes, memories])).toEqual([
    [3, 3],
    [3, 3],
  ]);
  // A successor has them before its first request.
  await runtime.killWorker(0);
  await until(() => runtime.stats().pools[0]?.ready === 3, 'the successor is warm');
  expect(runtime.stats().pools[0]).toMatchObject({ made: 6, inUse: 0, residentBytes: 3 * 65_536 });
});

it('a_function_that_cannot_be_prewarmed_is_not_loaded', async () => {
  await using runtime = await small();
  const wasm = luge('(data (i32.const 65536) "x") (func (export "handle"))', '1 1');
  expect(await codeOf(runtime.load('f', { wasm, prewarm: 1 }))).toBe('ERR_NO_SANDBOX');
  expect(runtime.get('f')).toBeUndefined();
  // Without it the request is told.
  await runtime.load('f', { wasm });
  expect(await codeOf(runtime.invoke('f'))).toBe('ERR_NO_SANDBOX');
  expect(await codeOf(runtime.load('f', { wasm, prewarm: 257 }))).toBe('ERR_INVALID_ARGUMENT');
  await allFree(runtime);
});

it('a_spare_is_made_while_the_only_sandbox_sleeps', async () => {
  await using runtime = await small();
  await runtime.load('sleep', { wasm: SLEEP });
  const controller = new AbortController();
  const { signal } = controller;
  const call = codeOf(runtime.invoke('sleep', { signal }));
  await until(() => runtime.stats().pools[0]?.ready === 1, 'the spare');
  expect(runtime.stats().pools[0]).toMatchObject({ inUse: 1, made: 2 });
  controller.abort(new RangeError('enough'));
  expect(await call).toBe('RangeError');
  // It is in use no more a moment before it has been reset and is ready.
  await until(() => runtime.stats().pools[0]?.ready === 2, 'it comes back');
  expect(runtime.stats().pools[0]).toMatchObject({ inUse: 0, retired: 0 });
});

it('memories_of_replaced_functions_serve_their_successors', async () => {
  await using runtime = await small();
  const shows = luge(`(func (export "handle")
    (i32.store8 (i32.const 0) (i32.add (i32.const 48) (i32.load8_u (i32.const 60000))))
    (drop (call $write (i32.const 0) (i32.const 1)))
    (memory.fill (i32.const 1) (i32.const 84) (i32.const 65000)))`);
  await runtime.load('f', { wasm: shows, deadlineMs: 1 });
  for (let i = 0; i < 3; i++) await runtime.invoke('f').catch(() => {});
  for (let i = 0; i < 3; i++) {
    await runtime.load(`g${i}`, { wasm: shows });
    expect(textOf(await runtime.invoke(`g${i}`))).toBe('0');
  }
  await allFree(runtime);
});

it('a_tenant_keeps_no_more_ready_than_it_may_of_all_its_functions_and_workers', async () => {
  await using runtime = await small({ workers: 2 });
  runtime.setTenantLimits('one', { maxIdleSandboxes: 3 });
  const ready = (tenant: string): number =>
    runtime
      .stats()
      .pools.filter(({ fn }) => fn.startsWith(tenant))
      .reduce((sum, pool) => sum + pool.ready, 0);
  for (const tenant of ['one', 'two']) {
    for (const name of ['a', 'b']) {
      await runtime.load(`${tenant}-${name}`, { wasm: SLEEP, tenant });
    }
  }
  const burst = async (): Promise<void> => {
    const controller = new AbortController();
    const calls = ['one-a', 'one-b', 'two-a', 'two-b'].flatMap((name) =>
      [1, 2, 3].map(() => codeOf(runtime.invoke(name, { signal: controller.signal }))),
    );
    await until(
      () => runtime.stats().workers.reduce((sum, { held }) => sum + held, 0) === 12,
      'all are held',
    );
    controller.abort(new RangeError('enough'));
    await Promise.all(calls);
    await until(() => runtime.stats().pools.every(({ inUse }) => inUse === 0), 'all are back');
  };
  for (let round = 0; round < 3; round++) {
    await burst();
    await until(() => ready('one') <= 3, 'what is too much goes');
    expect(ready('two')).toBeGreaterThanOrEqual(6);
  }
  runtime.setTenantLimits('one', { maxIdleSandboxes: 0 });
  await until(() => ready('one') === 0, 'nothing stays');
  for (const maxIdleSandboxes of [-1, 1.5, 65_537, Number.NaN]) {
    expect(() => runtime.setTenantLimits('one', { maxIdleSandboxes })).toThrow('maxIdleSandboxes');
  }
  // A refused value has changed nothing.
  await burst();
  await until(() => ready('one') === 0, 'nothing stays');
  runtime.setTenantLimits('one', {});
  await burst();
  await until(() => ready('one') >= 6, 'they stay');
  await allFree(runtime);
});
