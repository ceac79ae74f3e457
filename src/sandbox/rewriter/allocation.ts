// What a guest may take of the engine in one go, outside its memories. Neither can be split or preempted, so both are bounded:
//
// - Tables. All of them together begin with at most `tableElements`, and table.grow answers -1 beyond a maximum that is written into
//   the table's type. V8 copies the whole table when its capacity is used up, 20 to 70 ns an element: GROWN_MAX elements are 0.2 ms
//   on 2 GHz, cold ones 0.5. What is left of `tableElements` is divided among the tables that some instruction grows, so that no sum has
//   to be kept at run time.
// - Arrays of garbage-collected kinds. One of more than `arrayBytes` is not made: its length is replaced by 2^32 - 1, which no engine
//   makes, so that the engine's own trap says so. This is more than a matter of time (1 to 10 ns a byte while pages are new): a worker
//   whose heap is full is ended alone only as long as what is asked for fits into the allowance that Node.js keeps for the
//   purpose, 16 MB. A single array of 100 MB near the limit ended the whole process, and once so did several of 4 MB in a heap of 64.
// - Arrays in constant expressions are made by instantiation, where no instruction can ask: together they have as many bytes.

import { RewriteError } from './errors.ts';
import type { Guest } from './guest.ts';
import { OP } from './helpers.ts';
import { I32, type IndexSpace } from './index-space.ts';
import type { Writer } from './writer.ts';

export interface AllocationLimits {
  /** Of all tables together. */
  readonly tableElements: number;
  /** Of one array. */
  readonly arrayBytes: number;
}

/** What a table may grow to, unless it begins with more. */
const GROWN_MAX = 8192;
/** What a table costs without elements, in elements. */
const TABLE_BASE = 8;
const REFERENCE_BYTES = 8;
const ITEM_BYTES: ReadonlyMap<number, number> = new Map([
  [0x78, 1],
  [0x77, 2],
  [0x7f, 4],
  [0x7d, 4],
  [0x7e, 8],
  [0x7c, 8],
  [0x7b, 16],
]);

/** Throws if the tables begin with too much, or the constants make too large arrays. */
export function checkAllocations(guest: Guest, limits: AllocationLimits): void {
  const elements = beginning(guest);
  if (elements > limits.tableElements) {
    throw new RewriteError(
      'ERR_TABLE_LIMIT',
      `the tables begin with ${elements} elements (${TABLE_BASE} of them for each table); the limit is ${limits.tableElements} (maxTableElements)`,
    );
  }
  const bytes = constantArrayBytes(guest);
  if (bytes <= limits.arrayBytes) return;
  const size = Number.isFinite(bytes) ? `${bytes} bytes` : 'a computed number of bytes';
  throw new RewriteError(
    'ERR_ARRAY_LIMIT',
    `arrays in constant expressions have ${size}; the limit is ${limits.arrayBytes} (maxArrayBytes)`,
  );
}

/** The maximum that the tables in `grown` get, besides the one that they declare. */
export function grownMaximum(
  guest: Guest,
  grown: ReadonlySet<number>,
  limits: AllocationLimits,
): number {
  const left = limits.tableElements - beginning(guest);
  return Math.min(GROWN_MAX, Math.floor(left / Math.max(1, grown.size)));
}

function beginning({ tables }: Guest): number {
  return tables.reduce((sum, { minElements }) => sum + minElements + TABLE_BASE, 0);
}

function constantArrayBytes({ globals, tables, elements }: Guest): number {
  let bytes = 0;
  for (const { init } of globals) bytes += init.arrayBytes;
  for (const { init } of tables) bytes += init?.arrayBytes ?? 0;
  for (const { expressions } of elements) {
    for (const item of expressions ?? []) bytes += item.arrayBytes;
  }
  return bytes;
}

/** Bytes of an item of array type `type`; 0 if it is none. */
export function itemBytes(guest: Guest, type: number): number {
  const definition = guest.types[type];
  if (definition?.kind !== 'array') return 0;
  return ITEM_BYTES.get(guest.source[definition.element.start]!) ?? REFERENCE_BYTES;
}

/** The functions to call in front of an instruction that makes an array: `length -> length`, or 2^32 - 1 if that is too long. */
export class ArrayLimit {
  readonly #space: IndexSpace;
  readonly #arrayBytes: number;
  readonly #known: Map<number, number>;

  constructor(space: IndexSpace, arrayBytes: number) {
    this.#space = space;
    this.#arrayBytes = arrayBytes;
    this.#known = new Map();
  }

  /** Undefined where `length`, a constant or -1, is within the limit, or `type` is no array. */
  check(type: number, length: number): number | undefined {
    const bytes = itemBytes(this.#space.guest, type);
    if (bytes === 0) return undefined;
    const itemsMax = Math.floor(this.#arrayBytes / bytes);
    if (length >= 0 && length <= itemsMax) return undefined;
    let helper = this.#known.get(itemsMax);
    if (helper === undefined) {
      const space = this.#space;
      const write = (out: Writer): void => writeCheck(out, itemsMax);
      helper = space.helper(`$luge.array.${itemsMax}`, space.type([I32], [I32]), write);
      this.#known.set(itemsMax, helper);
    }
    return helper;
  }
}

function writeCheck(out: Writer, itemsMax: number): void {
  out.raw(0, OP.I32_CONST, 0x7f, OP.LOCAL_GET, 0, OP.LOCAL_GET, 0, OP.I32_CONST);
  out.s32(itemsMax);
  out.raw(OP.I32_GT_U, OP.SELECT, OP.END);
}
