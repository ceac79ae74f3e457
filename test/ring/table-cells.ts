/** The table's cells by the offsets that stand in table.wat, for tests that look behind the handle. */
import { expect } from 'vitest';
import { attachRing, type Table } from '../../src/ring/index.ts';

interface Cells {
  readonly i32: Int32Array<SharedArrayBuffer>;
  readonly header: (offset: number) => number;
}

function cellsOf(memory: WebAssembly.Memory, address: number): Cells {
  const { i32 } = attachRing(memory);
  return { i32, header: (offset) => i32[(address + offset) >> 2] as number };
}

/** Indices from a cell with index + 1 along the cells at `next`. */
function chain(i32: Int32Array, first: number, next: number): number[] {
  const indices: number[] = [];
  for (let e = first; e !== 0; e = i32[(next >> 2) + e - 1] as number) {
    if (indices.includes(e - 1)) throw new Error(`block ${e - 1} is in a circle`);
    indices.push(e - 1);
  }
  return indices;
}

/** B3, B4 and B5 while no operation is under way; what is wrong, or undefined. */
export function tableFault(memory: WebAssembly.Memory, address: number): string | undefined {
  const { i32, header } = cellsOf(memory, address);
  const list = header(24);
  const next = list + 384;
  const owners = new Map<number, string>();
  const own = (index: number, owner: string): string | undefined => {
    const other = owners.get(index);
    owners.set(index, owner);
    return other === undefined ? undefined : `B5: block ${index} is in ${other} and in ${owner}`;
  };
  for (let s = 0; s <= header(8); s++) {
    const at = (header(44) + 256 * s) >> 2;
    // LOCK, RESERVED, OVERALL, PENDING and OLD
    for (const cell of [0, 1, 3, 4, 5, 6, 8, 9, 10]) {
      if (i32[at + cell] !== 0) return `B3: cell ${4 * cell} of shard ${s} is ${i32[at + cell]}`;
    }
  }
  const used = Array.from({ length: header(16) }, () => ({ blocks: 0, entries: 0 }));
  for (let bucket = 0; bucket <= header(4); bucket++) {
    for (const e of chain(i32, i32[(header(32) >> 2) + bucket] as number, header(28))) {
      const block = (header(20) + 256 * e) >> 2;
      const [tenant, count, last] = [i32[block + 1], i32[block + 7], i32[block + 6]] as number[];
      const blocks = chain(i32, e + 1, next);
      if (blocks.length !== count)
        return `B4: entry ${e} has ${blocks.length} blocks, not ${count}`;
      if (blocks.at(-1) !== (last as number) - 1) return `entry ${e} does not end at ${last}`;
      for (const index of blocks) {
        const fault = own(index, `entry ${e}`);
        if (fault !== undefined) return fault;
      }
      const of = used[tenant as number] as { blocks: number; entries: number };
      of.blocks += blocks.length;
      of.entries++;
    }
  }
  let all = 0;
  for (const [tenant, { blocks, entries }] of used.entries()) {
    const at = (header(40) + 128 * tenant) >> 2;
    if (i32[at] !== blocks) return `B4: tenant ${tenant} uses ${blocks} blocks, not ${i32[at]}`;
    if (i32[at + 2] !== entries) return `tenant ${tenant} has ${entries}, not ${i32[at + 2]}`;
    all += blocks;
  }
  if (header(128) !== all) return `B4: ${all} blocks are in use, not ${header(128)}`;
  for (const index of chain(i32, i32[(list + 128) >> 2] as number, next)) {
    const fault = own(index, 'the free list');
    if (fault !== undefined) return fault;
  }
  const count = i32[(list + 4) >> 2] as number;
  return owners.size === count ? undefined : `B5: ${owners.size} of ${count} blocks are anywhere`;
}

export function expectWhole(memory: WebAssembly.Memory, address: number): void {
  expect(tableFault(memory, address)).toBe(undefined);
}

/** Locks the shard of a key that is in the table, as thread `holder`; the result unlocks it. */
export function lockShardOf(
  memory: WebAssembly.Memory,
  address: number,
  table: Table,
  key: string,
  holder: number,
): () => void {
  const { i32, header } = cellsOf(memory, address);
  const bucket = Array.from({ length: table.buckets }, (_, b) => b).find((b) =>
    table.entries(b)?.some((entry) => Buffer.from(entry.key).toString('latin1') === key),
  ) as number;
  const lock = (header(44) + 256 * (bucket & header(8))) >> 2;
  Atomics.store(i32, lock, holder + 1);
  return () => Atomics.store(i32, lock, 0);
}

/** SipHash-1-3 of whole words, without the length that the function of the paper puts into its last one. */
export function siphash13([k0, k1]: readonly [bigint, bigint], words: Buffer): bigint {
  const u64 = (n: bigint): bigint => BigInt.asUintN(64, n);
  const rotl = (n: bigint, by: bigint): bigint => u64((n << by) | (n >> (64n - by)));
  let v0 = k0 ^ 0x736f6d6570736575n;
  let v1 = k1 ^ 0x646f72616e646f6dn;
  let v2 = k0 ^ 0x6c7967656e657261n;
  let v3 = k1 ^ 0x7465646279746573n;
  const round = (): void => {
    v0 = u64(v0 + v1);
    v1 = rotl(v1, 13n) ^ v0;
    v0 = rotl(v0, 32n);
    v2 = u64(v2 + v3);
    v3 = rotl(v3, 16n) ^ v2;
    v0 = u64(v0 + v3);
    v3 = rotl(v3, 21n) ^ v0;
    v2 = u64(v2 + v1);
    v1 = rotl(v1, 17n) ^ v2;
    v2 = rotl(v2, 32n);
  };
  for (let at = 0; at < words.length; at += 8) {
    const m = words.readBigUInt64LE(at);
    v3 ^= m;
    round();
    v0 ^= m;
  }
  v2 ^= 0xffn;
  for (let i = 0; i < 3; i++) round();
  return v0 ^ v1 ^ v2 ^ v3;
}
