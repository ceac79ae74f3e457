import type { Guest } from './guest.ts';
import type { Span } from './reader.ts';
import { Writer } from './writer.ts';

// What the rewriter adds to the guest's index spaces, and how the guest's own indices move.
//
//   space      guest's imports   added imports            guest's own   appended
//   functions  unchanged         interrupt [wait32 wait64] + shift      helpers
//   memories   all (now imported) control                  –            –
//   globals    unchanged         –                         unchanged    segment flags, logical size, used, null exception
//   types      unchanged         –                         unchanged    signatures, loop parameters
//   tables, tags, segments: unchanged
//
// Only functions move, because an import has to come before the guest's first own function.

export const I32 = 0x7f;
export const I64 = 0x7e;

/** A value type as it is encoded: mostly one byte. */
export type ValType = number | readonly number[];

export interface AddedImport {
  readonly name: string;
  readonly typeIndex: number;
}

export interface Helper {
  readonly name: string;
  readonly typeIndex: number;
  /** Writes locals and code, with the final `end`. Called after the guest's code, when all is known. */
  readonly write: (out: Writer) => void;
}

export interface AddedGlobal {
  readonly name: string;
  readonly index: number;
  /** What a mutable i32 begins with, and goes back to at reset; undefined for the constant null of no exception. */
  readonly value: number | undefined;
}

export class IndexSpace {
  readonly guest: Guest;
  readonly controlMemory: number;
  readonly imports: readonly AddedImport[];
  readonly helpers: Helper[];
  readonly globals: AddedGlobal[];
  readonly typeBytes: Writer;
  readonly waits: boolean;
  #typeCount: number;
  readonly #typeByKey: Map<string, number>;
  readonly #passThrough: Map<number, number>;

  constructor(guest: Guest) {
    this.guest = guest;
    this.controlMemory = guest.memories.length;
    this.helpers = [];
    this.globals = [];
    this.typeBytes = new Writer(64);
    this.#typeCount = 0;
    this.#typeByKey = new Map();
    this.#passThrough = new Map();
    this.waits = guest.memories.some(({ shared }) => shared);
    const imports = [{ name: 'interrupt', typeIndex: this.type([], [I32]) }];
    if (this.waits) {
      imports.push({ name: 'wait32', typeIndex: this.type([I32, I32, I64], [I32]) });
      imports.push({ name: 'wait64', typeIndex: this.type([I32, I64, I64], [I32]) });
    }
    this.imports = imports;
  }

  /** Where the guest's function `index` is now. */
  function(index: number): number {
    return index < this.guest.importedFunctions ? index : index + this.imports.length;
  }

  import(name: string): number {
    const at = this.imports.findIndex((added) => added.name === name);
    return this.guest.importedFunctions + at;
  }

  get addedTypes(): number {
    return this.#typeCount;
  }

  type(params: readonly ValType[], results: readonly ValType[]): number {
    const key = `${params.join()}>${results.join()}`;
    const known = this.#typeByKey.get(key);
    if (known !== undefined) return known;
    this.typeBytes.raw(0x60, params.length, ...params.flat());
    this.typeBytes.raw(results.length, ...results.flat());
    return this.#appendType(key);
  }

  /** The type P -> P for the parameters P of a function type: what the poll block of such a loop carries. */
  passThrough(typeIndex: number, params: Span, count: number): number {
    const known = this.#passThrough.get(typeIndex);
    if (known !== undefined) return known;
    this.typeBytes.u8(0x60);
    for (let side = 0; side < 2; side += 1) {
      this.typeBytes.u32(count);
      this.typeBytes.copy(this.guest.source, params.start, params.end);
    }
    const index = this.#appendType(`loop ${typeIndex}`);
    this.#passThrough.set(typeIndex, index);
    return index;
  }

  #appendType(key: string): number {
    const index = this.guest.types.length + this.#typeCount;
    this.#typeCount += 1;
    this.#typeByKey.set(key, index);
    return index;
  }

  helper(name: string, typeIndex: number, write: (out: Writer) => void): number {
    this.helpers.push({ name, typeIndex, write });
    return this.guest.functions.length + this.imports.length + this.helpers.length - 1;
  }

  /** An immutable global: the null of every type of exception. */
  nullException(): number {
    const known = this.globals.find(({ value }) => value === undefined);
    return known?.index ?? this.#addGlobal('$luge.null_exception', undefined);
  }

  global(name: string, value: number): number {
    return this.#addGlobal(name, value);
  }

  #addGlobal(name: string, value: number | undefined): number {
    const first = this.guest.importedGlobals + this.guest.globals.length;
    const index = first + this.globals.length;
    this.globals.push({ name, index, value });
    return index;
  }
}
