/** The key-value store as guests see it, and what becomes of it when threads die. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Runtime } from '../../src/core/index.ts';
import { allFree, codeOf, luge, small, textOf, until, wat } from './guests.ts';

const NOTHING = new Uint8Array(0);

/**
 * The body is a request: operation, bytes of key, of value and of the expected value (u16 each), a time to live or delta (i64), then
 * key, value and expected value. The answer is the result (i32), then what was read.
 */
function request(
  operation: number,
  key: string,
  value: string | Uint8Array = NOTHING,
  { number = 0n, expected = '' } = {},
): Uint8Array {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
  const head = Buffer.alloc(16);
  [operation, key.length, bytes.length, expected.length].forEach((n, i) => {
    head.writeUInt16LE(n, 2 * i);
  });
  head.writeBigInt64LE(number, 8);
  return Buffer.concat([head, Buffer.from(key, 'latin1'), bytes, Buffer.from(expected, 'latin1')]);
}

/** Request at 1024, answer from 8 on, values that were read from 12 on: up to 1000 bytes. */
const STORE = luge(
  `(func (export "handle") (local $op i32) (local $key i32) (local $n i32) (local $value i32) (local $bytes i32) (local $number i64) (local $r i32)
    (drop (call $body_read (i32.const 0) (i32.const 2048) (i32.const 120000)))
    (local.set $op (i32.load16_u (i32.const 2048)))
    (local.set $n (i32.load16_u (i32.const 2050)))
    (local.set $bytes (i32.load16_u (i32.const 2052)))
    (local.set $number (i64.load (i32.const 2056)))
    (local.set $key (i32.const 2064))
    (local.set $value (i32.add (local.get $key) (local.get $n)))
    (if (i32.eq (local.get $op) (i32.const 0)) (then
      (local.set $r (call $kv_get (local.get $key) (local.get $n) (i32.const 12) (i32.const 1000)))))
    (if (i32.eq (local.get $op) (i32.const 1)) (then
      (local.set $r (call $kv_set (local.get $key) (local.get $n) (local.get $value) (local.get $bytes) (local.get $number)))))
    (if (i32.eq (local.get $op) (i32.const 2)) (then
      (local.set $r (call $kv_insert (local.get $key) (local.get $n) (local.get $value) (local.get $bytes) (local.get $number)))))
    (if (i32.eq (local.get $op) (i32.const 3)) (then
      (local.set $r (call $kv_swap (local.get $key) (local.get $n)
        (i32.add (local.get $value) (local.get $bytes)) (i32.load16_u (i32.const 2054))
        (local.get $value) (local.get $bytes) (local.get $number)))))
    (if (i32.eq (local.get $op) (i32.const 4)) (then
      (local.set $r (call $kv_increment (local.get $key) (local.get $n) (local.get $number) (i32.const 12)))
      (local.set $bytes (i32.const 8))))
    (if (i32.eq (local.get $op) (i32.const 5)) (then
      (local.set $r (call $kv_delete (local.get $key) (local.get $n)))))
    (i32.store (i32.const 8) (local.get $r))
    (if (i32.eq (local.get $op) (i32.const 0)) (then
      (local.set $bytes (select (local.get $r) (i32.const 0) (i32.gt_s (local.get $r) (i32.const 0))))))
    (if (i32.gt_u (local.get $bytes) (i32.const 1000)) (then (local.set $bytes (i32.const 1000))))
    (drop (call $write (i32.const 8) (i32.add (i32.const 4) (local.get $bytes)))))`,
  '2',
);

class Client {
  readonly #runtime: Runtime;
  readonly #name: string;

  constructor(runtime: Runtime, name = 'store') {
    this.#runtime = runtime;
    this.#name = name;
  }

  async call(body: Uint8Array): Promise<Buffer> {
    return Buffer.from((await this.#runtime.invoke(this.#name, { body })).body);
  }

  async get(key: string): Promise<string | number> {
    const answer = await this.call(request(0, key));
    const result = answer.readInt32LE(0);
    return result < 0 ? result : answer.subarray(4).toString('latin1');
  }

  async #write(...args: Parameters<typeof request>): Promise<number> {
    return (await this.call(request(...args))).readInt32LE(0);
  }

  set(key: string, value: string | Uint8Array, ttlNs = 0n): Promise<number> {
    return this.#write(1, key, value, { number: ttlNs });
  }

  insert(key: string, value: string): Promise<number> {
    return this.#write(2, key, value);
  }

  swap(key: string, expected: string, value: string): Promise<number> {
    return this.#write(3, key, value, { expected });
  }

  async add(key: string, delta: bigint): Promise<bigint | number> {
    const answer = await this.call(request(4, key, NOTHING, { number: delta }));
    const errno = answer.readInt32LE(0);
    return errno === 0 ? answer.readBigInt64LE(4) : errno;
  }

  delete(key: string): Promise<number> {
    return this.#write(5, key);
  }
}

describe('one store', () => {
  let runtime: Runtime;
  let client: Client;
  beforeAll(async () => {
    runtime = await small({ workers: 2, kv: { maxValueBytes: 2000, maxKeyBytes: 100 } });
    await runtime.load('store', { wasm: STORE });
    client = new Client(runtime);
  });
  afterAll(() => runtime.close());

  it('what_one_request_stores_another_reads', async () => {
    expect(await client.get('a')).toBe(-1);
    expect(await client.set('a', 'one')).toBe(0);
    expect(await client.get('a')).toBe('one');
    expect(await client.set('a', '')).toBe(0);
    expect(await client.get('a')).toBe('');
    expect([await client.delete('a'), await client.delete('a')]).toEqual([0, 44]);
    expect(await client.get('a')).toBe(-1);
  });

  it('insert_and_swap_refuse_with_an_errno', async () => {
    expect([await client.insert('b', 'x'), await client.insert('b', 'y')]).toEqual([0, 20]);
    expect(await client.swap('b', 'y', 'z')).toBe(6);
    expect(await client.swap('b', 'x', 'z')).toBe(0);
    expect(await client.swap('c', '', 'z')).toBe(44);
    expect(await client.get('b')).toBe('z');
  });

  it('numbers_are_added_to', async () => {
    expect(await client.add('n', 41n)).toBe(41n);
    expect(await client.add('n', 1n)).toBe(42n);
    expect(await client.add('n', -100n)).toBe(-58n);
    expect(await client.add('n', -(2n ** 63n) + 1n)).toBe(61);
    await client.set('text', 'text');
    expect(await client.add('text', 1n)).toBe(28);
  });

  it('a_value_longer_than_the_buffer_tells_its_length', async () => {
    await client.set('long', 'y'.repeat(1500));
    const answer = await client.call(request(0, 'long'));
    expect([answer.readInt32LE(0), answer.length]).toEqual([1500, 1004]);
    expect(answer.subarray(4).toString()).toBe('y'.repeat(1000));
  });

  it('limits_of_sizes_answer_an_errno', async () => {
    expect(await client.set('k'.repeat(101), 'x')).toBe(37);
    expect(await client.get('k'.repeat(101))).toBe(-1);
    expect(await client.set('k'.repeat(100), 'x')).toBe(0);
    expect(await client.set('k', 'x'.repeat(2001))).toBe(22);
    expect(await client.set('k', 'x'.repeat(2000))).toBe(0);
  });

  it('an_entry_that_has_ended_is_gone', async () => {
    expect(await client.set('brief', 'x', 1n)).toBe(0);
    expect(await client.get('brief')).toBe(-1);
    expect(await client.set('brief', 'x', 2n ** 62n)).toBe(0);
    expect(await client.get('brief')).toBe('x');
  });

  it('no_increment_is_lost_between_threads', async () => {
    const sums = await Promise.all(Array.from({ length: 60 }, () => client.add('race', 1n)));
    const sorted = sums.map(Number).sort((a, b) => a - b);
    expect(sorted).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    await allFree(runtime);
  });

  it('tenants_do_not_see_each_other', async () => {
    await runtime.load('other', { wasm: STORE, tenant: 'other' });
    const other = new Client(runtime, 'other');
    await client.set('mine', 'secret');
    expect(await other.get('mine')).toBe(-1);
    await other.set('mine', 'theirs');
    expect(await client.get('mine')).toBe('secret');
    // Another function of the tenant does.
    await runtime.load('sister', { wasm: STORE });
    expect(await new Client(runtime, 'sister').get('mine')).toBe('secret');
  });

  it.each([
    ['a key', '(call $kv_get (i32.const 65530) (i32.const 7) (i32.const 0) (i32.const 0))'],
    [
      'a value',
      '(call $kv_set (i32.const 0) (i32.const 1) (i32.const -1) (i32.const 2) (i64.const 0))',
    ],
    [
      'a result',
      '(call $kv_increment (i32.const 0) (i32.const 1) (i64.const 1) (i32.const 65529))',
    ],
  ])('%s_outside_the_memory_ends_the_guest', async (_, call) => {
    await runtime.load('bad', { wasm: luge(`(func (export "handle") (drop ${call}))`) });
    expect(await codeOf(runtime.invoke('bad'))).toBe('ERR_TRAP');
    await allFree(runtime);
  });
});

describe('quotas', () => {
  it('over_its_quota_a_tenant_gets_an_errno_and_others_do_not', async () => {
    await using runtime = await small({ kv: { maxBytes: 8192, maxTenantBytes: 1024 } });
    await runtime.load('store', { wasm: STORE });
    await runtime.load('rich', { wasm: STORE, tenant: 'rich' });
    runtime.setKvQuota('rich', 8192);
    const client = new Client(runtime);
    for (let i = 0; i < 4; i++) expect(await client.set(`${i}`, 'x')).toBe(0);
    expect(await client.set('5', 'x')).toBe(19);
    expect(await client.set('0', 'y')).toBe(0);
    const rich = new Client(runtime, 'rich');
    for (let i = 0; i < 28; i++) expect(await rich.set(`${i}`, 'x')).toBe(0);
    expect(await rich.set('29', 'x')).toBe(51);
    expect(runtime.stats().kv).toEqual({
      usedBytes: 8192,
      maxBytes: 8192,
      tenants: [
        { tenant: 'default', usedBytes: 1024, entries: 4 },
        { tenant: 'rich', usedBytes: 7168, entries: 28 },
      ],
    });
  });

  it('without_a_store_nothing_is_there_and_nothing_is_stored', async () => {
    await using runtime = await small({ kv: { maxBytes: 0 } });
    await runtime.load('store', { wasm: STORE });
    const client = new Client(runtime);
    expect([await client.set('a', 'x'), await client.get('a')]).toEqual([58, -1]);
    expect(runtime.stats().kv).toBe(undefined);
  });

  it('room_of_entries_that_have_ended_comes_back', async () => {
    await using runtime = await small({ kv: { maxBytes: 4096 } });
    await runtime.load('store', { wasm: STORE });
    const client = new Client(runtime);
    for (let i = 0; i < 16; i++) expect(await client.set(`${i}`, 'x', 1n)).toBe(0);
    await until(() => runtime.stats().kv?.usedBytes === 0, 'the sweep');
  });

  it.each([{ maxBytes: -1 }, { maxKeyBytes: 225 }, { maxValueBytes: 2 ** 21 }])(
    'a_limit_that_is_none_is_refused: %j',
    async (kv) => {
      expect(await codeOf(small({ kv }))).toBe('ERR_INVALID_ARGUMENT');
    },
  );
});

/** Writes for ever: values of 3000 bytes of one letter under one key. */
const WRITER = luge(`(func (export "handle") (local $letter i32)
  (i32.store8 (i32.const 0) (i32.const 107))
  (loop $again
    (local.set $letter (i32.add (i32.const 97) (i32.rem_u (i32.add (local.get $letter) (i32.const 1)) (i32.const 26))))
    (memory.fill (i32.const 100) (local.get $letter) (i32.const 3000))
    (if (call $kv_set (i32.const 0) (i32.const 1) (i32.const 100) (i32.const 3000) (i64.const 0)) (then unreachable))
    (br $again)))`);

it('a_guest_that_only_stores_is_preempted_like_any_other', async () => {
  await using runtime = await small({ kv: { maxBytes: 65536 }, quantumUs: 100 });
  await runtime.load('store', { wasm: STORE });
  await runtime.load('writer', { wasm: WRITER });
  const client = new Client(runtime);
  const controller = new AbortController();
  const ends = [0, 1].map(() => codeOf(runtime.invoke('writer', { signal: controller.signal })));
  await until(() => runtime.stats().queued === 0, 'they write');
  for (let i = 1; i <= 50; i++) expect(await client.add('count', 1n)).toBe(BigInt(i));
  expect(runtime.stats().workers[0]?.preemptions).toBeGreaterThan(50);
  controller.abort(new RangeError('enough'));
  expect(await Promise.all(ends)).toEqual(['RangeError', 'RangeError']);
  expect(runtime.stats().workersLost).toBe(0);
  await allFree(runtime);
});

describe('deaths', () => {
  it('a_worker_killed_while_it_writes_leaves_a_whole_store', async () => {
    await using runtime = await small({ workers: 2, kv: { maxBytes: 65536 } });
    await runtime.load('store', { wasm: STORE });
    await runtime.load('writer', { wasm: WRITER });
    const client = new Client(runtime);
    await client.add('count', 0n);
    for (let round = 1; round <= 6; round++) {
      const writers = [0, 1].map(() => codeOf(runtime.invoke('writer', { deadlineMs: 10_000 })));
      await until(() => runtime.stats().queued === 0, 'they write');
      // Reads and other writes go on beside them.
      for (let i = 0; i < 5; i++) expect(await client.add('count', 1n)).toBeTypeOf('bigint');
      await runtime.killWorker(round % 2);
      await runtime.killWorker((round + 1) % 2);
      expect(await Promise.all(writers)).toEqual(['ERR_WORKER_LOST', 'ERR_WORKER_LOST']);
      expect(await client.get('k')).toMatch(/^(.)\1{999}$/);
      expect(await client.add('count', 0n)).toBe(BigInt(5 * round));
    }
    expect(runtime.stats().kv?.tenants[0]?.entries).toBe(2);
    await client.delete('k');
    await client.delete('count');
    expect(runtime.stats().kv?.usedBytes).toBe(0);
    await allFree(runtime);
  });
});

describe('a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'luge-kv-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const open = (file: string, kv = {}): Promise<Runtime> =>
    small({ kv: { file: join(folder, file), ...kv } });

  it('what_was_stored_is_there_the_next_time', async () => {
    {
      await using runtime = await open('a.db');
      await runtime.load('store', { wasm: STORE });
      await runtime.load('other', { wasm: STORE, tenant: 'other' });
      const client = new Client(runtime);
      await client.set('text', 'one');
      await client.set('gone', 'x');
      await client.set('ended', 'x', 1n);
      await client.set('later', 'x', 3_600_000_000_000n);
      await client.set('long', 'z'.repeat(40_000));
      await client.add('n', 7n);
      await client.delete('gone');
      await new Client(runtime, 'other').set('text', 'two');
    }
    for (let round = 0; round < 2; round++) {
      await using runtime = await open('a.db');
      await runtime.load('other', { wasm: STORE, tenant: 'other' });
      await runtime.load('store', { wasm: STORE });
      const client = new Client(runtime);
      expect(await client.get('text')).toBe('one');
      expect([await client.get('gone'), await client.get('ended')]).toEqual([-1, -1]);
      expect(await client.get('later')).toBe('x');
      expect((await client.call(request(0, 'long'))).readInt32LE(0)).toBe(40_000);
      expect(await client.add('n', 0n)).toBe(7n);
      expect(await new Client(runtime, 'other').get('text')).toBe('two');
      expect(runtime.stats().kv?.tenants.map(({ entries }) => entries)).toEqual([4, 1]);
    }
  });

  it('a_writer_that_dies_is_replaced_and_saves_all', async () => {
    {
      await using runtime = await open('b.db');
      await runtime.load('store', { wasm: STORE });
      const client = new Client(runtime);
      // Three times: it may not have come to a save in between.
      for (let i = 0; i < 3; i++) {
        await client.set(`${i}`, `${i}`);
        await runtime.killKvWriter();
      }
    }
    await using runtime = await open('b.db');
    await runtime.load('store', { wasm: STORE });
    const client = new Client(runtime);
    for (let i = 0; i < 3; i++) expect(await client.get(`${i}`)).toBe(`${i}`);
  });

  it('a_file_that_does_not_fit_or_is_none_stops_the_start', async () => {
    {
      await using runtime = await open('c.db');
      await runtime.load('store', { wasm: STORE });
      const client = new Client(runtime);
      for (let i = 0; i < 20; i++) await client.set(`${i}`, 'x');
    }
    expect(await codeOf(open('c.db', { maxBytes: 4096 }))).toBe('ERR_KV_FILE');
    expect(await codeOf(small({ kv: { file: folder } }))).toBe('ERR_KV_FILE');
    await using runtime = await open('c.db');
    expect(runtime.stats().kv?.tenants[0]?.entries).toBe(20);
  });
});

it('scratch_storage_of_sledge_is_the_same_store', async () => {
  await using runtime = await small({ kv: { maxBytes: 256 } });
  await runtime.load('store', { wasm: STORE });
  await runtime.load('scratch', {
    wasm: wat(`(module
      (import "scratch_storage" "get_size" (func $size (param i32 i32) (result i32)))
      (import "scratch_storage" "get" (func $get (param i32 i32 i32 i32) (result i32)))
      (import "scratch_storage" "set" (func $set (param i32 i32 i32 i32) (result i32)))
      (import "scratch_storage" "delete" (func $delete (param i32 i32) (result i32)))
      (import "scratch_storage" "upsert" (func $upsert (param i32 i32 i32 i32)))
      (import "luge" "write" (func $write (param i32 i32) (result i32)))
      (memory (export "memory") 1) (data (i32.const 0) "key value")
      (func $put (param $digit i32)
        (i32.store8 (i32.const 100) (i32.add (i32.const 48) (local.get $digit)))
        (drop (call $write (i32.const 100) (i32.const 1))))
      (func (export "handle")
        (call $put (call $size (i32.const 0) (i32.const 3)))
        (call $put (call $get (i32.const 0) (i32.const 3) (i32.const 200) (i32.const 9)))
        (call $put (call $set (i32.const 0) (i32.const 3) (i32.const 4) (i32.const 3)))
        (call $put (call $set (i32.const 0) (i32.const 3) (i32.const 4) (i32.const 5)))
        (call $upsert (i32.const 0) (i32.const 3) (i32.const 4) (i32.const 5))
        (call $put (call $size (i32.const 0) (i32.const 3)))
        (call $put (call $get (i32.const 0) (i32.const 3) (i32.const 200) (i32.const 4)))
        (call $put (call $get (i32.const 0) (i32.const 3) (i32.const 200) (i32.const 9)))
        (drop (call $write (i32.const 200) (i32.const 5)))
        (call $upsert (i32.const 1) (i32.const 3) (i32.const 4) (i32.const 5))
        (call $put (call $size (i32.const 1) (i32.const 3)))
        (call $put (call $delete (i32.const 0) (i32.const 3)))
        (call $put (call $delete (i32.const 0) (i32.const 3)))
        (call $upsert (i32.const 0) (i32.const 3) (i32.const 4) (i32.const 5))))`),
  });
  // size 0, missing, stored, there already, size 5, too small, read; no room for a second; deleted, missing.
  expect(textOf(await runtime.invoke('scratch'))).toBe('01015' + '20value' + '0' + '01');
  expect(await new Client(runtime).get('key')).toBe('value');
});
