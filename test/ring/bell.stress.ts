import { describe } from 'vitest';
import { MpmcRing } from '../../src/ring/index.ts';
import { type Case, stress } from './stress/case.ts';
import { Stage } from './stress/stage.ts';

const ROLES = new URL('./stress/bell-roles.ts', import.meta.url);
const VALUES = 2 ** 16;
const CAPACITY = 16;

/** All that was published is read: since the listener reads only when the bell rings, no ring was lost. */
async function listen(run: Case, ringers: number, burst: number): Promise<void> {
  const stage = new Stage({ bell: { kind: 'bell' }, mpmc: { kind: 'mpmc', capacity: CAPACITY } });
  MpmcRing.create(stage.memory, stage.at('mpmc'), { capacity: CAPACITY });
  const crew = run.crew(stage, ROLES, VALUES);
  const all = { ringers, burst, least: 100 };
  const results = await crew.run([
    ...Array.from({ length: ringers }, (_, ringer) => ({
      role: 'ringer',
      options: { ...all, ringer },
    })),
    { role: 'listener', options: all },
  ]);
  const turns = results.slice(0, ringers).map((result) => result.turns as number);
  crew.ledger.check((value) => Math.floor(value / ringers) < (turns[value % ringers] ?? 0));
  stage.checkCanaries();
}

stress('smoke', (run) => listen(run, 1, 1));

describe.each([1, 5])('bursts_of_%d', (burst) => {
  stress('no_ring_is_lost', (run) => listen(run, 3, burst));
});
