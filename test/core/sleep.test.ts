/** `luge.sleep`: what a guest that sleeps gives up, and what can end it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Runtime } from '../../src/core/index.ts';
import { allFree, codeOf, ECHO, luge, small, textOf, until, wat } from './guests.ts';

/** Sleeps as many milliseconds as the first byte of the body says, then answers whether so much time has passed. */
const NAP = luge(`(func (export "handle") (local $from i64) (local $ns i64)
  (drop (call $body_read (i32.const 0) (i32.const 0) (i32.const 1)))
  (local.set $ns (i64.mul (i64.extend_i32_u (i32.load8_u (i32.const 0))) (i64.const 1000000)))
  (local.set $from (call $clock_ns))
  (call $sleep (local.get $ns))
  (i32.store8 (i32.const 0)
    (i32.add (i32.const 48) (i64.ge_s (i64.sub (call $clock_ns) (local.get $from)) (local.get $ns))))
  (drop (call $write (i32.const 0) (i32.const 1))))`);

/** Sleeps for ever, and catches all that could be caught. */
const DEEP = luge(`(func (export "handle") (loop $again
  (try (do (call $sleep (i64.const 0x7fffffffffffffff))) (catch_all))
  (br $again)))`);

let runtime: Runtime;
beforeAll(async () => {
  runtime = await small({ scheduler: 'fifo' });
  await runtime.load('nap', { wasm: NAP });
  await runtime.load('deep', { wasm: DEEP });
  await runtime.load('echo', { wasm: ECHO });
});
afterAll(() => runtime.close());

it.each([0, 1, 20])('it_lasts_as_long_as_it_was_asked_to: %d ms', async (ms) => {
  expect(textOf(await runtime.invoke('nap', { body: Uint8Array.of(ms) }))).toBe('1');
});

it('others_run_while_a_guest_sleeps', async () => {
  const order: string[] = [];
  await Promise.all([
    runtime.invoke('nap', { body: Uint8Array.of(100) }).then(() => order.push('nap')),
    runtime.invoke('echo').then(() => order.push('echo')),
  ]);
  expect(order).toEqual(['echo', 'nap']);
});

it('of_less_than_nothing_it_only_lets_others_run', async () => {
  await runtime.load('yield', {
    wasm: luge(`(func (export "handle") (local $i i32)
      (loop $l
        (call $sleep (i64.const -5))
        (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100))))
      (drop (call $write (i32.const 0) (i32.const 1))))`),
  });
  expect((await runtime.invoke('yield')).body.length).toBe(1);
});

it('it_ends_at_the_deadline', async () => {
  expect(await codeOf(runtime.invoke('deep', { deadlineMs: 20 }))).toBe('ERR_DEADLINE');
  await allFree(runtime);
});

it('it_ends_when_nobody_wants_the_answer', async () => {
  const controller = new AbortController();
  const call = codeOf(runtime.invoke('deep', { signal: controller.signal }));
  await until(() => runtime.stats().workers[0]?.held === 1, 'it sleeps');
  controller.abort(new RangeError('enough'));
  expect(await call).toBe('RangeError');
  await allFree(runtime);
});

it('a_worker_that_dies_fails_its_sleepers', async () => {
  const call = codeOf(runtime.invoke('deep'));
  await until(() => runtime.stats().workers[0]?.held === 1, 'it sleeps');
  await runtime.killWorker(0);
  expect(await call).toBe('ERR_WORKER_LOST');
  expect(textOf(await runtime.invoke('nap', { body: Uint8Array.of(1) }))).toBe('1');
  await allFree(runtime);
});

it('its_number_is_an_i64_also_for_guests_with_64_bit_addresses', async () => {
  const module = (type: string): Uint8Array =>
    wat(`(module (import "luge" "sleep" (func $sleep (param ${type})))
      (import "luge" "write" (func $write (param i64 i64) (result i32)))
      (memory (export "memory") 1)
      (func (export "handle") (call $sleep (${type}.const 1000))
        (drop (call $write (i64.const 0) (i64.const 3)))))`);
  await runtime.load('wide', { wasm: module('i64') });
  expect((await runtime.invoke('wide')).body.length).toBe(3);
  await expect(runtime.load('narrow', { wasm: module('i32') })).rejects.toThrow(
    /luge\.sleep.*its type is \(i64\) -> \(\), and not \(i32\)/,
  );
});
