// The Yule-Walker equations of a Toeplitz matrix: vectors alone, three short loops a step.

import { checksum, get, row, set } from './shared/array';

export function run(n: i32): f64 {
  const r = __heap_base;
  const y = row(r, 1, n);
  const z = row(y, 1, n);
  // 1, 1/2, 1/3 ... falls and is convex, hence the matrix is positive definite.
  for (let i = 0; i < n; i++) set(r, i, 1.0 / <f64>(i + 2));
  let alpha = -get(r, 0);
  let beta: f64 = 1.0;
  set(y, 0, alpha);
  for (let k = 1; k < n; k++) {
    beta *= 1.0 - alpha * alpha;
    let sum: f64 = 0.0;
    for (let i = 0; i < k; i++) sum += get(r, k - i - 1) * get(y, i);
    alpha = -(get(r, k) + sum) / beta;
    for (let i = 0; i < k; i++) set(z, i, get(y, i) + alpha * get(y, k - i - 1));
    for (let i = 0; i < k; i++) set(y, i, get(z, i));
    set(y, k, alpha);
  }
  return checksum(y, n);
}
