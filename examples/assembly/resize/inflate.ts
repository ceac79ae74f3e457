// Decompresses a zlib stream (RFC 1950, 1951) on demand: `read` makes exactly as many bytes as are
// asked for and stops in the middle of a block or a match, so a picture never has to be whole in memory.

import { adler32 } from './checksums';
import { HuffmanDecoder } from './huffman-decoder';
import { IdatSource } from './idat';
import { refuse, refusedStatus } from './refusal';

const WINDOW_BYTES: u32 = 0x8000;
const window: usize = memory.data(0x8000);
/** Code lengths of one block: 286 literals and lengths, then 30 distances. */
const lengths: usize = memory.data(320);
/** The order in which the lengths of the code length code are stored (RFC 1951, 3.2.7). */
const order: usize = memory.data<u8>([
  16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
]);

const END_OF_BLOCK: i32 = 256;

// What `read` finds itself in.
const BETWEEN_BLOCKS: i32 = 0;
const STORED: i32 = 1;
const COMPRESSED: i32 = 2;
const ENDED: i32 = 3;

function bad(message: string): bool {
  return refuse(400, 'PNG: ' + message);
}

export class Inflate {
  private hold: u64 = 0;
  /** Valid bits in `hold`; negative when more were used than there are. */
  private bits: i32 = 0;
  private state: i32 = BETWEEN_BLOCKS;
  private lastBlock: bool = false;
  private storedLeft: i32 = 0;
  private matchLeft: i32 = 0;
  private matchDistance: u32 = 0;
  private total: u32 = 0;
  private adler: u32 = 1;
  private literals: HuffmanDecoder = new HuffmanDecoder();
  private distances: HuffmanDecoder = new HuffmanDecoder();

  constructor(private source: IdatSource) {}

  /** Reads the head of the stream. */
  start(): bool {
    this.fill();
    const head = this.take(16);
    if (this.bits < 0) return bad('the compressed data end early');
    const method = head & 0x0f;
    const windowBits = ((head >> 4) & 0x0f) + 8;
    const check = ((head & 0xff) << 8) | (head >> 8);
    if (method != 8 || windowBits > 15 || check % 31 != 0) return bad('IDAT is no zlib stream');
    return head & 0x2000 ? bad('a preset dictionary is not allowed') : true;
  }

  /** Decompresses the next `bytes` to `target`. */
  read(target: usize, bytes: i32): bool {
    let done = 0;
    while (done < bytes) {
      let made = 0;
      if (this.matchLeft > 0) made = this.copyMatch(target + done, bytes - done);
      else if (this.state == COMPRESSED) made = this.inflate(target + done, bytes - done);
      else if (this.state == STORED) made = this.copyStored(target + done, bytes - done);
      else if (this.state == ENDED) return bad('the compressed data hold too few pixels');
      else if (!this.beginBlock()) return false;
      if (made < 0) return false;
      done += made;
    }
    this.adler = adler32(this.adler, target, bytes);
    return true;
  }

  /** Checks the end of the stream and of its last chunk. */
  finish(): bool {
    while (this.state != ENDED) {
      // Only an end of block may be left. One more byte of pixels is one too many.
      if (this.matchLeft > 0) return bad('the compressed data hold too many pixels');
      if (this.state == BETWEEN_BLOCKS) {
        if (!this.beginBlock()) return false;
      } else {
        const made = this.state == COMPRESSED ? this.inflate(window, 1) : this.copyStored(window, 1);
        if (made < 0) return false;
        if (made > 0) return bad('the compressed data hold too many pixels');
      }
    }
    this.take(this.bits & 7);
    this.fill();
    const stored = bswap<u32>(this.take(32));
    if (this.bits < 0) return bad('the compressed data end early');
    if (stored != this.adler) return bad('wrong checksum of the pixels (Adler-32)');
    // The rest of the chunks is of no use, but has checksums as well.
    while (this.source.refill()) {}
    return refusedStatus() == 0;
  }

  /** At least 56 bits in `hold`, as long as there is input. */
  @inline
  private fill(): void {
    const source = this.source;
    if (source.end - source.next >= 8) {
      // Bits above `bits` are read again next time, to the same places.
      this.hold |= load<u64>(source.next) << this.bits;
      source.next += (63 - this.bits) >> 3;
      this.bits |= 56;
    } else {
      this.fillSlowly();
    }
  }

  private fillSlowly(): void {
    const source = this.source;
    while (this.bits < 56) {
      if (source.next == source.end && !source.refill()) return;
      this.hold |= <u64>load<u8>(source.next) << this.bits;
      source.next++;
      this.bits += 8;
    }
  }

  @inline
  private take(count: i32): u32 {
    const value = <u32>(this.hold & ((<u64>1 << count) - 1));
    this.hold >>= count;
    this.bits -= count;
    return value;
  }

  private beginBlock(): bool {
    if (this.lastBlock) {
      this.state = ENDED;
      return true;
    }
    this.fill();
    this.lastBlock = this.take(1) != 0;
    const kind = this.take(2);
    if (this.bits < 0) return bad('the compressed data end early');
    if (kind == 0) return this.beginStored();
    if (kind == 3) return bad('the compressed data are damaged (block type 3)');
    if (!(kind == 1 ? this.fixedCodes() : this.dynamicCodes())) {
      return bad('the compressed data are damaged (code lengths)');
    }
    this.state = COMPRESSED;
    return true;
  }

  private beginStored(): bool {
    this.take(this.bits & 7);
    this.fill();
    const length = this.take(16);
    const inverse = this.take(16);
    if (this.bits < 0) return bad('the compressed data end early');
    if ((length ^ inverse) != 0xffff) return bad('the compressed data are damaged (stored block)');
    this.storedLeft = <i32>length;
    this.state = STORED;
    return true;
  }

  private fixedCodes(): bool {
    memory.fill(lengths, 8, 144);
    memory.fill(lengths + 144, 9, 112);
    memory.fill(lengths + 256, 7, 24);
    memory.fill(lengths + 280, 8, 8);
    if (!this.literals.build(lengths, 288)) return false;
    memory.fill(lengths, 5, 32);
    return this.distances.build(lengths, 32);
  }

  private dynamicCodes(): bool {
    this.fill();
    const literals = <i32>this.take(5) + 257;
    const distances = <i32>this.take(5) + 1;
    const codes = <i32>this.take(4) + 4;
    if (literals > 286 || distances > 30) return false;
    memory.fill(lengths, 0, 19);
    for (let i = 0; i < codes; i++) {
      this.fill();
      store<u8>(lengths + load<u8>(order + i), this.take(3));
    }
    // The code for the lengths is gone before the codes that it describes are built.
    if (!this.literals.build(lengths, 19)) return false;
    if (!this.codeLengths(literals + distances)) return false;
    if (load<u8>(lengths + END_OF_BLOCK) == 0) return false;
    return (
      this.literals.build(lengths, literals) && this.distances.build(lengths + literals, distances)
    );
  }

  private codeLengths(count: i32): bool {
    let i = 0;
    while (i < count) {
      this.fill();
      const entry = this.literals.decode(this.hold);
      if (entry < 0) return false;
      this.take(entry & 15);
      const symbol = entry >> 4;
      let value: u8 = 0;
      let times = 1;
      if (symbol < 16) {
        value = <u8>symbol;
      } else if (symbol == 16) {
        if (i == 0) return false;
        value = load<u8>(lengths + i - 1);
        times = 3 + this.take(2);
      } else {
        times = symbol == 17 ? 3 + this.take(3) : 11 + this.take(7);
      }
      if (this.bits < 0 || i + times > count) return false;
      memory.fill(lengths + i, value, times);
      i += times;
    }
    return true;
  }

  /** Decodes until the room is full, a match begins or the block ends; answers the bytes, -1 if bad. */
  private inflate(target: usize, room: i32): i32 {
    const start = target;
    const end = target + room;
    while (target < end) {
      this.fill();
      const entry = this.literals.decode(this.hold);
      if (entry < 0) return this.damaged();
      this.take(entry & 15);
      if (this.bits < 0) return this.damaged();
      const symbol = entry >> 4;
      if (symbol < END_OF_BLOCK) {
        store<u8>(window + (this.total & (WINDOW_BYTES - 1)), symbol);
        store<u8>(target, symbol);
        this.total++;
        target++;
        continue;
      }
      if (symbol == END_OF_BLOCK) {
        this.state = BETWEEN_BLOCKS;
        break;
      }
      if (!this.beginMatch(symbol - 257)) return this.damaged();
      target += this.copyMatch(target, <i32>(end - target));
    }
    return <i32>(target - start);
  }

  private damaged(): i32 {
    bad(this.bits < 0 ? 'the compressed data end early' : 'the compressed data are damaged');
    return -1;
  }

  /** RFC 1951, 3.2.5. The bases of its tables follow a rule: four codes, then one extra bit more. */
  private beginMatch(lengthCode: i32): bool {
    if (lengthCode > 28) return false;
    if (lengthCode < 8) {
      this.matchLeft = 3 + lengthCode;
    } else if (lengthCode == 28) {
      this.matchLeft = 258;
    } else {
      const extra = (lengthCode >> 2) - 1;
      this.matchLeft = 3 + ((4 + (lengthCode & 3)) << extra) + this.take(extra);
    }
    const entry = this.distances.decode(this.hold);
    if (entry < 0) return false;
    this.take(entry & 15);
    const code = entry >> 4;
    if (code > 29) return false;
    if (code < 4) {
      this.matchDistance = 1 + code;
    } else {
      const extra = (code >> 1) - 1;
      this.matchDistance = 1 + ((2 + (code & 1)) << extra) + this.take(extra);
    }
    return this.bits >= 0 && this.matchDistance <= this.total;
  }

  private copyMatch(target: usize, room: i32): i32 {
    const bytes = min(this.matchLeft, room);
    let total = this.total;
    const distance = this.matchDistance;
    for (let i = 0; i < bytes; i++) {
      const byte = load<u8>(window + ((total - distance) & (WINDOW_BYTES - 1)));
      store<u8>(window + (total & (WINDOW_BYTES - 1)), byte);
      store<u8>(target + i, byte);
      total++;
    }
    this.total = total;
    this.matchLeft -= bytes;
    return bytes;
  }

  private copyStored(target: usize, room: i32): i32 {
    const bytes = min(this.storedLeft, room);
    for (let i = 0; i < bytes; i++) {
      if (this.bits < 8) this.fill();
      const byte = this.take(8);
      if (this.bits < 0) return this.damaged();
      store<u8>(window + (this.total & (WINDOW_BYTES - 1)), byte);
      store<u8>(target + i, byte);
      this.total++;
    }
    this.storedLeft -= bytes;
    if (this.storedLeft == 0) this.state = BETWEEN_BLOCKS;
    return bytes;
  }
}
