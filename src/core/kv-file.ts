/**
 * The key-value store's file: an SQLite database with a row for each entry.
 *
 *   kv  bucket   where the entry is in the table of the process that writes; says which rows belong to a change, and nothing to a reader
 *       tenant   name          key, value   bytes          ends   milliseconds since 1970, null = never
 *
 * A change of the table marks a bucket; saving a bucket replaces its rows by the entries that it has now, those of many buckets in
 * one transaction. So deletions and ends need no notes of their own, and a row that did not change is never missing. The hash has
 * another secret in each process: the first save of a process replaces all rows.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { TableEntry } from '../ring/index.ts';
import { monotonicNs, realtimeNs } from '../sandbox/index.ts';

const SCHEMA = `
  create table if not exists kv (
    bucket integer not null, tenant text not null, key blob not null, value blob not null, ends real,
    primary key (tenant, key)) without rowid;
  create index if not exists kv_bucket on kv (bucket);`;

export interface KvRow {
  readonly tenant: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** In the monotonic clock; Infinity = never. */
  readonly end: number;
}

/** A bucket and its entries, with the names of their tenants. */
export interface KvBucket {
  readonly bucket: number;
  readonly entries: readonly (TableEntry & { readonly name: string })[];
}

function open(file: string): DatabaseSync {
  const database = new DatabaseSync(file);
  // A crash of the process loses nothing that was committed; one of the machine may lose the last transactions, never the file.
  database.exec('pragma journal_mode = wal; pragma synchronous = normal;');
  database.exec(SCHEMA);
  return database;
}

/** All rows that have not ended. Throws what SQLite throws when the file is none of its. */
export function readKvFile(file: string): KvRow[] {
  const database = open(file);
  try {
    const now = realtimeNs() / 1e6;
    const rows = database
      .prepare('select tenant, key, value, ends from kv where ends is null or ends > ?')
      .all(now);
    return rows.map(({ tenant, key, value, ends }) => ({
      tenant: tenant as string,
      key: key as Uint8Array,
      value: value as Uint8Array,
      end:
        ends === null
          ? Number.POSITIVE_INFINITY
          : monotonicNs() + ((ends as number) - realtimeNs() / 1e6) * 1e6,
    }));
  } finally {
    database.close();
  }
}

/** The writer's connection. */
export class KvFile {
  readonly #database: DatabaseSync;
  readonly #forget: StatementSync;
  readonly #insert: StatementSync;
  #isFirst = true;

  constructor(file: string) {
    this.#database = open(file);
    this.#forget = this.#database.prepare('delete from kv where bucket = ?');
    this.#insert = this.#database.prepare('insert or replace into kv values (?, ?, ?, ?, ?)');
  }

  /** All or nothing; throws what SQLite throws. */
  save(buckets: Iterable<KvBucket>): void {
    this.#database.exec('begin immediate');
    try {
      if (this.#isFirst) this.#database.exec('delete from kv');
      for (const { bucket, entries } of buckets) {
        if (!this.#isFirst) this.#forget.run(bucket);
        for (const { name, key, value, end } of entries) {
          this.#insert.run(bucket, name, key, value, endOf(end));
        }
      }
      this.#database.exec('commit');
      this.#isFirst = false;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('rollback');
      throw error;
    }
  }

  close(): void {
    this.#database.close();
  }
}

function endOf(end: number): number | null {
  return end === Number.POSITIVE_INFINITY ? null : (realtimeNs() + (end - monotonicNs())) / 1e6;
}
