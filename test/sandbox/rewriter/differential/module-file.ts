/**
 * What the sections of a binary declare, read apart from the rewriter's own reading of them, so that a fault of that one
 * cannot hide itself. The modules are those that V8 has accepted.
 */
import { Reader } from '../../../../src/sandbox/rewriter/reader.ts';
import {
  readMutability,
  readTypeEntry,
  readValType,
  type TypeDef,
} from '../../../../src/sandbox/rewriter/types.ts';
import { skipExpression } from './decoder.ts';

export type Kind = 'func' | 'table' | 'memory' | 'global' | 'tag';
export const KINDS: readonly Kind[] = ['func', 'table', 'memory', 'global', 'tag'];

export interface Section {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

export interface Limits {
  readonly min: bigint;
  readonly max: bigint | undefined;
  readonly shared: boolean;
  readonly is64: boolean;
}

export interface GlobalType {
  readonly type: string;
  readonly mutable: boolean;
}

export interface TableType {
  readonly type: string;
  readonly limits: Limits;
}

export interface Signature {
  readonly params: readonly string[];
  readonly results: readonly string[];
}

export interface ImportEntry {
  readonly module: string;
  readonly name: string;
  readonly kind: Kind;
  /** In its index space. */
  readonly index: number;
  readonly start: number;
  /** Where its type begins, behind the kind. */
  readonly typeStart: number;
  readonly end: number;
}

export class ModuleFile {
  readonly bytes: Uint8Array;
  readonly sections: Section[] = [];
  readonly types: TypeDef[] = [];
  readonly imports: ImportEntry[] = [];
  /** Type indices, imported ones first, as in all of these. */
  readonly functions: number[] = [];
  readonly tags: number[] = [];
  readonly tables: TableType[] = [];
  readonly memories: Limits[] = [];
  readonly globals: GlobalType[] = [];
  readonly exportNames: Set<string> = new Set();
  hasStart: boolean = false;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    const file = new Reader(bytes, 8, bytes.length);
    while (!file.done) {
      const id = file.u8();
      const content = file.sub(file.u32());
      this.sections.push({ id, start: content.pos, end: content.end });
      this.#read(id, content);
    }
  }

  imported(kind: Kind): readonly ImportEntry[] {
    return this.imports.filter((item) => item.kind === kind);
  }

  signature(functionIndex: number): Signature {
    return this.signatureOfType(this.functions[functionIndex]!);
  }

  signatureOfType(typeIndex: number): Signature {
    const type = this.types[typeIndex];
    if (type?.kind !== 'func') throw new Error(`type ${typeIndex} is of no function`);
    const list = ({ start, end }: { start: number; end: number }): string[] => {
      const reader = new Reader(this.bytes, start, end);
      const words: string[] = [];
      while (!reader.done) words.push(readValType(reader, this.types.length));
      return words;
    };
    return { params: list(type.params), results: list(type.results) };
  }

  /** The function bodies, each from behind its length. */
  *bodies(): Generator<Reader> {
    const code = this.sections.find(({ id }) => id === 10);
    if (code === undefined) return;
    const section = new Reader(this.bytes, code.start, code.end);
    for (let left = section.u32(); left > 0; left -= 1) yield section.sub(section.u32());
  }

  #read(id: number, content: Reader): void {
    const each = (read: () => void): void => {
      for (let left = content.u32(); left > 0; left -= 1) read();
    };
    if (id === 1) each(() => readTypeEntry(content, this.types));
    if (id === 2) each(() => this.#readImport(content));
    if (id === 3) each(() => this.functions.push(content.u32()));
    if (id === 4) each(() => this.#readTable(content));
    if (id === 5) each(() => this.memories.push(readLimits(content)));
    if (id === 6) {
      each(() => {
        this.globals.push(this.#readGlobalType(content));
        skipExpression(content);
      });
    }
    if (id === 7) {
      each(() => {
        this.exportNames.add(content.name());
        content.u8();
        content.u32();
      });
    }
    if (id === 8) this.hasStart = true;
    if (id === 13) each(() => this.#readTag(content));
  }

  #readImport(content: Reader): void {
    const start = content.pos;
    const module = content.name();
    const name = content.name();
    const kind = KINDS[content.u8()]!;
    const typeStart = content.pos;
    const index = this.#readImportType(content, kind);
    this.imports.push({ module, name, kind, index, start, typeStart, end: content.pos });
  }

  #readImportType(content: Reader, kind: Kind): number {
    switch (kind) {
      case 'func':
        return this.functions.push(content.u32()) - 1;
      case 'table':
        return this.#pushTable(content);
      case 'memory':
        return this.memories.push(readLimits(content)) - 1;
      case 'global':
        return this.globals.push(this.#readGlobalType(content)) - 1;
      case 'tag':
        return this.#readTag(content);
    }
  }

  #readTable(content: Reader): void {
    const hasInitializer = content.bytes[content.pos] === 0x40;
    if (hasInitializer) content.skip(2);
    this.#pushTable(content);
    if (hasInitializer) skipExpression(content);
  }

  #pushTable(content: Reader): number {
    const type = readValType(content, this.types.length);
    return this.tables.push({ type, limits: readLimits(content) }) - 1;
  }

  #readGlobalType(content: Reader): GlobalType {
    const type = readValType(content, this.types.length);
    return { type, mutable: readMutability(content) };
  }

  #readTag(content: Reader): number {
    content.u8();
    return this.tags.push(content.u32()) - 1;
  }
}

export function readLimits(reader: Reader): Limits {
  const flags = reader.u8();
  const min = readU64(reader);
  const max = flags & 1 ? readU64(reader) : undefined;
  return { min, max, shared: (flags & 2) !== 0, is64: (flags & 4) !== 0 };
}

function readU64(reader: Reader): bigint {
  let value = 0n;
  for (let shift = 0n; ; shift += 7n) {
    const byte = reader.u8();
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}
