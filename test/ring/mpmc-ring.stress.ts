import { describe } from 'vitest';
import { Batch, MpmcRing } from '../../src/ring/index.ts';
import { stress } from './stress/case.ts';
import {
  CHANNEL_ROLES,
  conserve,
  MANY,
  shares,
  stampede,
  turnstile,
} from './stress/channel-cases.ts';
import { BATCH } from './stress/channel-roles.ts';
import { KILLS, runWithKills } from './stress/kills.ts';
import { Stage } from './stress/stage.ts';
import { STARTS } from './stress/starts.ts';

const kind = 'mpmc';

stress('smoke', (run) => conserve(run, { kind, producers: 1, consumers: 1, capacity: 4 }));

describe.each(Object.entries(MANY))('%s', (_, many) => {
  stress('spsc_gives_all_values_in_order', (run) =>
    conserve(run, { kind, producers: 1, consumers: 1, capacity: 16, many }),
  );

  stress('mpmc_gives_each_value_once_and_those_of_a_producer_in_order', (run) =>
    conserve(run, { kind, producers: 2, consumers: 2, capacity: 16, many }),
  );

  stress('no_starvation_each_thread_gets_its_share', (run) =>
    shares(run, { kind, threads: 4, capacity: 2048, many }),
  );

  stress('no_starvation_who_has_pushed_is_not_told_empty', (run) =>
    turnstile(run, { kind, threads: 4, capacity: 8, many }),
  );
});

describe.each(STARTS.slice(1))('%s', (_, start) => {
  stress('the_counters_pass_it_under_load', (run) =>
    conserve(run, { kind, producers: 2, consumers: 2, capacity: 8, start, many: MANY.mixed }),
  );
});

stress('stampede_of_two_at_a_ring_of_one', (run) =>
  stampede(run, { kind, threads: 2, producers: 1, capacity: 1, many: MANY.mixed }),
);

stress('stampede_of_four_at_a_ring_of_two', (run) =>
  stampede(run, { kind, threads: 4, producers: 2, capacity: 2, many: MANY.mixed }),
);

describe('killed_threads', () => {
  // So much that those who are to be killed have no reason to nap.
  const capacity = 2 ** 18;
  const values = KILLS * 2 ** 17;

  function stageOf(): { stage: Stage; ring: MpmcRing } {
    const stage = new Stage({
      mpmc: { kind, capacity },
      batches: { kind: 'bytes', bytes: Batch.bytes(BATCH), count: KILLS + 1 },
      progress: { kind: 'bytes', bytes: 4, count: KILLS },
    });
    return { stage, ring: MpmcRing.create(stage.memory, stage.at('mpmc'), { capacity }) };
  }

  stress('T_what_a_producer_has_claimed_it_has_published', async (run) => {
    const { stage } = stageOf();
    const crew = run.crew(stage, CHANNEL_ROLES, values);
    const options = { producers: KILLS, many: MANY.mixed };
    await runWithKills({
      run,
      crew,
      parts: [{ role: 'survivor', options }],
      victim: (producer) => ({ role: 'doomedProducer', options: { ...options, producer } }),
    });
    for (let producer = 0; producer < KILLS; producer++) {
      const progress = stage.load(stage.at('progress', producer));
      let turns = 0;
      while (crew.ledger.hits[turns * KILLS + producer] === 1) turns++;
      if (turns < progress || turns > progress + BATCH) {
        throw new Error(`producer ${producer} had pushed ${progress} values, ${turns} came`);
      }
    }
    stage.checkCanaries();
  });

  stress('T_a_value_is_in_the_ring_or_in_the_batch_of_its_consumer', async (run) => {
    const { stage, ring } = stageOf();
    const crew = run.crew(stage, CHANNEL_ROLES, values);
    const options = { producers: 1, producer: 0, many: MANY.many, least: 0 };
    const held = new Set<number>();
    const [producer] = await runWithKills({
      run,
      crew,
      parts: [{ role: 'producer', options }],
      victim: () => ({ role: 'doomedConsumer', options }),
      isDead: ({ number }) => {
        const batch = new Batch(stage.memory, stage.at('batches', number), BATCH);
        for (const value of batch.values.subarray(0, batch.count)) held.add(value);
      },
    });
    const left = new Set<number>();
    for (let value = ring.pop(); value >= 0; value = ring.pop()) left.add(value);
    for (let value = 0; value < values; value++) {
      const isTaken = crew.ledger.hits[value] === 1 || held.has(value);
      if (isTaken !== (value < (producer?.turns ?? 0) && !left.has(value))) {
        throw new Error(`value ${value}: taken ${isTaken}, left ${left.has(value)}`);
      }
    }
    stage.checkCanaries();
  });
});
