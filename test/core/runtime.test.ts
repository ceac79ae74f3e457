import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Runtime } from '../../src/core/index.ts';
import { allFree, codeOf, ECHO, luge, SLEEP, SPIN, small, TRAPS, textOf, until } from './guests.ts';

describe('one request', () => {
  let runtime: Runtime;
  const lines: string[] = [];
  beforeAll(async () => {
    runtime = await small({ onLog: ({ fn, text }) => lines.push(`${fn}: ${text}`) });
    await runtime.load('echo', { wasm: ECHO });
    await runtime.load('traps', { wasm: TRAPS });
  });
  afterAll(() => runtime.close());

  it.each([0, 1, 1400, 5000, 5001, 100_000])('%d bytes are echoed', async (count) => {
    const body = Uint8Array.from({ length: count }, (_, i) => i * 31);
    const result = await runtime.invoke('echo', { body });
    expect(result.status).toBe(200);
    expect(Buffer.from(result.body).equals(Buffer.from(body))).toBe(true);
    await allFree(runtime);
  });

  it('the_guest_sees_the_request_and_sets_status_and_headers', async () => {
    const part = (read: string): string =>
      `(drop (call $write (i32.const 512) ${read})) (drop (call $write (i32.const 0) (i32.const 1)))`;
    await runtime.load('look', {
      route: '/a/b',
      wasm: luge(`
        (data (i32.const 0) "|X-One" "X-Two" "value" "Date" "said")
        (func (export "handle") (result i32)
          ${part('(call $method (i32.const 512) (i32.const 99))')}
          ${part('(call $path (i32.const 512) (i32.const 99))')}
          ${part('(call $query (i32.const 512) (i32.const 99))')}
          ${part('(call $header (i32.const 1) (i32.const 5) (i32.const 512) (i32.const 99))')}
          (call $status (i32.const 404))
          (drop (call $set_header (i32.const 6) (i32.const 5) (i32.const 11) (i32.const 5)))
          ;; Date is the front end's own: refused.
          (i32.store8 (i32.const 512)
            (i32.add (i32.const 48) (i32.ne (i32.const 0)
              (call $set_header (i32.const 16) (i32.const 4) (i32.const 11) (i32.const 5)))))
          (drop (call $write (i32.const 512) (i32.const 1)))
          (call $log (i32.const 20) (i32.const 4))
          (i32.const 0))`),
    });
    const result = await runtime.invoke('look', {
      method: 'PUT',
      target: '/a/b?c=d&e',
      headers: { 'x-one': '1', 'X-ONE': '2' },
      body: 'x',
    });
    expect(textOf(result)).toBe('PUT|/a/b|c=d&e|1, 2|1');
    expect(result.status).toBe(404);
    expect(result.headers).toEqual([
      ['X-Two', 'value'],
      ['Content-Type', 'application/octet-stream'],
    ]);
    await until(() => lines.length > 0, 'the log line');
    expect(lines).toEqual(['look: said']);
  });

  it.each([
    ['unreachable', 'u'],
    ['division by zero', 'd'],
    ['load outside the memory', 'm'],
    ['call through an empty place of the table', 't'],
    ['endless recursion', 's'],
    ['host call with a range outside the memory', 'h'],
  ])('a_trap_stays_inside: %s', async (_, body) => {
    expect(await codeOf(runtime.invoke('traps', { body }))).toBe('ERR_TRAP');
    expect(textOf(await runtime.invoke('traps', { body: 'f' }))).toBe('fine');
    expect(runtime.stats().workersLost).toBe(0);
    await allFree(runtime);
  });

  it('a_status_that_is_none_and_a_result_that_is_not_zero_are_failures', async () => {
    const handle = (text: string): Uint8Array => luge(`(func (export "handle") ${text})`);
    await runtime.load('f', { wasm: handle('(call $status (i32.const 99))') });
    expect(await codeOf(runtime.invoke('f'))).toBe('ERR_BAD_RESPONSE');
    // A load under the same name replaces it.
    await runtime.load('f', { wasm: handle('(result i32) (i32.const 7)') });
    expect(await codeOf(runtime.invoke('f'))).toBe('ERR_GUEST_EXIT');
    expect(await codeOf(runtime.invoke('g'))).toBe('ERR_NO_FUNCTION');
  });

  it.each([
    { method: 'A B' },
    { target: 'x' },
    { target: '/a b' },
    { headers: { 'a:': 'x' } },
    { headers: { a: 'x\r\ny' } },
  ])('what_http_could_not_carry_is_refused: %j', async (options) => {
    expect(await codeOf(runtime.invoke('echo', options))).toBe('ERR_INVALID_ARGUMENT');
    const echo = runtime.get('echo');
    expect(await codeOf(echo?.invoke(options) as Promise<unknown>)).toBe('ERR_INVALID_ARGUMENT');
    await allFree(runtime);
  });

  it('an_answer_over_its_limit_ends_the_guest', async () => {
    await runtime.load('brief', { wasm: ECHO, maxOutputBytes: 1000 });
    expect((await runtime.invoke('brief', { body: 'x'.repeat(1000) })).body.length).toBe(1000);
    const call = runtime.invoke('brief', { body: 'x'.repeat(1001) });
    expect(await codeOf(call)).toBe('ERR_GUEST_OUTPUT_LIMIT');
    await allFree(runtime);
  });

  it('a_body_that_finds_no_memory_is_refused', async () => {
    const call = runtime.invoke('echo', { body: new Uint8Array(2 ** 21) });
    expect(await codeOf(call)).toBe('ERR_BODY_MEMORY');
    await allFree(runtime);
  });
});

describe('reuse', () => {
  it('reuse_resets_memory_and_globals', async () => {
    await using runtime = await small();
    // Answers what it finds, leaves a secret, and traps if it is told so.
    await runtime.load('f', {
      wasm: luge(`(global $g (mut i32) (i32.const 48))
        (func (export "handle")
          (i32.store8 (i32.const 1) (global.get $g))
          (i32.store8 (i32.const 2) (i32.add (i32.const 48) (i32.load8_u (i32.const 60000))))
          (drop (call $write (i32.const 1) (i32.const 2)))
          (global.set $g (i32.const 83))
          (memory.fill (i32.const 3) (i32.const 84) (i32.const 65000))
          (if (call $body_size) (then unreachable)))`),
    });
    for (let i = 0; i < 5; i++) {
      expect(textOf(await runtime.invoke('f'))).toBe('00');
      expect(await codeOf(runtime.invoke('f', { body: 'trap' }))).toBe('ERR_TRAP');
    }
    await until(() => runtime.stats().workers[0]?.completed === 5, 'counters');
    // The same sandbox each time: it was reset, not replaced.
    expect(runtime.stats().workers[0]).toMatchObject({ sandboxesMade: 1, sandboxesRetired: 0 });
  });

  it.each([
    ['retire', 3],
    ['keep', 1],
  ] as const)('a_grown_memory_is_like_new: %s', async (growth, made) => {
    await using runtime = await small();
    await runtime.load('f', {
      memory: { maxPages: 4, growth },
      wasm: luge(`(func (export "handle")
        (i32.store8 (i32.const 0) (i32.add (i32.const 48) (memory.size)))
        (i32.store8 (i32.const 1) (i32.add (i32.const 48) (memory.grow (i32.const 2))))
        (i32.store8 (i32.const 2) (i32.add (i32.const 48) (i32.load8_u (i32.const 190000))))
        (i32.store8 (i32.const 190000) (i32.const 9))
        (i32.store8 (i32.const 3) (i32.add (i32.const 49) (memory.grow (i32.const 2))))
        (drop (call $write (i32.const 0) (i32.const 4))))`),
    });
    // One page, grown from one, zeros in the new ones, and no growth beyond the limit (-1).
    for (let i = 0; i < 3; i++) expect(textOf(await runtime.invoke('f'))).toBe('1100');
    // Counted behind the answer.
    const wants = growth === 'retire' ? 3 : 0;
    await until(() => runtime.stats().workers[0]?.sandboxesRetired === wants, 'the last reset');
    // A spare may have been made in idle time, for one that is retired behind each request.
    const spares = (runtime.stats().workers[0]?.sandboxesMade ?? 0) - made;
    expect(spares).toBeGreaterThanOrEqual(0);
    expect(spares).toBeLessThanOrEqual(growth === 'retire' ? 2 : 0);
  });
});

describe('limits of time', () => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await small();
    await runtime.load('echo', { wasm: ECHO });
    await runtime.load('spin', { wasm: SPIN });
    await runtime.load('brief', { wasm: SPIN, cpuLimitMs: 15 });
    await runtime.load('sleep', { wasm: SLEEP });
  });
  afterAll(() => runtime.close());

  async function isWellAgain(): Promise<void> {
    expect(textOf(await runtime.invoke('echo', { body: 'well' }))).toBe('well');
    await allFree(runtime);
    expect(runtime.stats().workersLost).toBe(0);
  }

  it('an_endless_loop_ends_at_its_cpu_limit', async () => {
    expect(await codeOf(runtime.invoke('brief'))).toBe('ERR_CPU_LIMIT');
    await isWellAgain();
  });

  it.each(['spin', 'sleep'])('%s_ends_at_its_deadline', async (name) => {
    expect(await codeOf(runtime.invoke(name, { deadlineMs: 20 }))).toBe('ERR_DEADLINE');
    await isWellAgain();
  });

  it.each(['spin', 'sleep'])('%s_ends_when_nobody_wants_its_answer', async (name) => {
    const controller = new AbortController();
    const call = codeOf(runtime.invoke(name, { signal: controller.signal }));
    await until(() => runtime.stats().queued === 0, 'it is taken');
    controller.abort(Object.assign(new Error('no more'), { name: 'Enough' }));
    expect(await call).toBe('Enough');
    await isWellAgain();
  });

  it('an_aborted_signal_starts_nothing', async () => {
    const signal = AbortSignal.abort();
    expect(
      await codeOf(
        runtime.invoke('spin', { signal }).catch(({ name }) => Promise.reject({ name })),
      ),
    ).toBe('AbortError');
    await isWellAgain();
  });
});

describe('scheduling', () => {
  it('rr_a_short_request_passes_endless_ones', async () => {
    await using runtime = await small({ scheduler: 'rr' });
    await runtime.load('spin', { wasm: SPIN });
    await runtime.load('echo', { wasm: ECHO });
    const controller = new AbortController();
    const { signal } = controller;
    const ends = [1, 2, 3].map(() => codeOf(runtime.invoke('spin', { signal })));
    await until(() => runtime.stats().queued === 0, 'all are taken');
    for (let i = 0; i < 5; i++) {
      expect(textOf(await runtime.invoke('echo', { body: `${i}` }))).toBe(`${i}`);
    }
    expect(runtime.stats().workers[0]?.preemptions).toBeGreaterThan(0);
    controller.abort(new RangeError('over'));
    expect(await Promise.all(ends)).toEqual(['RangeError', 'RangeError', 'RangeError']);
    await allFree(runtime);
  });

  it('fifo_a_short_request_waits_for_the_long_one', async () => {
    await using runtime = await small({ scheduler: 'fifo' });
    await runtime.load('spin', { wasm: SPIN, cpuLimitMs: 30 });
    await runtime.load('echo', { wasm: ECHO });
    const order: string[] = [];
    const note = (call: Promise<unknown>, name: string): Promise<unknown> =>
      call.catch(() => {}).then(() => order.push(name));
    await Promise.all([
      note(runtime.invoke('spin'), 'long 1'),
      note(runtime.invoke('echo'), 'short 1'),
      note(runtime.invoke('spin'), 'long 2'),
      note(runtime.invoke('echo'), 'short 2'),
    ]);
    expect(order).toEqual(['long 1', 'short 1', 'long 2', 'short 2']);
  });

  it('a_full_queue_refuses_and_recovers', async () => {
    await using runtime = await small({ maxQueue: 2 });
    await runtime.load('spin', { wasm: SPIN });
    const controller = new AbortController();
    const { signal } = controller;
    const ends = [1, 2].map(() => codeOf(runtime.invoke('spin', { signal })));
    expect(await codeOf(runtime.invoke('spin'))).toBe('ERR_QUEUE_FULL');
    controller.abort(new RangeError('over'));
    expect(await Promise.all(ends)).toEqual(['RangeError', 'RangeError']);
    await allFree(runtime);
    expect(await codeOf(runtime.invoke('spin', { deadlineMs: 5 }))).toBe('ERR_DEADLINE');
  });

  it('who_waits_too_long_in_the_queue_is_refused', async () => {
    await using runtime = await small({ scheduler: 'fifo' });
    await runtime.load('spin', { wasm: SPIN, cpuLimitMs: 40 });
    await runtime.load('echo', { wasm: ECHO, queueTimeoutMs: 1 });
    const long = codeOf(runtime.invoke('spin'));
    await until(() => runtime.stats().queued === 0, 'the long one is taken');
    expect(await codeOf(runtime.invoke('echo'))).toBe('ERR_QUEUE_TIMEOUT');
    expect(await long).toBe('ERR_CPU_LIMIT');
  });
});
