/**
 * What the `luge` interface's store and calls cost a guest, measured by its own clock in a running runtime: `kv_get` of 32 bytes against
 * `clock_ns`, the cheapest host call that there is, and a Map behind a message and
 * back, as stores without shared memory have it; `call` of an empty function against `invoke` of it from the main thread.
 */
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import wabtInit from 'wabt';
import { createRuntime, type Runtime } from '../../src/core/index.ts';
import { type Figure, figure } from '../figures.ts';

const ROUNDS = 9;
const READS = 100_000;
const CALLS = 2000;

/** Runs `body` $n times and answers the nanoseconds that it took. */
const timed = (imports: string, before: string, body: string): string => `(module
  (import "luge" "clock_ns" (func $clock (result i64)))
  (import "luge" "write" (func $write (param i32 i32) (result i32)))
  (import "luge" "body_read" (func $body_read (param i32 i32 i32) (result i32)))
  ${imports}
  (memory (export "memory") 1)
  (data (i32.const 64) "key") (data (i32.const 128) "a value that has thirty-two bytes") (data (i32.const 192) "empty")
  (func (export "handle") (local $i i32) (local $from i64)
    (drop (call $body_read (i32.const 0) (i32.const 0) (i32.const 4)))
    (local.set $i (i32.load (i32.const 0)))
    ${before}
    (local.set $from (call $clock))
    (loop $again
      ${body}
      (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
    (i64.store (i32.const 8) (i64.sub (call $clock) (local.get $from)))
    (drop (call $write (i32.const 8) (i32.const 8)))))`;

const GUESTS: Readonly<Record<string, string>> = {
  get: timed(
    `(import "luge" "kv_get" (func $get (param i32 i32 i32 i32) (result i32)))
     (import "luge" "kv_set" (func $set (param i32 i32 i32 i32 i64) (result i32)))`,
    '(drop (call $set (i32.const 64) (i32.const 3) (i32.const 128) (i32.const 32) (i64.const 0)))',
    `(if (i32.ne (call $get (i32.const 64) (i32.const 3) (i32.const 256) (i32.const 64)) (i32.const 32))
       (then unreachable))`,
  ),
  increment: timed(
    '(import "luge" "kv_increment" (func $add (param i32 i32 i64 i32) (result i32)))',
    '',
    '(if (call $add (i32.const 65) (i32.const 2) (i64.const 1) (i32.const 256)) (then unreachable))',
  ),
  clock: timed('', '', '(drop (call $clock))'),
  call: timed(
    '(import "luge" "call" (func $call (param i32 i32 i32 i32 i32 i32) (result i32)))',
    '',
    `(if (i32.ne (call $call (i32.const 192) (i32.const 5) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 200))
       (then unreachable))`,
  ),
  empty: '(module (func (export "handle")))',
};

export async function hostCalls(): Promise<Figure[]> {
  const wabt = await wabtInit();
  await using runtime = await createRuntime({ workers: 1, scheduler: 'fifo', spinUs: 0 });
  for (const [name, text] of Object.entries(GUESTS)) {
    const module = wabt.parseWat(`${name}.wat`, text);
    await runtime.load(name, { wasm: module.toBinary({}).buffer });
    module.destroy();
  }
  const rounds = async (name: string, count: number): Promise<number[]> => {
    const samples: number[] = [];
    for (let round = 0; round < ROUNDS + 3; round++) {
      const us = await microseconds(runtime, name, count);
      if (round >= 3) samples.push(us / count);
    }
    return samples;
  };
  const clock = await rounds('clock', READS);
  return [
    figure('kv_get_us', 'us', await rounds('get', READS)),
    figure('kv_increment_us', 'us', await rounds('increment', READS)),
    figure('host_call_us', 'us', clock),
    figure('kv_get_by_message_us', 'us', byMessage()),
    figure('call_us', 'us', await rounds('call', CALLS)),
    figure('invoke_us', 'us', await invokes(runtime)),
  ];
}

async function microseconds(runtime: Runtime, name: string, count: number): Promise<number> {
  const body = Buffer.alloc(4);
  body.writeUInt32LE(count);
  const result = await runtime.invoke(name, { body });
  return Number(Buffer.from(result.body).readBigInt64LE()) / 1e3;
}

/** The least that a message costs: both ends on one thread, so nobody has to be woken. */
function byMessage(): number[] {
  const store = new Map([['key', new Uint8Array(32)]]);
  const { port1, port2 } = new MessageChannel();
  const samples: number[] = [];
  for (let round = 0; round < ROUNDS + 3; round++) {
    const start = performance.now();
    for (let i = 0; i < CALLS; i++) {
      port1.postMessage('key');
      port2.postMessage(store.get(receiveMessageOnPort(port2)?.message as string));
      if (receiveMessageOnPort(port1)?.message.length !== 32) throw new Error('a message was lost');
    }
    if (round >= 3) samples.push(((performance.now() - start) * 1e3) / CALLS);
  }
  port1.close();
  return samples;
}

async function invokes(runtime: Runtime): Promise<number[]> {
  const samples: number[] = [];
  for (let round = 0; round < ROUNDS + 3; round++) {
    const start = performance.now();
    for (let i = 0; i < CALLS; i++) await runtime.invoke('empty');
    if (round >= 3) samples.push(((performance.now() - start) * 1e3) / CALLS);
  }
  return samples;
}
