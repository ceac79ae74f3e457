/** Request bodies that come in while their guests run, in-process: who reads sets the pace. */
import { expect, it } from 'vitest';
import type { LoadOptions, Runtime } from '../../src/core/index.ts';
import { allFree, CAT, codeOf, ECHO, luge, SLEEP, SPIN, small, textOf, until } from './guests.ts';

const CHUNK_BYTES = 16_384;
const STREAM = { requestBody: 'stream' } as const satisfies Partial<LoadOptions>;

/** As ECHO, and each piece goes out at once. */
const ECHO_AT_ONCE = luge(`(func (export "handle") (local $at i32) (local $n i32)
  (drop (call $flush))
  (loop $more
    (local.set $n (call $body_read (local.get $at) (i32.const 0) (i32.const 60000)))
    (if (local.get $n) (then
      (drop (call $write (i32.const 0) (local.get $n)))
      (drop (call $flush))
      (local.set $at (i32.add (local.get $at) (local.get $n)))
      (br $more)))))`);

/** Reads so many bytes and no more, tells how often it has read, and sleeps until it is ended. */
function reader(bytes: number): Uint8Array {
  return luge(`(data (i32.const 0) "n") (func (export "handle") (local $at i32) (loop $more
      (local.set $at (i32.add (local.get $at)
        (call $body_read (local.get $at) (i32.const 64) (i32.sub (i32.const ${bytes}) (local.get $at)))))
      (br_if $more (i32.lt_u (local.get $at) (i32.const ${bytes}))))
    (drop (call $kv_increment (i32.const 0) (i32.const 1) (i64.const 1) (i32.const 8)))
    (call $sleep (i64.const 600000000000)))`);
}

/** Answers 'early' without a look at its body. */
const EARLY = luge(`(data (i32.const 0) "early")
  (func (export "handle") (drop (call $write (i32.const 0) (i32.const 5))))`);

/** A source that a test drives: pieces go in by `give`, and what was asked for is counted. */
class Tap {
  readonly stream: ReadableStream<Uint8Array>;
  asked = 0;
  cancelled: unknown;
  isCancelled = false;
  #controller!: ReadableStreamDefaultController<Uint8Array>;

  constructor() {
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          this.asked++;
        },
        cancel: (reason) => {
          this.isCancelled = true;
          this.cancelled = reason;
        },
      },
      { highWaterMark: 0 },
    );
  }

  give(text: string): void {
    this.#controller.enqueue(Buffer.from(text));
  }

  end(): void {
    this.#controller.close();
  }

  fail(error: unknown): void {
    this.#controller.error(error);
  }
}

/** Pieces of `bytes` bytes, each of its number modulo 251; how many were taken. */
class Counted implements AsyncIterable<Uint8Array> {
  taken = 0;
  isReturned = false;
  readonly #bytes: number;
  readonly #pieces: number;

  constructor(bytes: number, pieces: number = Number.POSITIVE_INFINITY) {
    this.#bytes = bytes;
    this.#pieces = pieces;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      while (this.taken < this.#pieces) yield new Uint8Array(this.#bytes).fill(this.taken++ % 251);
    } finally {
      this.isReturned = true;
    }
  }

  expect(body: Uint8Array): void {
    expect(body.length).toBe(this.#bytes * this.#pieces);
    const wrong = body.findIndex((byte, at) => byte !== Math.floor(at / this.#bytes) % 251);
    expect(wrong).toBe(-1);
  }
}

function chunksInUse(runtime: Runtime): number {
  const { chunks, chunksFree } = runtime.stats();
  return chunks - chunksFree;
}

async function asleep(runtime: Runtime): Promise<void> {
  // Its worker has nothing to do but to wait: it parks, again and again.
  const parks = (): number => runtime.stats().workers[0]?.parks ?? 0;
  const before = parks();
  await until(() => runtime.stats().workers[0]?.held === 1 && parks() > before, 'it sleeps');
}

it.each([
  ['luge', ECHO],
  ['wasi', CAT],
])('a_guest_reads_what_is_there_and_the_end_behind_it: %s', async (_name, wasm) => {
  await using runtime = await small();
  await runtime.load('echo', { wasm, ...STREAM });
  const tap = new Tap();
  const call = runtime.invoke('echo', { body: tap.stream });
  for (const text of ['one', 'two', 'three']) {
    await asleep(runtime);
    tap.give(text);
  }
  await asleep(runtime);
  tap.end();
  const result = await call;
  expect(textOf(result)).toBe('onetwothree');
  expect(result.timing.asleepNs).toBeGreaterThan(0);
  await allFree(runtime);
});

it('an_answer_goes_out_while_the_body_comes_in', async () => {
  await using runtime = await small();
  await runtime.load('echo', { wasm: ECHO_AT_ONCE, ...STREAM });
  const tap = new Tap();
  const { body } = await runtime.invoke('echo', { body: tap.stream, stream: true });
  const out = body.getReader();
  for (const text of ['one', 'two', 'three']) {
    tap.give(text);
    expect(Buffer.from((await out.read()).value ?? []).toString()).toBe(text);
  }
  tap.end();
  expect((await out.read()).done).toBe(true);
  await allFree(runtime);
});

it.each([
  ['luge', ECHO],
  ['wasi', CAT],
])('bytes_come_in_order_whatever_the_pieces_are: %s', async (_name, wasm) => {
  await using runtime = await small({ bodyMemoryBytes: 8 * 2 ** 20 });
  await runtime.load('echo', { wasm, ...STREAM, requestHighWaterBytes: 20_000 });
  for (const [bytes, pieces] of [
    [1, 3000],
    [0, 5],
    [777, 1000],
    [100_000, 7],
    [1_000_000, 1],
  ] as const) {
    const body = new Counted(bytes, pieces);
    body.expect((await runtime.invoke('echo', { body })).body);
  }
  await allFree(runtime);
});

it('an_empty_stream_is_an_empty_body', async () => {
  await using runtime = await small();
  await runtime.load('echo', { wasm: ECHO, ...STREAM });
  expect(textOf(await runtime.invoke('echo', { body: new Counted(1, 0) }))).toBe('');
  await allFree(runtime);
});

it('of_a_fast_source_no_more_is_taken_than_fits_below_the_mark', async () => {
  await using runtime = await small({ maxQueue: 4 });
  const load = { wasm: reader(100_000), ...STREAM, requestHighWaterBytes: 65_536 };
  await runtime.load('reader', { ...load, deadlineMs: 60_000 });
  const body = new Counted(5000);
  const aborter = new AbortController();
  const call = codeOf(runtime.invoke('reader', { body, signal: aborter.signal }));
  const ends = (): boolean => {
    const most = Math.ceil((100_000 + 65_536) / 5000) + 1;
    expect(body.taken).toBeLessThanOrEqual(most);
    // Two bodies, each of which may begin in a chunk of its own.
    expect(chunksInUse(runtime)).toBeLessThanOrEqual(65_536 / CHUNK_BYTES + 2);
    return body.taken >= Math.floor((100_000 + 65_536 - CHUNK_BYTES) / 5000);
  };
  await until(() => chunksInUse(runtime) > 0, 'the body comes');
  for (let look = 0, before = -1; look < 50; look++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    ends();
    if (body.taken !== before) look = 0;
    before = body.taken;
  }
  aborter.abort();
  expect(await call).toBe('AbortError');
  await allFree(runtime);
  expect(body.isReturned).toBe(true);
});

it('a_source_that_is_slow_to_be_read_is_not_asked', async () => {
  await using runtime = await small();
  await runtime.load('spin', {
    wasm: SPIN,
    ...STREAM,
    requestHighWaterBytes: 4096,
    deadlineMs: 300,
  });
  const body = new Counted(1000);
  expect(await codeOf(runtime.invoke('spin', { body }))).toBe('ERR_DEADLINE');
  expect(body.taken).toBeLessThanOrEqual(5);
  await allFree(runtime);
  await until(() => body.isReturned, 'the source is told');
});

it('a_source_that_fails_fails_the_call_and_ends_the_guest', async () => {
  await using runtime = await small();
  await runtime.load('echo', { wasm: ECHO, ...STREAM });
  const tap = new Tap();
  const call = runtime.invoke('echo', { body: tap.stream });
  tap.give('one');
  await asleep(runtime);
  const cause = new Error('the disk is gone');
  tap.fail(cause);
  await expect(call).rejects.toMatchObject({ code: 'ERR_BODY_SOURCE', status: 400, cause });
  await allFree(runtime);
  expect(runtime.stats().workers[0]?.kills).toBe(1);
});

it('a_source_that_fails_behind_the_head_of_the_answer_fails_its_body', async () => {
  await using runtime = await small();
  await runtime.load('echo', { wasm: ECHO_AT_ONCE, ...STREAM });
  const tap = new Tap();
  const { body } = await runtime.invoke('echo', { body: tap.stream, stream: true });
  const read = codeOf(body.getReader().read());
  tap.fail(new Error('gone'));
  expect(await read).toBe('ERR_BODY_SOURCE');
  await allFree(runtime);
});

it.each([
  ['a_string', 'text'],
  ['a_number', 5],
])('a_piece_that_is_no_bytes_fails_the_call: %s', async (_name, piece) => {
  await using runtime = await small();
  await runtime.load('echo', { wasm: ECHO, ...STREAM });
  let isReturned = false;
  async function* pieces(): AsyncGenerator<Uint8Array> {
    try {
      yield piece as unknown as Uint8Array;
    } finally {
      isReturned = true;
    }
  }
  expect(await codeOf(runtime.invoke('echo', { body: pieces() }))).toBe('ERR_BODY_SOURCE');
  await allFree(runtime);
  await until(() => isReturned, 'the source is told');
});

it('a_stream_that_is_read_by_somebody_else_is_refused', async () => {
  await using runtime = await small();
  await runtime.load('echo', { wasm: ECHO, ...STREAM });
  const { stream } = new Tap();
  stream.getReader();
  expect(await codeOf(runtime.invoke('echo', { body: stream }))).toBe('ERR_BODY_SOURCE');
  await allFree(runtime);
});

it('an_abort_finds_a_guest_that_waits_and_cancels_its_source', async () => {
  await using runtime = await small();
  await runtime.load('echo', { wasm: ECHO, ...STREAM });
  const tap = new Tap();
  const aborter = new AbortController();
  const call = codeOf(runtime.invoke('echo', { body: tap.stream, signal: aborter.signal }));
  await asleep(runtime);
  const reason = Object.assign(new Error('enough'), { code: 'MINE' });
  aborter.abort(reason);
  expect(await call).toBe('MINE');
  await allFree(runtime);
  expect(tap.cancelled).toBe(reason);
});

it.each([
  ['luge', ECHO],
  ['wasi', CAT],
])('a_deadline_finds_a_guest_that_waits: %s', async (_name, wasm) => {
  await using runtime = await small();
  await runtime.load('echo', { wasm, ...STREAM, deadlineMs: 100 });
  const tap = new Tap();
  expect(await codeOf(runtime.invoke('echo', { body: tap.stream }))).toBe('ERR_DEADLINE');
  await allFree(runtime);
  await until(() => tap.isCancelled, 'the source is told');
});

it('a_guest_that_waits_uses_no_cpu_time_and_lets_others_run', async () => {
  await using runtime = await small();
  await runtime.load('echo', { wasm: ECHO, ...STREAM, cpuLimitMs: 50 });
  await runtime.load('other', { wasm: ECHO });
  const tap = new Tap();
  const call = runtime.invoke('echo', { body: tap.stream });
  // Longer than it may run.
  for (let others = 0; others < 40; others++) {
    expect(textOf(await runtime.invoke('other', { body: 'x' }))).toBe('x');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  tap.give('late');
  tap.end();
  expect(textOf(await call)).toBe('late');
  await allFree(runtime);
});

it('a_worker_that_dies_answers_its_guests_and_the_source_is_cancelled', async () => {
  await using runtime = await small();
  await runtime.load('echo', { wasm: ECHO_AT_ONCE, ...STREAM, requestHighWaterBytes: 8192 });
  for (let round = 0; round < 3; round++) {
    const waiting = new Tap();
    const waits = codeOf(runtime.invoke('echo', { body: waiting.stream }));
    const busy = new Counted(3000);
    const { body } = await runtime.invoke('echo', { body: busy, stream: true });
    const reading = codeOf(
      (async () => {
        for await (const _ of body);
      })(),
    );
    await until(() => busy.taken > 10, 'it is under way');
    await runtime.killWorker(0);
    expect([await waits, await reading]).toEqual(['ERR_WORKER_LOST', 'ERR_WORKER_LOST']);
    await until(() => waiting.isCancelled && busy.isReturned, 'the sources are told');
    await allFree(runtime);
  }
});

it('a_guest_that_answers_early_leaves_its_source_cancelled', async () => {
  await using runtime = await small();
  await runtime.load('early', { wasm: EARLY, ...STREAM });
  const tap = new Tap();
  const endless = new Counted(100_000);
  expect(textOf(await runtime.invoke('early', { body: tap.stream }))).toBe('early');
  expect(textOf(await runtime.invoke('early', { body: endless }))).toBe('early');
  await until(() => tap.isCancelled && endless.isReturned, 'the sources are told');
  await allFree(runtime);
});

it('a_source_without_an_end_is_given_up_by_a_function_that_takes_whole_bodies', async () => {
  await using runtime = await small({ bodyMemoryBytes: 2 ** 20 });
  await runtime.load('echo', { wasm: ECHO });
  let isOver = false;
  async function* pieces(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield new Uint8Array(10_000);
    } finally {
      isOver = true;
    }
  }
  expect(await codeOf(runtime.invoke('echo', { body: pieces() }))).toBe('ERR_BODY_MEMORY');
  expect(isOver).toBe(true);
  // Empty pieces, too: whoever aborts gets the chance.
  const stream = new ReadableStream({ pull: (it) => it.enqueue(new Uint8Array(0)) });
  const signal = AbortSignal.timeout(20);
  expect(await codeOf(runtime.invoke('echo', { body: stream, signal }))).toBe('TimeoutError');
  await allFree(runtime);
});

it('a_function_that_takes_whole_bodies_gets_the_stream_when_it_is_complete', async () => {
  await using runtime = await small();
  await runtime.load('echo', { wasm: ECHO });
  const body = new Counted(1000, 20);
  body.expect((await runtime.invoke('echo', { body })).body);
  const tap = new Tap();
  const failed = codeOf(runtime.invoke('echo', { body: tap.stream }));
  tap.give('x');
  await until(() => tap.asked > 0, 'it is asked');
  expect(runtime.stats().slotsFree).toBe(runtime.stats().slots);
  tap.fail(new Error('gone'));
  expect(await failed).toBe('ERR_BODY_SOURCE');
  const hung = new Tap();
  const aborter = new AbortController();
  const aborted = codeOf(runtime.invoke('echo', { body: hung.stream, signal: aborter.signal }));
  await until(() => hung.asked > 0, 'it is asked');
  aborter.abort();
  expect([await aborted, hung.isCancelled]).toEqual(['AbortError', true]);
  await allFree(runtime);
});

it('a_refused_call_cancels_its_source', async () => {
  await using runtime = await small({ maxQueue: 1 });
  await runtime.load('sleep', { wasm: SLEEP });
  await runtime.load('echo', { wasm: ECHO, ...STREAM });
  const aborter = new AbortController();
  const first = codeOf(runtime.invoke('sleep', { signal: aborter.signal }));
  const tap = new Tap();
  expect(await codeOf(runtime.invoke('echo', { body: tap.stream }))).toBe('ERR_QUEUE_FULL');
  expect(tap.isCancelled).toBe(true);
  const line = { method: 'NO METHOD' };
  const other = new Tap();
  expect(await codeOf(runtime.invoke('echo', { ...line, body: other.stream }))).toBe(
    'ERR_INVALID_ARGUMENT',
  );
  expect(other.isCancelled).toBe(true);
  aborter.abort();
  expect(await first).toBe('AbortError');
  await allFree(runtime);
});

it('a_body_that_finds_no_memory_fails_the_call', async () => {
  await using runtime = await small({ bodyMemoryBytes: 4 * CHUNK_BYTES });
  await runtime.load('spin', { wasm: SPIN, ...STREAM, requestHighWaterBytes: 1 << 20 });
  const body = new Counted(10_000);
  expect(await codeOf(runtime.invoke('spin', { body }))).toBe('ERR_BODY_MEMORY');
  await allFree(runtime);
  await until(() => body.isReturned, 'the source is told');
});

it('a_whole_body_is_read_by_the_same_rules', async () => {
  await using runtime = await small();
  await runtime.load('echo', { wasm: ECHO, ...STREAM });
  await runtime.load('cat', { wasm: CAT, ...STREAM });
  for (const body of ['', 'short', 'x'.repeat(100_000)]) {
    expect(textOf(await runtime.invoke('echo', { body }))).toBe(body);
    expect(textOf(await runtime.invoke('cat', { body }))).toBe(body);
  }
  await allFree(runtime);
});

/** Answers the results of some reads, as i32. */
const READS = luge(`
  (func $say (param i32) (i32.store (i32.const 0) (local.get 0))
    (drop (call $write (i32.const 0) (i32.const 4))))
  (func (export "handle")
    (call $say (call $body_size))
    (call $say (call $body_read (i32.const 0) (i32.const 8) (i32.const 0)))
    (call $say (call $body_read (i32.const 2) (i32.const 8) (i32.const 3)))
    (call $say (call $body_read (i32.const 0) (i32.const 8) (i32.const 3)))
    (call $say (call $body_read (i32.const 5) (i32.const 8) (i32.const 100)))
    (drop (call $write (i32.const 8) (i32.const 5)))
    (call $say (call $body_read (i32.const 100) (i32.const 8) (i32.const 3)))
    (call $say (call $body_size)))`);

function numbersOf(body: Uint8Array): number[] {
  const answer = Buffer.from(body);
  return [0, 4, 8, 12, 16, 25, 29].map((at) => answer.readInt32LE(at));
}

it('reads_go_forward_only', async () => {
  await using runtime = await small();
  await runtime.load('reads', { wasm: READS, ...STREAM });
  const whole = await runtime.invoke('reads', { body: 'abcdefghij' });
  expect(numbersOf(whole.body)).toEqual([10, 0, 3, -70, 5, 0, 10]);
  const tap = new Tap();
  const call = runtime.invoke('reads', { body: tap.stream });
  // The length is not known before the end.
  for (const text of ['abcde', 'fghij']) {
    await asleep(runtime);
    tap.give(text);
  }
  await asleep(runtime);
  tap.end();
  expect(numbersOf((await call).body)).toEqual([-1, 0, 3, -70, 5, 0, 10]);
  await allFree(runtime);
});

it('a_range_outside_of_the_memory_ends_the_guest', async () => {
  await using runtime = await small();
  const wasm = luge(`(func (export "handle")
    (drop (call $body_read (i32.const 0) (i32.const 65530) (i32.const 100))))`);
  await runtime.load('bad', { wasm, ...STREAM });
  const tap = new Tap();
  const call = codeOf(runtime.invoke('bad', { body: tap.stream }));
  await asleep(runtime);
  tap.give('more than six');
  expect(await call).toBe('ERR_TRAP');
  await allFree(runtime);
});

it('a_call_between_functions_hands_over_its_body_as_a_whole', async () => {
  await using runtime = await small();
  await runtime.load('echo', { wasm: ECHO, ...STREAM });
  const caller = luge(`(data (i32.const 0) "echohello") (func (export "handle")
    (drop (call $call (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 5)))
    (drop (call $write (i32.const 64) (call $call_read (i32.const 0) (i32.const 64) (i32.const 100)))))`);
  await runtime.load('caller', { wasm: caller });
  expect(textOf(await runtime.invoke('caller'))).toBe('hello');
  await allFree(runtime);
});

it('many_streams_at_once_leave_every_slot_and_chunk', async () => {
  await using runtime = await small({ workers: 2, bodyMemoryBytes: 8 * 2 ** 20 });
  await runtime.load('echo', { wasm: ECHO_AT_ONCE, ...STREAM, requestHighWaterBytes: 16_384 });
  let whole = 0;
  const calls = Array.from({ length: 60 }, async (_, i) => {
    const body = new Counted(1000 + i, 50);
    const aborter = new AbortController();
    const { signal } = aborter;
    const result = await runtime.invoke('echo', { body, stream: true, signal });
    if (i % 4 === 0) return result.body.cancel();
    if (i % 4 === 1) return aborter.abort();
    const pieces: Uint8Array[] = [];
    for await (const piece of result.body) pieces.push(piece);
    body.expect(Buffer.concat(pieces));
    whole++;
  });
  await Promise.all(calls);
  expect(whole).toBe(30);
  await allFree(runtime);
});

it.each([
  ['requestBody', { requestBody: 'parts' as 'stream' }],
  ['requestHighWaterBytes', { requestHighWaterBytes: 100 }],
])('a_setting_that_cannot_be_is_refused: %s', async (name, options) => {
  await using runtime = await small();
  const load = runtime.load('echo', { wasm: ECHO, ...options });
  await expect(load).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringContaining(`load: ${name} must be`),
  });
});
