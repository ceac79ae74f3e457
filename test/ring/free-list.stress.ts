import { describe } from 'vitest';
import { EMPTY, FreeList } from '../../src/ring/index.ts';
import { type Case, stress } from './stress/case.ts';
import { Stage } from './stress/stage.ts';
import { STARTS } from './stress/starts.ts';

const ROLES = new URL('./stress/pool-roles.ts', import.meta.url);
const TAG = 128 + 4;

interface KeepOptions {
  readonly count: number;
  readonly threads: number;
  /** The most that one thread has at a time. */
  readonly hold: number;
  readonly start?: number;
}

/** Threads take and give back: nobody has what another one has, and in the end all are there. */
async function keep(run: Case, { count, threads, hold, start = 0 }: KeepOptions): Promise<void> {
  const stage = new Stage({ list: { kind: 'freeList', items: count } });
  const list = FreeList.create(stage.memory, stage.at('list'), { count, start });
  const crew = run.crew(stage, ROLES, count);
  const options = { threads, hold, least: 5000 };
  const results = await crew.run(
    Array.from({ length: threads }, () => ({ role: 'keeper', options })),
  );
  stage.checkCanaries();
  // F1
  const changes = results.reduce((sum, { changes = 0 }) => sum + changes, 0);
  const moved = (stage.load(list.address + TAG) - start) | 0;
  if (moved !== changes) throw new Error(`the tag grew by ${moved} with ${changes} changes`);
  if (list.free !== count) throw new Error(`${list.free} of ${count} are said to be free`);
  const all = new Set(Array.from({ length: count }, () => list.pop()));
  if (all.size !== count || all.has(EMPTY)) throw new Error(`only ${[...all]} are in the list`);
}

stress('smoke', (run) => keep(run, { count: 1, threads: 1, hold: 1 }));

stress('two_threads_share_two_indices', (run) => keep(run, { count: 2, threads: 2, hold: 2 }));

describe.each(STARTS)('%s', (_, start) => {
  stress('nobody_has_what_another_one_has_when_there_are_too_few', (run) =>
    keep(run, { count: 3, threads: 4, hold: 2, start }),
  );
});

stress('no_starvation_nobody_is_refused_when_there_are_enough', (run) =>
  keep(run, { count: 12, threads: 4, hold: 3 }),
);

describe.each([2, 4])('%d_threads', (threads) => {
  stress('stampede_at_two_indices', async (run) => {
    const stage = new Stage({ list: { kind: 'freeList', items: 2 } });
    const parts = Array.from({ length: threads }, () => ({
      role: 'stampede',
      options: { least: 50 },
    }));
    await run.crew(stage, ROLES, 2).run(parts);
    stage.checkCanaries();
  });
});
