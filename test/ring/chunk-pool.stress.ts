import { CHAIN_BYTES, ChunkPool, EMPTY, FreeList } from '../../src/ring/index.ts';
import { type Case, stress } from './stress/case.ts';
import { KILLS, runWithKills } from './stress/kills.ts';
import { Ownership } from './stress/ownership.ts';
import { CHUNK_BYTES } from './stress/pool-roles.ts';
import { Stage } from './stress/stage.ts';

const ROLES = new URL('./stress/pool-roles.ts', import.meta.url);

interface PoolCase {
  readonly stage: Stage;
  readonly pool: ChunkPool;
}

function poolOf(count: number, chains: number): PoolCase {
  const stage = new Stage({
    list: { kind: 'freeList', items: count },
    chains: { kind: 'bytes', bytes: CHAIN_BYTES, count: chains },
    chunks: { kind: 'bytes', bytes: CHUNK_BYTES, count },
  });
  const list = FreeList.create(stage.memory, stage.at('list'), { count, start: 2 ** 32 - 500 });
  return { stage, pool: new ChunkPool(list, stage.at('chunks'), CHUNK_BYTES) };
}

function checkAllFree({ stage, pool }: PoolCase): void {
  stage.checkCanaries();
  const { count } = pool.list;
  if (pool.free !== count) throw new Error(`${pool.free} of ${count} are said to be free`);
  const all = new Set(Array.from({ length: count }, () => pool.list.pop()));
  if (all.size !== count || all.has(EMPTY)) throw new Error(`only ${[...all]} are in the pool`);
}

async function build(
  run: Case,
  { count, threads, longest }: { count: number; threads: number; longest: number },
): Promise<void> {
  const made = poolOf(count, threads);
  const options = { threads, longest, least: 2000 };
  const parts = Array.from({ length: threads }, () => ({ role: 'builder', options }));
  await run.crew(made.stage, ROLES, count).run(parts);
  checkAllFree(made);
}

stress('smoke', (run) => build(run, { count: 2, threads: 1, longest: 2 }));

stress('chains_share_no_chunk_when_there_are_too_few', (run) =>
  build(run, { count: 5, threads: 3, longest: 4 }),
);

stress('no_starvation_nobody_is_refused_when_there_are_enough', (run) =>
  build(run, { count: 12, threads: 3, longest: 4 }),
);

stress('T_a_supervisor_gives_back_the_chains_of_killed_threads', async (run) => {
  const [count, longest] = [7, 4];
  const made = poolOf(count, KILLS + 1);
  const { stage, pool } = made;
  const crew = run.crew(stage, ROLES, count);
  const part = { role: 'builder', options: { threads: 3, longest, least: 0 } };
  await runWithKills({
    run,
    crew,
    parts: [part],
    victim: () => part,
    isDead: ({ number }) => {
      new Ownership(crew.ledger, number).forget();
      pool.release(stage.at('chains', number));
    },
  });
  checkAllFree(made);
});
