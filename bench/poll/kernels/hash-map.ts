// Open addressing with linear probing: n keys inserted and counted, then looked up among others.

import { mix } from './shared/mix';

const ROUNDS: i32 = 20;
/** Key and value, an i32 each; key 0 is a free place. */
const ENTRY_SHIFT: usize = 3;

/** Entry of the key, or the free one where it belongs. The table is never full. */
@inline
function find(table: usize, mask: u32, key: u32): usize {
  let i = mix(key) & mask;
  while (true) {
    const entry = table + (<usize>i << ENTRY_SHIFT);
    const found = load<u32>(entry);
    if (found == key || found == 0) return entry;
    i = (i + 1) & mask;
  }
}

/** From 1 to 2n in no order; of n keys about a fifth come again, and of other n 60% are not among them. */
@inline
function keyOf(i: i32, n: i32): u32 {
  return 1 + (mix(i) % <u32>(2 * n));
}

export function run(n: i32): f64 {
  const table = __heap_base;
  // The next power of two above 2n: at most 2/5 full.
  const capacity = 1 << (32 - clz(2 * n));
  const mask = <u32>capacity - 1;
  let sum: f64 = 0.0;
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < capacity; i++) store<u64>(table + (<usize>i << ENTRY_SHIFT), 0);
    for (let i = 0; i < n; i++) {
      const key = keyOf(i + round, n);
      const entry = find(table, mask, key);
      store<u32>(entry, key);
      store<i32>(entry, load<i32>(entry, 4) + 1 + (i & 7), 4);
    }
    for (let i = 0; i < 2 * n; i++) {
      const key = keyOf(i, n);
      const entry = find(table, mask, key);
      if (load<u32>(entry) == key) sum += <f64>load<i32>(entry, 4);
      else sum -= 1.0;
    }
  }
  return sum;
}
