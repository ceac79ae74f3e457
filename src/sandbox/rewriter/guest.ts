import type { Span } from './reader.ts';
import type { TypeDef } from './types.ts';

// What the sections of a guest's module say, as far as the rewriter needs it: counts, indices, and spans of source
// bytes. Nothing here owns bytes.

export type ExternKind = 'func' | 'table' | 'memory' | 'global' | 'tag';

export interface GuestImport extends Span {
  readonly module: string;
  readonly name: string;
  readonly kind: ExternKind;
  /** Of a function or a tag. */
  readonly typeIndex: number;
}

export interface GuestExport {
  readonly nameSpan: Span;
  readonly name: string;
  readonly kind: ExternKind;
  readonly kindByte: number;
  readonly index: number;
}

export interface GuestMemory {
  readonly minPages: number;
  readonly maxPages: number | undefined;
  readonly shared: boolean;
  /** Addresses are i64. */
  readonly wide: boolean;
  /** What it is imported as, if it is: equal for two imports of the same thing. */
  readonly source: string | undefined;
  readonly offset: number;
}

/** A constant expression, without its final `end`. */
export interface ConstExpr extends Span {
  /** It makes an object whose fields can be written: two evaluations are not the same, nor is one after use. */
  readonly makesMutable: boolean;
  /** Of the arrays that it makes; infinite where their lengths are not plain constants. */
  readonly arrayBytes: number;
}

export interface GuestGlobal {
  readonly type: Span;
  readonly mutable: boolean;
  readonly init: ConstExpr;
}

export interface ImportedVariable {
  readonly index: number;
  readonly type: Span;
}

export interface GuestTable {
  /** From the reference type to the end of the limits. */
  readonly type: Span;
  readonly heapType: Span;
  readonly minElements: number;
  /** Infinite if there is none. */
  readonly maxElements: number;
  /** Indices are i64. */
  readonly wide: boolean;
  readonly init: ConstExpr | undefined;
}

export type SegmentMode = 'active' | 'passive' | 'declarative';

export interface GuestData {
  readonly mode: SegmentMode;
  /** Of an active one. */
  readonly memory: number;
  readonly offset: ConstExpr | undefined;
  /** The bytes with their length in front. */
  readonly payload: Span;
  readonly length: number;
}

export interface GuestElement {
  readonly flags: number;
  readonly mode: SegmentMode;
  readonly table: number;
  readonly offset: ConstExpr | undefined;
  /** Reference type or element kind, as it stands; empty for the two short forms. */
  readonly type: Span;
  readonly count: number;
  /** Of the items: function indices, or expressions when `expressions` is set. */
  readonly items: Span;
  readonly expressions: readonly ConstExpr[] | undefined;
}

export interface CustomSection extends Span {
  readonly name: string;
}

export interface Guest {
  readonly source: Uint8Array;
  readonly types: TypeDef[];
  typeEntries: number;
  typeBytes: Span;
  readonly imports: GuestImport[];
  /** Type index by function index, imported ones first. */
  readonly functions: number[];
  importedFunctions: number;
  functionBytes: Span;
  /** Imported ones first. */
  readonly tables: GuestTable[];
  importedTables: number;
  /** Imported ones first. */
  readonly memories: GuestMemory[];
  /** Type indices, imported ones first. */
  readonly tags: number[];
  importedTags: number;
  /** Globals that the module defines; indices begin at `importedGlobals`. */
  readonly globals: GuestGlobal[];
  importedGlobals: number;
  /** Those of the imported ones that are mutable. */
  readonly importedVariables: ImportedVariable[];
  readonly exports: GuestExport[];
  start: number | undefined;
  /** Of which constants and element segments make references. */
  readonly takenFunctions: Set<number>;
  readonly elements: GuestElement[];
  readonly data: GuestData[];
  dataCount: number | undefined;
  /** Of the bodies, behind their count. */
  code: Span;
  readonly customs: CustomSection[];
}
