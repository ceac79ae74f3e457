// A = L U in place without pivots; the diagonal dominates, so that none is needed.

import { checksum, fill, get, row, set } from './shared/array';

/** What is left of element j of row i after the first `steps` columns of L and rows of U. */
@inline
function remainder(a: usize, ai: usize, j: i32, steps: i32, stride: usize): f64 {
  let rest = get(ai, j);
  let down = a + (<usize>j << 3);
  for (let k = 0; k < steps; k++) {
    rest -= get(ai, k) * load<f64>(down);
    down += stride;
  }
  return rest;
}

export function run(n: i32): f64 {
  const a = __heap_base;
  fill(a, n, n, 1);
  for (let i = 0; i < n; i++) {
    const ai = row(a, i, n);
    set(ai, i, get(ai, i) + <f64>n);
  }
  const stride = <usize>n << 3;
  for (let i = 0; i < n; i++) {
    const ai = row(a, i, n);
    for (let j = 0; j < i; j++) {
      set(ai, j, remainder(a, ai, j, j, stride) / get(row(a, j, n), j));
    }
    for (let j = i; j < n; j++) set(ai, j, remainder(a, ai, j, i, stride));
  }
  return checksum(a, n * n);
}
