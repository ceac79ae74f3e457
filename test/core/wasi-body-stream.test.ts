/** stdin while the body of a request comes in: fd_read, and poll_oneoff beside clocks. */
import { expect, it } from 'vitest';
import type { Runtime } from '../../src/core/index.ts';
import { allFree, codeOf, small, textOf, until, wat } from './guests.ts';

const EAGAIN = 6;
const FD_READ = 1;
const HANGUP = 1;
const MINUTE_NS = 60e9;

/** Subscriptions lie at 0 and 48, events at 4096, their number at 8192, what is read at 1024; `$say` prints a byte, `$note` flushes what was printed. */
function program(body: string): Uint8Array {
  return wat(`(module
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_fdstat_set_flags" (func $set_flags (param i32 i32) (result i32)))
    (import "luge" "flush" (func $flush (result i32)))
    (memory (export "memory") 1)
    (func $stdin (i64.store (i32.const 0) (i64.const 7)) (i32.store8 (i32.const 8) (i32.const 1)))
    (func $clock (param $ns i64)
      (i64.store (i32.const 48) (i64.const 9)) (i32.store8 (i32.const 56) (i32.const 0))
      (i32.store (i32.const 64) (i32.const 1)) (i64.store (i32.const 72) (local.get $ns)))
    (func $out (param $at i32) (param $bytes i32)
      (i32.store (i32.const 9000) (local.get $at))
      (i32.store (i32.const 9004) (local.get $bytes))
      (drop (call $write (i32.const 1) (i32.const 9000) (i32.const 1) (i32.const 9008))))
    (func $say (param $value i32)
      (i32.store8 (i32.const 9016) (local.get $value))
      (call $out (i32.const 9016) (i32.const 1)))
    (func $wait (param $count i32) (result i32)
      (call $poll (i32.const 0) (i32.const 4096) (local.get $count) (i32.const 8192)))
    (func $event (call $out (i32.const 8192) (i32.const 1)) (call $out (i32.const 4096) (i32.const 32)))
    ;; Two buffers of 3 and 100 bytes; the errno, or the number of bytes behind 0.
    (func $take
      (i32.store (i32.const 512) (i32.const 1024)) (i32.store (i32.const 516) (i32.const 3))
      (i32.store (i32.const 520) (i32.const 1027)) (i32.store (i32.const 524) (i32.const 100))
      (call $say (call $read (i32.const 0) (i32.const 512) (i32.const 2) (i32.const 528)))
      (call $say (i32.load (i32.const 528))))
    (func (export "_start") ${body}))`);
}

function eventOf(body: Uint8Array, at: number): Record<string, number> {
  const view = new DataView(body.buffer, body.byteOffset + at);
  return {
    count: view.getUint8(0),
    userdata: Number(view.getBigUint64(1, true)),
    error: view.getUint16(9, true),
    type: view.getUint8(11),
    bytes: Number(view.getBigUint64(17, true)),
    flags: view.getUint16(25, true),
  };
}

class Tap {
  readonly stream: ReadableStream<Uint8Array>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;

  constructor() {
    this.stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
    });
  }

  give(text: string): void {
    this.#controller.enqueue(Buffer.from(text));
  }

  end(): void {
    this.#controller.close();
  }
}

async function load(runtime: Runtime, body: string, deadlineMs = 60_000): Promise<void> {
  await runtime.load('program', { wasm: program(body), requestBody: 'stream', deadlineMs });
}

async function asleep(runtime: Runtime): Promise<void> {
  const parks = (): number => runtime.stats().workers[0]?.parks ?? 0;
  const before = parks();
  await until(() => runtime.stats().workers[0]?.held === 1 && parks() > before, 'it sleeps');
}

it('a_poll_of_stdin_and_a_clock_ends_when_bytes_come', async () => {
  await using runtime = await small();
  await load(
    runtime,
    `(call $stdin) (call $clock (i64.const ${MINUTE_NS}))
     (call $say (call $wait (i32.const 2))) (call $event) (call $take)
     (call $say (call $wait (i32.const 2))) (call $event) (call $take)`,
  );
  const tap = new Tap();
  const call = runtime.invoke('program', { body: tap.stream });
  await asleep(runtime);
  tap.give('hello');
  await asleep(runtime);
  tap.end();
  const { body } = await call;
  expect(body[0]).toBe(0);
  const input = { count: 1, userdata: 7, error: 0, type: FD_READ };
  expect(eventOf(body, 1)).toEqual({ ...input, bytes: 5, flags: 0 });
  expect([...body.subarray(34, 37)]).toEqual([0, 5, 0]);
  expect(eventOf(body, 37)).toEqual({ ...input, bytes: 0, flags: HANGUP });
  expect([...body.subarray(70)]).toEqual([0, 0]);
  await allFree(runtime);
});

it('a_poll_of_stdin_and_a_clock_ends_when_its_time_is_up_and_the_body_can_be_waited_for_again', async () => {
  await using runtime = await small();
  await load(
    runtime,
    `(call $stdin) (call $clock (i64.const 2000000))
     (call $say (call $wait (i32.const 2))) (call $event)
     (call $say (call $wait (i32.const 2))) (call $event)
     (drop (call $flush)) (call $take) (call $take)`,
  );
  const tap = new Tap();
  const { body } = await runtime.invoke('program', { body: tap.stream, stream: true });
  const out = body.getReader();
  const { value = new Uint8Array() } = await out.read();
  const due = { count: 1, userdata: 9, error: 0, type: 0, bytes: 0, flags: 0 };
  expect([eventOf(value, 1), eventOf(value, 35)]).toEqual([due, due]);
  tap.give('hi');
  await asleep(runtime);
  tap.end();
  // What it has said when it waits again goes out then, or with the rest.
  const rest: number[] = [];
  for (let part = await out.read(); !part.done; part = await out.read()) rest.push(...part.value);
  expect(rest).toEqual([0, 2, 0, 0]);
  await allFree(runtime);
});

it('a_deadline_finds_a_poll_that_waits_for_stdin_alone', async () => {
  await using runtime = await small();
  await load(runtime, '(call $stdin) (drop (call $wait (i32.const 1)))', 100);
  const tap = new Tap();
  expect(await codeOf(runtime.invoke('program', { body: tap.stream }))).toBe('ERR_DEADLINE');
  await allFree(runtime);
});

it('a_stdin_that_shall_not_block_says_so', async () => {
  await using runtime = await small();
  await load(
    runtime,
    `(drop (call $set_flags (i32.const 0) (i32.const 4)))
     (call $take) (call $stdin) (drop (call $wait (i32.const 1))) (call $take)`,
  );
  const tap = new Tap();
  const call = runtime.invoke('program', { body: tap.stream });
  await asleep(runtime);
  tap.give('now');
  expect([...(await call).body]).toEqual([EAGAIN, 0, 0, 3]);
  await allFree(runtime);
});

it('a_read_fills_its_buffers_in_order_with_what_is_there', async () => {
  await using runtime = await small();
  await load(runtime, '(call $take) (call $out (i32.const 1024) (i32.const 6))');
  const tap = new Tap();
  const call = runtime.invoke('program', { body: tap.stream });
  await asleep(runtime);
  tap.give('abcdef');
  expect(textOf(await call)).toBe('\x00\x06abcdef');
  await allFree(runtime);
});

it('a_read_of_no_bytes_does_not_wait', async () => {
  await using runtime = await small();
  await load(
    runtime,
    `(call $say (call $read (i32.const 0) (i32.const 512) (i32.const 1) (i32.const 528)))
     (call $say (call $read (i32.const 0) (i32.const 512) (i32.const 0) (i32.const 528)))`,
  );
  expect(textOf(await runtime.invoke('program', { body: new Tap().stream }))).toBe('\0\0');
  await allFree(runtime);
});

it.each([
  ['a list outside', '(i32.const 65535) (i32.const 2) (i32.const 528)', 21],
  ['a result outside', '(i32.const 512) (i32.const 1) (i32.const 65535)', 21],
])('a_bad_pointer_is_an_errno_before_anything_is_waited_for: %s', async (_name, args, errno) => {
  await using runtime = await small();
  await load(runtime, `(call $say (call $read (i32.const 0) ${args}))`);
  const { body } = await runtime.invoke('program', { body: new Tap().stream });
  expect([...body]).toEqual([errno]);
  await allFree(runtime);
});
