const utf8 = new TextEncoder();

// Below this length a loop beats TypedArray.set, which costs a subarray object and a call. Measured once at about 40
// on V8 14.6; the runs between two changed instructions are mostly shorter.
const SHORT_COPY_BYTES = 40;
const U32_BYTES_MAX = 5;

/**
 * Growing byte buffer. One of these per section and one scratch for function bodies, so that a module of any size is
 * written with a handful of allocations; arrays of numbers per function were four times slower.
 */
export class Writer {
  #bytes: Uint8Array<ArrayBuffer>;
  length: number;

  constructor(capacity: number = 256) {
    this.#bytes = new Uint8Array(Math.max(16, capacity));
    this.length = 0;
  }

  /** A view, valid until the next write. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.length);
  }

  /** A copy of exactly what was written. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.length);
  }

  /** Forgets everything behind `length`. */
  truncate(length: number): void {
    this.length = length;
  }

  /** Changes a byte that was written. */
  set(at: number, value: number): void {
    this.#bytes[at] = value;
  }

  u8(value: number): void {
    if (this.length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.length++] = value;
  }

  raw(...values: number[]): void {
    for (const value of values) this.u8(value);
  }

  u32(value: number): void {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.u8(rest);
  }

  s32(value: number): void {
    let rest = value | 0;
    while (rest < -0x40 || rest >= 0x40) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.u8(rest & 0x7f);
  }

  /** As an i64, wrapped. */
  s64(value: bigint): void {
    let rest = BigInt.asIntN(64, value);
    while (rest < -0x40n || rest >= 0x40n) {
      this.u8(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.u8(Number(rest & 0x7fn));
  }

  copy(source: Uint8Array, start: number, end: number): void {
    const count = end - start;
    if (this.length + count > this.#bytes.length) this.#grow(count);
    const bytes = this.#bytes;
    if (count > SHORT_COPY_BYTES) {
      bytes.set(source.subarray(start, end), this.length);
      this.length += count;
      return;
    }
    let at = this.length;
    for (let index = start; index < end; index += 1) bytes[at++] = source[index]!;
    this.length = at;
  }

  /** Puts `other` before all that was written. */
  prepend(other: Writer): void {
    const count = other.length;
    if (this.length + count > this.#bytes.length) this.#grow(count);
    this.#bytes.copyWithin(count, 0, this.length);
    this.#bytes.set(other.view());
    this.length += count;
  }

  append(other: Writer): void {
    this.copy(other.#bytes, 0, other.length);
  }

  /** `other` behind its length: a section's content, a function body. */
  sized(other: Writer): void {
    this.u32(other.length);
    this.append(other);
  }

  /** What `write` appends, behind its length; in place, since a section may be nearly the whole module. */
  sizedBy(write: (out: Writer) => void): void {
    const at = this.length;
    if (at + U32_BYTES_MAX > this.#bytes.length) this.#grow(U32_BYTES_MAX);
    const start = at + U32_BYTES_MAX;
    this.length = start;
    write(this);
    const end = this.length;
    this.length = at;
    this.u32(end - start);
    this.#bytes.copyWithin(this.length, start, end);
    this.length += end - start;
  }

  name(text: string): void {
    const bytes = utf8.encode(text);
    this.u32(bytes.length);
    this.copy(bytes, 0, bytes.length);
  }

  #grow(count: number): void {
    const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.length + count));
    bytes.set(this.#bytes.subarray(0, this.length));
    this.#bytes = bytes;
  }
}

/** Bytes that an LEB128 of `value` takes. */
export function u32Bytes(value: number): number {
  let bytes = 1;
  for (let rest = value >>> 7; rest !== 0; rest >>>= 7) bytes += 1;
  return bytes;
}

/** LEB128 of an unsigned number, as bytes. */
export function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return [...bytes, rest];
}

/** LEB128 of a signed number of 32 bits, or of an index as an s33. */
export function sleb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest < -0x40 || rest >= 0x40) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>= 7;
  }
  return [...bytes, rest & 0x7f];
}
