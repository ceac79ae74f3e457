// Heat in a cube: seven points, there and back between two grids.

import { checksum, fill, get, row, set } from './shared/array';

const STEPS: i32 = 110;

@inline
function second(before: f64, here: f64, behind: f64): f64 {
  return 0.125 * (behind - 2.0 * here + before);
}

@inline
function sweep(to: usize, from: usize, n: i32): void {
  for (let i = 1; i < n - 1; i++) {
    for (let j = 1; j < n - 1; j++) {
      const here = row(from, i * n + j, n);
      const left = row(from, (i - 1) * n + j, n);
      const right = row(from, (i + 1) * n + j, n);
      const above = row(from, i * n + j - 1, n);
      const below = row(from, i * n + j + 1, n);
      const out = row(to, i * n + j, n);
      for (let k = 1; k < n - 1; k++) {
        const value = get(here, k);
        const x = second(get(left, k), value, get(right, k));
        const y = second(get(above, k), value, get(below, k));
        const z = second(get(here, k - 1), value, get(here, k + 1));
        set(out, k, x + y + z + value);
      }
    }
  }
}

export function run(n: i32): f64 {
  const a = __heap_base;
  const b = row(a, n * n, n);
  fill(a, n * n, n, 1);
  fill(b, n * n, n, 2);
  for (let step = 0; step < STEPS; step++) {
    sweep(b, a, n);
    sweep(a, b, n);
  }
  return checksum(a, n * n * n);
}
