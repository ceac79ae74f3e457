// How an RNA strand of n bases folds with most pairs: dynamic programming over its parts, i32. Bases are 0 to
// 3, and two pair where they add up to 3.

import { mix } from './shared/mix';

export function run(n: i32): f64 {
  const table = __heap_base;
  const stride = <usize>n << 2;
  const bases = table + <usize>n * stride;
  for (let i = 0; i < n; i++) store<u8>(bases + i, mix(i) & 3);
  for (let i = 0; i < n * n; i++) store<i32>(table + (<usize>i << 2), 0);
  for (let i = n - 1; i >= 0; i--) {
    const here = table + <usize>i * stride;
    const below = here + stride;
    const base = <i32>load<u8>(bases + i);
    for (let j = i + 1; j < n; j++) {
      const at = <usize>j << 2;
      let best = max(load<i32>(here + at - 4), load<i32>(below + at));
      // Neighbours do not pair: the strand cannot bend that far.
      const pair = i < j - 1 && base + <i32>load<u8>(bases + j) == 3 ? 1 : 0;
      best = max(best, load<i32>(below + at - 4) + pair);
      // Two parts side by side: i to k, and k + 1 to j.
      let down = below + stride + at;
      for (let k = i + 1; k < j; k++) {
        best = max(best, load<i32>(here + (<usize>k << 2)) + load<i32>(down));
        down += stride;
      }
      store<i32>(here + at, best);
    }
  }
  let sum: f64 = 0.0;
  for (let i = 0; i < n * n; i++) sum += <f64>(load<i32>(table + (<usize>i << 2)) * (1 + (i & 3)));
  return sum;
}
