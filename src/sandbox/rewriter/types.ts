import { hex, malformed } from './errors.ts';
import type { Reader, Span } from './reader.ts';

/** One entry of the type index space. Types are never rebuilt: spans of source bytes are enough to copy them. */
export type TypeDef =
  | {
      readonly kind: 'func';
      readonly params: Span;
      readonly paramCount: number;
      readonly results: Span;
      readonly resultCount: number;
    }
  | { readonly kind: 'struct'; readonly mutable: boolean }
  | {
      readonly kind: 'array';
      readonly mutable: boolean;
      /** The storage type of its items. */
      readonly element: Span;
    };

export type FuncType = Extract<TypeDef, { kind: 'func' }>;

const NUMBER_TYPES: ReadonlyMap<number, string> = new Map([
  [0x7f, 'i32'],
  [0x7e, 'i64'],
  [0x7d, 'f32'],
  [0x7c, 'f64'],
  [0x7b, 'v128'],
]);

/** Abstract heap types; as a value type each is the nullable reference to it. */
const HEAP_TYPES: ReadonlyMap<number, string> = new Map([
  [0x74, 'noexn'],
  [0x73, 'nofunc'],
  [0x72, 'noextern'],
  [0x71, 'none'],
  [0x70, 'func'],
  [0x6f, 'extern'],
  [0x6e, 'any'],
  [0x6d, 'eq'],
  [0x6c, 'i31'],
  [0x6b, 'struct'],
  [0x6a, 'array'],
  [0x69, 'exn'],
]);

export const FUNCREF = 0x70;
const REF = 0x64;
const REF_NULL = 0x63;

export function readHeapType(reader: Reader, typeCount: number): string {
  const start = reader.pos;
  const code = reader.s33();
  if (code >= 0) {
    // Within a recursion group a type may name one that comes later, so that the caller passes the bound it knows.
    if (code >= typeCount) throw malformed(`type ${code} of ${typeCount}`, start);
    return `${code}`;
  }
  const name = HEAP_TYPES.get(code & 0x7f);
  if (name === undefined || code < -0x40) throw reader.refuse(`heap type ${code}`, start);
  return name;
}

/** Reads a value type and returns its textual form. */
export function readValType(reader: Reader, typeCount: number): string {
  const start = reader.pos;
  const code = reader.u8();
  const number = NUMBER_TYPES.get(code);
  if (number !== undefined) return number;
  const heap = HEAP_TYPES.get(code);
  if (heap !== undefined) return `${heap}ref`;
  if (code === REF) return `(ref ${readHeapType(reader, typeCount)})`;
  if (code === REF_NULL) return `(ref null ${readHeapType(reader, typeCount)})`;
  throw reader.refuse(`value type ${hex(code)}`, start);
}

/** Reads a reference type and returns where its heap type stands, for a `ref.null` of the same type. */
export function readRefType(reader: Reader, typeCount: number): Span {
  const start = reader.pos;
  const first = reader.bytes[start];
  const text = readValType(reader, typeCount);
  if (NUMBER_TYPES.has(first ?? 0)) throw malformed(`${text} where a reference type is due`, start);
  const heapStart = first === REF || first === REF_NULL ? start + 1 : start;
  return { start: heapStart, end: reader.pos };
}

/** Any type index is accepted while the section is still being read; V8 has checked, or will check, the order. */
const ANY_TYPE = 0x1_0000_0000;

function readValTypes(reader: Reader): { span: Span; count: number } {
  const count = reader.count('value types');
  const start = reader.pos;
  for (let index = 0; index < count; index += 1) readValType(reader, ANY_TYPE);
  return { span: { start, end: reader.pos }, count };
}

/** Reads a field's storage type and mutability; true if it is mutable. */
function readField(reader: Reader): boolean {
  const code = reader.bytes[reader.pos];
  if (code === 0x78 || code === 0x77) reader.u8();
  else readValType(reader, ANY_TYPE);
  return readMutability(reader);
}

export function readMutability(reader: Reader): boolean {
  const start = reader.pos;
  const flag = reader.u8();
  if (flag > 1) throw malformed(`mutability ${hex(flag)}`, start);
  return flag === 1;
}

function readComposite(reader: Reader): TypeDef {
  const start = reader.pos;
  const form = reader.u8();
  if (form === 0x60) {
    const params = readValTypes(reader);
    const results = readValTypes(reader);
    return {
      kind: 'func',
      params: params.span,
      paramCount: params.count,
      results: results.span,
      resultCount: results.count,
    };
  }
  if (form === 0x5e) {
    const at = reader.pos;
    const mutable = readField(reader);
    return { kind: 'array', mutable, element: { start: at, end: reader.pos - 1 } };
  }
  if (form === 0x5f) {
    const count = reader.count('fields', 2);
    let mutable = false;
    for (let index = 0; index < count; index += 1) mutable = readField(reader) || mutable;
    return { kind: 'struct', mutable };
  }
  throw reader.refuse(`type form ${hex(form)}`, start);
}

function readSubType(reader: Reader): TypeDef {
  const form = reader.bytes[reader.pos];
  if (form === 0x50 || form === 0x4f) {
    reader.u8();
    const count = reader.count('supertypes');
    for (let index = 0; index < count; index += 1) reader.u32();
  }
  return readComposite(reader);
}

/** Reads one entry of the type section: a type, or a group of types that may refer to each other. */
export function readTypeEntry(reader: Reader, types: TypeDef[]): void {
  if (reader.bytes[reader.pos] !== 0x4e || reader.done) {
    types.push(readSubType(reader));
    return;
  }
  reader.u8();
  const count = reader.count('types of a recursion group');
  for (let index = 0; index < count; index += 1) types.push(readSubType(reader));
}

/** `(i32, i64) -> (i32)`. */
export function signatureText(type: FuncType, source: Reader): string {
  const part = (span: Span): string => {
    source.pos = span.start;
    const words: string[] = [];
    while (source.pos < span.end) words.push(readValType(source, ANY_TYPE));
    return `(${words.join(', ')})`;
  };
  return `${part(type.params)} -> ${part(type.results)}`;
}
