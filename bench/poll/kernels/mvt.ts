// x1 += A y1 by rows, then x2 += A^T y2 by columns.

import { checksum, fill, get, row, set } from './shared/array';

const ROUNDS: i32 = 300;

export function run(n: i32): f64 {
  const a = __heap_base;
  const x1 = row(a, n, n);
  const x2 = row(x1, 1, n);
  const y1 = row(x2, 1, n);
  const y2 = row(y1, 1, n);
  fill(a, n, n, 1);
  fill(x1, 1, n, 2);
  fill(x2, 1, n, 3);
  fill(y1, 1, n, 4);
  fill(y2, 1, n, 5);
  const stride = <usize>n << 3;
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < n; i++) {
      const ai = row(a, i, n);
      let sum = get(x1, i);
      for (let j = 0; j < n; j++) sum += get(ai, j) * get(y1, j);
      set(x1, i, sum);
    }
    for (let i = 0; i < n; i++) {
      let down = a + (<usize>i << 3);
      let sum = get(x2, i);
      for (let j = 0; j < n; j++) {
        sum += load<f64>(down) * get(y2, j);
        down += stride;
      }
      set(x2, i, sum);
    }
  }
  return checksum(x1, n) + checksum(x2, n);
}
