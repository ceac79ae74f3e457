import { describe, expect, it } from 'vitest';
import {
  type FunctionImage,
  type FunctionSpec,
  MemoryPool,
  type MemorySpec,
  readAddressSpace,
  rewrite,
  type Sandbox,
  SandboxPool,
  STATE,
} from '../../src/sandbox/index.ts';
import { assembleNew } from './rewriter/harness.ts';

function giveBack(pool: SandboxPool, sandbox: Sandbox): void {
  pool.leave(sandbox);
  pool.give(sandbox);
}

const MEMORIES_MAX = 125;

interface Shape {
  readonly pages?: string;
  readonly data?: string;
  readonly prewarm?: number;
}

function imageOf(
  id: number,
  memoryCount: number,
  { pages = '1', data = '', prewarm = 0 }: Shape = {},
): FunctionImage {
  const fields = Array.from({ length: memoryCount }, (_, at) => `(memory $m${at} ${pages})`)
    .concat(data)
    .join(' ');
  const source = assembleNew(`(module ${fields} (func (export "handle")))`);
  const { bytes, info } = rewrite(source, { maxPages: 1000 });
  const memories: readonly MemorySpec[] = info.memories;
  const spec = { id, name: `f${id}`, memories, prewarm } as unknown as FunctionSpec;
  return { spec, module: new WebAssembly.Module(bytes) };
}

function poolOf(sandboxesMax: number): SandboxPool {
  const control = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const interrupt = new WebAssembly.Suspending(() => 0);
  const intrinsics = { control, interrupt, wait32: interrupt, wait64: interrupt };
  const limits = { sandboxesMax, memoriesMax: MEMORIES_MAX, readyMaxPerFunction: 1000 };
  return new SandboxPool(limits, () => ({}), intrinsics);
}

/** Through the states of a request that went well. */
function use(sandbox: Sandbox): Sandbox {
  sandbox.state = STATE.RUNNABLE;
  sandbox.state = STATE.RUNNING;
  sandbox.state = STATE.RETURNED;
  return sandbox;
}

it('counts_every_memory_of_a_sandbox', () => {
  const pool = poolOf(100);
  pool.add(imageOf(0, 2));
  const taken: Sandbox[] = [];
  for (let sandbox = pool.take(0); sandbox !== undefined; sandbox = pool.take(0)) {
    taken.push(sandbox);
  }
  expect(taken.length).toBe(Math.floor(MEMORIES_MAX / 2));
  expect(pool.count).toBe(taken.length);
});

it('idle_ones_make_room_until_there_is_enough', () => {
  const pool = poolOf(MEMORIES_MAX);
  pool.add(imageOf(0, 1));
  pool.add(imageOf(1, 5));
  const taken = Array.from({ length: MEMORIES_MAX - 1 }, () => pool.take(0)!);
  expect(pool.take(1)).toBe(undefined);
  for (const sandbox of taken.splice(0, 10)) giveBack(pool, use(sandbox));
  const before = pool.retired;
  expect(pool.take(1)?.state).toBe(STATE.INITIALIZED);
  expect(pool.retired - before).toBe(4);
  expect(pool.count).toBe(MEMORIES_MAX - 1 - 4 + 1);
});

it('one_with_more_memories_than_the_cap_never_runs', () => {
  const pool = poolOf(10);
  pool.add(imageOf(0, MEMORIES_MAX + 1));
  pool.add(imageOf(1, MEMORIES_MAX));
  expect(pool.take(0)).toBe(undefined);
  expect(pool.take(1)?.state).toBe(STATE.INITIALIZED);
});

describe('memories', () => {
  const bytes = (sandbox: Sandbox, at = 0): Uint8Array =>
    new Uint8Array(sandbox.memories[at]!.buffer);

  /** Retires a sandbox of function `id` as its guest left it. */
  function leaveDirty(pool: SandboxPool, id: number): void {
    const sandbox = pool.take(id)!;
    for (const at of sandbox.memories.keys()) bytes(sandbox, at).fill(255);
    pool.remove(id);
    giveBack(pool, use(sandbox));
  }

  it('one_that_was_left_full_of_ones_shows_nothing_to_another_function', () => {
    const pool = poolOf(10);
    pool.add(imageOf(0, 2));
    pool.add(imageOf(1, 2, { data: '(data (memory 1) (i32.const 7) "x")' }));
    leaveDirty(pool, 0);
    expect(pool.memories.idle).toBe(2);
    const sandbox = pool.take(1)!;
    expect([pool.memories.reused, pool.memories.idle]).toEqual([2, 0]);
    expect(bytes(sandbox, 0).every((byte) => byte === 0)).toBe(true);
    expect(bytes(sandbox, 1)[7]).toBe(120);
    expect(bytes(sandbox, 1).every((byte, at) => byte === 0 || at === 7)).toBe(true);
  });

  it.each([
    ['of_another_maximum', '1 2'],
    ['of_another_size', '2'],
    ['with_other_addresses', 'i64 1'],
  ])('one_%s_is_not_reused', (_, pages) => {
    const pool = poolOf(10);
    pool.add(imageOf(0, 1, { pages: '1 1' }));
    pool.add(imageOf(1, 1, { pages }));
    leaveDirty(pool, 0);
    pool.take(1);
    expect([pool.memories.reused, pool.memories.idle]).toEqual([0, 1]);
  });

  it('one_that_grew_is_dropped', () => {
    const pool = poolOf(10);
    pool.add(imageOf(0, 1, { pages: '1 3' }));
    const sandbox = pool.take(0)!;
    sandbox.memory!.grow(1);
    giveBack(pool, use(sandbox));
    expect(pool.retired).toBe(1);
    expect([pool.memories.inUse, pool.memories.idle, pool.memories.dropped]).toEqual([0, 0, 1]);
    expect(pool.cells(0)?.read(0)).toEqual({ inUse: 0, ready: 0, made: 1, retired: 1, pages: 0 });
  });

  it('dropped_ones_count_until_they_are_collected_and_are_when_room_is_short', () => {
    const pool = poolOf(1000);
    pool.add(imageOf(0, 1, { pages: '1 3' }));
    for (let round = 0; round < 2 * MEMORIES_MAX; round++) {
      const sandbox = pool.take(0)!;
      sandbox.memory!.grow(1);
      giveBack(pool, use(sandbox));
      expect(pool.memories.mapped).toBeLessThanOrEqual(MEMORIES_MAX);
    }
    expect(pool.made).toBe(2 * MEMORIES_MAX);
  });

  it('idle_ones_of_another_class_make_room', () => {
    const pool = poolOf(1000);
    pool.add(imageOf(0, MEMORIES_MAX, { pages: '1 1' }));
    pool.add(imageOf(1, MEMORIES_MAX, { pages: '1 2' }));
    giveBack(pool, use(pool.take(0)!));
    expect(pool.take(1)).toBeDefined();
    expect(pool.memories.mapped).toBe(MEMORIES_MAX);
  });

  it('come_back_when_an_instance_cannot_be_made', () => {
    const pool = poolOf(10);
    pool.add(imageOf(0, 1, { pages: '1 1', data: '(data (i32.const 65536) "x")' }));
    expect(() => pool.take(0)).toThrow(WebAssembly.RuntimeError);
    expect([pool.count, pool.memories.inUse, pool.memories.idle]).toEqual([0, 0, 1]);
  });
});

describe('idle time', () => {
  const SECOND = 1e9;

  /** All that there is to do at a moment; how many pieces it was. */
  function tidy(pool: SandboxPool, now: number): number {
    let pieces = 0;
    while (pool.tidy(now, true)) pieces++;
    return pieces;
  }

  it('refills_a_function_whose_sandboxes_are_all_in_use', () => {
    const pool = poolOf(10);
    pool.add(imageOf(0, 1));
    const first = pool.take(0)!;
    expect(pool.tidyAtNs).toBe(0);
    tidy(pool, 0);
    expect(pool.cells(0)?.read(0)).toMatchObject({ inUse: 1, ready: 1, made: 2 });
    expect(pool.take(0)).not.toBe(first);
    // It had one: nothing was missed.
    tidy(pool, 1);
    expect(pool.made).toBe(2);
  });

  it('refills_nothing_that_is_ready_or_gone_or_has_no_room', () => {
    const pool = poolOf(2);
    for (const id of [0, 1]) pool.add(imageOf(id, 1));
    giveBack(pool, use(pool.take(0)!));
    tidy(pool, 0);
    expect(pool.made).toBe(1);
    pool.take(0);
    pool.take(1);
    tidy(pool, 0);
    expect(pool.made).toBe(2);
    pool.remove(1);
    tidy(pool, 0);
    expect(pool.made).toBe(2);
  });

  it('a_burst_is_forgotten_by_steps_and_the_last_one_after_a_while', () => {
    const pool = poolOf(200);
    pool.add(imageOf(0, 1));
    const burst = Array.from({ length: 100 }, () => pool.take(0)!);
    for (const sandbox of burst) giveBack(pool, use(sandbox));
    expect(pool.memories.mapped).toBe(100);
    // What one window saw in use stays for the next.
    for (let now = 0; now <= 10; now++) tidy(pool, now * SECOND);
    expect(pool.count).toBe(100);
    // Three at a time are needed from now on.
    for (let now = 11; now <= 21; now++) {
      const few = [0, 1, 2].map(() => pool.take(0)!);
      for (const sandbox of few) giveBack(pool, use(sandbox));
      tidy(pool, now * SECOND);
    }
    expect(pool.count).toBe(3);
    expect(pool.memories).toMatchObject({ inUse: 3, idle: 0, dropped: 0 });
    for (let now = 22; now <= 42; now++) tidy(pool, now * SECOND);
    expect(pool.count).toBe(1);
    for (let now = 43; now <= 120; now++) tidy(pool, now * SECOND);
    expect([pool.count, pool.memories.mapped]).toEqual([0, 0]);
    // Nothing is left to shrink, and the worker may sleep for good.
    expect(pool.tidyAtNs).toBe(Number.POSITIVE_INFINITY);
  });

  it('prewarmed_ones_are_there_from_the_start_and_stay', () => {
    const pool = poolOf(10);
    pool.add(imageOf(0, 1, { prewarm: 3 }));
    expect(pool.cells(0)?.read(0)).toMatchObject({ ready: 3, made: 3, pages: 3 });
    for (let now = 0; now <= 200; now += 5) tidy(pool, now * SECOND);
    expect(pool.count).toBe(3);
    expect(pool.tidyAtNs).toBe(Number.POSITIVE_INFINITY);
  });

  it('no_more_are_prewarmed_than_there_is_room_for', () => {
    const pool = poolOf(2);
    pool.add(imageOf(0, 1, { prewarm: 3 }));
    pool.add(imageOf(1, 1, { prewarm: 3 }));
    expect([pool.count, pool.retired]).toEqual([2, 0]);
    // A request comes before them.
    expect(pool.take(1)).toBeDefined();
    expect([pool.count, pool.retired]).toEqual([2, 1]);
  });

  it('shrinking_is_done_in_pieces_and_collects_only_where_no_guest_waits', () => {
    const pool = poolOf(200);
    pool.add(imageOf(0, 1));
    const burst = Array.from({ length: 120 }, () => pool.take(0)!);
    for (const sandbox of burst) giveBack(pool, use(sandbox));
    tidy(pool, 0);
    tidy(pool, 10 * SECOND);
    expect(pool.tidy(20 * SECOND, false)).toBe(true);
    expect(pool.count).toBe(120 - 64);
    while (pool.tidy(20 * SECOND, false));
    expect(pool.count).toBe(1);
    expect(pool.memories.dropped).toBeGreaterThan(0);
    expect(pool.tidyAtNs).toBe(30 * SECOND);
    tidy(pool, 30 * SECOND);
    expect(pool.memories.dropped).toBe(0);
  });
});

it('a_collection_gives_dropped_memories_back_to_the_system', () => {
  if (readAddressSpace().usedBytes === 0) return;
  const memories = new MemoryPool(100);
  const spec = { name: 'memory', minPages: 1, maxPages: 1, wide: false };
  for (let i = 0; i < 50; i++) memories.drop(spec, memories.take(spec));
  const before = readAddressSpace().usedBytes;
  memories.collect();
  expect(memories.mapped).toBe(0);
  expect(before - readAddressSpace().usedBytes).toBeGreaterThanOrEqual(50 * 8 * 2 ** 30);
});
