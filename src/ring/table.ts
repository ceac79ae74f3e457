/** Values by key in shared memory; contract, layout and invariants stand in table.wat. */
import { PADDING_BYTES, type RingFunctions } from './api.ts';
import { FreeList } from './free-list.ts';
import { expectCapacity, expectCount, expectIdentity, expectRoom, identify } from './identity.ts';
import { Beat } from './parker.ts';
import { attachRing } from './ring-module.ts';

/** Answers of `write` beside 0, EMPTY, RETRY and FULL. */
export const TABLE = {
  /** The tenant would be over its quota. */
  OVER: -4,
  /** The key is there. */
  EXISTS: -5,
  /** The value is another one. */
  DIFFERS: -6,
  /** The value is no number of 8 bytes. */
  NO_NUMBER: -7,
  OVERFLOW: -8,
} as const;

export const TABLE_MODE = { SET: 0, INSERT: 1, SWAP: 2, ADD: 3, DELETE: 4 } as const;
export type TableMode = (typeof TABLE_MODE)[keyof typeof TABLE_MODE];

export const TABLE_BLOCK_BYTES = 256;
const ENTRY_HEAD_BYTES = 32;
/** A key has to fit into the first block of its entry. */
export const TABLE_KEY_BYTES_MAX: number = TABLE_BLOCK_BYTES - ENTRY_HEAD_BYTES;

// Cells of the header
const BUCKETS = 4;
const SHARDS = 8;
const SPINS = 12;
const TENANTS = 16;
const BLOCK = 20;
const LIST = 24;
const LINK = 28;
const HEAD = 32;
const DIRTY = 36;
const TENANT = 40;
const SHARD = 44;
const KEY = 48;
const VALUE = 64;
const HOLDERS = 68;
const USED = 128;
const MOST = 132;
const HEADER_BYTES = 256;
// Of a tenant
const TENANT_BYTES = 128;
const TENANT_MOST = 4;
const ENTRIES = 8;
// Of a shard
const SHARD_BYTES = 256;
const TIMED = 48;
const VERSION = 128;
// Of a request
const TENANT_CELL = 4;
const KEY_BYTES = 8;
const VALUE_BYTES = 12;
const NOW = 16;
const END = 24;
const EXPECTED_BYTES = 32;
const EXPECTED = 36;
const DELTA = 40;
const SUM = 48;
const REQUEST_KEY = 128;
const REQUEST_VALUE = 384;

const SHARDS_DEFAULT = 64;
/** About 0.5 µs, the time that a write of a small value takes. */
const SPINS_DEFAULT = 100;
const VALUE_BYTES_MAX = 2 ** 24;
const HOLDERS_MAX = 128;
const TENANTS_MAX = 4096;
/** Up to here a loop is faster than TypedArray.set. */
const LOOP_BYTES_MAX = 48;

export interface TableOptions {
  /** Blocks of 256 bytes that entries may take: one each, and more where head (32), key and value need them. */
  readonly blocks: number;
  readonly tenants: number;
  /** Threads that use it: each has a number of its own below this. */
  readonly holders: number;
  readonly maxValueBytes: number;
  /** Powers of two; by default 64 shards, and a bucket for two blocks. */
  readonly shards?: number;
  readonly buckets?: number;
  readonly spins?: number;
  /** The secret of the hash. */
  readonly secret: readonly [bigint, bigint];
}

/** An entry as `entries` reads it. The arrays are copies. */
export interface TableEntry {
  readonly tenant: number;
  /** Infinity = none. */
  readonly end: number;
  readonly key: Uint8Array<ArrayBuffer>;
  readonly value: Uint8Array<ArrayBuffer>;
}

/** Blocks that an entry takes. */
export function tableBlocks(keyBytes: number, valueBytes: number): number {
  return Math.ceil((ENTRY_HEAD_BYTES + padded(keyBytes, 8) + valueBytes) / TABLE_BLOCK_BYTES);
}

interface Places {
  readonly shards: number;
  readonly buckets: number;
  readonly blocks: number;
  readonly scratchBytes: number;
  readonly at: Readonly<
    Record<
      'tenant' | 'shard' | 'head' | 'dirty' | 'link' | 'list' | 'scratch' | 'pause' | 'block',
      number
    >
  >;
  readonly bytes: number;
}

/** One thread's side of the table: any thread reads and writes; what it stages with `put…` is its own until the next call. */
export class Table {
  readonly address: number;
  readonly holder: number;
  readonly buckets: number;
  readonly maxValueBytes: number;
  readonly tenants: number;
  /** The memory; a value that `get` copied begins at `valueAt`. */
  readonly u8: Uint8Array<SharedArrayBuffer>;
  readonly valueAt: number;
  readonly #i32: Int32Array<SharedArrayBuffer>;
  readonly #f64: Float64Array<SharedArrayBuffer>;
  readonly #i64: BigInt64Array<SharedArrayBuffer>;
  readonly #fn: RingFunctions;
  readonly #request: number;
  readonly #beat: Beat;
  readonly #get: RingFunctions['tableGet'];
  readonly #write: RingFunctions['tableWrite'];

  private constructor(memory: WebAssembly.Memory, address: number, holder: number) {
    const ring = attachRing(memory);
    expectIdentity(ring, address, 'table');
    const { i32 } = ring;
    const cell = (at: number): number => i32[(address + at) >> 2] as number;
    const places = placesOf(
      {
        ...{ blocks: cell(MOST), tenants: cell(TENANTS), holders: cell(HOLDERS) },
        ...{ maxValueBytes: cell(VALUE), buckets: cell(BUCKETS) + 1, shards: cell(SHARDS) + 1 },
      },
      address,
    );
    expectRoom(ring, address, places.bytes);
    this.address = address;
    this.holder = expectCount('holder', holder, 0, cell(HOLDERS) - 1);
    this.buckets = cell(BUCKETS) + 1;
    this.maxValueBytes = cell(VALUE);
    this.u8 = ring.u8;
    this.#i32 = i32;
    this.#f64 = ring.f64;
    this.#i64 = new BigInt64Array(ring.memory.buffer as SharedArrayBuffer);
    this.#fn = ring.fn;
    this.#get = ring.fn.tableGet;
    this.#write = ring.fn.tableWrite;
    this.#request = places.at.scratch + holder * places.scratchBytes;
    this.#beat = new Beat(memory, places.at.pause);
    this.valueAt = this.#request + REQUEST_VALUE;
    i32[(this.#request + EXPECTED) >> 2] = this.valueAt + padded(this.maxValueBytes, 8);
    this.tenants = cell(TENANTS);
  }

  static bytes(options: TableOptions): number {
    return placesOf(options, 0).bytes;
  }

  static create(
    memory: WebAssembly.Memory,
    address: number,
    options: TableOptions,
    holder: number = 0,
  ): Table {
    const ring = attachRing(memory);
    const places = placesOf(options, address);
    expectRoom(ring, address, places.bytes);
    const { i32 } = ring;
    const { at, shards, buckets, blocks } = places;
    i32.fill(0, address >> 2, at.list >> 2);
    const cells: readonly (readonly [number, number])[] = [
      [BUCKETS, buckets - 1],
      [SHARDS, shards - 1],
      [SPINS, expectCount('spins', options.spins ?? SPINS_DEFAULT, 0, 2 ** 20)],
      [TENANTS, options.tenants],
      [BLOCK, at.block],
      [LIST, at.list],
      [LINK, at.link],
      [HEAD, at.head],
      [DIRTY, at.dirty],
      [TENANT, at.tenant],
      [SHARD, at.shard],
      [VALUE, options.maxValueBytes],
      [HOLDERS, options.holders],
      [MOST, options.blocks],
    ];
    for (const [cell, value] of cells) i32[(address + cell) >> 2] = value;
    new BigInt64Array(ring.memory.buffer as SharedArrayBuffer, address + KEY, 2).set(
      options.secret.map((half) => BigInt.asIntN(64, half)),
    );
    FreeList.create(memory, at.list, { count: blocks });
    identify(ring, address, 'table');
    return new Table(memory, address, holder);
  }

  /** The table that `create` made at this address. `holder`: a number that no other thread uses. Throws a RingError when it is none. */
  static attach(memory: WebAssembly.Memory, address: number, holder: number): Table {
    return new Table(memory, address, holder);
  }

  // What an operation is about: staged, then the operation

  /** source[from … from + count) is the key of the next operation. At most TABLE_KEY_BYTES_MAX bytes. */
  putKey(source: Uint8Array, from: number, count: number): void {
    this.#i32[(this.#request + KEY_BYTES) >> 2] = checked('key', count, TABLE_KEY_BYTES_MAX);
    this.#stage(source, from, count, this.#request + REQUEST_KEY);
  }

  /** At most maxValueBytes bytes. */
  putValue(source: Uint8Array, from: number, count: number): void {
    this.#i32[(this.#request + VALUE_BYTES) >> 2] = checked('value', count, this.maxValueBytes);
    this.#stage(source, from, count, this.valueAt);
  }

  /** What `write` in mode SWAP has to find. */
  putExpected(source: Uint8Array, from: number, count: number): void {
    this.#i32[(this.#request + EXPECTED_BYTES) >> 2] = checked('value', count, this.maxValueBytes);
    const at = this.#i32[(this.#request + EXPECTED) >> 2] as number;
    this.#stage(source, from, count, at);
  }

  /** What mode ADD adds; behind it `sum` is what came out. */
  set delta(delta: bigint) {
    this.#i64[(this.#request + DELTA) >> 3] = delta;
  }

  get sum(): bigint {
    return this.#i64[this.sumAt >> 3] as bigint;
  }

  /** Byte address of the sum, little-endian. */
  get sumAt(): number {
    return this.#request + SUM;
  }

  /** Copies up to `cap` bytes of the value to `valueAt`: its full length, EMPTY, or RETRY. */
  get(tenant: number, now: number, cap: number): number {
    const request = this.#request;
    const most = cap < this.maxValueBytes ? cap : this.maxValueBytes;
    return this.#get(
      this.address,
      checked('tenant', tenant, this.tenants - 1),
      request + REQUEST_KEY,
      this.#i32[(request + KEY_BYTES) >> 2] as number,
      now,
      this.valueAt,
      most,
    );
  }

  /** 0, EMPTY, RETRY, FULL, or one of TABLE. `end`: when the entry ends, in the clock of `now`; Infinity = never. */
  write(mode: TableMode, tenant: number, now: number, end: number): number {
    const request = this.#request;
    this.#i32[request >> 2] = mode;
    this.#i32[(request + TENANT_CELL) >> 2] = checked('tenant', tenant, this.tenants - 1);
    this.#f64[(request + NOW) >> 3] = now;
    this.#f64[(request + END) >> 3] = end;
    return this.#write(this.address, this.holder, request);
  }

  /** Blocks this thread, so that one that holds a lock can go on. */
  pause(timeoutMs: number): void {
    this.#beat.pause(0, timeoutMs);
  }

  // Tenants and what they use

  /** Blocks that the tenant may have. */
  setQuota(tenant: number, blocks: number): void {
    this.#fn.store32(this.#tenant(tenant) + TENANT_MOST, blocks);
  }

  /** May be old on return. */
  usage(tenant: number): { readonly blocks: number; readonly entries: number } {
    const at = this.#tenant(tenant);
    return { blocks: this.#fn.load32(at), entries: this.#fn.load32(at + ENTRIES) };
  }

  /** Blocks in use, of all tenants. */
  get used(): number {
    return this.#fn.load32(this.address + USED);
  }

  /** Blocks that there are for entries. */
  get most(): number {
    return this.#cell(MOST);
  }

  // Upkeep

  /** Takes out what has ended in `count` buckets from `from` on; how many entries it were. A bucket that is locked is left for the next time. */
  sweep(from: number, count: number, now: number): number {
    let swept = 0;
    for (let bucket = from; bucket < Math.min(from + count, this.buckets); bucket++) {
      const timed = this.#i32[(this.#shard(bucket) + TIMED) >> 2] as number;
      if (timed === 0) continue;
      while (this.#fn.tableSweep(this.address, this.holder, bucket, now) === 1) swept++;
    }
    return swept;
  }

  /** For a supervisor: frees what the dead thread `holder` had locked; how many shards it were. */
  recover(holder: number): number {
    return this.#fn.tableRecover(this.address, holder);
  }

  // For whoever saves it

  /** Buckets that were changed since this was asked last. Their changes behind this call make them dirty again (B7). */
  takeDirty(): number[] {
    const dirty: number[] = [];
    const first = this.#cell(DIRTY);
    for (let bucket = 0; bucket < this.buckets; bucket++) {
      if (this.#i32[(first >> 2) + bucket] === 0) continue;
      this.#fn.store32(first + 4 * bucket, 0);
      dirty.push(bucket);
    }
    return dirty;
  }

  markDirty(bucket: number): void {
    this.#fn.store32(this.#cell(DIRTY) + 4 * bucket, 1);
  }

  /** All entries of a bucket as of one moment; undefined when writers changed it at each of `tries` tries. */
  entries(bucket: number, tries: number = 16): TableEntry[] | undefined {
    const version = this.#shard(bucket) + VERSION;
    for (let i = 0; i < tries; i++) {
      const before = this.#fn.load32(version);
      const entries = this.#entries(bucket);
      if (entries !== undefined && this.#fn.load32(version) === before) return entries;
    }
    return undefined;
  }

  #entries(bucket: number): TableEntry[] | undefined {
    const entries: TableEntry[] = [];
    const cap = padded(this.maxValueBytes, 8) + TABLE_BLOCK_BYTES;
    for (;;) {
      const bytes = this.#fn.tableEntry(
        this.address,
        bucket,
        entries.length,
        this.#request + REQUEST_KEY,
        cap,
      );
      if (bytes === -1) return entries;
      if (bytes < 0) return undefined;
      entries.push(this.#entryAt(this.#request + REQUEST_KEY));
    }
  }

  #entryAt(at: number): TableEntry {
    const cell = (offset: number): number => this.#i32[(at + offset) >> 2] as number;
    const key = at + ENTRY_HEAD_BYTES;
    const value = key + padded(cell(8), 8);
    return {
      tenant: cell(4),
      end: this.#f64[(at + 16) >> 3] as number,
      key: Uint8Array.from(this.u8.subarray(key, key + cell(8))),
      value: Uint8Array.from(this.u8.subarray(value, value + cell(12))),
    };
  }

  #cell(at: number): number {
    return this.#i32[(this.address + at) >> 2] as number;
  }

  #shard(bucket: number): number {
    return this.#cell(SHARD) + (bucket & this.#cell(SHARDS)) * SHARD_BYTES;
  }

  #tenant(tenant: number): number {
    return this.#cell(TENANT) + expectCount('tenant', tenant, 0, this.tenants - 1) * TENANT_BYTES;
  }

  #stage(source: Uint8Array, from: number, count: number, at: number): void {
    const { u8 } = this;
    if (count <= LOOP_BYTES_MAX) {
      for (let i = 0; i < count; i++) u8[at + i] = source[from + i] as number;
    } else {
      u8.set(source.subarray(from, from + count), at);
    }
    for (let i = count; (i & 7) !== 0; i++) u8[at + i] = 0;
  }
}

/** The functions have no checks of their own: what is out of range would reach into others' cells. */
function checked(what: string, n: number, most: number): number {
  return n >>> 0 === n && n <= most ? n : expectCount(`${what} of a table`, n, 0, most);
}

function placesOf(options: Omit<TableOptions, 'secret'>, address: number): Places {
  const { blocks, tenants, holders, maxValueBytes } = options;
  expectCount('blocks of a table', blocks, 1, 2 ** 23);
  expectCount('tenants of a table', tenants, 1, TENANTS_MAX);
  expectCount('holders of a table', holders, 1, HOLDERS_MAX);
  expectCount('maxValueBytes of a table', maxValueBytes, 8, VALUE_BYTES_MAX);
  const buckets = expectCapacity(
    options.buckets ?? 2 ** Math.ceil(Math.log2(Math.max(1, blocks / 2))),
  );
  const shards = expectCapacity(options.shards ?? Math.min(SHARDS_DEFAULT, buckets));
  expectCount('shards of a table', shards, 1, buckets);
  const all = blocks + shards * tableBlocks(TABLE_KEY_BYTES_MAX, maxValueBytes);
  let end = address + HEADER_BYTES;
  const next = (bytes: number): number => {
    const at = end;
    end += padded(bytes, PADDING_BYTES);
    return at;
  };
  const scratch = scratchBytes(maxValueBytes);
  const at = {
    tenant: next(tenants * TENANT_BYTES),
    shard: next(shards * SHARD_BYTES),
    head: next(4 * buckets),
    dirty: next(4 * buckets),
    link: next(4 * all),
    list: next(FreeList.bytes({ count: all })),
    scratch: next(holders * scratch),
    // A cell that stays 0: who pauses waits for it in vain.
    pause: next(PADDING_BYTES),
    block: next(all * TABLE_BLOCK_BYTES),
  };
  return { shards, buckets, blocks: all, scratchBytes: scratch, at, bytes: end - address };
}

/** Request, key, value and EXPECTED; `entries` has a whole entry in the place of key and value. */
function scratchBytes(maxValueBytes: number): number {
  return padded(REQUEST_VALUE + 2 * padded(maxValueBytes, 8), PADDING_BYTES);
}

function padded(bytes: number, unit: number): number {
  return Math.ceil(bytes / unit) * unit;
}
