import { malformed, RewriteError, unsupported } from './errors.ts';

/** A half-open range of the source file, in bytes. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Cursor over a range of the source. Every read is checked against the end of that range: the input may be garbage,
 * and a read past a `Uint8Array` gives `undefined`, which arithmetic would turn into a silent zero.
 */
export class Reader {
  readonly bytes: Uint8Array;
  pos: number;
  readonly end: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.bytes = bytes;
    this.pos = start;
    this.end = end;
  }

  get done(): boolean {
    return this.pos >= this.end;
  }

  u8(): number {
    if (this.pos >= this.end) throw this.#ranOut();
    return this.bytes[this.pos++]!;
  }

  /** LEB128 u32, at most five bytes and no bits beyond 32: what the specification and V8 accept. */
  u32(): number {
    if (this.pos >= this.end) throw this.#ranOut();
    const first = this.bytes[this.pos]!;
    if (first < 0x80) {
      this.pos += 1;
      return first;
    }
    return this.#longU32();
  }

  #longU32(): number {
    const start = this.pos;
    let result = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.u8();
      if (shift === 28 && byte > 0x0f) throw malformed('an unsigned LEB128 beyond 32 bits', start);
      result |= (byte & 0x7f) << shift;
      if (byte < 0x80) return result >>> 0;
    }
    throw malformed('an unsigned LEB128 beyond 32 bits', start);
  }

  /** LEB128 u64. */
  u64(): bigint {
    let result = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.u8();
      result |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, result);
    }
    throw malformed('an unsigned LEB128 beyond 64 bits', this.pos);
  }

  /** LEB128 s33: block types and heap types. Negative values are the one-byte codes, others are type indices. */
  s33(): number {
    const start = this.pos;
    let result = 0;
    let scale = 1;
    for (let count = 0; count < 5; count += 1) {
      const byte = this.u8();
      result += (byte & 0x7f) * scale;
      scale *= 0x80;
      if (byte < 0x80) return byte & 0x40 ? result - scale : result;
    }
    throw malformed('a signed LEB128 beyond 33 bits', start);
  }

  /** Steps over a LEB128 of at most `maxBytes` bytes whose value does not matter here. */
  skipLeb(maxBytes: number): void {
    const start = this.pos;
    for (let count = 0; count < maxBytes; count += 1) {
      if (this.u8() < 0x80) return;
    }
    throw malformed('an overlong LEB128', start);
  }

  skip(count: number): void {
    if (count > this.end - this.pos) throw this.#ranOut();
    this.pos += count;
  }

  /**
   * The count in front of a vector. Each item takes at least `minItemBytes`, so that a claimed count of 2^32 is
   * refused here and nothing is ever allocated that the file does not pay for in bytes.
   */
  count(what: string, minItemBytes: number = 1): number {
    const start = this.pos;
    const count = this.u32();
    if (count * minItemBytes > this.end - this.pos) {
      throw malformed(`${count} ${what}, more than there are bytes,`, start);
    }
    return count;
  }

  /** An index into a space of `limit` items. */
  index(what: string, limit: number): number {
    const start = this.pos;
    const index = this.u32();
    if (index >= limit) throw malformed(`${what} ${index} of ${limit}`, start);
    return index;
  }

  nameSpan(): Span {
    const length = this.count('bytes of name');
    const start = this.pos;
    this.pos += length;
    return { start, end: this.pos };
  }

  name(): string {
    const span = this.nameSpan();
    try {
      return utf8.decode(this.bytes.subarray(span.start, span.end));
    } catch {
      throw malformed('a name that is not UTF-8', span.start);
    }
  }

  /** A reader for the next `length` bytes, which this one steps over. */
  sub(length: number): Reader {
    const start = this.pos;
    this.skip(length);
    return new Reader(this.bytes, start, this.pos);
  }

  expectDone(what: string): void {
    if (!this.done) throw malformed(`bytes left over behind ${what}`, this.pos);
  }

  refuse(what: string, offset: number = this.pos): RewriteError {
    return unsupported(what, offset);
  }

  #ranOut(): RewriteError {
    if (this.end < this.bytes.length) {
      return malformed('a section or a function that ends within an item', this.pos);
    }
    return new RewriteError(
      'ERR_WASM_TRUNCATED',
      `the file ends at offset 0x${this.end.toString(16)}, within an item`,
      this.end,
    );
  }
}
