// Compresses to a zlib stream (RFC 1950, 1951): LZ77 over chains of equal three-byte hashes, with a
// match put off by one byte if the next one is longer; each block in the fixed code or its own.

import { adler32 } from './checksums';
import { HuffmanEncoder } from './huffman-encoder';
import { Spool } from './spool';

const WINDOW: i32 = 0x8000;
/** Two windows: the upper one is filled and becomes the lower one. */
const BUFFER: i32 = 2 * WINDOW;
const HASH_BITS: i32 = 14;
const MIN_MATCH: i32 = 3;
const MAX_MATCH: i32 = 258;
/** What has to be known ahead before a byte is coded, unless it is the end. */
const LOOKAHEAD: i32 = MAX_MATCH + 2;
/** A match of three so far back takes more bits than three literals. */
const FAR: i32 = 4096;
// How hard to look; about level 6 of zlib.
const MAX_CHAIN: i32 = 64;
const NICE_MATCH: i32 = 128;
const LAZY_BELOW: i32 = 32;
/** Literals and matches of a block. */
const TOKENS: i32 = 8192;

const END_OF_BLOCK: i32 = 256;
const LITERALS: i32 = 286;
/** The fixed code has two symbols more; they are never written, but the codes of others count them. */
const FIXED_LITERALS: i32 = 288;
const DISTANCES: i32 = 30;

const window: usize = memory.data(0x10000);
/** By hash: the last position; by position: the one before. 0 ends a chain, so it is never found. */
const heads: usize = memory.data(0x8000);
const chain: usize = memory.data(0x10000);
/** A literal, or length << 16 | distance. */
const tokens: usize = memory.data(0x8000);
/** Code lengths of a block with runs packed: symbol | extra bits << 8. */
const packed: usize = memory.data(640);
const order: usize = memory.data<u8>([
  16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
]);

@inline
function log2(value: u32): i32 {
  return 31 - <i32>clz(value);
}

@inline
function lengthExtra(length: i32): i32 {
  const n = length - MIN_MATCH;
  return n < 8 || length == MAX_MATCH ? 0 : log2(n) - 2;
}

@inline
function lengthSymbol(length: i32): i32 {
  if (length == MAX_MATCH) return 285;
  const extra = lengthExtra(length);
  return 257 + (extra << 2) + ((length - MIN_MATCH) >> extra);
}

@inline
function distanceExtra(distance: i32): i32 {
  return distance <= 4 ? 0 : log2(distance - 1) - 1;
}

@inline
function distanceSymbol(distance: i32): i32 {
  const extra = distanceExtra(distance);
  return (extra << 1) + ((distance - 1) >> extra);
}

export class Deflate {
  private filled: i32 = 0;
  /** The next byte to be coded. */
  private at: i32 = 0;
  private found: i32 = 0;
  private tokenCount: i32 = 0;
  private adler: u32 = 1;
  private hold: u64 = 0;
  private bits: i32 = 0;

  private literals: HuffmanEncoder = new HuffmanEncoder(FIXED_LITERALS, 15);
  private distances: HuffmanEncoder = new HuffmanEncoder(DISTANCES, 15);
  private codeLengths: HuffmanEncoder = new HuffmanEncoder(19, 7);

  constructor(private spool: Spool) {
    spool.byte(0x78); // deflate, window of 32 KiB
    spool.byte(0x9c); // default level, and the check bits
  }

  write(start: usize, bytes: i32): void {
    this.adler = adler32(this.adler, start, bytes);
    while (bytes > 0) {
      const part = min(bytes, BUFFER - this.filled);
      memory.copy(window + this.filled, start, part);
      this.filled += part;
      start += part;
      bytes -= part;
      if (this.filled == BUFFER) {
        this.code(BUFFER - LOOKAHEAD);
        this.slide();
      }
    }
  }

  finish(): void {
    this.code(this.filled);
    this.endBlock(true);
    if (this.bits > 0) this.put(0, (8 - (this.bits & 7)) & 7);
    this.put(bswap<u32>(this.adler), 32);
  }

  private slide(): void {
    memory.copy(window, window + WINDOW, this.filled - WINDOW);
    this.filled -= WINDOW;
    this.at -= WINDOW;
    for (let p = heads, end = heads + (2 << HASH_BITS); p < end; p += 2) {
      store<u16>(p, max<i32>(0, <i32>load<u16>(p) - WINDOW));
    }
    for (let p = chain, end = chain + 2 * WINDOW; p < end; p += 2) {
      store<u16>(p, max<i32>(0, <i32>load<u16>(p) - WINDOW));
    }
  }

  /** Codes up to `end`, or somewhat further. */
  private code(end: i32): void {
    while (this.at < end) {
      let length = this.find(this.at, MIN_MATCH - 1);
      let distance = this.found;
      this.remember(this.at);
      while (length >= MIN_MATCH && length < LAZY_BELOW && this.at + 1 < end) {
        const longer = this.find(this.at + 1, length);
        if (longer <= length) break;
        this.token(load<u8>(window + this.at));
        this.at++;
        this.remember(this.at);
        length = longer;
        distance = this.found;
      }
      if (length < MIN_MATCH) {
        this.token(load<u8>(window + this.at));
        this.at++;
      } else {
        this.token((length << 16) | distance);
        for (let i = 1; i < length; i++) this.remember(this.at + i);
        this.at += length;
      }
    }
  }

  @inline
  private slot(at: i32): usize {
    const three = load<u8>(window + at) | (<u32>load<u16>(window + at, 1) << 8);
    return heads + <usize>(((three * 0x9e3779b1) >> (32 - HASH_BITS)) << 1);
  }

  private remember(at: i32): void {
    if (at + MIN_MATCH > this.filled) return;
    const slot = this.slot(at);
    store<u16>(chain + <usize>((at & (WINDOW - 1)) << 1), load<u16>(slot));
    store<u16>(slot, at);
  }

  /** The longest match at `at` if it is longer than `best`, its distance in `found`; else `best`. */
  private find(at: i32, best: i32): i32 {
    const most = min(MAX_MATCH, this.filled - at);
    if (most < MIN_MATCH || best >= most) return best;
    const oldest = max(at - WINDOW + 1, 1);
    let candidate = <i32>load<u16>(this.slot(at));
    for (let looks = MAX_CHAIN; looks > 0 && candidate >= oldest; looks--) {
      const a = window + candidate;
      const b = window + at;
      if (load<u8>(a + best) == load<u8>(b + best)) {
        let length = 0;
        while (length < most && load<u8>(a + length) == load<u8>(b + length)) length++;
        if (length > best && (length > MIN_MATCH || at - candidate <= FAR)) {
          best = length;
          this.found = at - candidate;
          if (length >= NICE_MATCH || length == most) break;
        }
      }
      const before = <i32>load<u16>(chain + <usize>((candidate & (WINDOW - 1)) << 1));
      // What stands at this place may be newer by a lap.
      if (before >= candidate) break;
      candidate = before;
    }
    return best;
  }

  private token(value: u32): void {
    store<u32>(tokens + (this.tokenCount << 2), value);
    this.tokenCount++;
    if (value > 0xff) {
      unchecked(this.literals.frequency[lengthSymbol(value >> 16)]++);
      unchecked(this.distances.frequency[distanceSymbol(value & 0xffff)]++);
    } else {
      unchecked(this.literals.frequency[value]++);
    }
    if (this.tokenCount == TOKENS) this.endBlock(false);
  }

  private endBlock(last: bool): void {
    const literals = this.literals;
    const distances = this.distances;
    literals.frequency[END_OF_BLOCK] = 1;
    this.fixedLengths();
    const fixedBits = literals.cost() + distances.cost();
    literals.build();
    distances.build();
    const runs = this.packLengths();
    this.codeLengths.build();
    let kept = 19;
    while (kept > 4 && this.codeLengths.lengths[load<u8>(order + kept - 1)] == 0) kept--;
    const ownBits = literals.cost() + distances.cost() + this.headBits(kept);
    this.put(last ? 1 : 0, 1);
    if (ownBits < fixedBits) {
      this.put(2, 2);
      this.putHead(kept, runs);
    } else {
      this.put(1, 2);
      this.fixedLengths();
      literals.assign();
      distances.assign();
    }
    this.putTokens();
    literals.frequency.fill(0);
    distances.frequency.fill(0);
    this.tokenCount = 0;
  }

  private fixedLengths(): void {
    const lengths = this.literals.lengths;
    for (let s = 0; s < FIXED_LITERALS; s++) {
      lengths[s] = s < 144 ? 8 : s < 256 ? 9 : s < 280 ? 7 : 8;
    }
    this.distances.lengths.fill(5);
  }

  private lengthAt(i: i32): i32 {
    return i < LITERALS ? this.literals.lengths[i] : this.distances.lengths[i - LITERALS];
  }

  /** Packs runs of equal lengths (RFC 1951, 3.2.7) and counts what they become; answers how many. */
  private packLengths(): i32 {
    const frequency = this.codeLengths.frequency;
    frequency.fill(0);
    const total = LITERALS + DISTANCES;
    let count = 0;
    for (let i = 0; i < total; ) {
      const length = this.lengthAt(i);
      let run = 1;
      while (i + run < total && this.lengthAt(i + run) == length) run++;
      i += run;
      if (length != 0) {
        count = this.pack(count, length, 0);
        run--;
      }
      while (run >= 3) {
        const most = length == 0 ? 138 : 6;
        const part = min(run, most);
        if (length != 0) count = this.pack(count, 16, part - 3);
        else if (part <= 10) count = this.pack(count, 17, part - 3);
        else count = this.pack(count, 18, part - 11);
        run -= part;
      }
      for (; run > 0; run--) count = this.pack(count, length, 0);
    }
    return count;
  }

  private pack(count: i32, symbol: i32, extra: i32): i32 {
    store<u16>(packed + (count << 1), symbol | (extra << 8));
    this.codeLengths.frequency[symbol]++;
    return count + 1;
  }

  private headBits(kept: i32): u32 {
    const frequency = this.codeLengths.frequency;
    const extra = frequency[16] * 2 + frequency[17] * 3 + frequency[18] * 7;
    return 14 + 3 * kept + this.codeLengths.cost() + extra;
  }

  private putHead(kept: i32, runs: i32): void {
    const code = this.codeLengths;
    this.put(LITERALS - 257, 5);
    this.put(DISTANCES - 1, 5);
    this.put(kept - 4, 4);
    for (let i = 0; i < kept; i++) this.put(code.lengths[load<u8>(order + i)], 3);
    for (let i = 0; i < runs; i++) {
      const entry = <u32>load<u16>(packed + (i << 1));
      const symbol = entry & 0xff;
      this.put(code.codes[symbol], code.lengths[symbol]);
      if (symbol >= 16) this.put(entry >> 8, symbol == 16 ? 2 : symbol == 17 ? 3 : 7);
    }
  }

  private putTokens(): void {
    const literals = this.literals;
    const distances = this.distances;
    for (let i = 0; i < this.tokenCount; i++) {
      const token = load<u32>(tokens + (i << 2));
      if (token <= 0xff) {
        this.put(unchecked(literals.codes[token]), unchecked(literals.lengths[token]));
        continue;
      }
      const length = <i32>(token >> 16);
      const distance = <i32>(token & 0xffff);
      const l = lengthSymbol(length);
      const d = distanceSymbol(distance);
      const extra = lengthExtra(length);
      const far = distanceExtra(distance);
      this.put(unchecked(literals.codes[l]), unchecked(literals.lengths[l]));
      this.put((length - MIN_MATCH) & ((1 << extra) - 1), extra);
      this.put(unchecked(distances.codes[d]), unchecked(distances.lengths[d]));
      this.put((distance - 1) & ((1 << far) - 1), far);
    }
    this.put(literals.codes[END_OF_BLOCK], literals.lengths[END_OF_BLOCK]);
  }

  @inline
  private put(value: u32, count: i32): void {
    this.hold |= <u64>value << this.bits;
    this.bits += count;
    if (this.bits >= 8) this.drain();
  }

  private drain(): void {
    while (this.bits >= 8) {
      this.spool.byte(<u32>this.hold & 0xff);
      this.hold >>= 8;
      this.bits -= 8;
    }
  }
}
