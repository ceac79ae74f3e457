// What becomes of the guest's custom sections. The engine ignores them all but for names and branch hints; tools that read
// the others would be misled by one whose offsets or indices are those of the original.

import { BRANCH_HINTS } from './branch-hints.ts';
import type { Guest } from './guest.ts';
import { NAME_SECTION } from './names.ts';
import type { Writer } from './writer.ts';

export interface CustomSectionInfo {
  readonly name: string;
  /** Of its content, behind its name. */
  readonly bytes: number;
  readonly fate: 'kept' | 'corrected' | 'dropped';
  /** One clause, for people. */
  readonly why: string;
}

const DEBUG = 'its code offsets are those of the original';
const LINKING = 'it is for linkers, and the function indices in it are those of the original';

/** Sections that hold offsets or indices of the original and would lie about the output. */
const STALE: readonly (readonly [RegExp, string])[] = [
  [/^(\.debug_|sourceMappingURL$|external_debug_info$)/, DEBUG],
  [/^(reloc\.|linking$|dylink)/, LINKING],
  [/^metadata\.code\./, 'its offsets are those of the original code'],
];

/** Names and branch hints are written by files of their own, and whether they could be read is known there. */
export interface ReadSections {
  readonly names: boolean;
  readonly hints: boolean;
}

/** Writes those that stay as they are. The result has all, in the order of the file. */
export function copyCustoms(
  guest: Guest,
  section: (id: number, write: (section: Writer) => void) => void,
  read: ReadSections,
): CustomSectionInfo[] {
  const seen = new Set<string>();
  return guest.customs.map(({ name, start, end }) => {
    const fate = special(name, seen.has(name), read) ?? ordinary(name);
    seen.add(name);
    if (fate.fate === 'kept') {
      section(0, (to) => {
        to.name(name);
        to.copy(guest.source, start, end);
      });
    }
    return { name, bytes: end - start, ...fate };
  });
}

type Fate = Pick<CustomSectionInfo, 'fate' | 'why'>;

/** Undefined for a section that is neither. */
function special(name: string, isRepeated: boolean, read: ReadSections): Fate | undefined {
  if (name !== NAME_SECTION && name !== BRANCH_HINTS) return undefined;
  if (!(name === NAME_SECTION ? read.names : read.hints)) {
    return { fate: 'dropped', why: 'it cannot be read' };
  }
  if (isRepeated) {
    return { fate: 'dropped', why: 'only the first of that name counts' };
  }
  return name === NAME_SECTION
    ? { fate: 'corrected', why: 'function indices have moved; names of labels are left out' }
    : { fate: 'corrected', why: 'offsets and function indices have moved' };
}

function ordinary(name: string): Fate {
  const stale = STALE.find(([pattern]) => pattern.test(name));
  return stale === undefined
    ? { fate: 'kept', why: 'copied as it is' }
    : { fate: 'dropped', why: stale[1] };
}
