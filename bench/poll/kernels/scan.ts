// memchr and memcmp as a simple library has them, a byte a step: the smallest loops there are.

import { fillBytes } from './shared/mix';

const ROUNDS: i32 = 24;
const NEEDLE: u8 = 0x80;

/** Offset of the first such byte, or `count`. */
function find(from: usize, count: i32, byte: u8): i32 {
  for (let i = 0; i < count; i++) {
    if (load<u8>(from + i) == byte) return i;
  }
  return count;
}

/** Offset of the first difference, or `count`. */
function compare(left: usize, right: usize, count: i32): i32 {
  let i = 0;
  while (i < count && load<u8>(left + i) == load<u8>(right + i)) i++;
  return i;
}

export function run(n: i32): f64 {
  const text = __heap_base;
  const copy = text + <usize>n;
  fillBytes(text, n);
  for (let i = 0; i < n; i++) {
    const byte = load<u8>(text + i) & 0x7f;
    store<u8>(text + i, byte);
    store<u8>(copy + i, byte);
  }
  let sum: f64 = 0.0;
  for (let round = 0; round < ROUNDS; round++) {
    // Somewhere in the last third.
    const at = n - 1 - ((round * 7919) % (n / 3));
    const byte = load<u8>(text + at);
    store<u8>(text + at, NEEDLE);
    sum += <f64>find(text, n, NEEDLE) + <f64>compare(text, copy, n) * 2.0;
    store<u8>(text + at, byte);
  }
  return sum;
}
