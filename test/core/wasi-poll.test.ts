import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Runtime } from '../../src/core/index.ts';
import { allFree, codeOf, small, textOf, until, wat } from './guests.ts';

const EFAULT = 21;
const EINVAL = 28;
const ENOTSUP = 58;
const EBADF = 8;

/** A WASI command. Subscriptions lie at 0, events at 4096, their number at 8192; `$out` prints memory. */
function poller(body: string, more = ''): Uint8Array {
  return wat(`(module
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
    (import "wasi_snapshot_preview1" "proc_raise" (func $raise (param i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func $now (param i32 i64 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func $clock (param $at i32) (param $id i32) (param $ns i64) (param $flags i32)
      (i64.store (local.get $at) (i64.extend_i32_u (local.get $at)))
      (i32.store8 offset=8 (local.get $at) (i32.const 0))
      (i32.store offset=16 (local.get $at) (local.get $id))
      (i64.store offset=24 (local.get $at) (local.get $ns))
      (i32.store16 offset=40 (local.get $at) (local.get $flags)))
    (func $fd (param $at i32) (param $tag i32) (param $fd i32)
      (i64.store (local.get $at) (i64.extend_i32_u (local.get $at)))
      (i32.store8 offset=8 (local.get $at) (local.get $tag))
      (i32.store offset=16 (local.get $at) (local.get $fd)))
    (func $all (param $count i32) (result i32)
      (call $poll (i32.const 0) (i32.const 4096) (local.get $count) (i32.const 8192)))
    (func $out (param $at i32) (param $bytes i32)
      (i32.store (i32.const 9000) (local.get $at))
      (i32.store (i32.const 9004) (local.get $bytes))
      (drop (call $write (i32.const 1) (i32.const 9000) (i32.const 1) (i32.const 9008))))
    (func $say (param $value i32)
      (i32.store8 (i32.const 9016) (local.get $value))
      (call $out (i32.const 9016) (i32.const 1)))
    ${more}
    (func (export "_start") (local $t i64) ${body}))`);
}

interface Event {
  readonly userdata: number;
  readonly error: number;
  readonly type: number;
  readonly bytes: number;
  readonly flags: number;
}

/** errno, then the number of events, then they. */
const REPORT = `
  (call $say) (call $out (i32.const 8192) (i32.const 1))
  (call $out (i32.const 4096) (i32.mul (i32.load8_u (i32.const 8192)) (i32.const 32)))`;

function eventsOf(body: Uint8Array): Event[] {
  const view = new DataView(body.buffer, body.byteOffset + 2);
  return Array.from({ length: body[1] as number }, (_, i) => ({
    userdata: Number(view.getBigUint64(32 * i, true)),
    error: view.getUint16(32 * i + 8, true),
    type: view.getUint8(32 * i + 10),
    bytes: Number(view.getBigUint64(32 * i + 16, true)),
    flags: view.getUint16(32 * i + 24, true),
  }));
}

/** Sleeps for the time on the clock, then prints whether it saw so much time go by. */
const sleeper = (ns: number, clock = 1): string => `
  (drop (call $now (i32.const 1) (i64.const 0) (i32.const 8200)))
  (call $clock (i32.const 0) (i32.const ${clock}) (i64.const ${ns}) (i32.const 0))
  (drop (call $all (i32.const 1)))
  (drop (call $now (i32.const 1) (i64.const 0) (i32.const 8208)))
  (call $say (i32.add (i32.const 48) (i64.ge_u
    (i64.sub (i64.load (i32.const 8208)) (i64.load (i32.const 8200))) (i64.const ${ns}))))`;

const FOREVER = '(call $clock (i32.const 0) (i32.const 1) (i64.const -1) (i32.const 0))';

let runtime: Runtime;
beforeAll(async () => {
  runtime = await small({ quantumUs: 1000 });
});
afterAll(() => runtime.close());

async function report(name: string, body: string, input = ''): Promise<Uint8Array> {
  await runtime.load(name, { wasm: poller(`${body} ${REPORT}`) });
  return (await runtime.invoke(name, { body: input })).body;
}

describe('clocks', () => {
  it.each([
    ['monotonic', 1, 5_000_000],
    ['realtime', 0, 5_000_000],
    ['in a fraction of the resolution', 1, 1_234_567],
  ])('nobody_wakes_before_the_time_that_they_see: %s', async (_, clock, ns) => {
    for (const clockResolutionNs of [1, 1000, 1_000_000]) {
      await runtime.load('sleep', { wasm: poller(sleeper(ns, clock)), clockResolutionNs });
      expect(textOf(await runtime.invoke('sleep'))).toBe('1');
    }
  });

  it('nor_on_a_coarse_clock_whose_steps_come_at_other_moments_than_those_of_the_other', async () => {
    // 1.2 steps have gone by when two are seen.
    const steps = (clock: number, ns: number): string => `
      (drop (call $now (i32.const ${clock}) (i64.const 0) (i32.const 8200)))
      (call $clock (i32.const 0) (i32.const ${clock}) (i64.const ${1.2 * ns}) (i32.const 0))
      (drop (call $all (i32.const 1)))
      (drop (call $now (i32.const ${clock}) (i64.const 0) (i32.const 8208)))
      (call $say (i32.add (i32.const 48) (i32.wrap_i64 (i64.div_u
        (i64.sub (i64.load (i32.const 8208)) (i64.load (i32.const 8200))) (i64.const ${ns})))))`;
    const fewest = async (clock: number, clockResolutionNs: number): Promise<number> => {
      const name = `steps-${clock}-${clockResolutionNs}`;
      await runtime.load(name, {
        wasm: poller(steps(clock, clockResolutionNs)),
        clockResolutionNs,
      });
      const sleep = async (_: unknown, i: number): Promise<number> => {
        // At different moments within a step.
        await new Promise((resolve) => setTimeout(resolve, 7 * i));
        return Number(textOf(await runtime.invoke(name)));
      };
      return Math.min(...(await Promise.all(Array.from({ length: 8 }, sleep))));
    };
    for (const clock of [0, 1]) {
      // How far apart the clocks' steps are depends on the machine, and on the resolution.
      const all = [40e6, 50e6, 70e6, 90e6].map((resolution) => fewest(clock, resolution));
      expect(Math.min(...(await Promise.all(all)))).toBeGreaterThanOrEqual(2);
    }
  });

  it('only_those_that_are_due_are_events', async () => {
    const body = await report(
      'due',
      `(call $clock (i32.const 0) (i32.const 1) (i64.const 900000000000) (i32.const 0))
       (call $clock (i32.const 48) (i32.const 0) (i64.const 1000000) (i32.const 0))
       (call $clock (i32.const 96) (i32.const 1) (i64.const 0) (i32.const 1))
       (call $all (i32.const 3))`,
    );
    expect(body[0]).toBe(0);
    // An absolute time that is over is due at once.
    expect(eventsOf(body)).toEqual([{ userdata: 96, error: 0, type: 0, bytes: 0, flags: 0 }]);
  });

  it('an_absolute_time_is_waited_for_on_its_own_clock', async () => {
    for (const clock of [0, 1]) {
      const body = await report(
        `absolute-${clock}`,
        `(drop (call $now (i32.const ${clock}) (i64.const 0) (i32.const 8200)))
         (local.set $t (i64.add (i64.load (i32.const 8200)) (i64.const 3000000)))
         (call $clock (i32.const 0) (i32.const ${clock}) (local.get $t) (i32.const 1))
         (i32.add (i32.mul (i32.const 100) (call $all (i32.const 1))) (block (result i32)
           (drop (call $now (i32.const ${clock}) (i64.const 0) (i32.const 8200)))
           (i64.ge_u (i64.load (i32.const 8200)) (local.get $t))))`,
      );
      expect([...body.subarray(0, 2)]).toEqual([1, 1]);
    }
  });

  it('those_that_cannot_be_waited_for_are_events_with_an_error', async () => {
    const body = await report(
      'wrong',
      `(call $clock (i32.const 0) (i32.const 2) (i64.const 1) (i32.const 0))
       (call $clock (i32.const 48) (i32.const 9) (i64.const 1) (i32.const 0))
       (call $clock (i32.const 96) (i32.const 1) (i64.const 1) (i32.const 2))
       ${FOREVER.replace('(i32.const 0) (i32.const 1)', '(i32.const 144) (i32.const 1)')}
       (call $all (i32.const 4))`,
    );
    expect(eventsOf(body).map(({ userdata, error }) => [userdata, error])).toEqual([
      [0, ENOTSUP],
      [48, EINVAL],
      [96, EINVAL],
    ]);
  });
});

it('streams_are_ready_at_once_and_say_how_much_there_is', async () => {
  const body = await report(
    'ready',
    `${FOREVER}
     (call $fd (i32.const 48) (i32.const 1) (i32.const 0))
     (call $fd (i32.const 96) (i32.const 2) (i32.const 1))
     (call $fd (i32.const 144) (i32.const 1) (i32.const 77))
     (call $fd (i32.const 192) (i32.const 2) (i32.const 0))
     (call $all (i32.const 5))`,
    'twelve bytes',
  );
  expect(eventsOf(body)).toEqual([
    { userdata: 48, error: 0, type: 1, bytes: 12, flags: 0 },
    { userdata: 96, error: 0, type: 2, bytes: 0, flags: 0 },
    { userdata: 144, error: EBADF, type: 1, bytes: 0, flags: 0 },
    { userdata: 192, error: 76, type: 2, bytes: 0, flags: 0 },
  ]);
  const atEnd = await report(
    'end',
    '(call $fd (i32.const 48) (i32.const 1) (i32.const 0)) (call $poll (i32.const 48) (i32.const 4096) (i32.const 1) (i32.const 8192))',
  );
  expect(eventsOf(atEnd)).toEqual([{ userdata: 48, error: 0, type: 1, bytes: 0, flags: 1 }]);
});

it('bad_arguments_are_refused_and_nobody_sleeps', async () => {
  const poll = (...args: number[]): string =>
    `(call $say (call $poll ${args.map((arg) => `(i32.const ${arg})`).join(' ')}))`;
  await runtime.load('bad', {
    wasm: poller(`${FOREVER}
      ${poll(0, 4096, 0, 8192)} ${poll(0, 4096, 1025, 8192)} ${poll(0, 4096, -1, 8192)}
      ${poll(65536 - 47, 4096, 1, 8192)} ${poll(-1, 4096, 1, 8192)}
      ${poll(0, 65536 - 31, 1, 8192)} ${poll(0, -32, 1, 8192)} ${poll(0, 4096, 1, 65533)}
      (i32.store8 (i32.const 8) (i32.const 3)) ${poll(0, 4096, 1, 8192)}`),
  });
  const { body } = await runtime.invoke('bad');
  const { INVAL, FAULT } = { INVAL: EINVAL, FAULT: EFAULT };
  expect([...body]).toEqual([INVAL, INVAL, INVAL, FAULT, FAULT, FAULT, FAULT, FAULT, INVAL]);
});

describe('a guest that sleeps', () => {
  it('lets_others_run_and_sees_nothing_of_them', async () => {
    await runtime.load('long', { wasm: poller(sleeper(60_000_000)) });
    await runtime.load('quick', { wasm: poller('(call $say (i32.const 113))') });
    let isAwake = false;
    const long = runtime.invoke('long').finally(() => {
      isAwake = true;
    });
    await until(() => runtime.stats().workers[0]?.held === 1, 'it sleeps');
    for (let i = 0; i < 5; i++) expect(textOf(await runtime.invoke('quick'))).toBe('q');
    expect(isAwake).toBe(false);
    expect(textOf(await long)).toBe('1');
    await allFree(runtime);
  });

  it('many_sleep_at_once_and_each_wakes', async () => {
    await runtime.load('nap', { wasm: poller(sleeper(3_000_000)) });
    const naps = await Promise.all(Array.from({ length: 40 }, () => runtime.invoke('nap')));
    expect(naps.map(textOf)).toEqual(Array.from({ length: 40 }, () => '1'));
    await allFree(runtime);
  });

  it('ends_at_its_deadline_and_at_a_cancellation_whatever_it_catches', async () => {
    const wasm = poller(`(loop $again
      (try (do ${FOREVER} (drop (call $all (i32.const 1)))) (catch_all))
      (br $again))`);
    await runtime.load('forever', { wasm, deadlineMs: 30, scratch: {} });
    expect(await codeOf(runtime.invoke('forever'))).toBe('ERR_DEADLINE');
    await runtime.load('forever', { wasm });
    const aborter = new AbortController();
    const call = runtime.invoke('forever', { signal: aborter.signal });
    await until(() => runtime.stats().workers[0]?.held === 1, 'it sleeps');
    aborter.abort(new Error('gone'));
    await expect(call).rejects.toThrow('gone');
    await allFree(runtime);
    await until(() => runtime.stats().workers[0]?.held === 0, 'the sandbox comes back');
    expect(runtime.stats().workersLost).toBe(0);
  });

  it('may_do_so_in_its_start_function', async () => {
    const start = `(func $first ${sleeper(1_000_000)} (drop (call $yield))) (start $first)`;
    await runtime.load('early', { wasm: poller('(call $say (i32.const 33))', start) });
    for (let i = 0; i < 3; i++) expect(textOf(await runtime.invoke('early'))).toBe('1!');
  });
});

describe('sched_yield', () => {
  const YIELDS = '(loop $again (drop (call $yield)) (br $again))';

  it('lets_a_waiting_request_run', async () => {
    await runtime.load('yields', { wasm: poller(YIELDS), cpuLimitMs: 60 });
    await runtime.load('quick', { wasm: poller('(call $say (i32.const 113))') });
    const call = codeOf(runtime.invoke('yields'));
    await until(() => runtime.stats().workers[0]?.held === 1, 'it runs');
    expect(textOf(await runtime.invoke('quick'))).toBe('q');
    expect(await call).toBe('ERR_CPU_LIMIT');
    await allFree(runtime);
  });

  it('a_guest_that_does_nothing_else_ends_at_its_limits', async () => {
    const wasm = poller(`(loop $again (try (do ${YIELDS}) (catch_all)) (br $again))`);
    await runtime.load('yields', { wasm, deadlineMs: 30 });
    const calls = Array.from({ length: 3 }, () => codeOf(runtime.invoke('yields')));
    expect(await Promise.all(calls)).toEqual(['ERR_DEADLINE', 'ERR_DEADLINE', 'ERR_DEADLINE']);
    await allFree(runtime);
  });

  it('a_thousand_calls_that_find_nobody_waiting_are_no_standstill', async () => {
    const again = (call: string): string => `(local.set $t (i64.const 0)) (loop $again ${call}
      (local.set $t (i64.add (local.get $t) (i64.const 1)))
      (br_if $again (i64.lt_u (local.get $t) (i64.const 1000))))`;
    const poll = `(call $clock (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 0))
      (drop (call $all (i32.const 1)))`;
    await runtime.load('busy', {
      wasm: poller(`${again('(drop (call $yield))')} ${again(poll)} (call $say (i32.const 46))`),
    });
    expect(textOf(await runtime.invoke('busy'))).toBe('.');
    expect(runtime.stats().workersLost).toBe(0);
  });

  it('answers_success', async () => {
    await runtime.load('once', { wasm: poller('(call $say (call $yield))') });
    expect([...(await runtime.invoke('once')).body]).toEqual([0]);
  });
});

describe('proc_raise', () => {
  it('does_what_the_signal_does_to_a_program_without_handlers', async () => {
    const raise = (signal: number): string => `(call $say (call $raise (i32.const ${signal})))`;
    await runtime.load('mild', {
      wasm: poller([0, 16, 17, 22, 27, 18, 21, 31, -1].map(raise).join(' ')),
    });
    const { body } = await runtime.invoke('mild');
    expect([...body]).toEqual([0, 0, 0, 0, 0, ENOTSUP, ENOTSUP, EINVAL, EINVAL]);
    await runtime.load('abort', { wasm: poller(raise(6)) });
    const error = await runtime.invoke('abort').catch((reason: unknown) => reason as Error);
    expect(error).toMatchObject({ code: 'ERR_GUEST_EXIT', message: expect.stringContaining('6') });
  });
});
