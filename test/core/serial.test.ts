/** Requests of one function that come in a burst follow each other in a sandbox, on one stack: each has an end of its own all the same. */
import { expect, it } from 'vitest';
import type { SchedulerName } from '../../src/core/index.ts';
import { allFree, codeOf, luge, small, textOf } from './guests.ts';

/** Does what the first byte of the body says, and answers `fine` and how often its instance has run since it was like new. */
const ENDS = luge(`
  (global $runs (mut i32) (i32.const 48))
  (data (i32.const 8) "fine ")
  (func (export "handle") (result i32) (local $c i32)
    (global.set $runs (i32.add (global.get $runs) (i32.const 1)))
    (i32.store8 (i32.const 32) (i32.add (i32.load8_u (i32.const 32)) (i32.const 1)))
    (drop (call $body_read (i32.const 0) (i32.const 0) (i32.const 1)))
    (local.set $c (i32.load8_u (i32.const 0)))
    (if (i32.eq (local.get $c) (i32.const 117)) (then unreachable)) ;; u
    (if (i32.eq (local.get $c) (i32.const 108)) (then (loop $l (br $l)))) ;; l
    (if (i32.eq (local.get $c) (i32.const 114)) (then (return (i32.const 7)))) ;; r
    (if (i32.eq (local.get $c) (i32.const 115)) (then (call $sleep (i64.const 1000000)))) ;; s
    (i32.store8 (i32.const 12)
      (i32.add (global.get $runs) (i32.sub (i32.load8_u (i32.const 32)) (i32.const 1))))
    (drop (call $write (i32.const 8) (i32.const 5)))
    (i32.const 0))`);

const ENDINGS: Readonly<Record<string, string>> = {
  f: 'fine1',
  u: 'ERR_TRAP',
  l: 'ERR_CPU_LIMIT',
  r: 'ERR_GUEST_EXIT',
  s: 'fine1',
};

it.each<SchedulerName>(['fifo', 'rr', 'edf', 'sjf', 'mtds'])(
  'each_request_of_a_burst_has_its_own_end: %s',
  async (scheduler) => {
    await using runtime = await small({ scheduler });
    await runtime.load('ends', { wasm: ENDS, cpuLimitMs: 5 });
    await runtime.load('other', { wasm: ENDS, cpuLimitMs: 5 });
    const kinds = [...'fffffuffsfflfrfufffrffffsffff'];
    const answers = kinds.map(async (kind, i) => {
      const call = runtime.invoke(i % 7 === 6 ? 'other' : 'ends', { body: Buffer.from(kind) });
      const code = await codeOf(call);
      return code === 'resolved' ? textOf(await call) : code;
    });
    expect(await Promise.all(answers)).toEqual(kinds.map((kind) => ENDINGS[kind]));
    await allFree(runtime);
  },
);
