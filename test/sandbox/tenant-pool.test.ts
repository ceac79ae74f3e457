/** A tenant's limit of ready sandboxes, kept by workers that share nothing but the tenant's cells. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type FunctionImage,
  type FunctionSpec,
  PoolCells,
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

const SECOND = 1e9;
const TENANT = 7;
const OTHER = 8;
const { bytes, info } = rewrite(assembleNew('(module (memory 1) (func (export "handle")))'), {
  maxPages: 1,
});
const module = new WebAssembly.Module(bytes);

function imageOf(id: number, tenantId = TENANT, prewarm = 0): FunctionImage {
  const { memories } = info;
  const spec = { id, name: `f${id}`, tenantId, memories, prewarm } as unknown as FunctionSpec;
  return { spec, module };
}

interface Bed {
  readonly pools: readonly SandboxPool[];
  /** The tenant's, as its worker 0 has them. */
  readonly cells: PoolCells;
  add(image: FunctionImage): void;
  /** Of functions 0, 1, … in a worker. */
  ready(worker: number): number[];
}

function bedOf(workers: number, idleLimit: number, functions = 3): Bed {
  const control = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const interrupt = new WebAssembly.Suspending(() => 0);
  const intrinsics = { control, interrupt, wait32: interrupt, wait64: interrupt };
  const limits = { sandboxesMax: 100, memoriesMax: 200, readyMaxPerFunction: 100 };
  const pools = Array.from(
    { length: workers },
    () => new SandboxPool(limits, () => ({}), intrinsics),
  );
  const tenants = new Map([TENANT, OTHER].map((id) => [id, PoolCells.create(workers)]));
  const cells = tenants.get(TENANT)!;
  cells.idleLimit = idleLimit;
  const add = (image: FunctionImage): void => {
    const { buffer } = PoolCells.create(workers);
    const tenant = tenants.get(image.spec.tenantId)!.buffer;
    pools.forEach((pool, w) => {
      pool.add(image, new PoolCells(buffer, w), new PoolCells(tenant, w));
    });
  };
  for (let id = 0; id < functions; id++) add(imageOf(id));
  const ready = (worker: number): number[] =>
    Array.from({ length: functions }, (_, id) => pools[worker]!.cells(id)!.read(worker).ready);
  return { pools, cells, add, ready };
}

/** Through the states of a request that went well. */
function give(pool: SandboxPool, sandbox: Sandbox): void {
  sandbox.state = STATE.RUNNABLE;
  sandbox.state = STATE.RUNNING;
  sandbox.state = STATE.RETURNED;
  giveBack(pool, sandbox);
}

/** `count` requests at once. */
function use(pool: SandboxPool, id: number, count = 1): void {
  const taken = Array.from({ length: count }, () => pool.take(id)!);
  for (const sandbox of taken) give(pool, sandbox);
}

function tidy(pool: SandboxPool, now: number): void {
  while (pool.tidy(now, true));
}

it('no_more_are_ready_than_the_tenant_may_have_and_the_longest_unused_goes', () => {
  const { pools, cells, ready } = bedOf(1, 3);
  const [pool] = pools as [SandboxPool];
  for (const id of [0, 1, 2]) use(pool, id);
  expect(ready(0)).toEqual([1, 1, 1]);
  use(pool, 1, 2);
  expect(ready(0)).toEqual([0, 2, 1]);
  use(pool, 0);
  expect(ready(0)).toEqual([1, 2, 0]);
  expect([pool.count, cells.read(0).ready, cells.pressed]).toEqual([3, 3, 0]);
  // What runs is not counted, and is not ended either.
  use(pool, 2, 10);
  expect(ready(0)).toEqual([0, 0, 3]);
  expect([pool.count, pool.made - pool.retired]).toEqual([3, 3]);
});

it('a_limit_of_0_keeps_nothing_and_makes_no_spare', () => {
  const { pools, cells, add } = bedOf(1, 0);
  const [pool] = pools as [SandboxPool];
  add(imageOf(3, TENANT, 2));
  for (let round = 0; round < 3; round++) {
    use(pool, 0);
    tidy(pool, round * 10 * SECOND);
  }
  expect([pool.count, pool.made, pool.retired, cells.read(0).ready]).toEqual([0, 3, 3, 0]);
  // The memory served them all.
  expect(pool.memories.reused).toBe(2);
});

it('other_tenants_are_not_asked', () => {
  const { pools, add } = bedOf(1, 1);
  const [pool] = pools as [SandboxPool];
  add(imageOf(3, OTHER));
  use(pool, 3, 5);
  use(pool, 0, 5);
  expect([pool.cells(0)!.read(0).ready, pool.cells(3)!.read(0).ready]).toEqual([1, 5]);
});

it('no_more_are_prewarmed_than_may_be_ready', () => {
  const { pools, cells, add } = bedOf(2, 5);
  add(imageOf(3, TENANT, 3));
  const ready = [0, 1].map((w) => pools[w]!.cells(3)!.read(w).ready);
  expect([ready, pools.map((pool) => pool.retired), cells.pressed]).toEqual([[3, 2], [0, 0], 0]);
});

it('a_lower_limit_retires_what_is_too_much_once_the_workers_are_told', () => {
  const { pools, cells } = bedOf(2, Number.POSITIVE_INFINITY);
  for (const pool of pools) use(pool, 0, 5);
  cells.idleLimit = 4;
  for (const pool of pools) pool.trim(TENANT);
  expect(pools.map((pool) => pool.count).reduce((a, b) => a + b)).toBe(4);
  pools[0]!.trim(OTHER);
  pools[0]!.trim(99);
  cells.idleLimit = Number.POSITIVE_INFINITY;
  use(pools[0]!, 1, 9);
  expect(pools[0]!.cells(1)!.read(0).ready).toBe(9);
});

it('a_removed_function_leaves_room', () => {
  const { pools, cells } = bedOf(1, 2);
  const [pool] = pools as [SandboxPool];
  use(pool, 0, 2);
  pool.remove(0);
  expect(cells.read(0).ready).toBe(0);
  use(pool, 1, 2);
  expect([pool.count, cells.read(0).ready]).toEqual([2, 2]);
});

describe('several workers', () => {
  it('count_together', () => {
    const { pools, ready } = bedOf(2, 3);
    use(pools[0]!, 0, 2);
    use(pools[1]!, 0, 5);
    expect([ready(0), ready(1)]).toEqual([
      [2, 0, 0],
      [1, 0, 0],
    ]);
  });

  it('one_that_has_nothing_colder_gets_the_others_to_drop_what_a_window_did_not_use', () => {
    const { pools, cells, ready } = bedOf(2, 2);
    const [first, second] = pools as [SandboxPool, SandboxPool];
    use(first, 0);
    use(first, 1);
    tidy(first, 0);
    tidy(first, 10 * SECOND);
    // Without pressure the last one of a function stays for several windows.
    tidy(first, 20 * SECOND);
    expect(ready(0)).toEqual([1, 1, 0]);
    use(first, 1);
    use(second, 2);
    expect([ready(1), cells.pressed]).toEqual([[0, 0, 0], 1]);
    tidy(first, 30 * SECOND);
    // That window used the second one's; the other had lain there all the time.
    expect(ready(0)).toEqual([0, 1, 0]);
    use(second, 2);
    expect([ready(1), cells.pressed]).toEqual([[0, 0, 1], 1]);
  });

  it('keep_to_the_limit_whatever_they_do', () => {
    const WORKERS = 3;
    const FUNCTIONS = 3;
    const step = fc.record({
      worker: fc.nat(WORKERS - 1),
      id: fc.nat(FUNCTIONS - 1),
      kind: fc.constantFrom('take', 'take', 'give', 'give', 'tidy', 'lower'),
    });
    fc.assert(
      fc.property(fc.nat(6), fc.array(step, { maxLength: 60 }), (most, steps) => {
        const { pools, cells, ready } = bedOf(WORKERS, most, FUNCTIONS);
        const taken: Sandbox[][] = pools.map(() => []);
        let limit = most;
        let now = 0;
        for (const { worker, id, kind } of steps) {
          const pool = pools[worker]!;
          now += 2 * SECOND;
          if (kind === 'take') taken[worker]!.push(pool.take(id)!);
          else if (kind === 'tidy') tidy(pool, now);
          else if (kind === 'lower') {
            limit = Math.max(0, limit - 1);
            cells.idleLimit = limit;
            for (const each of pools) each.trim(TENANT);
          } else {
            const sandbox = taken[worker]!.pop();
            if (sandbox !== undefined) give(pool, sandbox);
          }
          const counts = pools.map((_, w) => ready(w).reduce((a, b) => a + b, 0));
          expect(counts.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(limit);
          // The tenant's own cell says the same, and nothing is lost.
          expect(pools.map((_, w) => cells.read(w).ready)).toEqual(counts);
          pools.forEach((each, w) => {
            expect(each.count).toBe(counts[w]! + taken[w]!.length);
          });
        }
      }),
      { numRuns: 40 },
    );
  });
});
