/** The table: readers beside writers that reuse blocks, and holders that die. One key, values that tell themselves by their length. */
import { TABLE_MODE, Table, type TableMode } from '../../../src/ring/index.ts';
import { tableFault } from '../../ring/table-cells.ts';
import type { SequentialModel } from '../linearizability.ts';
import type { Bounds, Cells, DirectCall, Scenario } from '../scenario.ts';
import { AT, type Program, sequence } from './layouts.ts';

const EMPTY = -1;
const RETRY = -2;
const EXISTS = -5;
const DIFFERS = -6;
/** Two blocks in all, one of them for entries: a block is used again at the second change. */
const OPTIONS = {
  blocks: 1,
  tenants: 1,
  holders: 3,
  maxValueBytes: 8,
  buckets: 1,
  shards: 1,
  spins: 0,
  secret: [1n, 2n],
} as const;
const TABLE_BYTES = Math.ceil(Table.bytes(OPTIONS) / 512) * 512;
/** Requests, 512 bytes each, behind the table: one for each operation, so that its arguments are its address. */
const REQUESTS = TABLE_BYTES;
const BYTES = REQUESTS + 6 * 512;
const TARGET = 384;
// Places of the table's parts, as table.ts lays them out
const SHARD = AT + 256 + 128;
const LINK = SHARD + 256 + 2 * 128;
const BLOCKS = TABLE_BYTES - 2 * 256;

interface Write {
  readonly mode: TableMode;
  readonly bytes: number;
  readonly expected?: number;
}

/** `bytes` times the byte `bytes`: a mixture of two values is none. */
function bytesAlike(bytes: number): bigint {
  let value = 0n;
  for (let i = 0; i < bytes; i++) value = (value << 8n) | BigInt(bytes);
  return value;
}

function fillRequest({ i32, i64 }: Cells, at: number, { mode, bytes, expected = 0 }: Write): void {
  i32[at >> 2] = mode;
  i32[(at + 8) >> 2] = 1;
  i32[(at + 12) >> 2] = bytes;
  i64[(at + 24) >> 3] = 0x7ff0_0000_0000_0000n;
  i32[(at + 32) >> 2] = expected;
  i32[(at + 36) >> 2] = at + 448;
  i64[(at + 128) >> 3] = 97n;
  i64[(at + 384) >> 3] = bytesAlike(bytes);
  i64[(at + 448) >> 3] = bytesAlike(expected);
}

const get = (request: number) =>
  ['tableGet', AT, 0, requestAt(request) + 128, 1, 0, requestAt(request) + TARGET, 8] as const;
const write = (holder: number, request: number) =>
  ['tableWrite', AT, holder, requestAt(request)] as const;

function requestAt(request: number): number {
  return REQUESTS + 512 * request;
}

/** The state is the length of the value; '' = there is none. */
function model(before: string, writes: readonly Write[]): SequentialModel {
  return {
    initial: before,
    step(state, { name, args, result }) {
      if (name === 'tableGet') {
        if (result === RETRY || result === undefined) return [state];
        return (result === EMPTY ? '' : `${result}`) === state ? [state] : [];
      }
      if (name !== 'tableWrite') return [state];
      const { mode, bytes, expected } = writes[((args[2] as number) - REQUESTS) / 512] as Write;
      const refused =
        mode === TABLE_MODE.INSERT && state !== ''
          ? EXISTS
          : (mode === TABLE_MODE.SWAP || mode === TABLE_MODE.DELETE) && state === ''
            ? EMPTY
            : mode === TABLE_MODE.SWAP && state !== `${expected}`
              ? DIFFERS
              : 0;
      const after = refused !== 0 ? state : mode === TABLE_MODE.DELETE ? '' : `${bytes}`;
      if (result === undefined) return [state, after];
      return result === refused ? [after] : [];
    },
  };
}

/** `before`: bytes of the value that is there at the start. Request i is the i-th of `writes`; behind them are the reader's and the last one's. */
function table(
  name: string,
  before: number | undefined,
  bounds: Bounds,
  writes: readonly Write[],
  threads: readonly Program[],
): Scenario {
  const reader = writes.length;
  return {
    name: `table/${name}/1/0`,
    bounds,
    bytes: BYTES,
    threads,
    setup: (cells) => {
      const made = Table.create(cells.memory, AT, OPTIONS, 2);
      made.setQuota(0, 1);
      if (before !== undefined) {
        made.putKey(Buffer.from('a'), 0, 1);
        made.putValue(new Uint8Array(before).fill(before), 0, before);
        made.write(TABLE_MODE.SET, 0, 0, Number.POSITIVE_INFINITY);
      }
      for (const [i, w] of writes.entries()) fillRequest(cells, requestAt(i), w);
      for (const i of [reader, reader + 1]) fillRequest(cells, requestAt(i), SET2);
    },
    model: model(before === undefined ? '' : `${before}`, writes),
    after: (call, _cells, died) => recoverAndRead(call, reader + 1, died),
    final: ({ i64, memory }, history) => {
      for (const { name: op, args, result = EMPTY } of history) {
        if (op !== 'tableGet' || result <= 0) continue;
        const value = i64[(args[5] as number) >> 3] as bigint;
        if (value !== bytesAlike(result)) return `a value of ${result} bytes was read as ${value}`;
      }
      return tableFault(memory, AT);
    },
    cell: (address) => {
      const names: Readonly<Record<number, string>> = {
        128: 'USED',
        [AT + 256]: 'tenant.USED',
        [SHARD]: 'LOCK',
        [SHARD + 4]: 'RESERVED',
        [SHARD + 12]: 'OVERALL',
        [SHARD + 16]: 'PENDING',
        [SHARD + 32]: 'OLD',
        [SHARD + 128]: 'VERSION',
        [SHARD + 256]: 'HEAD',
        [SHARD + 256 + 128]: 'DIRTY',
        [LINK]: 'LINK[0]',
        [LINK + 4]: 'LINK[1]',
      };
      return names[address] ?? (address >= BLOCKS ? `block+${address - BLOCKS}` : `+${address}`);
    },
    // The holder's own cells are no steps, except where stores are held back.
    isQuiet: (address) =>
      address < AT + 128 ||
      address === AT + 132 ||
      address >= REQUESTS ||
      (bounds.delays === undefined && address > SHARD && address < SHARD + 128),
  };
}

function recoverAndRead(call: DirectCall, reader: number, died: readonly number[]): void {
  for (const thread of died) call('tableRecover', AT, thread);
  const [name, ...args] = get(reader);
  call(name, ...args);
}

const SET2 = { mode: TABLE_MODE.SET, bytes: 2 };
const SET3 = { mode: TABLE_MODE.SET, bytes: 3 };
const INSERT4 = { mode: TABLE_MODE.INSERT, bytes: 4 };
const SWAP15 = { mode: TABLE_MODE.SWAP, bytes: 5, expected: 1 };
const DELETE = { mode: TABLE_MODE.DELETE, bytes: 0 };

export const tableScenarios: readonly Scenario[] = [
  table(
    'read-reused',
    1,
    { preemptions: 2 },
    [SET2, SET3],
    [sequence(get(2)), sequence(write(1, 0), write(1, 1))],
  ),
  table(
    'read-deleted',
    1,
    { preemptions: 2 },
    [DELETE, INSERT4],
    [sequence(get(2)), sequence(write(1, 0), write(1, 1))],
  ),
  table(
    'two-writers',
    1,
    { preemptions: 2 },
    [SET2, SWAP15, INSERT4],
    [sequence(write(0, 0)), sequence(write(1, 1)), sequence(write(2, 2))],
  ),
  table(
    'held-back',
    undefined,
    { preemptions: 1, delays: 1 },
    [INSERT4],
    [sequence(get(1)), sequence(write(1, 0))],
  ),
  table(
    'killed-set',
    1,
    { preemptions: 1, kills: 1 },
    [SET2, SET3],
    [sequence(write(0, 0), write(0, 1)), sequence(get(2))],
  ),
  table(
    'killed-insert-delete',
    undefined,
    { preemptions: 1, kills: 1 },
    [INSERT4, DELETE, SET2],
    [sequence(write(0, 0), write(0, 1)), sequence(write(1, 2))],
  ),
];
