import { expect, it } from 'vitest';
import {
  type FunctionImage,
  type FunctionSpec,
  type MemorySpec,
  rewrite,
  type Sandbox,
  SandboxPool,
  STATE,
} from '../../src/sandbox/index.ts';
import { assembleNew } from './rewriter/harness.ts';

const MEMORIES_MAX = 125;

function imageOf(id: number, memoryCount: number): FunctionImage {
  const fields = Array.from({ length: memoryCount }, (_, at) => `(memory $m${at} 1)`).join(' ');
  const source = assembleNew(`(module ${fields} (func (export "handle")))`);
  const { bytes, info } = rewrite(source, { maxPages: 1000 });
  const memories: readonly MemorySpec[] = info.memories;
  const spec = { id, name: `f${id}`, memories } as Pick<FunctionSpec, 'id' | 'name' | 'memories'>;
  return { spec: spec as FunctionSpec, module: new WebAssembly.Module(bytes) };
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
  for (const sandbox of taken.splice(0, 10)) pool.give(use(sandbox));
  const before = pool.retired;
  expect(pool.take(1)?.state).toBe(STATE.INITIALIZED);
  expect(pool.retired - before).toBe(4);
  expect(pool.count).toBe(MEMORIES_MAX - 1 - 4 + 1);
});

it('one_with_more_memories_than_the_cap_runs_alone', () => {
  const pool = poolOf(10);
  pool.add(imageOf(0, MEMORIES_MAX + 1));
  const sandbox = pool.take(0)!;
  expect(sandbox.state).toBe(STATE.INITIALIZED);
  expect(pool.take(0)).toBe(undefined);
  pool.give(use(sandbox));
  expect(pool.take(0)).toBe(sandbox);
});
