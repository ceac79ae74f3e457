// An electromagnetic wave in the plane: the fields ex, ey and hz in turn, with a source along one edge.

import { checksum, fill, get, row, set } from './shared/array';

const STEPS: i32 = 220;

export function run(n: i32): f64 {
  const ex = __heap_base;
  const ey = row(ex, n, n);
  const hz = row(ey, n, n);
  fill(ex, n, n, 1);
  fill(ey, n, n, 2);
  fill(hz, n, n, 3);
  for (let step = 0; step < STEPS; step++) {
    for (let j = 0; j < n; j++) set(ey, j, <f64>step);
    for (let i = 1; i < n; i++) {
      const to = row(ey, i, n);
      const here = row(hz, i, n);
      const above = row(hz, i - 1, n);
      for (let j = 0; j < n; j++) set(to, j, get(to, j) - 0.5 * (get(here, j) - get(above, j)));
    }
    for (let i = 0; i < n; i++) {
      const to = row(ex, i, n);
      const here = row(hz, i, n);
      for (let j = 1; j < n; j++) set(to, j, get(to, j) - 0.5 * (get(here, j) - get(here, j - 1)));
    }
    for (let i = 0; i < n - 1; i++) {
      const to = row(hz, i, n);
      const along = row(ex, i, n);
      const here = row(ey, i, n);
      const below = row(ey, i + 1, n);
      for (let j = 0; j < n - 1; j++) {
        const turn = get(along, j + 1) - get(along, j) + get(below, j) - get(here, j);
        set(to, j, get(to, j) - 0.7 * turn);
      }
    }
  }
  return checksum(ex, n * n) + checksum(ey, n * n) + checksum(hz, n * n);
}
