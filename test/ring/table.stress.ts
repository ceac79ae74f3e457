import { setImmediate as turn } from 'node:timers/promises';
import { Table } from '../../src/ring/index.ts';
import { type Case, stress } from './stress/case.ts';
import { runWithKills } from './stress/kills.ts';
import type { Numbers } from './stress/role.ts';
import { Stage } from './stress/stage.ts';
import { VALUE_BYTES_MAX } from './stress/table-roles.ts';
import { tableFault } from './table-cells.ts';

const ROLES = new URL('./stress/table-roles.ts', import.meta.url);
/** The number by which the test itself uses the table. */
const SELF = 31;
const KEYS = 12;
const COUNTERS = 4;
const PLACES = 3;
const SHARDS = 2;

interface Made {
  readonly stage: Stage;
  readonly table: Table;
}

/** `blocks` is less than all keys may need, so that FULL, quotas and reuse are met all the time. */
function stageOf(blocks: number, quota: number, tenants: number = 2): Made {
  const options = {
    ...{ blocks, tenants, holders: SELF + 1, maxValueBytes: VALUE_BYTES_MAX },
    ...{ buckets: 4, shards: SHARDS, secret: [1n, 2n] as const },
  };
  const stage = new Stage({
    table: { kind: 'bytes', bytes: Table.bytes(options) },
    done: { kind: 'bytes', bytes: 4 + 4 * COUNTERS, count: PLACES },
  });
  const table = Table.create(stage.memory, stage.at('table'), options, SELF);
  for (let tenant = 0; tenant < tenants; tenant++) table.setQuota(tenant, quota);
  return { stage, table };
}

function check({ stage, table }: Made): void {
  stage.checkCanaries();
  const fault = tableFault(stage.memory, table.address);
  if (fault !== undefined) throw new Error(fault);
}

/** B3 to B5 of a copy that is made while all shards are locked: nobody else writes what it looks at. */
async function checkLocked({ stage, table }: Made): Promise<void> {
  const { i32 } = stage;
  const first = i32[(table.address + 44) >> 2] as number;
  const locks = Array.from({ length: SHARDS }, (_, s) => (first + 256 * s) >> 2);
  for (const lock of locks) {
    while (Atomics.compareExchange(i32, lock, 0, SELF + 1) !== 0) await turn();
  }
  const pages = stage.memory.buffer.byteLength / 65536;
  const copy = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const cells = new Int32Array(copy.buffer);
  cells.set(i32);
  for (const lock of locks) {
    cells[lock] = 0;
    Atomics.store(i32, lock, 0);
  }
  const fault = tableFault(copy, table.address);
  if (fault !== undefined) throw new Error(fault);
}

function counter(table: Table, key: number): number {
  table.putKey(Uint8Array.of(107, key & 255, key >> 8), 0, 3);
  if (table.get(0, 0, 8) < 0) return 0;
  return Number(Buffer.from(table.u8.subarray(table.valueAt, table.valueAt + 8)).readBigInt64LE());
}

async function readAndWrite(run: Case, readers: number, writers: number): Promise<void> {
  const made = stageOf(24, 16);
  const options = { writers, keys: KEYS, quota: 16, least: 500 };
  await run
    .crew(made.stage, ROLES, 1)
    .run([
      ...Array.from({ length: readers }, () => ({ role: 'reader', options })),
      ...Array.from({ length: writers }, () => ({ role: 'writer', options })),
    ]);
  check(made);
}

stress('smoke', (run) => readAndWrite(run, 1, 1));

stress('B2_readers_see_no_torn_and_no_foreign_value', (run) => readAndWrite(run, 3, 1));

stress('B4_writers_stay_within_quotas_and_give_all_back', (run) => readAndWrite(run, 1, 3));

stress('B7_who_clears_dirty_and_reads_misses_nothing', async (run) => {
  const made = stageOf(24, 16);
  const options = { writers: 2, keys: KEYS, quota: 16, least: 500 };
  await run.crew(made.stage, ROLES, 1).run([
    { role: 'saver', options },
    { role: 'writer', options },
    { role: 'writer', options },
  ]);
  check(made);
});

stress('increments_are_conserved', async (run) => {
  const made = stageOf(24, 24);
  const parts = [0, 1, 2].map((place) => ({
    role: 'adder',
    options: { place, first: 0, counters: COUNTERS, least: 500 },
  }));
  const results = await run.crew(made.stage, ROLES, 1).run(parts);
  check(made);
  let sum = 0;
  for (let key = 0; key < COUNTERS; key++) sum += counter(made.table, key);
  const adds = results.reduce((all, result) => all + (result.adds as number), 0);
  if (sum !== adds) throw new Error(`${adds} increments came to ${sum}`);
});

stress('what_has_ended_is_not_read_and_swept_once', async (run) => {
  const made = stageOf(48, 32);
  const options = { writers: 2, keys: KEYS, tenant: 1, quota: 32, least: 500 };
  await run.crew(made.stage, ROLES, 1).run([
    { role: 'timed', options },
    { role: 'adder', options: { place: 0, first: 0, counters: COUNTERS, least: 500 } },
    { role: 'sweeper', options },
    { role: 'sweeper', options },
  ]);
  check(made);
  // Nothing else ends: all that is left of tenant 1 goes, and the counters stay.
  while (made.table.sweep(0, made.table.buckets, Number.MAX_VALUE) > 0);
  check(made);
  if (made.table.usage(1).blocks !== 0 || made.table.usage(0).entries !== COUNTERS)
    throw new Error('a sweep took too much, or too little');
});

stress('B6_a_killed_writer_leaves_the_table_whole', async (run) => {
  const made = stageOf(24, 16);
  const crew = run.crew(made.stage, ROLES, 1);
  const options = { writers: 1, keys: KEYS, quota: 16, least: 500 };
  await runWithKills({
    run,
    crew,
    parts: [
      { role: 'writer', options },
      { role: 'reader', options },
      { role: 'saver', options },
    ],
    victim: () => ({ role: 'scribbler', options }),
    isDead: async ({ number }) => {
      made.table.recover(number);
      await checkLocked(made);
    },
  });
  check(made);
});

stress('B6_an_increment_is_done_or_not_done', async (run) => {
  const made = stageOf(24, 24);
  const { stage, table } = made;
  const crew = run.crew(stage, ROLES, 1);
  const part = (place: number) => ({
    role: 'adder',
    options: { place, first: place * COUNTERS, counters: COUNTERS, least: 500 },
  });
  const settle = (place: number): void => {
    const at = stage.at('done', place);
    const intent = stage.load(at) - 1;
    for (let key = 0; key < COUNTERS; key++) {
      const done = stage.load(at + 4 + 4 * key);
      const value = counter(table, place * COUNTERS + key);
      if (value !== done && !(key === intent && value === done + 1))
        throw new Error(`counter ${key} of ${place} is ${value} behind ${done} increments`);
      stage.store(at + 4 + 4 * key, value);
    }
    stage.store(at, 0);
  };
  const results: readonly Numbers[] = await runWithKills({
    run,
    crew,
    parts: [part(2)],
    victim: (n) => part(n % 2),
    isDead: async ({ number }, n) => {
      table.recover(number);
      await checkLocked(made);
      settle(n % 2);
    },
  });
  settle(2);
  check(made);
  let sum = 0;
  for (let key = 0; key < COUNTERS; key++) sum += counter(table, 2 * COUNTERS + key);
  if (sum !== results[0]?.adds) throw new Error(`${results[0]?.adds} increments came to ${sum}`);
});
