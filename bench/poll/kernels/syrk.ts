// C = beta C + alpha A A^T, lower triangle: inner loops whose length grows from 1 to n.

import { checksum, fill, get, row, set } from './shared/array';

const ALPHA: f64 = 1.5;
const BETA: f64 = 1.2;

export function run(n: i32): f64 {
  const a = __heap_base;
  const c = row(a, n, n);
  fill(a, n, n, 1);
  fill(c, n, n, 2);
  const stride = <usize>n << 3;
  for (let i = 0; i < n; i++) {
    const ai = row(a, i, n);
    const ci = row(c, i, n);
    for (let j = 0; j <= i; j++) set(ci, j, get(ci, j) * BETA);
    for (let k = 0; k < n; k++) {
      const factor = ALPHA * get(ai, k);
      let down = a + (<usize>k << 3);
      for (let j = 0; j <= i; j++) {
        set(ci, j, get(ci, j) + factor * load<f64>(down));
        down += stride;
      }
    }
  }
  return checksum(c, n * n);
}
