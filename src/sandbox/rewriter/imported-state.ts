// Imported state. Imported tables and mutable globals stay imports, since what they hold is a matter between the guest and
// whoever instantiates it. The first reset saves what it finds in them, and every other one restores that: in globals
// and tables of the output's own, which outlive a reset. A table that has grown cannot shrink, and retires.
//
// What the references lead to is not the guest's, and is left alone. Tables that no instruction of the guest writes are not saved.
//
// A function that is served has nobody to import from (`standalone`). A table or a tag has one sensible value there, an empty
// one of its own, as loaders of modules provide it: those imports become definitions. A global has no value that would
// not be a guess, so that it stays an import and is refused where imports are checked.

import { RewriteError, unsupported } from './errors.ts';
import type { Guest } from './guest.ts';
import { OP, VOID } from './helpers.ts';
import { I32, I64, type IndexSpace } from './index-space.ts';
import type { Span } from './reader.ts';
import { leb, type Writer } from './writer.ts';

const REF = 0x64;
const REF_NULL = 0x63;
const TABLE_GET = 0x25;
const TABLE_SET = 0x26;
const BULK = 0xfc;
const TABLE_COPY = 14;
const TABLE_GROW = 15;
const TABLE_SIZE = 16;

/** Zeros of the number types. */
const ZERO: ReadonlyMap<number, readonly number[]> = new Map([
  [I32, [OP.I32_CONST, 0]],
  [I64, [OP.I64_CONST, 0]],
  [0x7d, [0x43, 0, 0, 0, 0]],
  [0x7c, [0x44, 0, 0, 0, 0, 0, 0, 0, 0]],
  [0x7b, [0xfd, 0x0c, ...new Array<number>(16).fill(0)]],
]);

interface Saved {
  readonly index: number;
  /** Of the copy. */
  readonly copy: number;
  /** References that are never null: the copy's may be. */
  readonly isNonNull: boolean;
}

interface SavedTable extends Saved {
  readonly heapType: readonly number[];
  readonly wide: boolean;
}

export interface SavedImports {
  /** 1 once they have been saved. */
  readonly flag: number;
  readonly variables: readonly Saved[];
  readonly tables: readonly SavedTable[];
}

/** Adds the places to save to; undefined if there is nothing to save. */
export function planSaving(
  guest: Guest,
  space: IndexSpace,
  writtenTables: ReadonlySet<number>,
): SavedImports | undefined {
  const variables = guest.importedVariables.map(({ index, type }) => {
    const { bytes, heapType, isNonNull } = nullable(guest, type);
    const init = ZERO.get(bytes[0]!) ?? [OP.REF_NULL, ...heapType];
    const copy = space.lastingGlobal(`$luge.saved.${index}`, bytes, init);
    return { index, copy, isNonNull };
  });
  const written = [...writtenTables].filter((index) => index < guest.importedTables);
  const tables = written.map((index) => {
    const { type, heapType: end, wide } = guest.tables[index]!;
    const { bytes, heapType, isNonNull } = nullable(guest, { start: type.start, end: end.end });
    return { index, copy: space.table(bytes, wide), isNonNull, heapType, wide };
  });
  if (variables.length + tables.length === 0) return undefined;
  const flag = space.lastingGlobal('$luge.saved', [I32], [OP.I32_CONST, 0]);
  return { flag, variables, tables };
}

/** The type, with null where it has none, and its heap type. */
function nullable(
  guest: Guest,
  { start, end }: Span,
): { bytes: number[]; heapType: number[]; isNonNull: boolean } {
  const bytes = [...guest.source.subarray(start, end)];
  const isLong = bytes[0] === REF || bytes[0] === REF_NULL;
  const heapType = isLong ? bytes.slice(1) : bytes;
  const isNonNull = bytes[0] === REF;
  return { bytes: isNonNull ? [REF_NULL, ...heapType] : bytes, heapType, isNonNull };
}

/** Locals that `writeSaving` needs, as they are encoded: a count for tables of either kind. */
export const SAVING_LOCALS: readonly number[] = [2, 1, I32, 1, I64];

/** Returns 1 from reset if a saved table has another size now. */
export function writeSavedSizes(out: Writer, { flag, tables }: SavedImports): void {
  if (tables.length === 0) return;
  out.raw(OP.GLOBAL_GET, ...leb(flag), OP.IF, VOID);
  for (const { index, copy, wide } of tables) {
    out.raw(BULK, TABLE_SIZE, ...leb(index), BULK, TABLE_SIZE, ...leb(copy));
    out.raw(wide ? OP.I64_NE : OP.I32_NE, OP.IF, VOID, OP.I32_CONST, 1, OP.RETURN, OP.END);
  }
  out.u8(OP.END);
}

/** Saves at the first reset, restores at any other. */
export function writeSaving(out: Writer, { flag, variables, tables }: SavedImports): void {
  out.raw(OP.GLOBAL_GET, ...leb(flag), OP.IF, VOID);
  for (const { index, copy, isNonNull } of variables) {
    out.raw(OP.GLOBAL_GET, ...leb(copy));
    if (isNonNull) out.u8(OP.REF_AS_NON_NULL);
    out.raw(OP.GLOBAL_SET, ...leb(index));
  }
  for (const table of tables) {
    if (table.isNonNull) writeEach(out, table);
    else writeCopy(out, table.index, table.copy, table.wide);
  }
  out.u8(OP.ELSE);
  for (const { index, copy } of variables) {
    out.raw(OP.GLOBAL_GET, ...leb(index), OP.GLOBAL_SET, ...leb(copy));
  }
  for (const { index, copy, heapType, wide } of tables) {
    out.raw(OP.REF_NULL, ...heapType, BULK, TABLE_SIZE, ...leb(index));
    out.raw(BULK, TABLE_GROW, ...leb(copy), OP.DROP);
    writeCopy(out, copy, index, wide);
  }
  out.raw(OP.I32_CONST, 1, OP.GLOBAL_SET, ...leb(flag), OP.END);
}

function writeCopy(out: Writer, to: number, from: number, wide: boolean): void {
  const zero = [wide ? OP.I64_CONST : OP.I32_CONST, 0];
  out.raw(...zero, ...zero, BULK, TABLE_SIZE, ...leb(from));
  out.raw(BULK, TABLE_COPY, ...leb(to), ...leb(from));
}

/** From the end to the beginning, one by one: the copy's type is not that of the table. */
function writeEach(out: Writer, { index, copy, wide }: SavedTable): void {
  const at = wide ? 1 : 0;
  const one = [wide ? OP.I64_CONST : OP.I32_CONST, 1];
  out.raw(BULK, TABLE_SIZE, ...leb(copy), OP.LOCAL_SET, at, OP.BLOCK, VOID, OP.LOOP, VOID);
  out.raw(OP.LOCAL_GET, at, wide ? OP.I64_EQZ : OP.I32_EQZ, OP.BR_IF, 1);
  out.raw(OP.LOCAL_GET, at, ...one, wide ? OP.I64_SUB : OP.I32_SUB, OP.LOCAL_TEE, at);
  out.raw(OP.LOCAL_GET, at, TABLE_GET, ...leb(copy), OP.REF_AS_NON_NULL);
  out.raw(TABLE_SET, ...leb(index), OP.BR, 0, OP.END, OP.END);
}

/** Makes definitions of imported tables and tags. */
export function adoptImports(guest: Guest): void {
  const seen = new Set<string>();
  let table = 0;
  for (const { module, name, kind, start } of guest.imports) {
    if (kind !== 'table' && kind !== 'tag') continue;
    const what = `the imported ${kind} ${module}.${name}`;
    // One thing under two indices; as two definitions it would be two.
    const key = JSON.stringify([module, name]);
    if (seen.has(key)) throw unsupported(`${what}, for the second time,`, start);
    seen.add(key);
    if (kind === 'tag') continue;
    if (guest.source[guest.tables[table]!.type.start] === REF) {
      throw new RewriteError(
        'ERR_WASM_UNSUPPORTED',
        `${what} cannot be empty: its references are never null`,
        start,
      );
    }
    table += 1;
  }
  guest.importedTables = 0;
  guest.importedTags = 0;
}
