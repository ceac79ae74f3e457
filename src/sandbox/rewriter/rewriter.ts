// The whole rewrite: read, plan, write. The output's contract with the host:
//
//   imports from `$luge`   memory     the guest's memory 0, shared, if it has one; memory1, memory2, … the others
//                          control    the worker's control memory, behind the guest's: byte 0 interrupt flag, 4 DONE, 8 RESULT
//                          interrupt  () -> i32, suspending: 0 = go on, else die. Who leaves the flag up is asked again
//                                     after each step: a few rounds of a loop, a call
//                          wait32/64  (address, expected, timeout) -> i32, suspending; only if the guest declared a shared memory,
//                                     and only where that holds the expected value (an i64 address is cut to its low half)
//   the guest's imports    functions, globals, tables and tags stay (tables and tags not if `standalone`); see imported-state.ts
//   added exports          $luge.reset  () -> i32: 0 = like a fresh instance, 1 = has to be retired
//                          $luge.restore  () -> i32: the same for a host that has made the memories zeros by itself
//                          $luge.enter  () -> (): start function, `_initialize`, the entry; then RESULT and DONE. Of a module without
//                                       an entry the start function alone: what is left of instantiation after a reset
//
// The guest was validated without the control memory, so no instruction of it names that memory: a guest can
// neither read nor clear its own flag. (Indices are checked again here, since an index out of range in the source
// would be in range in the output.)

import { type AllocationLimits, checkAllocations, grownMaximum } from './allocation.ts';
import { writeClear } from './clear.ts';
import { CodePass, type PollMode } from './code.ts';
import { writeConstExpr } from './const-expr.ts';
import { type CustomSectionInfo, copyCustoms } from './custom-sections.ts';
import { RewriteError } from './errors.ts';
import type { ExternKind, Guest, GuestElement, GuestExport } from './guest.ts';
import { type Entry, OP, writeEnter, writeInterrupted } from './helpers.ts';
import { adoptImports, planSaving } from './imported-state.ts';
import { I32, IndexSpace } from './index-space.ts';
import { addGrowth, type PlannedMemory, planMemories } from './memories.ts';
import { PAGES_MAX_64 } from './memory-limits.ts';
import { functionNamer, writeNames } from './names.ts';
import type { FunctionPolls, PollReport } from './poll-report.ts';
import { Reader } from './reader.ts';
import { type ResetPlan, servesOnceBecause, writeReset, writeRestore } from './reset.ts';
import { describeReset, type ResetInfo } from './reset-report.ts';
import { MARK, readGuest } from './sections.ts';
import { FUNCREF, type FuncType, signatureText } from './types.ts';
import { Writer } from './writer.ts';

export interface RewriteOptions {
  /** Limit of the pages of all memories together. */
  readonly maxPages: number;
  /**
   * Default 'exit'. For comparison: 'call', the naive form; 'entry', at function entries alone, so that a loop is not
   * preempted; 'none', which cannot be preempted at all.
   */
  readonly polls?: PollMode;
  /** Default 'retire': a grown memory is not reused. 'keep': it stays grown, wiped, and its size is a logical one. */
  readonly growth?: 'retire' | 'keep';
  /**
   * Default 'required': refused without `handle` or `_start`. 'optional': for modules whose exports are called by hand; one
   * without a fitting entry has the interface 'none'.
   */
  readonly entry?: 'required' | 'optional';
  /**
   * There is nobody to import tables and tags from: those that the guest imports become its own, empty and new. Default
   * false, which leaves them imports.
   */
  readonly standalone?: boolean;
  /** Bounds what the guest allocates at once outside its memories, and what its functions cost to compile. Default: the engine's own bounds. */
  readonly limits?: AllocationLimits;
  /** Keep what became of each loop, and how many other polls a function has, in `RewriteInfo.polls`. Default false. */
  readonly report?: boolean;
}

export interface MemoryInfo {
  /** What the output imports it as from `$luge`; two imports of the same memory have the same name here. */
  readonly name: string;
  readonly minPages: number;
  readonly maxPages: number;
  /** Addresses are i64. */
  readonly wide: boolean;
  readonly declaredMaxPages: number | undefined;
  readonly declaredShared: boolean;
  readonly imported: boolean;
}

export interface RewriteInfo {
  /** 'none' only under `entry: 'optional'`. */
  readonly iface: 'wasi' | 'luge' | 'none';
  /** Memory 0, the one that host functions see. */
  readonly memory: MemoryInfo | undefined;
  /** All of them, in the order of their indices. */
  readonly memories: readonly MemoryInfo[];
  readonly imports: readonly {
    readonly module: string;
    readonly name: string;
    readonly kind: ExternKind;
    readonly signature?: string;
  }[];
  readonly exports: readonly { readonly name: string; readonly kind: ExternKind }[];
  readonly functions: number;
  readonly loopPolls: number;
  readonly elidedLoopPolls: number;
  /** Outside the heads of loops: in front of calls, in long code, in handlers of exceptions. */
  readonly callPolls: number;
  /** Bulk instructions that were split to poll. */
  readonly bulkPolls: number;
  /** By function, in the order of the file; empty unless `report` was asked for. */
  readonly polls: readonly FunctionPolls[];
  readonly dataSegments: number;
  readonly dataBytes: number;
  readonly elementSegments: number;
  readonly resetGlobals: number;
  readonly resetTables: number;
  readonly hasStart: boolean;
  /** Every reset but the first asks for a new instance; see reset.ts. */
  readonly servesOnce: boolean;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  readonly reset: ResetInfo;
  /** The guest's custom sections, in the order of the file. */
  readonly sections: readonly CustomSectionInfo[];
  readonly droppedSections: readonly string[];
}

/** What a module may grow to without a copy: one of small loops alone grows by as much as 7. */
const OUTPUT_SCALE = 4;
const RESERVED = '$luge';
const SHARED_WITH_MAX = 0x03;
const ADDRESS_64 = 0x04;
const HAS_MAX = 0x01;
const VERSION = 2;

/** `bytes` is a view of a larger buffer. Throws RewriteError and nothing else, whatever the bytes are; RangeError if an option is wrong. */
export function rewrite(
  source: Uint8Array,
  options: RewriteOptions,
): { bytes: Uint8Array<ArrayBuffer>; info: RewriteInfo } {
  checkOptions(options);
  // A Buffer is a Uint8Array whose subarray is several times as slow.
  const guest = readGuest(new Uint8Array(source.buffer, source.byteOffset, source.length));
  checkReserved(guest);
  if (options.standalone === true) adoptImports(guest);
  const entry = options.entry === 'optional' ? findOptionalEntry(guest) : findEntry(guest);
  const { limits } = options;
  if (limits !== undefined) checkAllocations(guest, limits);
  const memories = planMemories(guest, options.maxPages);
  const keeps = options.growth === 'keep';
  const space = new IndexSpace(guest);
  const interrupted = space.helper('$luge.interrupted', space.type([], []), (out) =>
    writeInterrupted(out, space.import('interrupt')),
  );
  const growth = addGrowth(space, memories, options.maxPages, keeps);
  const code = new CodePass(guest, space, {
    polls: options.polls ?? 'exit',
    report: options.report ?? false,
    interrupted,
    growth,
    limits: options.limits,
  });
  const usedGlobal =
    servesOnceBecause(guest) !== undefined
      ? space.lastingGlobal('$luge.used', [I32], [OP.I32_CONST, 0])
      : undefined;
  // The whole output in the end. Memory that is not written costs nothing; to grow costs a copy of all that is there.
  const bodies = new Writer(OUTPUT_SCALE * source.length + 65_536);
  code.run(bodies);
  for (const [index, { init }] of guest.tables.entries()) {
    // What the table holds can be written, even if the table itself is not.
    if (init?.makesMutable) code.storage.writtenTables.add(index);
  }
  const plan: ResetPlan = {
    writtenTables: code.storage.writtenTables,
    grownTables: code.storage.grownTables,
    memories,
    retiresGrown: !keeps,
    usedGlobal,
    saved: planSaving(guest, space, code.storage.writtenTables),
  };
  const clears = memories.flatMap((memory, index) => {
    const isEmpty = memory.minPages === 0 && !keeps;
    if (memory.first !== index || isEmpty) return [];
    const name = index === 0 ? '$luge.clear' : `$luge.clear.${index}`;
    return [space.helper(name, space.type([], []), (out) => writeClear(out, index, memory))];
  });
  const restore = space.helper('$luge.restore', space.type([], [I32]), (out) =>
    writeRestore(out, space, plan),
  );
  const reset = space.helper('$luge.reset', space.type([], [I32]), (out) =>
    writeReset(out, plan, clears, restore),
  );
  const enter = space.helper('$luge.enter', space.type([], []), (out) =>
    writeEnter(out, guest, space, entry),
  );
  const helperBody = new Writer(256);
  for (const helper of space.helpers) {
    helperBody.truncate(0);
    helper.write(helperBody);
    bodies.sized(helperBody);
  }

  // Head, bodies, tail: the bodies, which are most of a module, are moved once, to make room for the head.
  const head = new Writer(guest.code.start + 4096);
  const tail = new Writer(source.length - guest.code.end + 4096);
  let out = head;
  const section = (id: number, write: (section: Writer) => void): void => {
    out.u8(id);
    out.sizedBy(write);
  };
  out.raw(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  section(1, (to) => writeTypes(to, guest, space));
  section(2, (to) => writeImports(to, guest, space, memories));
  section(3, (to) => writeFunctions(to, guest, space));
  if (guest.tables.length + space.tables.length > guest.importedTables) {
    const grown = { tables: plan.grownTables, limits };
    section(4, (to) => writeTables(to, guest, space, grown));
  }
  if (guest.tags.length > guest.importedTags) section(13, (to) => writeTags(to, guest));
  if (guest.globals.length + space.globals.length > 0) {
    section(6, (to) => writeGlobals(to, guest, space));
  }
  section(7, (to) => writeExports(to, guest, space, { reset, restore, enter }));
  if (guest.elements.length > 0) section(9, (to) => writeElements(to, guest, space, plan));
  if (guest.data.length > 0) section(12, (to) => to.u32(guest.data.length));
  if (!code.hints.empty) section(0, (to) => code.hints.write(to));
  out.u8(10);
  const defined = guest.functions.length - guest.importedFunctions + space.helpers.length;
  const count = new Writer(8);
  count.u32(defined);
  out.u32(count.length + bodies.length);
  out.append(count);
  out = tail;
  if (guest.data.length > 0) section(11, (to) => writeData(to, guest));
  const read = { names: true, hints: code.carriesGuestHints };
  section(0, (to) => {
    read.names = writeNames(to, guest, space);
  });
  const sections = copyCustoms(guest, section, read);
  const info = describe(guest, space, entry, code, plan, sections);
  section(0, (to) => writeMark(to, info, options));
  bodies.prepend(head);
  bodies.append(tail);
  const bytes = bodies.view();
  return { bytes, info: { ...info, bytesAfter: bytes.length } };
}

function checkOptions(options: RewriteOptions): void {
  const { maxPages, polls = 'exit', growth = 'retire', entry = 'required' } = options;
  if (!Number.isInteger(maxPages) || maxPages < 0 || maxPages > PAGES_MAX_64) {
    throw new RangeError(
      `maxPages is ${maxPages}; it must be an integer from 0 to ${PAGES_MAX_64}`,
    );
  }
  if (!['exit', 'call', 'entry', 'none'].includes(polls)) throw new RangeError(`polls is ${polls}`);
  if (!['retire', 'keep'].includes(growth)) throw new RangeError(`growth is ${growth}`);
  if (!['required', 'optional'].includes(entry)) throw new RangeError(`entry is ${entry}`);
}

/** What was done, as JSON, for whoever has the output alone; the section's name also refuses a second pass. */
function writeMark(to: Writer, info: RewriteInfo, options: RewriteOptions): void {
  const { iface, memories, loopPolls, elidedLoopPolls, callPolls } = info;
  const { polls = 'exit', growth = 'retire' } = options;
  const counts = { loopPolls, elidedLoopPolls, callPolls };
  const summary = { version: VERSION, iface, memories, polls, growth, ...counts };
  const text = new TextEncoder().encode(JSON.stringify(summary));
  to.name(MARK);
  to.copy(text, 0, text.length);
}

function checkReserved(guest: Guest): void {
  for (const { module, name, start } of guest.imports) {
    if (module !== RESERVED) continue;
    throw new RewriteError(
      'ERR_WASM_RESERVED',
      `import ${module}.${name}: the module ${RESERVED} is the runtime's own`,
      start,
    );
  }
  for (const { name, nameSpan } of guest.exports) {
    if (!name.startsWith(`${RESERVED}.`)) continue;
    throw new RewriteError(
      'ERR_WASM_RESERVED',
      `export ${name}: names with ${RESERVED}. are the runtime's own`,
      nameSpan.start,
    );
  }
}

function typeOf(guest: Guest, functionExport: GuestExport): FuncType {
  return guest.types[guest.functions[functionExport.index]!] as FuncType;
}

function findEntry(guest: Guest): Entry {
  const find = (name: string): GuestExport | undefined =>
    guest.exports.find((item) => item.name === name && item.kind === 'func');
  const target = find('handle') ?? find('_start');
  if (target === undefined) {
    const names = guest.exports.map((item) => `${item.name} (${item.kind})`).join(', ');
    throw new RewriteError(
      'ERR_WASM_NO_ENTRY',
      `the module exports neither a function 'handle' (luge) nor '_start' (WASI command); it exports ${names || 'nothing'}`,
    );
  }
  const type = typeOf(guest, target);
  const returnsResult =
    target.name === 'handle' && type.resultCount === 1 && guest.source[type.results.start] === I32;
  if (type.paramCount > 0 || (type.resultCount > 0 && !returnsResult)) {
    const wanted = target.name === 'handle' ? '() -> () or () -> (i32)' : '() -> ()';
    const found = signatureText(type, new Reader(guest.source, 0, guest.source.length));
    throw new RewriteError(
      'ERR_WASM_ENTRY_TYPE',
      `the entry '${target.name}' has type ${found}; it must be ${wanted}`,
    );
  }
  const initialize = find('_initialize');
  const callable =
    initialize !== undefined &&
    typeOf(guest, initialize).paramCount === 0 &&
    typeOf(guest, initialize).resultCount === 0;
  return {
    iface: target.name === 'handle' ? 'luge' : 'wasi',
    target,
    returnsResult,
    initialize: callable ? initialize : undefined,
  };
}

/** A `handle` or `_start` of another type is an export like any other where nobody is going to enter it. */
function findOptionalEntry(guest: Guest): Entry | undefined {
  try {
    return findEntry(guest);
  } catch (error) {
    if (!(error instanceof RewriteError)) throw error;
    return undefined;
  }
}

function writeTypes(to: Writer, guest: Guest, space: IndexSpace): void {
  to.u32(guest.typeEntries + space.addedTypes);
  to.copy(guest.source, guest.typeBytes.start, guest.typeBytes.end);
  to.append(space.typeBytes);
}

function writeImports(
  to: Writer,
  guest: Guest,
  space: IndexSpace,
  memories: readonly PlannedMemory[],
): void {
  const kept = guest.imports.filter(
    ({ kind }) =>
      kind === 'func' ||
      kind === 'global' ||
      (kind === 'table' && guest.importedTables > 0) ||
      (kind === 'tag' && guest.importedTags > 0),
  );
  to.u32(kept.length + memories.length + 1 + space.imports.length);
  for (const { start, end } of kept) to.copy(guest.source, start, end);
  const writeMemory = (memory: Omit<PlannedMemory, 'first'>): void => {
    to.name(RESERVED);
    to.name(memory.name);
    to.raw(0x02, SHARED_WITH_MAX | (memory.wide ? ADDRESS_64 : 0));
    to.u32(memory.minPages);
    to.u32(memory.maxPages);
  };
  for (const memory of memories) writeMemory(memory);
  writeMemory({ name: 'control', minPages: 1, maxPages: 1, wide: false });
  for (const { name, typeIndex } of space.imports) {
    to.name(RESERVED);
    to.name(name);
    to.u8(0x00);
    to.u32(typeIndex);
  }
}

function writeFunctions(to: Writer, guest: Guest, space: IndexSpace): void {
  to.u32(guest.functions.length - guest.importedFunctions + space.helpers.length);
  to.copy(guest.source, guest.functionBytes.start, guest.functionBytes.end);
  for (const { typeIndex } of space.helpers) to.u32(typeIndex);
}

const END = 0x0b;

interface GrownTables {
  readonly tables: ReadonlySet<number>;
  readonly limits: AllocationLimits | undefined;
}

function writeTables(to: Writer, guest: Guest, space: IndexSpace, grown: GrownTables): void {
  const defined = guest.tables.slice(guest.importedTables);
  const most =
    grown.limits === undefined
      ? Number.POSITIVE_INFINITY
      : grownMaximum(guest, grown.tables, grown.limits);
  to.u32(defined.length + space.tables.length);
  for (const [at, { type, heapType, init, minElements, maxElements, wide }] of defined.entries()) {
    if (init !== undefined) to.raw(0x40, 0x00);
    const limit = Math.max(minElements, most);
    if (grown.tables.has(guest.importedTables + at) && limit < maxElements) {
      to.copy(guest.source, type.start, heapType.end);
      to.u8(wide ? ADDRESS_64 | HAS_MAX : HAS_MAX);
      to.u32(minElements);
      to.u32(limit);
    } else {
      to.copy(guest.source, type.start, type.end);
    }
    if (init !== undefined) {
      writeConstExpr(to, guest, init, (index) => space.function(index));
      to.u8(END);
    }
  }
  for (const table of space.tables) to.raw(...table);
}

function writeTags(to: Writer, guest: Guest): void {
  const defined = guest.tags.slice(guest.importedTags);
  to.u32(defined.length);
  for (const typeIndex of defined) {
    to.u8(0);
    to.u32(typeIndex);
  }
}

function writeGlobals(to: Writer, guest: Guest, space: IndexSpace): void {
  to.u32(guest.globals.length + space.globals.length);
  for (const { type, init } of guest.globals) {
    to.copy(guest.source, type.start, type.end);
    writeConstExpr(to, guest, init, (index) => space.function(index));
    to.u8(END);
  }
  for (const { type, init, isMutable } of space.globals) {
    to.raw(...type, isMutable ? 1 : 0, ...init, END);
  }
}

function writeExports(
  to: Writer,
  guest: Guest,
  space: IndexSpace,
  added: Readonly<Record<'reset' | 'restore' | 'enter', number>>,
): void {
  const names = Object.entries(added);
  to.u32(guest.exports.length + names.length);
  for (const { nameSpan, kind, kindByte, index } of guest.exports) {
    to.copy(guest.source, nameSpan.start, nameSpan.end);
    to.u8(kindByte);
    to.u32(kind === 'func' ? space.function(index) : index);
  }
  for (const [name, index] of names) {
    to.name(`${RESERVED}.${name}`);
    to.u8(0);
    to.u32(index);
  }
}

function writeElements(to: Writer, guest: Guest, space: IndexSpace, plan: ResetPlan): void {
  to.u32(guest.elements.length);
  for (const element of guest.elements) writeElement(to, guest, space, plan, element);
}

/** As it was, or passive where reset has to replay it. */
function writeElement(
  to: Writer,
  guest: Guest,
  space: IndexSpace,
  plan: ResetPlan,
  element: GuestElement,
): void {
  const move = (index: number): number => space.function(index);
  const isReplayed = element.offset !== undefined && plan.writtenTables.has(element.table);
  if (isReplayed) {
    to.u32(element.expressions === undefined ? 1 : 5);
    if (element.flags & 3) to.copy(guest.source, element.type.start, element.type.end);
    else to.u8(element.expressions === undefined ? 0x00 : FUNCREF);
  } else {
    to.u32(element.flags);
    if (element.offset !== undefined) {
      if (element.flags & 2) to.u32(element.table);
      writeConstExpr(to, guest, element.offset, move);
      to.u8(END);
    }
    to.copy(guest.source, element.type.start, element.type.end);
  }
  to.u32(element.count);
  if (element.expressions !== undefined) {
    for (const item of element.expressions) {
      writeConstExpr(to, guest, item, move);
      to.u8(END);
    }
    return;
  }
  const items = new Reader(guest.source, element.items.start, element.items.end);
  while (!items.done) to.u32(move(items.u32()));
}

function writeData(to: Writer, guest: Guest): void {
  to.u32(guest.data.length);
  for (const { payload } of guest.data) {
    to.u8(1);
    to.copy(guest.source, payload.start, payload.end);
  }
}

function describe(
  guest: Guest,
  space: IndexSpace,
  entry: Entry | undefined,
  code: CodePass,
  plan: ResetPlan,
  sections: readonly CustomSectionInfo[],
): RewriteInfo {
  const signature = signatures(guest);
  const memories = guest.memories.map(
    ({ maxPages: declaredMaxPages, shared: declaredShared, source }, index) => {
      const { name, minPages, maxPages, wide } = plan.memories[index]!;
      const imported = source !== undefined;
      return { name, minPages, maxPages, wide, declaredMaxPages, declaredShared, imported };
    },
  );
  return {
    iface: entry?.iface ?? 'none',
    memory: memories[0],
    memories,
    imports: guest.imports.map(({ module, name, kind, typeIndex }) =>
      kind === 'func'
        ? { module, name, kind, signature: signature(typeIndex) }
        : { module, name, kind },
    ),
    exports: guest.exports.map(({ name, kind }) => ({ name, kind })),
    functions: guest.functions.length - guest.importedFunctions,
    ...code.report.counts,
    bulkPolls: code.storage.splits,
    polls: named(guest, code.report.functions),
    dataSegments: guest.data.length,
    dataBytes: guest.data.reduce((sum, { length }) => sum + length, 0),
    elementSegments: guest.elements.length,
    resetGlobals: guest.globals.filter(({ mutable }) => mutable).length,
    resetTables: plan.writtenTables.size,
    hasStart: guest.start !== undefined,
    servesOnce: plan.usedGlobal !== undefined,
    bytesBefore: guest.source.length,
    bytesAfter: 0,
    reset: describeReset(guest, space, plan),
    sections,
    droppedSections: sections.filter(({ fate }) => fate === 'dropped').map(({ name }) => name),
  };
}

/** Each type is put in words once: it may be long, and many imports may have it. */
function signatures(guest: Guest): (typeIndex: number) => string {
  const source = new Reader(guest.source, 0, guest.source.length);
  const texts = new Map<number, string>();
  return (typeIndex) => {
    const text = texts.get(typeIndex) ?? signatureText(guest.types[typeIndex] as FuncType, source);
    texts.set(typeIndex, text);
    return text;
  };
}

function named(guest: Guest, functions: PollReport['functions']): FunctionPolls[] {
  if (functions.length === 0) return [];
  const nameOf = functionNamer(guest);
  return functions.map((one) => ({ name: nameOf(one.index), ...one }));
}
