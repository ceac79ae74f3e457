// y = alpha A x + beta B x, both products in one loop.

import { checksum, fill, get, row, set } from './shared/array';

const ALPHA: f64 = 1.5;
const BETA: f64 = 1.2;
const ROUNDS: i32 = 800;

export function run(n: i32): f64 {
  const a = __heap_base;
  const b = row(a, n, n);
  const x = row(b, n, n);
  const y = row(x, 1, n);
  fill(a, n, n, 1);
  fill(b, n, n, 2);
  fill(x, 1, n, 3);
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < n; i++) {
      const ai = row(a, i, n);
      const bi = row(b, i, n);
      let first: f64 = 0.0;
      let second: f64 = 0.0;
      for (let j = 0; j < n; j++) {
        const value = get(x, j);
        first += get(ai, j) * value;
        second += get(bi, j) * value;
      }
      set(y, i, ALPHA * first + BETA * second);
    }
  }
  return checksum(y, n);
}
