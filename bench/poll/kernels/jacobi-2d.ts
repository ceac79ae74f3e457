// The mean of a cell and its four neighbours, there and back between two grids.

import { checksum, fill, get, row, set } from './shared/array';

const STEPS: i32 = 220;

@inline
function sweep(to: usize, from: usize, n: i32): void {
  for (let i = 1; i < n - 1; i++) {
    const above = row(from, i - 1, n);
    const here = row(from, i, n);
    const below = row(from, i + 1, n);
    const out = row(to, i, n);
    for (let j = 1; j < n - 1; j++) {
      const beside = get(here, j) + get(here, j - 1) + get(here, j + 1);
      set(out, j, 0.2 * (beside + get(below, j) + get(above, j)));
    }
  }
}

export function run(n: i32): f64 {
  const a = __heap_base;
  const b = row(a, n, n);
  fill(a, n, n, 1);
  fill(b, n, n, 2);
  for (let step = 0; step < STEPS; step++) {
    sweep(b, a, n);
    sweep(a, b, n);
  }
  return checksum(a, n * n);
}
