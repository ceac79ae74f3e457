// C = beta C + alpha A B, the inner loop along rows of B and C.

import { checksum, fill, get, row, set } from './shared/array';

const ALPHA: f64 = 1.5;
const BETA: f64 = 1.2;

export function run(n: i32): f64 {
  const a = __heap_base;
  const b = row(a, n, n);
  const c = row(b, n, n);
  fill(a, n, n, 1);
  fill(b, n, n, 2);
  fill(c, n, n, 3);
  for (let i = 0; i < n; i++) {
    const ai = row(a, i, n);
    const ci = row(c, i, n);
    for (let j = 0; j < n; j++) set(ci, j, get(ci, j) * BETA);
    for (let k = 0; k < n; k++) {
      const factor = ALPHA * get(ai, k);
      const bk = row(b, k, n);
      for (let j = 0; j < n; j++) set(ci, j, get(ci, j) + factor * get(bk, j));
    }
  }
  return checksum(c, n * n);
}
