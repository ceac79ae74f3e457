// y = A^T (A x). A matrix that fits the cache is passed in no time, hence the rounds.

import { checksum, clear, fill, get, row, set } from './shared/array';

const ROUNDS: i32 = 320;

export function run(n: i32): f64 {
  const a = __heap_base;
  const x = row(a, n, n);
  const y = row(x, 1, n);
  fill(a, n, n, 1);
  fill(x, 1, n, 2);
  for (let round = 0; round < ROUNDS; round++) {
    clear(y, n);
    for (let i = 0; i < n; i++) {
      const ai = row(a, i, n);
      let sum: f64 = 0.0;
      for (let j = 0; j < n; j++) sum += get(ai, j) * get(x, j);
      for (let j = 0; j < n; j++) set(y, j, get(y, j) + get(ai, j) * sum);
    }
  }
  return checksum(y, n);
}
