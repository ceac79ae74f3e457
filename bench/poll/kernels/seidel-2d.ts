// The mean of nine cells in place: each waits for the one before it.

import { checksum, fill, get, row, set } from './shared/array';

const STEPS: i32 = 70;

@inline
function three(cells: usize, j: i32): f64 {
  return get(cells, j - 1) + get(cells, j) + get(cells, j + 1);
}

export function run(n: i32): f64 {
  const a = __heap_base;
  fill(a, n, n, 1);
  for (let step = 0; step < STEPS; step++) {
    for (let i = 1; i < n - 1; i++) {
      const above = row(a, i - 1, n);
      const here = row(a, i, n);
      const below = row(a, i + 1, n);
      for (let j = 1; j < n - 1; j++) {
        set(here, j, (three(above, j) + three(here, j) + three(below, j)) / 9.0);
      }
    }
  }
  return checksum(a, n * n);
}
