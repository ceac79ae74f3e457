/**
 * The key-value store of a tenant, as guests of the `luge` interface call it, and as those that were made for SLEdge's scratch storage do.
 *
 * Reads and writes go to the table that all threads share (ring/table.wat), without a message. Where a writer of another thread is in
 * the way, the worker looks again for as long as a writer needs, then pauses in short steps; past BUSY_NS the guest gets EBUSY:
 * that writer is stopped, or dead and not yet recovered. Rejected: suspending the guest meanwhile. An import that may suspend does so
 * in this engine even when it returns a number, and each read would cost a switch and a microtask.
 */
import {
  EMPTY,
  FULL,
  RETRY,
  TABLE,
  TABLE_MODE,
  type Table,
  type TableMode,
} from '../ring/index.ts';
import { monotonicNs } from './clock.ts';
import { ERRNO } from './errno.ts';
import { guestRange } from './guest-range.ts';
import type { Host } from './host.ts';
import type { Sandbox } from './sandbox.ts';

/** A worker's way to the store. */
export interface KvAccess {
  readonly table: Table;
  readonly maxKeyBytes: number;
  readonly maxValueBytes: number;
}

const ABSENT = -1;
/** A writer needs about 0.5 µs, and 50 for the longest value. */
const SPIN_NS = 50e3;
const PAUSE_MS = 0.1;
/** What a thread that the kernel has stopped is mostly away for. */
const BUSY_NS = 5e6;
const NEVER = Number.POSITIVE_INFINITY;

const ERRNOS: Readonly<Record<number, number>> = {
  0: ERRNO.OK,
  [EMPTY]: ERRNO.NOENT,
  [FULL]: ERRNO.NOSPC,
  [RETRY]: ERRNO.BUSY,
  [TABLE.OVER]: ERRNO.DQUOT,
  [TABLE.EXISTS]: ERRNO.EXIST,
  [TABLE.DIFFERS]: ERRNO.AGAIN,
  [TABLE.NO_NUMBER]: ERRNO.INVAL,
  [TABLE.OVERFLOW]: ERRNO.OVERFLOW,
};

/** A range of guest memory, checked. */
interface Range {
  readonly at: number;
  readonly bytes: number;
}

export function kvImports(host: Host): Record<string, unknown> {
  return {
    kv_get: (key: number, keyBytes: number, ptr: number, cap: number): number => {
      const room = cap >>> 0;
      return read(host, rangeOf(host, key, keyBytes), room, (sandbox, { table }, length) => {
        copyOut(sandbox, table, table.valueAt, ptr, Math.min(length, room));
        return length;
      });
    },

    kv_set: (key: number, keyBytes: number, value: number, bytes: number, ttlNs: bigint): number =>
      store(host, TABLE_MODE.SET, rangeOf(host, key, keyBytes), rangeOf(host, value, bytes), ttlNs),

    kv_insert: (
      key: number,
      keyBytes: number,
      value: number,
      bytes: number,
      ttlNs: bigint,
    ): number =>
      store(
        host,
        TABLE_MODE.INSERT,
        rangeOf(host, key, keyBytes),
        rangeOf(host, value, bytes),
        ttlNs,
      ),

    kv_swap: (
      key: number,
      keyBytes: number,
      expected: number,
      expectedBytes: number,
      value: number,
      bytes: number,
      ttlNs: bigint,
    ): number =>
      store(
        host,
        TABLE_MODE.SWAP,
        rangeOf(host, key, keyBytes),
        rangeOf(host, value, bytes),
        ttlNs,
        rangeOf(host, expected, expectedBytes),
      ),

    kv_increment: (key: number, keyBytes: number, delta: bigint, result: number): number => {
      guestRange(host.current, result, 8);
      return write(host, TABLE_MODE.ADD, rangeOf(host, key, keyBytes), NEVER, (sandbox, kv) => {
        kv.table.delta = delta;
        return () => copyOut(sandbox, kv.table, kv.table.sumAt, result, 8);
      });
    },

    kv_delete: (key: number, keyBytes: number): number =>
      write(host, TABLE_MODE.DELETE, rangeOf(host, key, keyBytes), NEVER),
  };
}

/** The module `scratch_storage` of SLEdge's SDK: the same store. Where its own could not say that there is no room, a line in the log does. */
export function scratchImports(host: Host): Record<string, unknown> {
  return {
    get_size: (key: number, keyBytes: number): number =>
      Math.max(
        0,
        read(host, rangeOf(host, key, keyBytes), 0, (_s, _kv, length) => length),
      ),

    get: (key: number, keyBytes: number, ptr: number, cap: number): number => {
      const room = cap >>> 0;
      const answer = read(
        host,
        rangeOf(host, key, keyBytes),
        room,
        (sandbox, { table }, length) => {
          if (length > room) return 2;
          copyOut(sandbox, table, table.valueAt, ptr, length);
          return 0;
        },
      );
      return answer === ABSENT ? 1 : answer;
    },

    set: (key: number, keyBytes: number, value: number, bytes: number): number => {
      const to = rangeOf(host, key, keyBytes);
      const answer = store(host, TABLE_MODE.INSERT, to, rangeOf(host, value, bytes), 0n);
      return answer === ERRNO.EXIST ? 1 : answer;
    },

    delete: (key: number, keyBytes: number): number => {
      const answer = write(host, TABLE_MODE.DELETE, rangeOf(host, key, keyBytes), NEVER);
      return answer === ERRNO.NOENT ? 1 : answer;
    },

    upsert: (key: number, keyBytes: number, value: number, bytes: number): void => {
      const to = rangeOf(host, key, keyBytes);
      const errno = store(host, TABLE_MODE.SET, to, rangeOf(host, value, bytes), 0n);
      if (errno === ERRNO.OK) return;
      host.kernel.log(host.current, `scratch_storage.upsert stored nothing: errno ${errno}`);
    },
  };
}

/** Looks the key up; `found` gets the value's length, and its first bytes are at the table's valueAt. ABSENT, or what `found` answers. */
function read(
  host: Host,
  key: Range,
  cap: number,
  found: (sandbox: Sandbox, kv: KvAccess, length: number) => number,
): number {
  const sandbox = host.current;
  const { kv } = host.kernel;
  if (kv === undefined || key.bytes > kv.maxKeyBytes) return ABSENT;
  const { table } = kv;
  const result = untilFree(table, () => {
    table.putKey(sandbox.u8, key.at, key.bytes);
    const length = table.get(sandbox.spec.tenantId, monotonicNs(), cap);
    return length < 0 ? length : found(sandbox, kv, length);
  });
  return result === RETRY ? -ERRNO.BUSY : result;
}

function store(
  host: Host,
  mode: TableMode,
  key: Range,
  value: Range,
  ttlNs: bigint,
  expected?: Range,
): number {
  const { kv } = host.kernel;
  if (kv !== undefined && value.bytes > kv.maxValueBytes) return ERRNO.FBIG;
  // What cannot have been stored is certainly another value.
  if (kv !== undefined && expected !== undefined && expected.bytes > kv.maxValueBytes) {
    return ERRNO.AGAIN;
  }
  const end = ttlNs > 0n ? monotonicNs() + Number(ttlNs) : NEVER;
  return write(host, mode, key, end, (sandbox, { table }) => {
    table.putValue(sandbox.u8, value.at, value.bytes);
    if (expected !== undefined) table.putExpected(sandbox.u8, expected.at, expected.bytes);
    return undefined;
  });
}

/** `stage` puts what the operation needs beside the key, at each try; what it returns is done once it has happened. An errno. */
function write(
  host: Host,
  mode: TableMode,
  key: Range,
  end: number,
  stage?: (sandbox: Sandbox, kv: KvAccess) => (() => void) | undefined,
): number {
  const sandbox = host.current;
  const { kv } = host.kernel;
  if (kv === undefined) return ERRNO.NOTSUP;
  if (key.bytes > kv.maxKeyBytes) return ERRNO.NAMETOOLONG;
  const { table } = kv;
  const result = untilFree(table, () => {
    table.putKey(sandbox.u8, key.at, key.bytes);
    const done = stage?.(sandbox, kv);
    const answer = table.write(mode, sandbox.spec.tenantId, monotonicNs(), end);
    if (answer === 0) done?.();
    return answer;
  });
  return ERRNOS[result] as number;
}

/** Tries until no writer is in the way, or for BUSY_NS. */
function untilFree(table: Table, attempt: () => number): number {
  let result = attempt();
  if (result !== RETRY) return result;
  const start = monotonicNs();
  for (let now = start; result === RETRY && now - start < BUSY_NS; now = monotonicNs()) {
    if (now - start > SPIN_NS) table.pause(PAUSE_MS);
    result = attempt();
  }
  return result;
}

function rangeOf(host: Host, ptr: number, bytes: number): Range {
  return { at: guestRange(host.current, ptr, bytes), bytes: bytes >>> 0 };
}

/** Copies from the table's memory; ends the guest when its range is none. */
function copyOut(sandbox: Sandbox, table: Table, from: number, ptr: number, count: number): void {
  const at = guestRange(sandbox, ptr, count);
  const { u8 } = sandbox;
  if (count <= 48) for (let i = 0; i < count; i++) u8[at + i] = table.u8[from + i] as number;
  else u8.set(table.u8.subarray(from, from + count), at);
}
