/**
 * Opens a module up, so that a comparison sees all of it: an entry that does nothing is added if there is none, and
 * everything that has an index is exported under it. What JavaScript cannot read gets a function that reads it. Memories may
 * grow by a few pages only, for the sake of what they cost.
 *
 *   handle          the entry                 =func.3  =table.0  =memory.0  =global.2  =tag.0
 *   =low.2 =high.2  the halves of global 2, a vector
 */
import { Reader } from '../../../../src/sandbox/rewriter/reader.ts';
import { Writer } from '../../../../src/sandbox/rewriter/writer.ts';
import {
  KINDS,
  type Kind,
  type Limits,
  ModuleFile,
  readLimits,
  type Section,
} from './module-file.ts';

export const GROWTH_PAGES = 4n;

/** Section ids in the order of the file. */
const ORDER = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];

interface AddedFunction {
  readonly name: string;
  /** 0: () -> (), 1: () -> i64, counted from the first type that is added. */
  readonly type: 0 | 1;
  readonly body: readonly number[];
}

export function exportName(kind: Kind, index: number): string {
  return `=${kind}.${index}`;
}

export function openModule(source: Uint8Array): ModuleFile {
  const file = new ModuleFile(source);
  const added = addedFunctions(file);
  const out = new Writer(source.length + 4096);
  out.copy(source, 0, 8);
  /** The section of that id, or none; then what is written. */
  const append = (id: number, count: number, write: (to: Writer) => void): void => {
    const content = new Writer();
    const old = file.sections.find((item) => item.id === id);
    const reader = new Reader(source, old?.start ?? 0, old?.end ?? 0);
    content.u32((old === undefined ? 0 : reader.u32()) + count);
    content.copy(source, reader.pos, reader.end);
    write(content);
    out.u8(id);
    out.sized(content);
  };
  const replace = (id: number, count: number, write: (to: Writer) => void): void => {
    const content = new Writer();
    content.u32(count);
    write(content);
    out.u8(id);
    out.sized(content);
  };
  for (const id of ORDER) {
    const old = file.sections.find((item) => item.id === id);
    if (id === 1) append(id, 2, (to) => to.raw(0x60, 0, 0, 0x60, 0, 1, 0x7e));
    else if (id === 3) append(id, added.length, (to) => writeTypes(to, file, added));
    else if (id === 7) append(id, exportCount(file, added), (to) => writeExports(to, file, added));
    else if (id === 10) append(id, added.length, (to) => writeBodies(to, added));
    else if (old === undefined) continue;
    else if (id === 2) replace(id, file.imports.length, (to) => writeImports(to, file));
    else if (id === 5) writeMemories(file, old, replace);
    else {
      out.u8(id);
      out.u32(old.end - old.start);
      out.copy(source, old.start, old.end);
    }
  }
  // In the end, where a name section belongs; others may stand anywhere.
  for (const { id, start, end } of file.sections) {
    if (id !== 0) continue;
    out.u8(0);
    out.u32(end - start);
    out.copy(source, start, end);
  }
  return new ModuleFile(out.toBytes());
}

function addedFunctions(file: ModuleFile): AddedFunction[] {
  const added: AddedFunction[] = [];
  if (!file.exportNames.has('handle')) added.push({ name: 'handle', type: 0, body: [] });
  for (const [index, { type }] of file.globals.entries()) {
    if (type !== 'v128') continue;
    const read = new Writer();
    read.u8(0x23);
    read.u32(index);
    const get = [...read.view()];
    added.push({ name: `=low.${index}`, type: 1, body: [...get, 0xfd, 0x1d, 0] });
    added.push({ name: `=high.${index}`, type: 1, body: [...get, 0xfd, 0x1d, 1] });
  }
  return added;
}

function counts(file: ModuleFile): Record<Kind, number> {
  return {
    func: file.functions.length,
    table: file.tables.length,
    memory: file.memories.length,
    global: file.globals.length,
    tag: file.tags.length,
  };
}

function exportCount(file: ModuleFile, added: readonly AddedFunction[]): number {
  return Object.values(counts(file)).reduce((sum, count) => sum + count, added.length);
}

function writeExports(to: Writer, file: ModuleFile, added: readonly AddedFunction[]): void {
  const all = counts(file);
  for (const [kindByte, kind] of KINDS.entries()) {
    for (let index = 0; index < all[kind]; index += 1) {
      to.name(exportName(kind, index));
      to.u8(kindByte);
      to.u32(index);
    }
  }
  for (const [at, { name }] of added.entries()) {
    to.name(name);
    to.u8(0);
    to.u32(file.functions.length + at);
  }
}

function writeTypes(to: Writer, file: ModuleFile, added: readonly AddedFunction[]): void {
  for (const { type } of added) to.u32(file.types.length + type);
}

function writeBodies(to: Writer, added: readonly AddedFunction[]): void {
  for (const { body } of added) {
    to.u32(body.length + 2);
    to.raw(0, ...body, 0x0b);
  }
}

function writeImports(to: Writer, file: ModuleFile): void {
  for (const item of file.imports) {
    const isMemory = item.kind === 'memory';
    to.copy(file.bytes, item.start, isMemory ? item.typeStart : item.end);
    if (isMemory) writeLimits(to, file.memories[item.index]!);
  }
}

function writeMemories(
  file: ModuleFile,
  { id, start, end }: Section,
  replace: (id: number, count: number, write: (to: Writer) => void) => void,
): void {
  const reader = new Reader(file.bytes, start, end);
  const count = reader.u32();
  replace(id, count, (to) => {
    for (let left = count; left > 0; left -= 1) writeLimits(to, readLimits(reader));
  });
}

/** With a maximum near the minimum. */
function writeLimits(to: Writer, { min, max, shared, is64 }: Limits): void {
  const near = min + GROWTH_PAGES;
  to.u8(1 | (shared ? 2 : 0) | (is64 ? 4 : 0));
  to.u32(Number(min));
  to.u32(Number(max === undefined || max > near ? near : max));
}
