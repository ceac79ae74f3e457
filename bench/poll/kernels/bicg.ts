// s = A^T r and q = A p in one pass through A: two streams of sums in one loop.

import { checksum, clear, fill, get, row, set } from './shared/array';

const ROUNDS: i32 = 450;

export function run(n: i32): f64 {
  const a = __heap_base;
  const p = row(a, n, n);
  const r = row(p, 1, n);
  const q = row(r, 1, n);
  const s = row(q, 1, n);
  fill(a, n, n, 1);
  fill(p, 1, n, 2);
  fill(r, 1, n, 3);
  for (let round = 0; round < ROUNDS; round++) {
    clear(s, n);
    for (let i = 0; i < n; i++) {
      const ai = row(a, i, n);
      const ri = get(r, i);
      let sum: f64 = 0.0;
      for (let j = 0; j < n; j++) {
        const value = get(ai, j);
        set(s, j, get(s, j) + ri * value);
        sum += value * get(p, j);
      }
      set(q, i, sum);
    }
  }
  return checksum(q, n) + checksum(s, n);
}
