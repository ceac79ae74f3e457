import { readConstExpr } from './const-expr.ts';
import { hex, malformed, RewriteError } from './errors.ts';
import type {
  ExternKind,
  Guest,
  GuestElement,
  GuestMemory,
  GuestTable,
  SegmentMode,
} from './guest.ts';
import { PAGES_MAX, PAGES_MAX_64 } from './memory-limits.ts';
import { Reader, type Span } from './reader.ts';
import { readMutability, readRefType, readTypeEntry, readValType } from './types.ts';

// Reads every section except the function bodies. All indices are checked here although V8 checks them too: the
// rewriter appends functions, globals and a memory to the guest's index spaces, and an index that was out of range in
// the source would name one of those in the output.

const SECTION_NAMES = [
  'custom',
  'type',
  'import',
  'function',
  'table',
  'memory',
  'global',
  'export',
  'start',
  'element',
  'code',
  'data',
  'data count',
  'tag',
] as const;

/** Place of each section id in the file; they must ascend. */
const RANK = [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 11, 6];

export const EXTERN_KINDS: readonly ExternKind[] = ['func', 'table', 'memory', 'global', 'tag'];
/** V8 makes no larger table; one with more elements to begin with is not valid to it. */
const ELEMENTS_MAX = 10_000_000;
const NOTHING: Span = { start: 0, end: 0 };

/** The custom section that marks a module as this rewriter's output. */
export const MARK = 'luge.rewritten';

export function readGuest(source: Uint8Array): Guest {
  checkHeader(source);
  refuseSecondPass(source);
  const guest: Guest = {
    source,
    types: [],
    typeEntries: 0,
    typeBytes: NOTHING,
    imports: [],
    functions: [],
    importedFunctions: 0,
    functionBytes: NOTHING,
    tables: [],
    importedTables: 0,
    memories: [],
    tags: [],
    importedTags: 0,
    globals: [],
    importedGlobals: 0,
    importedVariables: [],
    exports: [],
    start: undefined,
    takenFunctions: new Set(),
    elements: [],
    data: [],
    dataCount: undefined,
    code: NOTHING,
    customs: [],
  };
  const file = new Reader(source, 8, source.length);
  let rank = 0;
  let bodies = 0;
  while (!file.done) {
    const at = file.pos;
    const id = file.u8();
    const name = SECTION_NAMES[id];
    if (name === undefined) throw file.refuse(`section ${id}`, at);
    const section = file.sub(file.u32());
    if (id === 0) {
      readCustom(section, guest);
      continue;
    }
    if (RANK[id]! <= rank) throw malformed(`a ${name} section out of order or twice`, at);
    rank = RANK[id]!;
    bodies += readSection(id, section, guest);
    if (id !== 10) section.expectDone(`the ${name} section`);
  }
  const defined = guest.functions.length - guest.importedFunctions;
  if (bodies !== defined) {
    throw malformed(`${bodies} function bodies for ${defined} functions`, source.length);
  }
  if (guest.dataCount !== undefined && guest.dataCount !== guest.data.length) {
    const counts = `${guest.data.length} data segments, ${guest.dataCount} announced,`;
    throw malformed(counts, source.length);
  }
  return guest;
}

function checkHeader(source: Uint8Array): void {
  const [a, b, c, d, version, , layer] = source;
  if (source.length === 0) throw new RewriteError('ERR_NOT_WASM', 'the file is empty', 0);
  if (a !== 0 || b !== 0x61 || c !== 0x73 || d !== 0x6d) {
    const text = 'not a WebAssembly binary: it does not begin with "\\0asm"';
    throw new RewriteError('ERR_NOT_WASM', text, 0);
  }
  if (source.length < 8) {
    throw new RewriteError('ERR_WASM_TRUNCATED', 'the file ends within its header', source.length);
  }
  if (layer === 1) {
    const text =
      'this is a component (WebAssembly component model), not a core module; extract its core module first';
    throw new RewriteError('ERR_NOT_WASM', text, 4);
  }
  if (version !== 1 || source[5] !== 0 || layer !== 0 || source[7] !== 0) {
    throw new RewriteError('ERR_NOT_WASM', `WebAssembly version ${version} is not 1`, 4);
  }
}

/** Before anything else: of a rewritten module the reserved imports would be refused, which explains less. */
function refuseSecondPass(source: Uint8Array): void {
  const file = new Reader(source, 8, source.length);
  while (!file.done) {
    const at = file.pos;
    const id = file.u8();
    const section = file.sub(file.u32());
    if (id === 0 && section.name() === MARK) {
      const text = `the module has been rewritten before (section ${MARK} at offset ${hex(at)})`;
      throw new RewriteError('ERR_ALREADY_REWRITTEN', text, at);
    }
  }
}

/** Returns the number of function bodies, which only the code section has. */
function readSection(id: number, section: Reader, guest: Guest): number {
  switch (id) {
    case 1:
      readTypes(section, guest);
      break;
    case 2:
      readImports(section, guest);
      break;
    case 3:
      readFunctions(section, guest);
      break;
    case 4:
      readTables(section, guest);
      break;
    case 5:
      readMemories(section, guest);
      break;
    case 6:
      readGlobals(section, guest);
      break;
    case 7:
      readExports(section, guest);
      break;
    case 8:
      guest.start = section.index('function', guest.functions.length);
      break;
    case 9:
      readElements(section, guest);
      break;
    case 10: {
      const bodies = section.count('function bodies', 2);
      guest.code = { start: section.pos, end: section.end };
      return bodies;
    }
    case 11:
      readData(section, guest);
      break;
    case 12:
      guest.dataCount = section.u32();
      break;
    default:
      readTags(section, guest);
      break;
  }
  return 0;
}

function readCustom(section: Reader, guest: Guest): void {
  const name = section.name();
  guest.customs.push({ name, start: section.pos, end: section.end });
}

function readTypes(section: Reader, guest: Guest): void {
  guest.typeEntries = section.count('types');
  const start = section.pos;
  for (let index = 0; index < guest.typeEntries; index += 1) readTypeEntry(section, guest.types);
  guest.typeBytes = { start, end: section.pos };
}

function readFuncTypeIndex(reader: Reader, guest: Guest): number {
  const at = reader.pos;
  const index = reader.index('type', guest.types.length);
  if (guest.types[index]!.kind !== 'func')
    throw malformed(`type ${index} is not of a function`, at);
  return index;
}

function readImports(section: Reader, guest: Guest): void {
  const count = section.count('imports', 4);
  for (let index = 0; index < count; index += 1) {
    const start = section.pos;
    const module = section.name();
    const name = section.name();
    const kindAt = section.pos;
    const kind = EXTERN_KINDS[section.u8()];
    if (kind === undefined) throw section.refuse(`an import of an unknown kind`, kindAt);
    const typeIndex = readImportType(section, guest, kind, `${module}.${name}`);
    guest.imports.push({ module, name, kind, typeIndex, start, end: section.pos });
  }
}

function readImportType(section: Reader, guest: Guest, kind: ExternKind, name: string): number {
  const at = section.pos;
  switch (kind) {
    case 'func': {
      const typeIndex = readFuncTypeIndex(section, guest);
      guest.functions.push(typeIndex);
      guest.importedFunctions += 1;
      return typeIndex;
    }
    case 'memory':
      guest.memories.push(readMemoryType(section, name));
      return 0;
    case 'global': {
      readValType(section, guest.types.length);
      const type = { start: at, end: section.pos };
      const index = guest.importedGlobals;
      if (readMutability(section)) guest.importedVariables.push({ index, type });
      guest.importedGlobals += 1;
      return 0;
    }
    case 'tag':
      guest.importedTags += 1;
      return readTag(section, guest);
    default:
      guest.tables.push({ ...readTableType(section, guest), init: undefined });
      guest.importedTables += 1;
      return 0;
  }
}

function readFunctions(section: Reader, guest: Guest): void {
  const count = section.count('functions');
  const start = section.pos;
  for (let index = 0; index < count; index += 1) {
    guest.functions.push(readFuncTypeIndex(section, guest));
  }
  guest.functionBytes = { start, end: section.pos };
}

function readTables(section: Reader, guest: Guest): void {
  const count = section.count('tables', 3);
  for (let index = 0; index < count; index += 1) {
    const hasInit = section.bytes[section.pos] === 0x40;
    if (hasInit) {
      section.u8();
      const at = section.pos;
      if (section.u8() !== 0) throw malformed('a table', at);
    }
    const type = readTableType(section, guest);
    guest.tables.push({ ...type, init: hasInit ? readConstExpr(section, guest) : undefined });
  }
}

function readTableType(section: Reader, guest: Guest): Omit<GuestTable, 'init'> {
  const start = section.pos;
  const heapType = readRefType(section, guest.types.length);
  const limits = readTableLimits(section);
  return { type: { start, end: section.pos }, heapType, ...limits };
}

function readTableLimits(
  section: Reader,
): Pick<GuestTable, 'minElements' | 'maxElements' | 'wide'> {
  const at = section.pos;
  const flags = section.u8();
  if (flags & ~5) throw section.refuse(`a table with limits of kind ${hex(flags)}`, at);
  const wide = (flags & 4) !== 0;
  // A number is enough: what is not exact is beyond what an engine makes. A maximum may be any u64.
  const minElements = wide ? Number(section.u64()) : section.u32();
  if (minElements > ELEMENTS_MAX) throw malformed(`a table of ${minElements} elements`, at);
  let maxElements = Number.POSITIVE_INFINITY;
  if (flags & 1) maxElements = wide ? Number(section.u64()) : section.u32();
  return { minElements, maxElements, wide };
}

function readMemories(section: Reader, guest: Guest): void {
  const count = section.count('memories', 2);
  for (let index = 0; index < count; index += 1) {
    guest.memories.push(readMemoryType(section, undefined));
  }
}

function readMemoryType(section: Reader, source: string | undefined): GuestMemory {
  const offset = section.pos;
  const flags = section.u8();
  if (flags & 8) throw section.refuse('a memory with its own page size', offset);
  const shared = (flags & 2) !== 0;
  if (flags > 7 || (shared && !(flags & 1))) {
    throw malformed(`a memory with limits of kind ${hex(flags)}`, offset);
  }
  const wide = (flags & 4) !== 0;
  const limit = (): number => (wide ? Number(section.u64()) : section.u32());
  const minPages = limit();
  const maxPages = flags & 1 ? limit() : undefined;
  const most = wide ? PAGES_MAX_64 : PAGES_MAX;
  if (minPages > most || (maxPages ?? minPages) < minPages || (maxPages ?? 0) > most) {
    throw malformed(`a memory of ${minPages} to ${maxPages ?? 'any number of'} pages`, offset);
  }
  return { minPages, maxPages, shared, wide, source, offset };
}

function readGlobals(section: Reader, guest: Guest): void {
  const count = section.count('globals', 3);
  for (let index = 0; index < count; index += 1) {
    const start = section.pos;
    readValType(section, guest.types.length);
    const mutable = readMutability(section);
    const type = { start, end: section.pos };
    guest.globals.push({ type, mutable, init: readConstExpr(section, guest) });
  }
}

function readTag(reader: Reader, guest: Guest): number {
  const at = reader.pos;
  if (reader.u8() !== 0) throw malformed('a tag attribute', at);
  const typeIndex = readFuncTypeIndex(reader, guest);
  guest.tags.push(typeIndex);
  return typeIndex;
}

function readTags(section: Reader, guest: Guest): void {
  const count = section.count('tags', 2);
  for (let index = 0; index < count; index += 1) readTag(section, guest);
}

function readExports(section: Reader, guest: Guest): void {
  const count = section.count('exports', 3);
  const limits: Record<ExternKind, number> = {
    func: guest.functions.length,
    table: guest.tables.length,
    memory: guest.memories.length,
    global: guest.importedGlobals + guest.globals.length,
    tag: guest.tags.length,
  };
  for (let index = 0; index < count; index += 1) {
    const start = section.pos;
    const name = section.name();
    const nameSpan = { start, end: section.pos };
    const kindByte = section.u8();
    const kind = EXTERN_KINDS[kindByte];
    if (kind === undefined) throw section.refuse('an export of an unknown kind', section.pos - 1);
    const target = section.index(kind, limits[kind]);
    guest.exports.push({ nameSpan, name, kind, kindByte, index: target });
  }
}

function readElements(section: Reader, guest: Guest): void {
  const count = section.count('element segments', 2);
  for (let index = 0; index < count; index += 1) {
    const at = section.pos;
    const flags = section.u32();
    if (flags > 7) throw malformed(`an element segment of kind ${flags}`, at);
    guest.elements.push(readElement(section, guest, flags));
  }
}

function readElement(section: Reader, guest: Guest, flags: number): GuestElement {
  const mode: SegmentMode = !(flags & 1) ? 'active' : flags & 2 ? 'declarative' : 'passive';
  const explicit = mode === 'active' && (flags & 2) !== 0;
  const table = explicit ? section.index('table', guest.tables.length) : 0;
  if (mode === 'active' && guest.tables.length === 0) {
    throw malformed('an element segment without a table', section.pos);
  }
  const offset = mode === 'active' ? readConstExpr(section, guest) : undefined;
  const typeStart = section.pos;
  if (flags & 3) {
    if (flags & 4) readRefType(section, guest.types.length);
    else if (section.u8() !== 0) throw malformed('an element kind', typeStart);
  }
  const type = { start: typeStart, end: section.pos };
  const count = section.count('elements');
  const start = section.pos;
  let expressions: GuestElement['expressions'];
  if (flags & 4) {
    expressions = Array.from({ length: count }, () => readConstExpr(section, guest));
  } else {
    for (let item = 0; item < count; item += 1) {
      guest.takenFunctions.add(section.index('function', guest.functions.length));
    }
  }
  const items = { start, end: section.pos };
  return { flags, mode, table, offset, type, count, items, expressions };
}

function readData(section: Reader, guest: Guest): void {
  const count = section.count('data segments', 2);
  for (let index = 0; index < count; index += 1) {
    const at = section.pos;
    const flags = section.u32();
    if (flags > 2) throw malformed(`a data segment of kind ${flags}`, at);
    const mode: SegmentMode = flags === 1 ? 'passive' : 'active';
    const memory = flags === 2 ? section.u32() : 0;
    if (mode === 'active' && memory >= guest.memories.length) {
      throw malformed(`a data segment of memory ${memory} of ${guest.memories.length}`, at);
    }
    const offset = mode === 'active' ? readConstExpr(section, guest) : undefined;
    const start = section.pos;
    const length = section.count('bytes of data');
    section.skip(length);
    guest.data.push({ mode, memory, offset, payload: { start, end: section.pos }, length });
  }
}
