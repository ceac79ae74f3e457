// G = (A B) (C D); the sum of an element is kept in a register, the right factor is read by columns.

import { checksum, fill, get, row, set } from './shared/array';

function multiply(to: usize, left: usize, right: usize, n: i32): void {
  const stride = <usize>n << 3;
  for (let i = 0; i < n; i++) {
    const across = row(left, i, n);
    const out = row(to, i, n);
    for (let j = 0; j < n; j++) {
      let sum: f64 = 0.0;
      let down = right + (<usize>j << 3);
      for (let k = 0; k < n; k++) {
        sum += get(across, k) * load<f64>(down);
        down += stride;
      }
      set(out, j, sum);
    }
  }
}

export function run(n: i32): f64 {
  const a = __heap_base;
  const b = row(a, n, n);
  const c = row(b, n, n);
  const d = row(c, n, n);
  const e = row(d, n, n);
  const f = row(e, n, n);
  const g = row(f, n, n);
  fill(a, n, n, 1);
  fill(b, n, n, 2);
  fill(c, n, n, 3);
  fill(d, n, n, 4);
  multiply(e, a, b, n);
  multiply(f, c, d, n);
  multiply(g, e, f, n);
  return checksum(g, n * n);
}
