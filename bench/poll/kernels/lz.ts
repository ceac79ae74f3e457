// A Lempel-Ziv matcher: n bytes of words are packed into literals and copies, then unpacked and compared.
//
//   0 length bytes...           length literals, 1 to 255
//   length distance (2 bytes)   a copy of length bytes, 4 to 255, from distance bytes back, 1 to 65,535

import { mix } from './shared/mix';

const HASH_BITS: i32 = 13;
const MATCH_MIN: i32 = 4;
const LENGTH_MAX: i32 = 255;
const DISTANCE_MAX: i32 = 65_535;
const WORDS: u32 = 512;
/** Texts one after another, so that memory stays small. */
const ROUNDS: i32 = 6;
/** Position + 1 where a hash of four bytes was last seen; 0: never. */
const HEADS: usize = memory.data(4 << HASH_BITS, 16);

/** Words of 3 to 10 letters with a space behind each, the frequent ones more often. */
function write(text: usize, n: i32, salt: i32): void {
  let i = 0;
  for (let counter = salt * n; i < n; counter++) {
    const value = mix(counter);
    const id = (value % WORDS) & (value >> 16);
    const length = 3 + <i32>(mix(id) & 7);
    for (let letter = 0; letter < length && i < n; letter++) {
      store<u8>(text + i, 0x61 + (mix(id * 16 + letter) % 26));
      i++;
    }
    if (i < n) store<u8>(text + i, 0x20);
    i++;
  }
}

@inline
function headOf(four: u32): usize {
  return HEADS + (<usize>((four * 0x9e3779b1) >> (32 - HASH_BITS)) << 2);
}

/** Packs what was not matched; answers the address behind it. */
function literals(from: usize, end: usize, out: usize): usize {
  let at = from;
  let to = out;
  while (at < end) {
    const length = min<i32>(<i32>(end - at), LENGTH_MAX);
    store<u8>(to, 0);
    store<u8>(to, length, 1);
    to += 2;
    for (let i = 0; i < length; i++) store<u8>(to + i, load<u8>(at + i));
    to += length;
    at += length;
  }
  return to;
}

/** How many bytes are equal, LENGTH_MAX at most. */
@inline
function matchLength(left: usize, right: usize, end: usize): i32 {
  const most = min<i32>(<i32>(end - right), LENGTH_MAX);
  let length = 0;
  while (length < most && load<u8>(left + length) == load<u8>(right + length)) length++;
  return length;
}

/** Answers the address behind the packed bytes. */
function pack(text: usize, n: i32, out: usize): usize {
  for (let i = 0; i < 1 << HASH_BITS; i++) store<u32>(HEADS + (<usize>i << 2), 0);
  const end = text + <usize>n;
  let to = out;
  let unmatched = text;
  let i = 0;
  while (i <= n - MATCH_MIN) {
    const at = text + <usize>i;
    const head = headOf(load<u32>(at));
    const seen = load<i32>(head) - 1;
    store<i32>(head, i + 1);
    let length = 0;
    if (seen >= 0 && i - seen <= DISTANCE_MAX) length = matchLength(text + <usize>seen, at, end);
    if (length < MATCH_MIN) {
      i++;
      continue;
    }
    to = literals(unmatched, at, to);
    store<u8>(to, length);
    store<u16>(to, i - seen, 1);
    to += 3;
    i += length;
    unmatched = text + <usize>i;
  }
  return literals(unmatched, end, to);
}

/** Answers the address behind the unpacked bytes. Byte by byte, as a copy may reach into itself. */
function unpack(packed: usize, end: usize, out: usize): usize {
  let at = packed;
  let to = out;
  while (at < end) {
    let length = <i32>load<u8>(at);
    let from: usize;
    if (length == 0) {
      length = load<u8>(at, 1);
      from = at + 2;
      at = from + length;
    } else {
      from = to - <usize>load<u16>(at, 1);
      at += 3;
    }
    for (let i = 0; i < length; i++) store<u8>(to + i, load<u8>(from + i));
    to += length;
  }
  return to;
}

/** A hash of all packed bytes, and their number above its 32 bits; -1 where a text did not come back. */
export function run(n: i32): f64 {
  const text = __heap_base;
  const unpacked = text + <usize>n;
  const packed = unpacked + <usize>n;
  let bytes: usize = 0;
  let hash: u32 = 0;
  for (let round = 0; round < ROUNDS; round++) {
    write(text, n, round);
    const end = pack(text, n, packed);
    if (unpack(packed, end, unpacked) != packed) return -1.0;
    for (let i = 0; i < n; i++) {
      if (load<u8>(text + i) != load<u8>(unpacked + i)) return -1.0;
    }
    for (let at = packed; at < end; at++) hash = hash * 31 + load<u8>(at);
    bytes += end - packed;
  }
  return <f64>bytes * 4294967296.0 + <f64>hash;
}
