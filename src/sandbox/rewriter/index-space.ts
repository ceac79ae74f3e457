import type { Guest } from './guest.ts';
import type { Span } from './reader.ts';
import { sleb, Writer } from './writer.ts';

// What the rewriter adds to the guest's index spaces, and how the guest's own indices move.
//
//   space      guest's imports   added imports            guest's own   appended
//   functions  unchanged         interrupt [wait32 wait64] + shift      helpers
//   memories   all (now imported) control                  –            –
//   globals    unchanged         –                         unchanged    segment flags, logical sizes, used, saved imports, null exception
//   tables     unchanged         –                         unchanged    saved imports
//   types      unchanged         –                         unchanged    signatures, loop parameters
//   tags, segments: unchanged
//
// Only functions move, because an import has to come before the guest's first own function.

/** Value type and heap type: the reference to no exception. */
const NULL_EXNREF = 0x74;
const REF_NULL = 0xd0;
export const I32 = 0x7f;
export const I64 = 0x7e;
const I32_CONST = 0x41;
const ADDRESS_64 = 0x04;

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

/** All are mutable. */
export interface AddedGlobal {
  readonly name: string;
  readonly index: number;
  readonly type: readonly number[];
  /** A constant expression, without its `end`. */
  readonly init: readonly number[];
  /** It goes back to `init` at reset. */
  readonly isReset: boolean;
  /** False for a constant. */
  readonly isMutable: boolean;
}

export class IndexSpace {
  readonly guest: Guest;
  readonly controlMemory: number;
  readonly imports: readonly AddedImport[];
  readonly helpers: Helper[];
  readonly globals: AddedGlobal[];
  /** As they are encoded. */
  readonly tables: (readonly number[])[];
  readonly typeBytes: Writer;
  readonly waits: boolean;
  #typeCount: number;
  #nullException: number | undefined;
  readonly #typeByKey: Map<string, number>;
  readonly #passThrough: Map<number, number>;

  constructor(guest: Guest) {
    this.guest = guest;
    this.controlMemory = guest.memories.length;
    this.helpers = [];
    this.globals = [];
    this.tables = [];
    this.typeBytes = new Writer(64);
    this.#typeCount = 0;
    this.#nullException = undefined;
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
    this.#nullException ??= this.#addGlobal({
      name: '$luge.null_exception',
      type: [NULL_EXNREF],
      init: [REF_NULL, NULL_EXNREF],
      isReset: false,
      isMutable: false,
    });
    return this.#nullException;
  }

  /** An i32 that goes back to `value` at reset. */
  global(name: string, value: number): number {
    const init = [I32_CONST, ...sleb(value)];
    return this.#addGlobal({ name, type: [I32], init, isReset: true, isMutable: true });
  }

  /** A global that outlives a reset. */
  lastingGlobal(name: string, type: readonly number[], init: readonly number[]): number {
    return this.#addGlobal({ name, type, init, isReset: false, isMutable: true });
  }

  #addGlobal(global: Omit<AddedGlobal, 'index'>): number {
    const first = this.guest.importedGlobals + this.guest.globals.length;
    const index = first + this.globals.length;
    this.globals.push({ ...global, index });
    return index;
  }

  /** A table without a maximum that is empty to begin with; `type` is the reference type of its elements. */
  table(type: readonly number[], wide: boolean): number {
    this.tables.push([...type, wide ? ADDRESS_64 : 0, 0]);
    return this.guest.tables.length + this.tables.length - 1;
  }
}
