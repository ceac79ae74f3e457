import { setImmediate as turn } from 'node:timers/promises';
import { describe } from 'vitest';
import { EMPTY, Heap } from '../../src/ring/index.ts';
import { type Case, stress } from './stress/case.ts';
import { checkHeap, lockHeap, unlockHeap } from './stress/heap-check.ts';
import { KEYS } from './stress/heap-roles.ts';
import { runWithKills } from './stress/kills.ts';
import type { Numbers } from './stress/role.ts';
import { Stage } from './stress/stage.ts';
import { AHEAD, STARTS } from './stress/starts.ts';

const ROLES = new URL('./stress/heap-roles.ts', import.meta.url);
const VALUES = 2 ** 18;
const SEQUENCE = 416;
/** The number by which the test itself uses the heap. */
const SELF = 1000;

function stageOf(capacity: number, values: number): { stage: Stage; heap: Heap } {
  const stage = new Stage({
    heap: { kind: 'heap', capacity, values },
    states: { kind: 'bytes', bytes: 4 * values },
    present: { kind: 'bytes', bytes: 4 * values },
    intents: { kind: 'bytes', bytes: 4, count: 4 },
  });
  const heap = Heap.create(stage.memory, stage.at('heap'), { capacity, values }, SELF);
  return { stage, heap };
}

interface ConserveOptions {
  readonly pushers: number;
  readonly poppers: number;
  readonly removers?: number;
  readonly capacity: number;
  readonly keys: number;
  /** Of SEQUENCE. */
  readonly start?: number;
}

/** What was pushed is handed out once, to who takes the least or to who removes it, and the heap is in order. */
async function conserve(run: Case, options: ConserveOptions): Promise<void> {
  const { pushers, poppers, removers = 0, capacity, keys, start = 0 } = options;
  const { stage, heap } = stageOf(capacity, VALUES);
  stage.store(heap.address + SEQUENCE, start);
  const crew = run.crew(stage, ROLES, VALUES);
  const all = { pushers, keys, least: 2 * AHEAD };
  const results = await crew.run([
    ...Array.from({ length: pushers }, (_, pusher) => ({
      role: 'pusher',
      options: { ...all, pusher },
    })),
    ...Array.from({ length: poppers }, () => ({ role: 'popper', options: all })),
    ...Array.from({ length: removers }, () => ({ role: 'remover', options: all })),
  ]);
  const turns = results.slice(0, pushers).map((result) => result.turns as number);
  crew.ledger.check((value) => Math.floor(value / pushers) < (turns[value % pushers] ?? 0));
  stage.checkCanaries();
  checkHeap(stage.i32, heap.address);
  const pushed = turns.reduce((sum, n) => sum + n, 0);
  const moved = (stage.load(heap.address + SEQUENCE) - start) | 0;
  if (moved !== pushed) throw new Error(`SEQUENCE moved by ${moved} with ${pushed} pushes`);
}

stress('smoke', (run) =>
  conserve(run, { pushers: 1, poppers: 1, capacity: 4, keys: KEYS.growing }),
);

describe.each(Object.entries(KEYS))('%s_keys', (_, keys) => {
  stress('each_value_is_handed_out_once', (run) =>
    conserve(run, { pushers: 2, poppers: 1, removers: 1, capacity: 64, keys }),
  );
});

stress('two_poppers_get_the_values_of_a_pusher_in_order', (run) =>
  conserve(run, { pushers: 2, poppers: 2, capacity: 16, keys: KEYS.growing }),
);

describe.each(STARTS.slice(1))('sequence_%s', (_, start) => {
  stress('equal_keys_leave_in_the_order_of_their_pushes', (run) =>
    conserve(run, { pushers: 2, poppers: 2, capacity: 16, keys: KEYS.alike, start }),
  );
});

stress('moves_change_neither_the_values_nor_their_number', async (run) => {
  const values = 24;
  const { stage, heap } = stageOf(values, values);
  for (let value = 0; value < values; value++) heap.push(value, value);
  const parts = [0, 1, 2].map(() => ({ role: 'mover', options: { least: 2000 } }));
  await run.crew(stage, ROLES, values).run(parts);
  stage.checkCanaries();
  const held = checkHeap(stage.i32, heap.address);
  if (held.size !== values) throw new Error(`${held.size} of ${values} values are left`);
});

describe.each([2, 4])('%d_threads', (threads) => {
  stress('stampede_at_a_handful_of_values', async (run) => {
    const values = 2 * threads;
    const { stage } = stageOf(values, values);
    const parts = Array.from({ length: threads }, () => ({
      role: 'stampede',
      options: { least: 50 },
    }));
    await run.crew(stage, ROLES, values).run(parts);
    stage.checkCanaries();
  });
});

stress('no_starvation_each_popper_gets_its_share_in_order', async (run) => {
  const [threads, share] = [3, 200];
  const { stage } = stageOf(threads * share, threads * share);
  const options = { share, least: 50 };
  const parts = Array.from({ length: threads }, () => ({ role: 'share', options }));
  await run.crew(stage, ROLES, threads * share).run(parts);
  stage.checkCanaries();
});

stress('no_starvation_who_has_pushed_is_not_told_empty', async (run) => {
  const [threads, values] = [3, 2 ** 20];
  const { stage, heap } = stageOf(threads, values);
  const crew = run.crew(stage, ROLES, values);
  const options = { threads, least: 2 * AHEAD };
  const parts = Array.from({ length: threads }, () => ({ role: 'turnstile', options }));
  const turns = (await crew.run(parts)).map((result) => result.turns as number);
  crew.ledger.check((value) => Math.floor(value / threads) < (turns[value % threads] ?? 0));
  stage.checkCanaries();
  checkHeap(stage.i32, heap.address);
});

describe('killed_holders', () => {
  /** Waits for the lock, and looks at the heap while nobody changes it. */
  async function locked<T>(stage: Stage, look: () => T): Promise<T> {
    const address = stage.at('heap');
    while (!lockHeap(stage.i32, address, SELF)) await turn();
    try {
      return look();
    } finally {
      unlockHeap(stage.i32, address);
    }
  }

  stress('H3_a_value_is_in_the_heap_or_marked_or_handed_to_who_recovers', async (run) => {
    const { stage, heap } = stageOf(64, VALUES);
    const crew = run.crew(stage, ROLES, VALUES);
    const all = { pushers: 1, pusher: 0, keys: KEYS.random, least: 100 };
    const recovered = new Set<number>();
    const [pusher] = await runWithKills({
      run,
      crew,
      parts: [{ role: 'pusher', options: all }],
      victim: () => ({ role: 'marker', options: all }),
      isDead: async ({ number }) => {
        const value = heap.recover(number);
        if (value !== EMPTY) {
          if (recovered.has(value)) throw new Error(`value ${value} was recovered twice`);
          recovered.add(value);
        }
        await locked(stage, () => checkHeap(stage.i32, heap.address));
      },
    });
    const { turns = 0 } = pusher as Numbers;
    const left = checkHeap(stage.i32, heap.address);
    const unused = new Set<number>();
    for (let value = 0; value < VALUES; value++) {
      const mark = stage.load(stage.at('states') + 4 * value);
      const hits = crew.ledger.hits[value] as number;
      const places = [mark !== 0, left.has(value), recovered.has(value)].filter(Boolean).length;
      if (places !== (value < turns ? 1 : 0) || hits > (mark === 0 ? 0 : 1)) {
        throw new Error(`value ${value} of ${turns}: mark ${mark}, ${hits} hits, ${places} places`);
      }
      // Killed between the take and its entry: the mark is all that tells of it.
      if (mark !== 0 && hits === 0) {
        if (unused.has(mark)) throw new Error(`thread ${mark - 1} had two values in its hands`);
        unused.add(mark);
      }
    }
    stage.checkCanaries();
  });

  stress('H3_a_push_or_a_remove_is_done_or_not_done', async (run) => {
    const [range, places] = [16, 3];
    const { stage, heap } = stageOf(range * places, range * places);
    const crew = run.crew(stage, ROLES, 1);
    const juggler = (place: number) => ({ role: 'juggler', options: { range, place } });
    const check = (place: number, recovered: number): void => {
      const held = checkHeap(stage.i32, heap.address);
      const intent = stage.load(stage.at('intents', place)) - 1;
      if (recovered !== EMPTY && (recovered !== intent || held.has(intent))) {
        throw new Error(`recovered ${recovered}, and the dead thread was at ${intent}`);
      }
      for (let value = place * range; value < (place + 1) * range; value++) {
        const present = stage.load(stage.at('present') + 4 * value) === 1;
        if (value !== intent && held.has(value) !== present) {
          throw new Error(`value ${value}: in ${held.has(value)}, should be ${present}`);
        }
      }
      if (intent === EMPTY) return;
      stage.store(stage.at('present') + 4 * intent, held.has(intent) ? 1 : 0);
      stage.store(stage.at('intents', place), 0);
    };
    await runWithKills({
      run,
      crew,
      parts: [juggler(2)],
      victim: (n) => juggler(n % 2),
      isDead: async ({ number }, n) => {
        const recovered = heap.recover(number);
        await locked(stage, () => check(n % 2, recovered));
      },
    });
    check(2, EMPTY);
    stage.checkCanaries();
  });
});
