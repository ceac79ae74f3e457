/** Responses that go out while their guests run, in-process: who reads sets the pace. */
import { expect, it } from 'vitest';
import type { Runtime } from '../../src/core/index.ts';
import { allFree, codeOf, luge, small, textOf, until, wasi } from './guests.ts';

const KIB = 1024;

/** Writes "one", flushes, sleeps for as long as it may; answers "two" when the body is empty. */
const TWO_PARTS = luge(`(data (i32.const 0) "onetwox-a1x-b2")
  (func (export "handle")
    (drop (call $set_header (i32.const 6) (i32.const 3) (i32.const 9) (i32.const 1)))
    (drop (call $write (i32.const 0) (i32.const 3)))
    (drop (call $flush))
    (if (call $body_size) (then (call $sleep (i64.const 60000000000))))
    (drop (call $write (i32.const 3) (i32.const 3))))`);

/** Writes KiB after KiB for ever, and counts them in the key-value store. */
const ENDLESS = luge(`(data (i32.const 2000) "n")
  (func (export "handle") (loop $more
    (drop (call $write (i32.const 0) (i32.const 1024)))
    (drop (call $kv_increment (i32.const 2000) (i32.const 1) (i64.const 1) (i32.const 2008)))
    (br $more)))`);

/** The same within a catch_all that goes on. */
const STUBBORN = luge(`(func $fill (loop $more
    (drop (call $write (i32.const 0) (i32.const 1024))) (br $more)))
  (func (export "handle") (loop $again (try (do (call $fill)) (catch_all)) (br $again)))`);

/** `kib` KiB, each of them its number modulo 251. */
function counted(kib: number): Uint8Array {
  return luge(`(func (export "handle") (local $i i32) (loop $more
    (memory.fill (i32.const 0) (i32.rem_u (local.get $i) (i32.const 251)) (i32.const 1024))
    (drop (call $write (i32.const 0) (i32.const 1024)))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $more (i32.lt_u (local.get $i) (i32.const ${kib})))))`);
}

function expectCounted(body: Uint8Array, kib: number): void {
  expect(body.length).toBe(kib * KIB);
  const wrong = body.findIndex((byte, at) => byte !== Math.floor(at / KIB) % 251);
  expect(wrong).toBe(-1);
}

async function bytesOf(body: ReadableStream<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** KiB that ENDLESS has written: the guest of `runtime` counts them. */
const COUNT = luge(`(data (i32.const 0) "n") (func (export "handle")
  (drop (call $kv_get (i32.const 0) (i32.const 1) (i32.const 8) (i32.const 8)))
  (drop (call $write (i32.const 8) (i32.const 8))))`);

async function writtenKib(runtime: Runtime): Promise<number> {
  const { body } = await runtime.invoke('count');
  return Number(Buffer.from(body).readBigInt64LE());
}

/** Until a count that is asked for twice, with other work in between, is the same. */
async function settledKib(runtime: Runtime): Promise<number> {
  for (let last = -1, same = 0, look = 0; look < 500; look++) {
    const now = await writtenKib(runtime);
    same = now === last && now > 0 ? same + 1 : 0;
    if (same === 20) return now;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error('in vain: the guest stops');
}

it('a_guest_that_sleeps_hands_over_what_it_has_written_once_its_response_has_begun', async () => {
  await using runtime = await small();
  const guest = (first: string, rest: string): Uint8Array =>
    luge(`(data (i32.const 0) "onetwo") (func (export "handle")
      (drop (call $write (i32.const 0) (i32.const 3))) ${first}
      (drop (call $write (i32.const 3) (i32.const 3))) ${rest})`);
  const sleep = (ns: number): string => `(call $sleep (i64.const ${ns}))`;
  await runtime.load('begun', { wasm: guest('(drop (call $flush))', sleep(60e9)) });
  const { body } = await runtime.invoke('begun', { stream: true });
  const reader = body.getReader();
  let text = '';
  while (text.length < 6) text += Buffer.from((await reader.read()).value as Uint8Array).toString();
  expect(text).toBe('onetwo');
  await reader.cancel();
  // Its head is still to be said.
  await runtime.load('not', { wasm: guest(sleep(1e6), '(call $status (i32.const 404))') });
  const late = await runtime.invoke('not', { stream: true });
  expect([late.status, String(await bytesOf(late.body))]).toEqual([404, 'onetwo']);
  await allFree(runtime);
});

it('a_flush_brings_head_and_body_while_the_guest_runs', async () => {
  await using runtime = await small();
  await runtime.load('two', { wasm: TWO_PARTS, contentType: 'text/x' });
  const aborter = new AbortController();
  const { signal } = aborter;
  const result = await runtime.invoke('two', { stream: true, body: 'wait', signal });
  expect(result.status).toBe(200);
  expect(result.headers).toEqual([
    ['x-a', '1'],
    ['Content-Type', 'text/x'],
  ]);
  expect(result.timing).toBeUndefined();
  const reader = result.body.getReader();
  expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('one');
  const next = codeOf(reader.read());
  aborter.abort(Object.assign(new Error('enough'), { code: 'MINE' }));
  expect(await next).toBe('MINE');
  await allFree(runtime);
});

it('the_rest_comes_behind_the_last_flush', async () => {
  await using runtime = await small();
  await runtime.load('two', { wasm: TWO_PARTS });
  const result = await runtime.invoke('two', { stream: true });
  expect((await bytesOf(result.body)).toString()).toBe('onetwo');
  expect(result.timing?.totalNs).toBeGreaterThan(0);
  await allFree(runtime);
});

it('without_stream_an_invocation_collects_what_was_flushed', async () => {
  await using runtime = await small();
  await runtime.load('two', { wasm: TWO_PARTS });
  await runtime.load('long', { wasm: counted(900), streamHighWaterBytes: 8192 });
  expect(textOf(await runtime.invoke('two'))).toBe('onetwo');
  expectCounted((await runtime.invoke('long')).body, 900);
  await allFree(runtime);
});

it('a_response_that_was_never_flushed_is_a_stream_of_one_piece', async () => {
  await using runtime = await small();
  await runtime.load('few', { wasm: counted(3) });
  const { body } = await runtime.invoke('few', { stream: true });
  const reader = body.getReader();
  expectCounted((await reader.read()).value ?? new Uint8Array(), 3);
  expect((await reader.read()).done).toBe(true);
  await allFree(runtime);
});

it.each([4096, 5000, 65_536])('bytes_come_in_order_with_a_mark_of_%d', async (mark) => {
  await using runtime = await small();
  await runtime.load('long', { wasm: counted(3000), streamHighWaterBytes: mark });
  const calls = await Promise.all(
    [1, 2, 3].map(() => runtime.invoke('long', { stream: true }).then(({ body }) => bytesOf(body))),
  );
  for (const body of calls) expectCounted(body, 3000);
  await allFree(runtime);
});

it('who_does_not_read_stops_the_guest_and_not_the_worker', async () => {
  await using runtime = await small({ bodyMemoryBytes: 2 ** 20 });
  const options = { streamHighWaterBytes: 65_536, maxOutputBytes: Number.POSITIVE_INFINITY };
  await runtime.load('endless', { wasm: ENDLESS, ...options });
  await runtime.load('count', { wasm: COUNT });
  const { body } = await runtime.invoke('endless', { stream: true });
  // The mark, and one write.
  expect(await settledKib(runtime)).toBeLessThanOrEqual(65);
  const reader = body.getReader();
  for (let read = 0; read < 2 ** 21; ) read += (await reader.read()).value?.length ?? 0;
  const written = await settledKib(runtime);
  expect(written).toBeGreaterThanOrEqual(2048);
  await reader.cancel();
  await allFree(runtime);
});

it('a_stopped_wasi_guest_goes_on_when_its_output_is_read', async () => {
  await using runtime = await small();
  const wasm = wasi(`(func (export "_start") (local $i i32)
    (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 1000))
    (loop $more
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $i) (i32.const 1000)))))`);
  await runtime.load('wasi', { wasm, streamHighWaterBytes: 8192 });
  const { body } = await runtime.invoke('wasi', { stream: true });
  expect((await bytesOf(body)).length).toBe(1_000_000);
  await allFree(runtime);
});

it.each([
  ['endless', ENDLESS],
  ['stubborn', STUBBORN],
])('a_deadline_finds_a_stopped_guest: %s', async (_name, wasm) => {
  await using runtime = await small();
  await runtime.load('guest', { wasm, deadlineMs: 150, streamHighWaterBytes: 16_384 });
  const { body } = await runtime.invoke('guest', { stream: true });
  await allFree(runtime);
  expect(await codeOf(bytesOf(body))).toBe('ERR_DEADLINE');
});

it('an_abort_finds_a_guest_that_is_stopped', async () => {
  await using runtime = await small();
  await runtime.load('guest', { wasm: STUBBORN, streamHighWaterBytes: 16_384 });
  const aborter = new AbortController();
  const { body } = await runtime.invoke('guest', { stream: true, signal: aborter.signal });
  aborter.abort();
  expect(await codeOf(bytesOf(body))).toBe('AbortError');
  await allFree(runtime);
});

it('who_cancels_the_body_ends_the_guest', async () => {
  await using runtime = await small();
  await runtime.load('guest', { wasm: ENDLESS, streamHighWaterBytes: 16_384 });
  const { body } = await runtime.invoke('guest', { stream: true });
  await body.cancel();
  await allFree(runtime);
});

it('the_output_limit_counts_what_went_out', async () => {
  await using runtime = await small();
  const limits = { streamHighWaterBytes: 8192, maxOutputBytes: 100 * KIB };
  await runtime.load('guest', { wasm: counted(101), ...limits });
  await runtime.load('fits', { wasm: counted(100), ...limits });
  const over = await runtime.invoke('guest', { stream: true });
  expect(await codeOf(bytesOf(over.body))).toBe('ERR_GUEST_OUTPUT_LIMIT');
  const { body } = await runtime.invoke('fits', { stream: true });
  expectCounted(await bytesOf(body), 100);
  await allFree(runtime);
});

it('status_and_headers_are_fixed_from_the_first_flush_on', async () => {
  await using runtime = await small();
  const fixed = luge(`(data (i32.const 0) "x-a1")
    (func $answer (param i32) (i32.store8 (i32.const 8) (i32.add (i32.const 48) (local.get 0)))
      (drop (call $write (i32.const 8) (i32.const 1))))
    (func (export "handle")
      (call $status (i32.const 201))
      (call $answer (call $set_header (i32.const 0) (i32.const 3) (i32.const 3) (i32.const 1)))
      (call $answer (call $flush))
      (call $status (i32.const 404))
      (call $answer (call $set_header (i32.const 0) (i32.const 3) (i32.const 3) (i32.const 1))))`);
  await runtime.load('fixed', { wasm: fixed });
  for (const stream of [true, false]) {
    const result = await runtime.invoke('fixed', { stream });
    const text =
      result.body instanceof Uint8Array ? Buffer.from(result.body) : await bytesOf(result.body);
    expect([result.status, text.toString()]).toEqual([201, '007']);
    expect(result.headers.filter(([name]) => name === 'x-a')).toHaveLength(1);
  }
});

it('a_worker_that_dies_in_the_middle_ends_its_streams_and_leaves_nothing', async () => {
  await using runtime = await small();
  const options = { streamHighWaterBytes: 16_384, maxOutputBytes: Number.POSITIVE_INFINITY };
  await runtime.load('guest', { wasm: ENDLESS, ...options });
  for (let round = 0; round < 3; round++) {
    const read = await runtime.invoke('guest', { stream: true });
    const unread = await runtime.invoke('guest', { stream: true });
    const reader = read.body.getReader();
    for (let i = 0; i < 50; i++) await reader.read();
    const drain = async (): Promise<void> => {
      while (!(await reader.read()).done);
    };
    const code = codeOf(drain());
    await runtime.killWorker(0);
    expect(await code).toBe('ERR_WORKER_LOST');
    await allFree(runtime);
    expect(await codeOf(bytesOf(unread.body))).toBe('ERR_WORKER_LOST');
  }
  expect(runtime.stats().workersLost).toBe(3);
});

it('a_called_function_that_flushes_is_collected', async () => {
  await using runtime = await small();
  await runtime.load('callee', { wasm: counted(40), streamHighWaterBytes: 4096 });
  const caller = luge(`(data (i32.const 0) "callee") (func (export "handle")
    (drop (call $call (i32.const 0) (i32.const 6) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
    (i32.store (i32.const 16) (call $call_size))
    (drop (call $write (i32.const 16) (i32.const 4))))`);
  await runtime.load('caller', { wasm: caller });
  const { body } = await runtime.invoke('caller');
  expect(Buffer.from(body).readInt32LE()).toBe(40 * KIB);
  await allFree(runtime);
});

it('many_streams_at_once_leave_every_slot_and_chunk', async () => {
  await using runtime = await small({ workers: 2, bodyMemoryBytes: 8 * 2 ** 20 });
  await runtime.load('long', { wasm: counted(200), streamHighWaterBytes: 16_384 });
  let whole = 0;
  const calls = Array.from({ length: 60 }, async (_, i) => {
    const { body } = await runtime.invoke('long', { stream: true });
    if (i % 3 === 0) return body.cancel();
    expectCounted(await bytesOf(body), 200);
    whole++;
  });
  await Promise.all(calls);
  expect(whole).toBe(40);
  await allFree(runtime);
});

it('a_mark_that_cannot_be_is_refused', async () => {
  await using runtime = await small();
  const load = runtime.load('guest', { wasm: ENDLESS, streamHighWaterBytes: 100 });
  expect(await codeOf(load)).toBe('ERR_INVALID_ARGUMENT');
  await until(() => runtime.get('guest') === undefined, 'it is not loaded');
});

it('a_stop_for_a_slow_client_is_counted_and_an_answer_that_is_read_causes_none', async () => {
  await using runtime = await small();
  const stops = (): number => runtime.stats().workers[0]?.streamStops ?? -1;
  await runtime.load('short', { wasm: counted(10), streamHighWaterBytes: 2 ** 20 });
  expectCounted(await bytesOf((await runtime.invoke('short', { stream: true })).body), 10);
  await runtime.load('collected', { wasm: counted(64), streamHighWaterBytes: 4096 });
  expectCounted((await runtime.invoke('collected')).body, 64);
  expect(stops()).toBe(0);
  await runtime.load('endless', {
    ...{ wasm: ENDLESS, streamHighWaterBytes: 16_384, maxOutputBytes: Number.POSITIVE_INFINITY },
  });
  const { body } = await runtime.invoke('endless', { stream: true });
  await until(() => stops() === 1, 'it is stopped');
  const reader = body.getReader();
  // What was taken lets it go on, up to the next stop.
  for (let before = stops(), read = 0; stops() === before && read < 10_000; read++) {
    await reader.read();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(stops()).toBeGreaterThan(1);
  await reader.cancel();
  await allFree(runtime);
});
