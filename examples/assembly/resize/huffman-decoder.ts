// Canonical Huffman codes (RFC 1951, 3.2.2), for reading. Short codes, nearly all that are met, are one
// look into a table by the next bits; longer ones go on bit by bit. One table for 15 bits would need no
// second step, but filling 32,768 entries for each block costs more than it saves.

const TABLE_BITS: i32 = 10;
const TABLE_SIZE: i32 = 1 << TABLE_BITS;
const MAX_BITS: i32 = 15;

export class HuffmanDecoder {
  /** For each run of TABLE_BITS bits: symbol << 4 | length, or 0 where the code is longer or none. */
  private table: StaticArray<u16> = new StaticArray<u16>(TABLE_SIZE);
  /** By length: how many codes, the first of them, and where its symbol is. */
  private count: StaticArray<i32> = new StaticArray<i32>(MAX_BITS + 1);
  private firstCode: StaticArray<i32> = new StaticArray<i32>(MAX_BITS + 1);
  private firstIndex: StaticArray<i32> = new StaticArray<i32>(MAX_BITS + 2);
  private symbols: StaticArray<u16> = new StaticArray<u16>(288);

  /** Takes the code lengths of `size` symbols; false if no such code can be. */
  build(lengths: usize, size: i32): bool {
    const count = this.count;
    count.fill(0);
    for (let s = 0; s < size; s++) count[load<u8>(lengths + s)]++;
    count[0] = 0;
    let left = 1;
    let used = 0;
    let code = 0;
    for (let bits = 1; bits <= MAX_BITS; bits++) {
      code = (code + count[bits - 1]) << 1;
      this.firstCode[bits] = code;
      this.firstIndex[bits] = used;
      used += count[bits];
      left = (left << 1) - count[bits];
      if (left < 0) return false;
    }
    // Codes may be left over only where there is one symbol, or none at all (RFC 1951, 3.2.7).
    if (left > 0 && !(used == 0 || (used == 1 && count[1] == 1))) return false;
    this.fill(lengths, size);
    return true;
  }

  private fill(lengths: usize, size: i32): void {
    const table = this.table;
    table.fill(0);
    const next = this.count;
    next.fill(0);
    for (let s = 0; s < size; s++) {
      const bits = <i32>load<u8>(lengths + s);
      if (bits == 0) continue;
      const nth = next[bits]++;
      this.symbols[this.firstIndex[bits] + nth] = <u16>s;
      if (bits > TABLE_BITS) continue;
      // Huffman codes are packed from their highest bit on, everything else from the lowest.
      const step = 1 << bits;
      for (let i = reversed(this.firstCode[bits] + nth, bits); i < TABLE_SIZE; i += step) {
        table[i] = <u16>((s << 4) | bits);
      }
    }
  }

  /** Symbol << 4 | length of the code that `bits` begin with, or -1. */
  @inline
  decode(bits: u64): i32 {
    const entry = <i32>unchecked(this.table[<i32>bits & (TABLE_SIZE - 1)]);
    return entry != 0 ? entry : this.decodeLong(bits);
  }

  private decodeLong(bits: u64): i32 {
    let code = 0;
    for (let length = 1; length <= MAX_BITS; length++) {
      code = (code << 1) | (<i32>bits & 1);
      bits >>= 1;
      const nth = code - this.firstCode[length];
      if (nth >= 0 && nth < this.count[length]) {
        return (<i32>this.symbols[this.firstIndex[length] + nth] << 4) | length;
      }
    }
    return -1;
  }
}

export function reversed(code: i32, bits: i32): i32 {
  let result = 0;
  for (let i = 0; i < bits; i++) {
    result = (result << 1) | (code & 1);
    code >>= 1;
  }
  return result;
}
