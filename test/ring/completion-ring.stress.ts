import { describe } from 'vitest';
import { CompletionRing } from '../../src/ring/index.ts';
import { stress } from './stress/case.ts';
import { conserve, stampede } from './stress/channel-cases.ts';
import { runWithKills } from './stress/kills.ts';
import { Stage } from './stress/stage.ts';
import { STARTS } from './stress/starts.ts';

const kind = 'completion';
const RACERS = new URL('./stress/completion-roles.ts', import.meta.url);

stress('smoke', (run) => conserve(run, { kind, producers: 1, consumers: 1, capacity: 4 }));

describe.each(STARTS)('%s', (_, start) => {
  stress('mpsc_gives_all_values_and_those_of_a_producer_in_order', (run) =>
    conserve(run, { kind, producers: 3, consumers: 1, capacity: 16, start }),
  );
});

stress('stampede_of_two_at_a_ring_of_one', (run) =>
  stampede(run, { kind, threads: 2, producers: 1, capacity: 1 }),
);

stress('stampede_of_four_at_a_ring_of_four', (run) =>
  stampede(run, { kind, threads: 4, producers: 3, capacity: 4 }),
);

function slotsStage(slots: number): Stage {
  const stage = new Stage({
    completion: { kind, capacity: slots },
    states: { kind: 'bytes', bytes: 4, count: slots },
  });
  CompletionRing.create(stage.memory, stage.at('completion'), { capacity: slots });
  return stage;
}

stress('finish_completes_a_slot_once_however_many_race_for_it', async (run) => {
  const slots = 4;
  const stage = slotsStage(slots);
  const crew = run.crew(stage, RACERS, slots);
  const options = { slots, least: 2000 };
  const [reader, ...racers] = await crew.run([
    { role: 'reader', options },
    ...[0, 1, 2].map(() => ({ role: 'racer', options })),
  ]);
  const won = racers.reduce((sum, { won = 0 }) => sum + won, 0);
  if (won !== reader?.read) throw new Error(`${won} slots were finished, ${reader?.read} read`);
  stage.checkCanaries();
});

stress('T_a_slot_of_a_killed_racer_is_open_or_comes', async (run) => {
  // So many that the racers have no reason to nap.
  const slots = 256;
  const stage = slotsStage(slots);
  const crew = run.crew(stage, RACERS, slots);
  const options = { slots };
  await runWithKills({
    run,
    crew,
    parts: [{ role: 'survivor', options }],
    victim: () => ({ role: 'racer', options }),
  });
  stage.checkCanaries();
});
