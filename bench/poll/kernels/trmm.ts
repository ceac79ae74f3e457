// B = alpha A^T B with A lower triangular and 1 on its diagonal: columns of both, lengths from n to 1.

import { checksum, fill, get, row, set } from './shared/array';

const ALPHA: f64 = 1.5;

export function run(n: i32): f64 {
  const a = __heap_base;
  const b = row(a, n, n);
  fill(a, n, n, 1);
  fill(b, n, n, 2);
  const stride = <usize>n << 3;
  for (let i = 0; i < n; i++) {
    const bi = row(b, i, n);
    for (let j = 0; j < n; j++) {
      let sum = get(bi, j);
      let left = row(a, i + 1, n) + (<usize>i << 3);
      let right = row(b, i + 1, n) + (<usize>j << 3);
      for (let k = i + 1; k < n; k++) {
        sum += load<f64>(left) * load<f64>(right);
        left += stride;
        right += stride;
      }
      set(bi, j, ALPHA * sum);
    }
  }
  return checksum(b, n * n);
}
