// A = L L^T in place, row by row. The upper triangle keeps what it held.

import { checksum, fillPositiveDefinite, get, row, set } from './shared/array';

export function run(n: i32): f64 {
  const a = __heap_base;
  fillPositiveDefinite(a, n);
  for (let i = 0; i < n; i++) {
    const ai = row(a, i, n);
    for (let j = 0; j < i; j++) {
      const aj = row(a, j, n);
      let rest = get(ai, j);
      for (let k = 0; k < j; k++) rest -= get(ai, k) * get(aj, k);
      set(ai, j, rest / get(aj, j));
    }
    let rest = get(ai, i);
    for (let k = 0; k < i; k++) rest -= get(ai, k) * get(ai, k);
    set(ai, i, sqrt(rest));
  }
  return checksum(a, n * n);
}
