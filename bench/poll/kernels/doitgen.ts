// A[r][q] = A[r][q] C for every r and q: a small product with a row between, n x n rows of n.

import { checksum, fill, get, row, set } from './shared/array';

export function run(n: i32): f64 {
  const a = __heap_base;
  const c = row(a, n * n, n);
  const sums = row(c, n, n);
  fill(a, n * n, n, 1);
  fill(c, n, n, 2);
  const stride = <usize>n << 3;
  for (let r = 0; r < n; r++) {
    for (let q = 0; q < n; q++) {
      const from = row(a, r * n + q, n);
      for (let p = 0; p < n; p++) {
        let sum: f64 = 0.0;
        let down = c + (<usize>p << 3);
        for (let s = 0; s < n; s++) {
          sum += get(from, s) * load<f64>(down);
          down += stride;
        }
        set(sums, p, sum);
      }
      for (let p = 0; p < n; p++) set(from, p, get(sums, p));
    }
  }
  return checksum(a, n * n * n);
}
