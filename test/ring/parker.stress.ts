import { describe } from 'vitest';
import { Deque, MpmcRing, ParkingLot } from '../../src/ring/index.ts';
import { type Case, stress } from './stress/case.ts';
import { runWithKills } from './stress/kills.ts';
import { CONSUMED } from './stress/lot-roles.ts';
import type { Numbers } from './stress/role.ts';
import { Stage } from './stress/stage.ts';

const ROLES = new URL('./stress/lot-roles.ts', import.meta.url);
const VALUES = 2 ** 19;
const CAPACITY = 16;
const SLEEPERS = 128;

function sum(results: readonly Numbers[], name: string): number {
  return results.reduce((all, result) => all + (result[name] ?? 0), 0);
}

interface WakeOptions {
  readonly sleeper: 'worker' | 'addressee';
  readonly waker: 'producer' | 'writer';
  readonly workers: number;
  readonly producers: number;
  /** Values at a time. */
  readonly burst?: number;
  /** The most that a worker sleeps; 0 = until it is woken. */
  readonly timeoutNs?: number;
}

/** All that was published is consumed: since nobody's patience ends, no wake-up was lost. */
async function wake(run: Case, options: WakeOptions): Promise<void> {
  const { sleeper, waker, workers, producers, burst = 1, timeoutNs = 0 } = options;
  const stage = new Stage({
    lot: { kind: 'lot', workers },
    mpmc: { kind: 'mpmc', capacity: CAPACITY },
  });
  ParkingLot.create(stage.memory, stage.at('lot'), { workers });
  MpmcRing.create(stage.memory, stage.at('mpmc'), { capacity: CAPACITY });
  const crew = run.crew(stage, ROLES, VALUES);
  const all = { producers, burst, timeoutNs, least: 200 };
  const results = await crew.run([
    ...Array.from({ length: producers }, (_, producer) => ({
      role: waker,
      options: { ...all, producer },
    })),
    ...Array.from({ length: workers }, (_, place) => ({
      role: sleeper,
      options: { ...all, place },
    })),
  ]);
  const turns = results.slice(0, producers).map((result) => result.turns as number);
  crew.ledger.check((value) => Math.floor(value / producers) < (turns[value % producers] ?? 0));
  stage.checkCanaries();
  // P2: each sleeper is taken out of the mask at most once for each time that it went in.
  if (sum(results, 'wakes') > sum(results, 'parks'))
    throw new Error('woken more often than asleep');
  for (const half of [0, 4]) {
    const mask = stage.load(stage.at('lot') + SLEEPERS + half);
    if (mask !== 0)
      throw new Error(`workers ${mask.toString(2)} are said to sleep, and have ended`);
  }
}

const workers = { sleeper: 'worker', waker: 'producer' } as const;

stress('smoke', (run) => wake(run, { ...workers, workers: 1, producers: 1 }));

describe.each([1, 6])('bursts_of_%d', (burst) => {
  stress('no_wake_up_is_lost', (run) => wake(run, { ...workers, workers: 3, producers: 2, burst }));
});

stress('no_wake_up_is_lost_when_sleep_ends_by_itself_at_the_same_time', (run) =>
  wake(run, { ...workers, workers: 2, producers: 1, burst: 3, timeoutNs: 200_000 }),
);

stress('no_starvation_each_letter_reaches_its_worker', (run) =>
  wake(run, { sleeper: 'addressee', waker: 'writer', workers: 2, producers: 2 }),
);

stress('a_dead_worker_takes_no_wake_up_with_it', async (run) => {
  const [permanent, producers] = [2, 1];
  const stage = new Stage({
    lot: { kind: 'lot', workers: permanent + 2 },
    deque: { kind: 'deque', capacity: CAPACITY },
    states: { kind: 'bytes', bytes: 4 * VALUES },
  });
  const lot = ParkingLot.create(stage.memory, stage.at('lot'), { workers: permanent + 2 });
  Deque.create(stage.memory, stage.at('deque'), { capacity: CAPACITY });
  const crew = run.crew(stage, ROLES, VALUES);
  const all = { producers, burst: 3, timeoutNs: 0, least: 200 };
  const worker = (place: number) => ({ role: 'worker', options: { ...all, place } });
  const [result] = await runWithKills({
    run,
    crew,
    parts: [{ role: 'producer', options: { ...all, producer: 0 } }, worker(0), worker(1)],
    victim: (n) => worker(permanent + (n % 2)),
    isDead: ({ number }, n) => {
      lot.forget(permanent + (n % 2));
      for (let value = 0; value < VALUES; value++) {
        const isOfDead = stage.load(stage.at('states') + 4 * value) === number + 1;
        if (isOfDead && crew.ledger.hits[value] === 0) crew.ledger.take(value);
      }
      // It may have died between the entry and the word to the producer.
      crew.signals.add(CONSUMED, 1);
      crew.signals.wake(CONSUMED);
    },
  });
  crew.ledger.check((value) => value < (result?.turns ?? 0));
  stage.checkCanaries();
});
