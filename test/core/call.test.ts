/** Functions that call functions: what arrives, what is refused, and that every slot comes back. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InvokeResult, Runtime } from '../../src/core/index.ts';
import { allFree, codeOf, ECHO, luge, SLEEP, SPIN, small, TRAPS, textOf, until } from './guests.ts';

const data = (at: number, text: string): string =>
  `(data (i32.const ${at}) "${text.replace(/[\r\n"\\]/g, (c) => `\\${c.charCodeAt(0).toString(16).padStart(2, '0')}`)}")`;
const call = (name: string, head: string): string =>
  `(call $call (i32.const 100) (i32.const ${name.length}) (i32.const 200) (i32.const ${head.length})
    (i32.const 1024) (call $body_read (i32.const 0) (i32.const 1024) (i32.const 30000)))`;

/** Calls `name` with its own body; answers the result (i32), then the callee's body. */
function caller(name: string, head = ''): Uint8Array {
  return luge(`${data(100, name)} ${data(200, head)}
    (func (export "handle") (local $at i32) (local $n i32)
      (i32.store (i32.const 0) ${call(name, head)})
      (drop (call $write (i32.const 0) (i32.const 4)))
      (loop $more
        (local.set $n (call $call_read (local.get $at) (i32.const 1024) (i32.const 1000)))
        (drop (call $write (i32.const 1024) (local.get $n)))
        (local.set $at (i32.add (local.get $at) (local.get $n)))
        (br_if $more (local.get $n))))`);
}

function answer(result: InvokeResult): [number, string] {
  const bytes = Buffer.from(result.body);
  return [bytes.readInt32LE(0), bytes.subarray(4).toString('latin1')];
}

/** Answers method, path, query and a header, with a bar behind each. */
const MIRROR = luge(`(data (i32.const 0) "x-one") (func $out (param $n i32)
    (if (i32.gt_s (local.get $n) (i32.const 0)) (then (drop (call $write (i32.const 1000) (local.get $n))))) (drop (call $write (i32.const 60000) (i32.const 1))))
  (data (i32.const 60000) "|") (data (i32.const 60010) "X-Answer") (data (i32.const 60020) "first")
  (func (export "handle")
    (call $status (i32.const 201))
    (drop (call $set_header (i32.const 60010) (i32.const 8) (i32.const 60020) (i32.const 5)))
    (call $out (call $method (i32.const 1000) (i32.const 100)))
    (call $out (call $path (i32.const 1000) (i32.const 100)))
    (call $out (call $query (i32.const 1000) (i32.const 100)))
    (call $out (call $header (i32.const 0) (i32.const 5) (i32.const 1000) (i32.const 100))))`);

describe.each([1, 2])('%d workers', (workers) => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await small({ workers, scheduler: workers === 1 ? 'fifo' : 'rr' });
    await runtime.load('echo', { wasm: ECHO });
    await runtime.load('mirror', { wasm: MIRROR, route: '/mirror/*' });
    await runtime.load('traps', { wasm: TRAPS });
    await runtime.load('spin', { wasm: SPIN });
    await runtime.load('sleep', { wasm: SLEEP });
  });
  afterAll(() => runtime.close());

  const ask = async (name: string, head = '', body: string | Uint8Array = '') => {
    await runtime.load('caller', { wasm: caller(name, head) });
    return answer(await runtime.invoke('caller', { body }));
  };

  it('the_body_goes_in_and_the_answer_comes_out', async () => {
    for (const size of [0, 5, 3000, 30_000]) {
      const body = 'abc'.repeat(size / 3 + 1).slice(0, size);
      expect(await ask('echo', '', body)).toEqual([200, body]);
    }
    await allFree(runtime);
  });

  it('a_request_line_and_headers_are_passed_on', async () => {
    expect(await ask('mirror')).toEqual([201, 'POST|/mirror/|||']);
    expect(await ask('/mirror/*', 'GET /a/b?c=d\r\nX-One: 1\r\nX-One: 2')).toEqual([
      201,
      'GET|/a/b|c=d|1, 2|',
    ]);
    await allFree(runtime);
  });

  it('headers_and_size_of_the_answer_can_be_read', async () => {
    await runtime.load('reader', {
      wasm: luge(`${data(100, 'mirror')} ${data(300, 'x-answer')}
        (func (export "handle")
          (i32.store (i32.const 0) (call $call_size))
          (drop ${call('mirror', '')})
          (i32.store (i32.const 4) (call $call_size))
          (i32.store (i32.const 8) (call $call_header (i32.const 300) (i32.const 8) (i32.const 20) (i32.const 3)))
          (i32.store (i32.const 12) (call $call_header (i32.const 300) (i32.const 7) (i32.const 0) (i32.const 0)))
          (i32.store (i32.const 16) (call $call_read (i32.const 99) (i32.const 0) (i32.const 9)))
          (drop (call $write (i32.const 0) (i32.const 24))))`),
    });
    const bytes = Buffer.from((await runtime.invoke('reader')).body);
    expect([0, 4, 8, 12, 16].map((at) => bytes.readInt32LE(at))).toEqual([-1, 16, 5, -1, 0]);
    expect(bytes.subarray(20).toString()).toBe('fir\0');
    await allFree(runtime);
  });

  it.each([
    ['echo', 'x', 'text/x-route'],
    ['echo', '', undefined],
    ['typed', 'x', 'text/x-own'],
    ['traps', 'u', undefined],
  ])('the_type_of_an_answer_is_what_a_client_would_see: %s %j', async (name, body, type) => {
    const contentType = 'text/x-route';
    await runtime.load('echo', { wasm: ECHO, contentType });
    await runtime.load('traps', { wasm: TRAPS, contentType });
    await runtime.load('typed', {
      contentType,
      wasm: luge(`(data (i32.const 0) "Content-Type") (data (i32.const 20) "text/x-own")
        (func (export "handle")
          (drop (call $set_header (i32.const 0) (i32.const 12) (i32.const 20) (i32.const 10)))
          (drop (call $write (i32.const 0) (i32.const 5))))`),
    });
    await runtime.load('asks', {
      wasm: luge(`(data (i32.const 0) "${name}") (data (i32.const 20) "content-TYPE") (data (i32.const 40) "${body}")
        (func (export "handle") (local $n i32)
          (drop (call $call (i32.const 0) (i32.const ${name.length}) (i32.const 0) (i32.const 0) (i32.const 40) (i32.const ${body.length})))
          (local.set $n (call $call_header (i32.const 20) (i32.const 12) (i32.const 100) (i32.const 50)))
          (if (i32.gt_s (local.get $n) (i32.const 0))
            (then (drop (call $write (i32.const 100) (local.get $n)))))
          (if (i32.eq (local.get $n) (i32.const -1))
            (then (drop (call $write (i32.const 200) (i32.const 1))))))`),
    });
    expect(textOf(await runtime.invoke('asks'))).toBe(type ?? '\0');
    await allFree(runtime);
  });

  it.each([
    ['nobody', '', -44],
    ['echo', 'GET', 200],
    ['echo', 'GET no-path', -28],
    ['echo', 'GET /a b', -28],
    ['echo', 'G(T /', -28],
    ['echo', 'GET /\r\nno field', -28],
    ['echo', 'GET /\r\nX: a\u0001', -28],
  ])('what_cannot_be_asked_is_refused: %s %j', async (name, head, code) => {
    expect((await ask(name, head))[0]).toBe(code);
    await allFree(runtime);
  });

  it('a_callee_that_fails_is_a_negative_status_and_a_message', async () => {
    expect(await ask('traps', '', 'u')).toEqual([-500, 'unreachable']);
    expect(await ask('traps', '', 'f')).toEqual([200, 'fine']);
    await runtime.load('brief', { wasm: SPIN, cpuLimitMs: 5 });
    expect((await ask('brief'))[0]).toBe(-504);
    await allFree(runtime);
  });

  it('functions_of_another_tenant_are_not_there', async () => {
    await runtime.load('theirs', { wasm: ECHO, tenant: 'other' });
    expect((await ask('theirs'))[0]).toBe(-44);
  });

  it.each(['spin', 'sleep'])('the_deadline_of_the_caller_ends_both: %s', async (name) => {
    await runtime.load('caller', { wasm: caller(name) });
    expect(await codeOf(runtime.invoke('caller', { deadlineMs: 30 }))).toBe('ERR_DEADLINE');
    await allFree(runtime);
    await until(
      () => runtime.stats().workers.every(({ held }) => held === 0),
      'the callee has ended',
    );
  });

  it.each(['spin', 'sleep'])('who_is_cancelled_cancels_its_callee: %s', async (name) => {
    await runtime.load('outer', { wasm: caller('inner') });
    await runtime.load('inner', { wasm: caller(name) });
    const controller = new AbortController();
    const ends = codeOf(runtime.invoke('outer', { signal: controller.signal }));
    await until(
      () => runtime.stats().workers.reduce((sum, { held }) => sum + held, 0) === 3,
      'all three are under way',
    );
    controller.abort(new RangeError('enough'));
    expect(await ends).toBe('RangeError');
    await allFree(runtime);
  });

  it('a_circle_ends_at_the_depth_that_is_allowed', async () => {
    await runtime.load('self', { wasm: caller('self'), maxCallDepth: 3 });
    const [status, body] = answer(await runtime.invoke('self'));
    const statuses = [status];
    for (let rest = Buffer.from(body, 'latin1'); rest.length > 0; rest = rest.subarray(4)) {
      statuses.push(rest.readInt32LE(0));
    }
    expect(statuses).toEqual([200, 200, 200, -32]);
    await runtime.load('self', { wasm: caller('self'), maxCallDepth: 0 });
    expect(answer(await runtime.invoke('self'))).toEqual([-32, '']);
    expect(await codeOf(runtime.load('f', { wasm: ECHO, maxCallDepth: 65 }))).toBe(
      'ERR_INVALID_ARGUMENT',
    );
    await allFree(runtime);
  });

  it('a_guest_that_is_refused_in_a_loop_is_preempted_and_ends', async () => {
    await runtime.load('stubborn', {
      wasm: luge(`${data(100, 'nobody')} (func (export "handle")
        (loop $again (drop ${call('nobody', '')}) (br $again)))`),
    });
    expect(await codeOf(runtime.invoke('stubborn', { deadlineMs: 50 }))).toBe('ERR_DEADLINE');
    expect(runtime.stats().workersLost).toBe(0);
    await allFree(runtime);
  });
});

describe('limits', () => {
  it('without_a_slot_a_call_is_refused_at_once', async () => {
    await using runtime = await small({ maxQueue: 1 });
    await runtime.load('echo', { wasm: ECHO });
    await runtime.load('caller', { wasm: caller('echo') });
    expect(answer(await runtime.invoke('caller', { body: 'x' }))).toEqual([-6, '']);
    await allFree(runtime);
  });

  it('without_memory_for_the_body_too', async () => {
    await using runtime = await small({ bodyMemoryBytes: 2 * 16384 });
    await runtime.load('echo', { wasm: ECHO });
    await runtime.load('caller', { wasm: caller('echo') });
    const body = 'x'.repeat(30_000);
    expect(answer(await runtime.invoke('caller', { body }))).toEqual([-48, '']);
    await allFree(runtime);
  });

  it.each([1, 2, 3])('G2_callers_do_not_take_all_of_%d_sandboxes', async (sandboxes) => {
    await using runtime = await small({ maxSandboxesPerWorker: sandboxes, maxQueue: 64 });
    await runtime.load('self', { wasm: caller('self'), maxCallDepth: 8 });
    const results = await Promise.all(Array.from({ length: 10 }, () => runtime.invoke('self')));
    for (const result of results) {
      const bytes = Buffer.from(result.body);
      expect(bytes.readInt32LE(bytes.length - 4)).toBe(-6);
    }
    await allFree(runtime);
  });

  it('many_calls_across_workers_lose_nothing', async () => {
    await using runtime = await small({ workers: 2, maxQueue: 256, bodyMemoryBytes: 2 ** 24 });
    await runtime.load('echo', { wasm: ECHO });
    await runtime.load('inner', { wasm: caller('echo') });
    await runtime.load('outer', { wasm: caller('inner') });
    for (let round = 0; round < 5; round++) {
      const calls = Array.from({ length: 60 }, (_, i) =>
        runtime.invoke('outer', { body: `${i}`.repeat(i * 10) }),
      );
      const results = await Promise.all(calls);
      results.forEach((result, i) => {
        expect(textOf(result).slice(8)).toBe(`${i}`.repeat(i * 10));
      });
      await allFree(runtime);
    }
    expect(runtime.stats().workersLost).toBe(0);
  });
});

describe('deaths', () => {
  it('slots_of_dead_callers_and_callees_come_back', async () => {
    await using runtime = await small({ workers: 2, maxQueue: 64, bodyMemoryBytes: 2 ** 22 });
    await runtime.load('echo', { wasm: ECHO });
    await runtime.load('sleep', { wasm: SLEEP });
    await runtime.load('spin', { wasm: SPIN });
    await runtime.load('waits', { wasm: caller('sleep') });
    await runtime.load('burns', { wasm: caller('spin') });
    await runtime.load('busy', {
      wasm: luge(`${data(100, 'echo')} (func (export "handle") (loop $again
        (drop ${call('echo', '')}) (br $again)))`),
    });
    const body = 'x'.repeat(20_000);
    for (let round = 0; round < 6; round++) {
      const calls = ['waits', 'burns', 'busy', 'busy', 'waits'].map((name) =>
        codeOf(runtime.invoke(name, { body, deadlineMs: 1000 })),
      );
      await until(
        () => runtime.stats().workers.reduce((sum, { held }) => sum + held, 0) >= 5,
        'they call',
      );
      await runtime.killWorker(round % 2);
      await runtime.killWorker((round + 1) % 2);
      const ends = await Promise.all(calls);
      // A callee that dies is an answer to its caller; and what was still queued runs into its deadline.
      const possible = ['ERR_WORKER_LOST', 'ERR_DEADLINE', 'resolved'];
      for (const end of ends) expect(possible).toContain(end);
      await allFree(runtime);
    }
    await runtime.load('caller', { wasm: caller('echo') });
    expect(answer(await runtime.invoke('caller', { body: 'after' }))).toEqual([200, 'after']);
  });

  it('a_callee_that_dies_with_its_worker_is_an_answer', async () => {
    await using runtime = await small({ workers: 2 });
    await runtime.load('sleep', { wasm: SLEEP });
    await runtime.load('waits', { wasm: caller('sleep') });
    let isAnswered = false;
    // Which worker has the callee is not known: one of a few rounds finds them apart.
    for (let round = 0; round < 20 && !isAnswered; round++) {
      const result = runtime.invoke('waits').then(answer, (error: { code: string }) => error.code);
      await until(
        () => runtime.stats().workers.reduce((sum, { held }) => sum + held, 0) === 2,
        'both are under way',
      );
      await runtime.killWorker(0);
      const first = await Promise.race([
        result,
        new Promise((resolve) => setTimeout(() => resolve('still there'), 200)),
      ]);
      if (first === 'still there') await runtime.killWorker(1);
      const last = await result;
      isAnswered = Array.isArray(last) && last[0] === -502;
      expect(isAnswered || last === 'ERR_WORKER_LOST', String(last)).toBe(true);
      await allFree(runtime);
    }
  });
});
