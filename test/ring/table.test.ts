import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  EMPTY,
  FULL,
  RETRY,
  TABLE,
  TABLE_KEY_BYTES_MAX,
  TABLE_MODE,
  Table,
  type TableMode,
  type TableOptions,
  tableBlocks,
} from '../../src/ring/index.ts';
import { changedBy, refusalOf } from './memories.ts';
import { expectWhole, lockShardOf, siphash13 } from './table-cells.ts';

const ADDRESS = 128;
const SECRET = [0x0123_4567_89ab_cdefn, 0xfedc_ba98_7654_3210n] as const;
const OPTIONS: TableOptions = {
  blocks: 24,
  tenants: 3,
  holders: 4,
  maxValueBytes: 1000,
  buckets: 4,
  shards: 2,
  secret: SECRET,
};

function tableOf(options: Partial<TableOptions> = {}): {
  memory: WebAssembly.Memory;
  table: Table;
} {
  const all = { ...OPTIONS, ...options };
  const pages = Math.ceil((ADDRESS + Table.bytes(all)) / 65536);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const table = Table.create(memory, ADDRESS, all);
  for (let tenant = 0; tenant < all.tenants; tenant++) table.setQuota(tenant, all.blocks);
  return { memory, table };
}

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

function write(
  table: Table,
  mode: TableMode,
  key: string,
  value: string | bigint = '',
  { tenant = 0, now = 0, end = Number.POSITIVE_INFINITY, expected = '' } = {},
): number {
  table.putKey(bytes(key), 0, key.length);
  if (typeof value === 'bigint') table.delta = value;
  else table.putValue(bytes(value), 0, value.length);
  table.putExpected(bytes(expected), 0, expected.length);
  return table.write(mode, tenant, now, end);
}

function read(table: Table, key: string, tenant = 0, now = 0): string | number {
  table.putKey(bytes(key), 0, key.length);
  const length = table.get(tenant, now, table.maxValueBytes);
  if (length < 0) return length;
  return Buffer.from(table.u8.slice(table.valueAt, table.valueAt + length)).toString('latin1');
}

const { SET, INSERT, SWAP, ADD, DELETE } = TABLE_MODE;

describe('values', () => {
  it.each([0, 1, 7, 8, 9, 215, 216, 217, 224])('a_key_of_%d_bytes_finds_its_value', (count) => {
    const { table, memory } = tableOf();
    const key = 'k'.repeat(count);
    for (const size of [0, 1, 8, 31, 32, 33, 255, 256, 257, 1000]) {
      const value = String.fromCharCode(97 + (size % 26)).repeat(size);
      expect(write(table, SET, key, value)).toBe(0);
      expect(read(table, key)).toBe(value);
      expect(table.used).toBe(tableBlocks(count, size));
      expectWhole(memory, ADDRESS);
    }
    expect(read(table, `${key.slice(1)}x`)).toBe(EMPTY);
    expect(read(table, key, 1)).toBe(EMPTY);
  });

  it('a_read_copies_no_more_than_there_is_room_for_and_answers_the_full_length', () => {
    const { table } = tableOf();
    write(table, SET, 'a', 'x'.repeat(100));
    table.u8.fill(1, table.valueAt, table.valueAt + 200);
    table.putKey(bytes('a'), 0, 1);
    expect(table.get(0, 0, 16)).toBe(100);
    expect([...table.u8.subarray(table.valueAt, table.valueAt + 18)].slice(14)).toEqual([
      120, 120, 1, 1,
    ]);
    expect(table.get(0, 0, 0)).toBe(100);
  });

  it('each_mode_does_what_it_says', () => {
    const { table } = tableOf();
    expect(write(table, INSERT, 'a', 'one')).toBe(0);
    expect(write(table, INSERT, 'a', 'two')).toBe(TABLE.EXISTS);
    expect(read(table, 'a')).toBe('one');
    expect(write(table, SWAP, 'a', 'two', { expected: 'on' })).toBe(TABLE.DIFFERS);
    expect(write(table, SWAP, 'a', 'two', { expected: 'onx' })).toBe(TABLE.DIFFERS);
    expect(write(table, SWAP, 'a', 'two', { expected: 'one' })).toBe(0);
    expect(read(table, 'a')).toBe('two');
    expect(write(table, SWAP, 'b', 'two', { expected: '' })).toBe(EMPTY);
    expect(write(table, DELETE, 'b')).toBe(EMPTY);
    expect(write(table, DELETE, 'a')).toBe(0);
    expect([read(table, 'a'), table.used]).toEqual([EMPTY, 0]);
  });

  it('a_number_begins_at_zero_and_does_not_wrap', () => {
    const { table } = tableOf();
    const most = 2n ** 63n - 1n;
    expect([write(table, ADD, 'n', 5n), table.sum]).toEqual([0, 5n]);
    expect([write(table, ADD, 'n', -7n), table.sum]).toEqual([0, -2n]);
    expect(write(table, ADD, 'n', -most)).toBe(TABLE.OVERFLOW);
    expect([write(table, ADD, 'n', most), table.sum]).toEqual([0, most - 2n]);
    expect([write(table, ADD, 'n', 2n), table.sum]).toEqual([0, most]);
    expect(write(table, ADD, 'n', 1n)).toBe(TABLE.OVERFLOW);
    write(table, SET, 't', 'four');
    expect(write(table, ADD, 't', 1n)).toBe(TABLE.NO_NUMBER);
    // A key after which the number lies in the second block.
    const long = 'k'.repeat(TABLE_KEY_BYTES_MAX);
    write(table, ADD, long, 40n);
    expect([write(table, ADD, long, 2n), table.sum]).toEqual([0, 42n]);
  });

  it('an_entry_that_has_ended_is_absent', () => {
    const { table, memory } = tableOf();
    write(table, SET, 'a', 'x', { end: 10 });
    expect([read(table, 'a', 0, 9), read(table, 'a', 0, 10)]).toEqual(['x', EMPTY]);
    expect(write(table, SWAP, 'a', 'y', { now: 10, expected: 'x' })).toBe(EMPTY);
    expect(write(table, DELETE, 'a', '', { now: 10 })).toBe(EMPTY);
    expect(write(table, INSERT, 'a', 'y', { now: 10, end: 20 })).toBe(0);
    expect([write(table, ADD, 'n', 1n, { end: 30 }), table.sum]).toEqual([0, 1n]);
    expect([write(table, ADD, 'n', 1n, { now: 29 }), table.sum]).toEqual([0, 2n]);
    expect([write(table, ADD, 'n', 1n, { now: 30 }), table.sum]).toEqual([0, 1n]);
    expect(table.used).toBe(2);
    expect(table.sweep(0, table.buckets, 19)).toBe(0);
    expect(table.sweep(0, table.buckets, 20)).toBe(1);
    expect([table.used, read(table, 'n', 0, 1000)]).toEqual([1, '\x01\0\0\0\0\0\0\0']);
    expectWhole(memory, ADDRESS);
  });

  it('the_hash_is_siphash_1_3_of_tenant_and_key', () => {
    const { table } = tableOf({ buckets: 4096, shards: 64, blocks: 4096 });
    for (let i = 0; i < 200; i++) {
      const key = 'key-'.repeat(i % 9) + i;
      write(table, SET, key, 'v', { tenant: i % 3 });
      const padded = Buffer.alloc(8 + Math.ceil(key.length / 8) * 8);
      padded.writeUInt32LE(i % 3, 0);
      padded.writeUInt32LE(key.length, 4);
      padded.write(key, 8, 'latin1');
      expect(table.takeDirty()).toEqual([Number(siphash13(SECRET, padded) & 4095n)]);
    }
  });
});

describe('B4_quotas', () => {
  it('a_tenant_has_its_quota_and_no_more', () => {
    const { table, memory } = tableOf();
    table.setQuota(1, 3);
    const at = { tenant: 1 };
    expect(write(table, SET, 'a', 'x'.repeat(300), at)).toBe(0); // 2 blocks
    expect(write(table, SET, 'b', 'x'.repeat(300), at)).toBe(TABLE.OVER);
    expect(write(table, SET, 'b', 'x', at)).toBe(0);
    expect(write(table, SET, 'b', 'y'.repeat(300), at)).toBe(TABLE.OVER);
    expect([read(table, 'b', 1), table.usage(1)]).toEqual(['x', { blocks: 3, entries: 2 }]);
    expect(write(table, SET, 'a', 'x', at)).toBe(0);
    expect(write(table, SET, 'b', 'y'.repeat(300), at)).toBe(0);
    expect(table.usage(1)).toEqual({ blocks: 3, entries: 2 });
    // Others are none the worse for it.
    expect(write(table, SET, 'b', 'z'.repeat(1000))).toBe(0);
    expectWhole(memory, ADDRESS);
  });

  it('B5_a_full_table_refuses_more_and_still_replaces', () => {
    const { table, memory } = tableOf();
    let entries = 0;
    while (write(table, SET, `${entries}`, 'x'.repeat(200)) === 0) entries++;
    expect([entries, table.used]).toEqual([24, 24]);
    expect(write(table, INSERT, 'more', 'x', { tenant: 1 })).toBe(FULL);
    expect(write(table, ADD, 'more', 1n, { tenant: 1 })).toBe(FULL);
    for (let i = 0; i < entries; i++) expect(write(table, SET, `${i}`, `${i}`)).toBe(0);
    expect(read(table, '23')).toBe('23');
    expect(write(table, DELETE, '7')).toBe(0);
    expect(write(table, INSERT, 'more', 'x')).toBe(0);
    expectWhole(memory, ADDRESS);
  });
});

describe('B3_the_lock', () => {
  it('a_locked_shard_keeps_writers_out_and_readers_not', () => {
    const { table, memory } = tableOf();
    write(table, SET, 'a', 'one');
    const unlock = lockShardOf(memory, ADDRESS, table, 'a', 2);
    expect(write(table, SET, 'a', 'two')).toBe(RETRY);
    expect(write(table, DELETE, 'a')).toBe(RETRY);
    expect(read(table, 'a')).toBe('one');
    unlock();
    expect(write(table, SET, 'a', 'two')).toBe(0);
  });

  it('B6_recover_frees_what_the_dead_thread_held_and_nothing_else', () => {
    const { table, memory } = tableOf();
    write(table, SET, 'a', 'one');
    lockShardOf(memory, ADDRESS, table, 'a', 2);
    for (const other of [0, 1, 3]) {
      expect(changedBy(memory, () => expect(table.recover(other)).toBe(0))).toEqual([]);
    }
    expect(table.recover(2)).toBe(1);
    expect(write(table, SET, 'a', 'two')).toBe(0);
    expectWhole(memory, ADDRESS);
  });
});

it('B7_each_change_makes_its_bucket_dirty', () => {
  const { table } = tableOf({ buckets: 1024, blocks: 1024, shards: 4 });
  const dirtiedBy = (operation: () => number): number => {
    expect(operation()).toBeGreaterThanOrEqual(0);
    return table.takeDirty().length;
  };
  expect(dirtiedBy(() => write(table, SET, 'a', 'x', { end: 5 }))).toBe(1);
  expect(dirtiedBy(() => write(table, SET, 'a', 'y', { end: 5 }))).toBe(1);
  expect(dirtiedBy(() => table.sweep(0, 1024, 4))).toBe(0);
  expect(dirtiedBy(() => table.sweep(0, 1024, 5))).toBe(1);
  expect(dirtiedBy(() => write(table, ADD, 'n', 1n))).toBe(1);
  expect(write(table, INSERT, 'n', 'x')).toBe(TABLE.EXISTS);
  expect(table.takeDirty()).toEqual([]);
  expect(dirtiedBy(() => write(table, DELETE, 'n'))).toBe(1);
  table.markDirty(7);
  expect([table.takeDirty(), table.takeDirty()]).toEqual([[7], []]);
});

it('entries_of_a_bucket_are_what_was_written', () => {
  const { table } = tableOf({ buckets: 1, shards: 1 });
  write(table, SET, 'first', 'x'.repeat(700), { tenant: 2, end: 12.5 });
  write(table, SET, '', '');
  write(table, SET, 'k'.repeat(224), 'y'.repeat(1000));
  expect(
    table.entries(0)?.map(({ tenant, end, key, value }) => [tenant, end, key.length, value.length]),
  ).toEqual([
    [2, 12.5, 5, 700],
    [0, Number.POSITIVE_INFINITY, 0, 0],
    [0, Number.POSITIVE_INFINITY, 224, 1000],
  ]);
  expect(Buffer.from(table.entries(0)?.[0]?.value ?? []).toString()).toBe('x'.repeat(700));
});

describe('what_is_out_of_range_is_refused', () => {
  const { table, memory } = tableOf();
  it.each<[string, () => unknown]>([
    ['a key', () => table.putKey(new Uint8Array(225), 0, 225)],
    ['a value', () => table.putValue(new Uint8Array(1001), 0, 1001)],
    ['a value to compare with', () => table.putExpected(new Uint8Array(1001), 0, -1)],
    ['a tenant that writes', () => table.write(SET, 3, 0, 0)],
    ['a tenant that reads', () => table.get(-1, 0, 0)],
    ['a tenant with a quota', () => table.setQuota(3, 1)],
    ['a holder', () => Table.attach(memory, ADDRESS, 4)],
    ['buckets', () => Table.bytes({ ...OPTIONS, buckets: 3 })],
    ['more shards than buckets', () => Table.bytes({ ...OPTIONS, shards: 8 })],
    ['blocks', () => Table.bytes({ ...OPTIONS, blocks: 0 })],
  ])('%s', (_, attempt) => {
    expect(refusalOf(attempt)).toBe('ERR_RING_CAPACITY');
  });
});

/** The same on a Map: entries of one tenant with quotas counted in blocks. */
class Model {
  readonly map = new Map<string, { value: string; end: number }>();
  used = 0;

  step(mode: TableMode, key: string, value: string, expected: string, now: number, end: number) {
    const raw = this.map.get(key);
    const alive = raw !== undefined && raw.end > now ? raw : undefined;
    if (mode === DELETE || mode === SWAP) {
      if (alive === undefined) return EMPTY;
      if (mode === SWAP && alive.value !== expected) return TABLE.DIFFERS;
    }
    if (mode === INSERT && alive !== undefined) return TABLE.EXISTS;
    const had = raw === undefined ? 0 : tableBlocks(key.length, raw.value.length);
    const need = mode === DELETE ? 0 : tableBlocks(key.length, value.length);
    if (this.used + need - had > OPTIONS.blocks) return TABLE.OVER;
    this.used += need - had;
    if (mode === DELETE) this.map.delete(key);
    else this.map.set(key, { value, end });
    return 0;
  }

  get(key: string, now: number): string | number {
    const entry = this.map.get(key);
    return entry === undefined || entry.end <= now ? EMPTY : entry.value;
  }
}

it('it_agrees_with_a_map_and_is_whole_behind_each_step', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 3 });
  const size = fc.constantFrom(0, 1, 8, 200, 250, 600, 1000);
  const step = fc.record({
    mode: fc.constantFrom(SET, INSERT, SWAP, DELETE),
    key: text,
    letter: fc.constantFrom('x', 'y'),
    size,
    expectedSize: size,
    end: fc.constantFrom(3, 50, Number.POSITIVE_INFINITY),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { table, memory } = tableOf();
      const model = new Model();
      steps.forEach(({ mode, key, letter, size: count, expectedSize, end }, now) => {
        const value = letter.repeat(count);
        const expected = letter.repeat(expectedSize);
        expect(write(table, mode, key, value, { now, end, expected })).toBe(
          model.step(mode, key, value, expected, now, end),
        );
        expect(read(table, key, 0, now)).toBe(model.get(key, now));
        expect(table.usage(0)).toEqual({ blocks: model.used, entries: model.map.size });
      });
      expectWhole(memory, ADDRESS);
    }),
    { numRuns: 100 },
  );
});
