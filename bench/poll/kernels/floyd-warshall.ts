// Shortest ways between all pairs of n places, lengths as i32.

import { mix } from './shared/mix';

/** Of a pair without a direct way; twice this still fits. */
const FAR: i32 = 1 << 28;

export function run(n: i32): f64 {
  const ways = __heap_base;
  const stride = <usize>n << 2;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const value = mix(i * n + j);
      const length = i == j ? 0 : value & 7 ? FAR : 1 + <i32>((value >> 8) % 1000);
      store<i32>(ways + <usize>i * stride + (<usize>j << 2), length);
    }
  }
  for (let k = 0; k < n; k++) {
    const second = ways + <usize>k * stride;
    for (let i = 0; i < n; i++) {
      const direct = ways + <usize>i * stride;
      const first = load<i32>(direct + (<usize>k << 2));
      for (let j = 0; j < n; j++) {
        const at = <usize>j << 2;
        const length = first + load<i32>(second + at);
        if (length < load<i32>(direct + at)) store<i32>(direct + at, length);
      }
    }
  }
  let sum: f64 = 0.0;
  for (let i = 0; i < n * n; i++) sum += <f64>(load<i32>(ways + (<usize>i << 2)) * (1 + (i & 3)));
  return sum;
}
