// Data without a pattern, by a formula: the same in every run.

/** Spreads the bits of a counter over the word (an odd multiplier near 2^32 over the golden ratio, between shifts). */
@inline
export function mix(counter: u32): u32 {
  let x = counter * 0x9e3779b1;
  x ^= x >> 15;
  x *= 0x85157af5;
  return x ^ (x >> 13);
}

/** Bytes 0 to 255. */
export function fillBytes(to: usize, count: i32): void {
  for (let i = 0; i < count; i++) store<u8>(to + i, mix(i));
}
