import { RewriteError } from './errors.ts';
import type { Guest } from './guest.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

// The section `metadata.code.branch_hint`: per function, offsets of `if` and `br_if` (from the body's first byte, its
// local declarations) with 0 = unlikely to be taken, 1 = likely. Ours mark every poll as unlikely, so that V8 lays the
// slow path out of line; the guest's own are carried over to where their branches are now.

export const BRANCH_HINTS = 'metadata.code.branch_hint';
export const UNLIKELY = 0;
export const LIKELY = 1;

/** Hints of one function, ascending. */
export class HintList {
  readonly offsets: number[] = [];
  readonly values: number[] = [];

  push(offset: number, value: number): void {
    this.offsets.push(offset);
    this.values.push(value);
  }

  truncate(length: number): void {
    this.offsets.length = length;
    this.values.length = length;
  }
}

/**
 * The guest's hints by function index, or undefined when there are none or they cannot be read: hints may be ignored,
 * so that a broken section is dropped and not refused.
 */
export function readHints(guest: Guest): Map<number, HintList> | undefined {
  const section = guest.customs.find((custom) => custom.name === BRANCH_HINTS);
  if (section === undefined) return undefined;
  try {
    return parse(new Reader(guest.source, section.start, section.end));
  } catch (error) {
    if (error instanceof RewriteError) return undefined;
    throw error;
  }
}

function parse(reader: Reader): Map<number, HintList> {
  const byFunction = new Map<number, HintList>();
  const functions = reader.count('hinted functions', 2);
  for (let index = 0; index < functions; index += 1) {
    const list = new HintList();
    byFunction.set(reader.u32(), list);
    const count = reader.count('hints', 3);
    for (let hint = 0; hint < count; hint += 1) {
      const offset = reader.u32();
      const size = reader.u32();
      const at = reader.pos;
      reader.skip(size);
      if (size === 1) list.push(offset, reader.bytes[at]!);
    }
  }
  return byFunction;
}

/** Collects the output's section; functions come in ascending order. */
export class HintSection {
  readonly #body: Writer = new Writer(1024);
  #functions = 0;

  add(functionIndex: number, hints: HintList, offset: number): void {
    if (hints.offsets.length === 0) return;
    this.#functions += 1;
    this.#body.u32(functionIndex);
    this.#body.u32(hints.offsets.length);
    for (let index = 0; index < hints.offsets.length; index += 1) {
      this.#body.u32(hints.offsets[index]! + offset);
      this.#body.raw(1, hints.values[index]!);
    }
  }

  get empty(): boolean {
    return this.#functions === 0;
  }

  write(out: Writer): void {
    out.name(BRANCH_HINTS);
    out.u32(this.#functions);
    out.append(this.#body);
  }
}
