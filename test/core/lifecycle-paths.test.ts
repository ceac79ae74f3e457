/** Every way in which a request can end, in every state: what it held comes back. */
import { describe, expect, it } from 'vitest';
import type { Runtime } from '../../src/core/index.ts';
import { codeOf, ECHO, luge, SLEEP, SPIN, small, TRAPS, until, wat } from './guests.ts';

/** More than fits into a slot: chunks are held, too. */
const BODY = new Uint8Array(20_000);

/** What a runtime holds on behalf of requests, and what of its memories nobody accounts for. */
function held(runtime: Runtime): Record<string, number> {
  const { slots, slotsFree, chunks, chunksFree, queued, workers, pools } = runtime.stats();
  const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
  const ready = sum(pools.map((pool) => pool.ready));
  return {
    slots: slots - slotsFree,
    chunks: chunks - chunksFree,
    queued,
    guests: sum(workers.map((worker) => worker.held)),
    inUse: sum(pools.map((pool) => pool.inUse)),
    sandboxes: sum(workers.map(({ sandboxes }) => sandboxes)) - ready,
    // Each of these functions has one memory.
    memories: sum(workers.map(({ memories, memoriesIdle }) => memories - memoriesIdle)) - ready,
  };
}

const NOTHING = {
  ...{ slots: 0, chunks: 0, queued: 0, guests: 0, inUse: 0, sandboxes: 0, memories: 0 },
};

async function nothingIsHeld(runtime: Runtime): Promise<void> {
  const isSo = (): boolean => JSON.stringify(held(runtime)) === JSON.stringify(NOTHING);
  await until(isSo, 'everything comes back').catch(() => {});
  expect(held(runtime)).toEqual(NOTHING);
}

async function loaded(options: Parameters<typeof small>[0] = {}): Promise<Runtime> {
  const runtime = await small(options);
  const wasm = { echo: ECHO, spin: SPIN, sleep: SLEEP, traps: TRAPS };
  for (const [name, bytes] of Object.entries(wasm)) await runtime.load(name, { wasm: bytes });
  await runtime.load('brief', { wasm: SPIN, cpuLimitMs: 5 });
  return runtime;
}

/** Where the request under test is when its end comes: others that bring it there, its function, and when it is there. */
const STATES: Record<
  string,
  {
    readonly options?: Parameters<typeof small>[0];
    readonly others: readonly string[];
    readonly name: string;
    readonly isThere: (runtime: Runtime) => boolean;
  }
> = {
  queued: {
    options: { scheduler: 'fifo' },
    others: ['spin'],
    name: 'echo',
    isThere: (runtime) => runtime.stats().queued === 1 && held(runtime).guests === 1,
  },
  running: {
    options: { quantumUs: 0 },
    others: [],
    name: 'spin',
    isThere: (runtime) => held(runtime).guests === 1,
  },
  'runnable, running or preempted': {
    others: ['spin', 'spin', 'spin', 'spin'],
    name: 'spin',
    isThere: (runtime) => held(runtime).guests === 5,
  },
  asleep: {
    others: [],
    name: 'sleep',
    isThere: (runtime) => held(runtime).guests === 1,
  },
  'asleep beside a busy one': {
    others: ['spin'],
    name: 'sleep',
    isThere: (runtime) => held(runtime).guests === 2,
  },
};

describe.each(Object.entries(STATES))('%s', (_, { options = {}, others, name, isThere }) => {
  it.each(['abort', 'deadline', 'worker death', 'forced close'])('%s', async (end) => {
    await using runtime = await loaded(options);
    await nothingIsHeld(runtime);
    const controller = new AbortController();
    const { signal } = controller;
    const rest = others.map((other) => codeOf(runtime.invoke(other, { signal, body: BODY })));
    if (others.length > 0) {
      await until(() => held(runtime).guests === others.length, 'the others are taken');
    }
    const own = new AbortController();
    const call = codeOf(
      runtime.invoke(name, {
        body: BODY,
        signal: own.signal,
        ...(end === 'deadline' ? { deadlineMs: 50 } : {}),
      }),
    );
    await until(() => isThere(runtime), 'it is where it shall be');
    const ends: Record<string, () => unknown> = {
      abort: () => own.abort(new RangeError('enough')),
      'worker death': () => runtime.killWorker(0),
      'forced close': () => runtime.close({ force: true }),
      // Past it: one in the queue finds out only when a worker takes it.
      deadline: () => new Promise((resolve) => setTimeout(resolve, 60)),
    };
    await ends[end]?.();
    // Those of the others that are left give way.
    const isQueued = runtime.stats().queued > 0 || name === 'echo';
    if (isQueued && end !== 'forced close') controller.abort(new RangeError('all'));
    const code = await call;
    if (end === 'abort') expect(code).toBe('RangeError');
    else if (end === 'deadline') expect(code).toBe('ERR_DEADLINE');
    else if (end === 'forced close') expect(code).toBe('ERR_ABORTED');
    else expect(code).toBe(name === 'echo' ? 'resolved' : 'ERR_WORKER_LOST');
    controller.abort(new RangeError('all'));
    await Promise.all(rest);
    await nothingIsHeld(runtime);
  });
});

describe('by itself', () => {
  const exit = luge('(func (export "handle") (result i32) (i32.const 7))');
  const wide = luge(`(func (export "handle") (loop $l
    (drop (call $write (i32.const 0) (i32.const 60000))) (br $l)))`);
  const grows = luge('(func (export "handle") (drop (memory.grow (i32.const 1))) unreachable)');
  const cases: [string, Uint8Array, object, string][] = [
    ['it_answers', ECHO, {}, 'resolved'],
    ['it_traps', TRAPS, {}, 'ERR_TRAP'],
    ['it_returns_a_failure', exit, {}, 'ERR_GUEST_EXIT'],
    ['it_writes_too_much', wide, {}, 'ERR_GUEST_OUTPUT_LIMIT'],
    ['no_chunk_is_left_for_its_answer', wide, { maxOutputBytes: 2 ** 24 }, 'ERR_BODY_MEMORY'],
    ['its_cpu_time_is_used_up', SPIN, { cpuLimitMs: 5 }, 'ERR_CPU_LIMIT'],
    ['it_grew_and_traps', grows, {}, 'ERR_TRAP'],
  ];
  it.each(cases)('%s', async (_, wasm, options, code) => {
    await using runtime = await small({ bodyMemoryBytes: 2 ** 23 });
    await runtime.load('f', { wasm, ...options });
    for (let round = 0; round < 3; round++) {
      const body = wasm === TRAPS ? `u${'x'.repeat(9999)}` : BODY;
      expect(await codeOf(runtime.invoke('f', { body }))).toBe(code);
    }
    await until(() => held(runtime).guests === 0, 'the last one is over');
    // A grown memory is dropped, and mapped until it is collected; nothing else is.
    if (wasm !== grows) await nothingIsHeld(runtime);
    else expect({ ...held(runtime), memories: 0 }).toEqual(NOTHING);
  });
});

describe('the time of a request', () => {
  it('is_that_of_its_states', async () => {
    await using runtime = await loaded();
    await runtime.load('naps', {
      wasm: wat(`(module (memory (export "memory") 1 1 shared)
        (func (export "handle") (local $i i32)
          (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 3000000)))
          (loop $l (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $l (i32.lt_u (local.get $i) (i32.const 50000000))))))`),
    });
    const controller = new AbortController();
    const { signal } = controller;
    const spins = [1, 2].map(() => codeOf(runtime.invoke('spin', { signal })));
    const { timing } = await runtime.invoke('naps');
    controller.abort(new RangeError('over'));
    await Promise.all(spins);
    const { totalNs, ...parts } = timing;
    const sum = Object.values(parts).reduce((a, b) => a + b, 0);
    // Doubles of this size are exact to a quarter of a nanosecond, and each part is rounded.
    expect(Math.abs(sum - totalNs)).toBeLessThan(100);
    for (const [name, ns] of Object.entries(parts)) expect([name, ns >= 0]).toEqual([name, true]);
    // It asked for 3 ms of sleep and was interrupted by two others that never end.
    expect(parts.asleepNs).toBeGreaterThanOrEqual(3e6);
    expect(parts.preemptedNs).toBeGreaterThan(0);
    await nothingIsHeld(runtime);
  });

  it('has_no_part_that_its_guest_did_not_see', async () => {
    await using runtime = await loaded({ quantumUs: 0 });
    await runtime.invoke('echo', { body: BODY });
    const { timing } = await runtime.invoke('echo', { body: BODY });
    expect([timing.preemptedNs, timing.asleepNs]).toEqual([0, 0]);
    expect(timing.runNs).toBeGreaterThan(0);
  });
});
