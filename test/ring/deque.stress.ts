import { describe } from 'vitest';
import { Batch, Deque } from '../../src/ring/index.ts';
import { type Case, stress } from './stress/case.ts';
import { ANY_WAY, BATCH, WAY } from './stress/deque-roles.ts';
import { KILLS, runWithKills } from './stress/kills.ts';
import type { Numbers } from './stress/role.ts';
import { Stage } from './stress/stage.ts';
import { AHEAD, STARTS } from './stress/starts.ts';

const ROLES = new URL('./stress/deque-roles.ts', import.meta.url);
const VALUES = 2 ** 21;
const TOP = 128;

function stageOf(capacity: number, threads: number, values: number): Stage {
  return new Stage({
    deque: { kind: 'deque', capacity },
    batches: { kind: 'bytes', bytes: Batch.bytes(BATCH), count: threads },
    states: { kind: 'bytes', bytes: 4 * values },
  });
}

interface ConserveOptions {
  /** How each thief steals. */
  readonly ways: readonly number[];
  readonly capacity: number;
  readonly batch?: number;
  readonly pops?: boolean;
  readonly start?: number;
}

/** An owner and thieves: what was pushed is handed out once, and nobody is sent away without another one's gain. */
async function conserve(run: Case, options: ConserveOptions): Promise<void> {
  const { ways, capacity, batch = Math.min(8, capacity), pops = true, start = 0 } = options;
  const stage = stageOf(capacity, ways.length + 1, VALUES);
  Deque.create(stage.memory, stage.at('deque'), { capacity, batch, start });
  const crew = run.crew(stage, ROLES, VALUES);
  const [owner, ...thieves] = await crew.run([
    { role: 'owner', options: { least: 4 * AHEAD, pops: pops ? 1 : 0 } },
    ...ways.map((way) => ({ role: 'thief', options: { way, burst: BATCH } })),
  ]);
  const { pushed = 0, pops: popped = 0 } = owner as Numbers;
  crew.ledger.check((value) => value < pushed);
  stage.checkCanaries();
  // Two failures of one thief cannot be due to the same change of TOP.
  const stolen = thieves.reduce((sum, { taken = 0 }) => sum + taken, 0);
  for (const { taken = 0, retries = 0 } of thieves) {
    if (retries > popped + stolen - taken) throw new Error(`${retries} RETRY without a winner`);
  }
  const moved = (stage.load(stage.at('deque') + TOP) - start) | 0;
  if (moved !== stolen) throw new Error(`TOP moved by ${moved}, and ${stolen} were stolen`);
}

stress('smoke', (run) => conserve(run, { ways: [WAY.steal], capacity: 4 }));

describe.each(Object.entries(WAY))('%s', (_, way) => {
  stress('spsc_gives_all_values_in_order', (run) =>
    conserve(run, { ways: [way], capacity: 32, pops: false }),
  );

  stress('owner_and_thieves_get_each_value_once_and_in_order', (run) =>
    conserve(run, { ways: [way, way], capacity: 8, batch: 4 }),
  );
});

stress('a_batch_as_large_as_the_deque', (run) =>
  conserve(run, { ways: [WAY.batch, WAY.mark], capacity: 4, batch: 4 }),
);

stress('the_owner_pops_behind_the_reach_of_thieves', (run) =>
  conserve(run, { ways: [WAY.steal, WAY.steal], capacity: 64, batch: 1 }),
);

describe.each(STARTS)('%s', (_, start) => {
  stress('three_ways_of_stealing_at_once', (run) =>
    conserve(run, { ways: [WAY.steal, WAY.mark, WAY.batch], capacity: 8, batch: 3, start }),
  );
});

describe.each([2, 4])('%d_threads', (threads) => {
  stress('stampede_at_a_handful_of_values', async (run) => {
    const [capacity, values] = [4, 3];
    const stage = stageOf(capacity, threads, values);
    const options = { capacity, batch: 2, way: ANY_WAY, burst: BATCH, least: 50 };
    const parts = Array.from({ length: threads }, () => ({ role: 'stampede', options }));
    await run.crew(stage, ROLES, values).run(parts);
    stage.checkCanaries();
  });
});

stress('no_starvation_each_thief_gets_its_share', async (run) => {
  const [capacity, threads, share] = [2048, 3, 600];
  const stage = stageOf(capacity, threads, threads * share);
  const options = { capacity, way: ANY_WAY, burst: BATCH, share, least: 50 };
  const parts = Array.from({ length: threads }, () => ({ role: 'share', options }));
  await run.crew(stage, ROLES, threads * share).run(parts);
  stage.checkCanaries();
});

describe('killed_thieves', () => {
  // So much that the thieves have no reason to nap.
  const capacity = 1024;

  /** What the deque still holds, the owner having ended. */
  function rest(deque: Deque): Set<number> {
    const found = new Set<number>();
    for (let value = deque.steal(); value >= 0; value = deque.steal()) {
      if (found.has(value)) throw new Error(`value ${value} is in the deque twice`);
      found.add(value);
    }
    return found;
  }

  stress('T_a_value_is_in_the_deque_or_carries_the_mark_of_its_thief', async (run) => {
    const stage = stageOf(capacity, KILLS + 1, VALUES);
    const deque = Deque.create(stage.memory, stage.at('deque'), { capacity });
    const crew = run.crew(stage, ROLES, VALUES);
    const [owner] = await runWithKills({
      run,
      crew,
      parts: [{ role: 'owner', options: { least: capacity, pops: 0 } }],
      victim: () => ({ role: 'thief', options: { way: WAY.mark, burst: 1 } }),
    });
    const { pushed = 0 } = owner as Numbers;
    const left = rest(deque);
    const unused = new Set<number>();
    for (let value = 0; value < VALUES; value++) {
      const mark = stage.load(stage.at('states') + 4 * value);
      const hits = crew.ledger.hits[value] as number;
      const isStolen = value < pushed && !left.has(value);
      if (isStolen !== (mark !== 0) || hits > (isStolen ? 1 : 0)) {
        throw new Error(
          `value ${value} of ${pushed}: stolen ${isStolen}, mark ${mark}, ${hits} hits`,
        );
      }
      // Killed between the steal and its entry: the mark is all that tells of it.
      if (isStolen && hits === 0) {
        if (unused.has(mark)) throw new Error(`thread ${mark - 1} had two values in its hands`);
        unused.add(mark);
      }
    }
    stage.checkCanaries();
  });

  stress('T_a_value_is_in_the_deque_or_in_the_batch_of_its_thief', async (run) => {
    const stage = stageOf(capacity, KILLS + 1, VALUES);
    const deque = Deque.create(stage.memory, stage.at('deque'), { capacity });
    const crew = run.crew(stage, ROLES, VALUES);
    const held = new Set<number>();
    const [owner] = await runWithKills({
      run,
      crew,
      parts: [{ role: 'owner', options: { least: capacity, pops: 0 } }],
      victim: () => ({ role: 'thief', options: { way: WAY.batch, burst: 1 } }),
      isDead: ({ number }) => {
        const batch = new Batch(stage.memory, stage.at('batches', number), BATCH);
        for (const value of batch.values.subarray(0, batch.count)) held.add(value);
      },
    });
    const { pushed = 0 } = owner as Numbers;
    const left = rest(deque);
    for (let value = 0; value < VALUES; value++) {
      const hits = crew.ledger.hits[value] as number;
      const isStolen = hits === 1 || held.has(value);
      if (hits > 1 || isStolen !== (value < pushed && !left.has(value))) {
        throw new Error(`value ${value} of ${pushed}: left ${left.has(value)}, ${hits} hits`);
      }
    }
    stage.checkCanaries();
  });
});
