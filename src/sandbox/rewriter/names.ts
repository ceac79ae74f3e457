// The name section: what stack traces and profilers show. Function indices move; labels are dropped, since the polled
// loops have other labels around them; the rest is copied.

import { RewriteError } from './errors.ts';
import type { Guest } from './guest.ts';
import type { IndexSpace } from './index-space.ts';
import { Reader, type Span } from './reader.ts';
import { Writer } from './writer.ts';

export const NAME_SECTION = 'name';
const FUNCTIONS = 1;
const LOCALS = 2;
const LABELS = 3;

interface Subsection extends Span {
  readonly id: number;
}

/**
 * Writes the section's content. A guest's section that cannot be read is left out, since names have no meaning to the
 * engine; returns whether it could.
 */
export function writeNames(out: Writer, guest: Guest, space: IndexSpace): boolean {
  out.name(NAME_SECTION);
  const read = readSubsections(guest);
  const subsections = read ?? [];
  let hasFunctions = false;
  for (const subsection of subsections) {
    if (subsection.id === LABELS) continue;
    if (!hasFunctions && subsection.id >= FUNCTIONS) {
      hasFunctions = true;
      writeFunctions(out, guest, space, subsection.id === FUNCTIONS ? subsection : undefined);
    }
    if (subsection.id === LOCALS) writeLocals(out, guest, space, subsection);
    else if (subsection.id !== FUNCTIONS) writeCopy(out, guest, subsection);
  }
  if (!hasFunctions) writeFunctions(out, guest, space, undefined);
  return read !== undefined;
}

/** Undefined if the section is broken. */
function readSubsections(guest: Guest): Subsection[] | undefined {
  const section = guest.customs.find((custom) => custom.name === NAME_SECTION);
  if (section === undefined) return [];
  const found: Subsection[] = [];
  try {
    const reader = new Reader(guest.source, section.start, section.end);
    while (!reader.done) {
      const id = reader.u8();
      const body = reader.sub(reader.u32());
      if (found.some((other) => other.id >= id)) return undefined;
      found.push({ id, start: body.pos, end: body.end });
      if (id === FUNCTIONS) readFunctionNames(body);
      if (id === LOCALS) checkLocals(body);
    }
  } catch (error) {
    if (error instanceof RewriteError) return undefined;
    throw error;
  }
  return found;
}

/** A name for each function: from the name section, else that of an export, else `func[index]`. */
export function functionNamer(guest: Guest): (index: number) => string {
  const names = new Map<number, string>();
  for (const { kind, index, name } of guest.exports) {
    if (kind === 'func' && !names.has(index)) names.set(index, name);
  }
  const section = readSubsections(guest)?.find(({ id }) => id === FUNCTIONS);
  if (section !== undefined) {
    // A name that is no UTF-8 shows its replacement characters: it is for people.
    const utf8 = new TextDecoder();
    for (const [index, span] of readFunctionNames(
      new Reader(guest.source, section.start, section.end),
    )) {
      const text = new Reader(guest.source, span.start, span.end).nameSpan();
      names.set(index, utf8.decode(guest.source.subarray(text.start, text.end)));
    }
  }
  // An empty name names nothing.
  return (index) => names.get(index) || `func[${index}]`;
}

function readFunctionNames(body: Reader): [number, Span][] {
  const count = body.count('function names', 2);
  const names: [number, Span][] = [];
  for (let at = 0; at < count; at += 1) {
    const index = body.u32();
    const start = body.pos;
    body.nameSpan();
    names.push([index, { start, end: body.pos }]);
  }
  return names;
}

function checkLocals(body: Reader): void {
  const functions = body.count('functions with local names', 2);
  for (let at = 0; at < functions; at += 1) {
    body.u32();
    skipMap(body);
  }
}

function skipMap(body: Reader): void {
  const count = body.count('local names', 2);
  for (let at = 0; at < count; at += 1) {
    body.u32();
    body.nameSpan();
  }
}

function writeCopy(out: Writer, guest: Guest, subsection: Subsection): void {
  out.u8(subsection.id);
  out.u32(subsection.end - subsection.start);
  out.copy(guest.source, subsection.start, subsection.end);
}

/** The guest's names and those of what was added, ascending as the specification wants it. */
function writeFunctions(
  out: Writer,
  guest: Guest,
  space: IndexSpace,
  subsection: Subsection | undefined,
): void {
  const body = new Writer(
    1024 + (subsection === undefined ? 0 : subsection.end - subsection.start),
  );
  const own =
    subsection === undefined
      ? []
      : readFunctionNames(new Reader(guest.source, subsection.start, subsection.end));
  const added = (list: readonly { readonly name: string }[], first: number): void => {
    list.forEach(({ name }, at) => {
      body.u32(first + at);
      body.name(name);
    });
  };
  const guestNames = (from: number, to: number): number => {
    let count = 0;
    for (const [index, span] of own) {
      if (index < from || index >= to) continue;
      body.u32(space.function(index));
      body.copy(guest.source, span.start, span.end);
      count += 1;
    }
    return count;
  };
  let count = guestNames(0, guest.importedFunctions);
  added(
    space.imports.map(({ name }) => ({ name: `$luge.${name}` })),
    guest.importedFunctions,
  );
  count += guestNames(guest.importedFunctions, guest.functions.length);
  added(space.helpers, guest.functions.length + space.imports.length);
  const sized = new Writer(body.length + 8);
  sized.u32(count + space.imports.length + space.helpers.length);
  sized.append(body);
  out.u8(FUNCTIONS);
  out.sized(sized);
}

function writeLocals(out: Writer, guest: Guest, space: IndexSpace, subsection: Subsection): void {
  const reader = new Reader(guest.source, subsection.start, subsection.end);
  const body = new Writer(subsection.end - subsection.start + 16);
  const functions = reader.u32();
  body.u32(functions);
  for (let at = 0; at < functions; at += 1) {
    body.u32(space.function(reader.u32()));
    const start = reader.pos;
    skipMap(reader);
    body.copy(guest.source, start, reader.pos);
  }
  out.u8(LOCALS);
  out.sized(body);
}
