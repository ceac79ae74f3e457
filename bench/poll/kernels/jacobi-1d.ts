// The mean of three neighbours, there and back between two vectors.

import { checksum, fill, get, row, set } from './shared/array';

const STEPS: i32 = 3000;

@inline
function sweep(to: usize, from: usize, n: i32): void {
  for (let i = 1; i < n - 1; i++) {
    set(to, i, 0.33333 * (get(from, i - 1) + get(from, i) + get(from, i + 1)));
  }
}

export function run(n: i32): f64 {
  const a = __heap_base;
  const b = row(a, 1, n);
  fill(a, 1, n, 1);
  fill(b, 1, n, 2);
  for (let step = 0; step < STEPS; step++) {
    sweep(b, a, n);
    sweep(a, b, n);
  }
  return checksum(a, n);
}
