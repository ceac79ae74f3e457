// A text of n code points of one to four bytes, checked byte by byte: overlong forms, surrogates and what lies
// beyond U+10FFFF are faults. Each round after the first has one byte broken.

import { mix } from './shared/mix';

const ROUNDS: i32 = 12;

/** Any code point but a surrogate; half of them ASCII, and the longer the rarer. */
function codePoint(i: i32): u32 {
  const value = mix(i);
  const bits = value >> 8;
  switch (value & 7) {
    case 0:
      return 0x1_0000 + (bits & 0xf_ffff);
    case 1:
      return 0xe000 + (bits & 0x1fff);
    case 2:
      return 0x800 + (bits & 0x7fff);
    case 3:
      return 0x80 + (bits % 0x780);
    default:
      return bits & 0x7f;
  }
}

/** Writes one code point; answers the address behind it. */
function encode(to: usize, code: u32): usize {
  if (code < 0x80) {
    store<u8>(to, code);
    return to + 1;
  }
  if (code < 0x800) {
    store<u8>(to, 0xc0 | (code >> 6));
    store<u8>(to, 0x80 | (code & 63), 1);
    return to + 2;
  }
  if (code < 0x1_0000) {
    store<u8>(to, 0xe0 | (code >> 12));
    store<u8>(to, 0x80 | ((code >> 6) & 63), 1);
    store<u8>(to, 0x80 | (code & 63), 2);
    return to + 3;
  }
  store<u8>(to, 0xf0 | (code >> 18));
  store<u8>(to, 0x80 | ((code >> 12) & 63), 1);
  store<u8>(to, 0x80 | ((code >> 6) & 63), 2);
  store<u8>(to, 0x80 | (code & 63), 3);
  return to + 4;
}

@inline
function isTail(byte: u32): bool {
  return (byte & 0xc0) == 0x80;
}

/** Code points of a valid text; of another, -1 - the offset of the sequence that is wrong. */
function validate(text: usize, bytes: i32): i32 {
  let count = 0;
  let i = 0;
  while (i < bytes) {
    const at = text + <usize>i;
    const lead = <u32>load<u8>(at);
    if (lead < 0x80) {
      i += 1;
    } else if (lead < 0xc2) {
      return -1 - i;
    } else if (lead < 0xe0) {
      if (i + 2 > bytes || !isTail(load<u8>(at, 1))) return -1 - i;
      i += 2;
    } else if (lead < 0xf0) {
      if (i + 3 > bytes) return -1 - i;
      const next = <u32>load<u8>(at, 1);
      if (!isTail(next) || !isTail(load<u8>(at, 2))) return -1 - i;
      if ((lead == 0xe0 && next < 0xa0) || (lead == 0xed && next > 0x9f)) return -1 - i;
      i += 3;
    } else if (lead < 0xf5) {
      if (i + 4 > bytes) return -1 - i;
      const next = <u32>load<u8>(at, 1);
      if (!isTail(next) || !isTail(load<u8>(at, 2)) || !isTail(load<u8>(at, 3))) return -1 - i;
      if ((lead == 0xf0 && next < 0x90) || (lead == 0xf4 && next > 0x8f)) return -1 - i;
      i += 4;
    } else {
      return -1 - i;
    }
    count += 1;
  }
  return count;
}

export function run(n: i32): f64 {
  const text = __heap_base;
  let end = text;
  for (let i = 0; i < n; i++) end = encode(end, codePoint(i));
  const bytes = <i32>(end - text);
  let sum = <f64>validate(text, bytes);
  for (let round = 1; round < ROUNDS; round++) {
    const broken = end - 1 - <usize>(round * 37) % <usize>bytes;
    const byte = load<u8>(broken);
    store<u8>(broken, 0xff);
    sum -= <f64>validate(text, bytes) * <f64>round;
    store<u8>(broken, byte);
  }
  return sum;
}
