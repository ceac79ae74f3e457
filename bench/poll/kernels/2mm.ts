// D = beta D + alpha A B C, through a matrix between them; sums are kept in memory, B and C are read by columns.

import { checksum, fill, get, row, set } from './shared/array';

const ALPHA: f64 = 1.5;
const BETA: f64 = 1.2;

export function run(n: i32): f64 {
  const a = __heap_base;
  const b = row(a, n, n);
  const c = row(b, n, n);
  const d = row(c, n, n);
  const between = row(d, n, n);
  fill(a, n, n, 1);
  fill(b, n, n, 2);
  fill(c, n, n, 3);
  fill(d, n, n, 4);
  const stride = <usize>n << 3;
  for (let i = 0; i < n; i++) {
    const ai = row(a, i, n);
    const to = row(between, i, n);
    for (let j = 0; j < n; j++) {
      set(to, j, 0.0);
      let down = b + (<usize>j << 3);
      for (let k = 0; k < n; k++) {
        set(to, j, get(to, j) + ALPHA * get(ai, k) * load<f64>(down));
        down += stride;
      }
    }
  }
  for (let i = 0; i < n; i++) {
    const from = row(between, i, n);
    const di = row(d, i, n);
    for (let j = 0; j < n; j++) {
      set(di, j, get(di, j) * BETA);
      let down = c + (<usize>j << 3);
      for (let k = 0; k < n; k++) {
        set(di, j, get(di, j) + get(from, k) * load<f64>(down));
        down += stride;
      }
    }
  }
  return checksum(d, n * n);
}
