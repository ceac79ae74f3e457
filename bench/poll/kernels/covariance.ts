// Covariance of n variables over n observations, one a row: means, deviations, then products of columns.

import { checksum, fill, get, row, set } from './shared/array';

export function run(n: i32): f64 {
  const data = __heap_base;
  const means = row(data, n, n);
  const result = row(means, 1, n);
  fill(data, n, n, 1);
  const stride = <usize>n << 3;
  for (let j = 0; j < n; j++) {
    let sum: f64 = 0.0;
    for (let i = 0; i < n; i++) sum += get(row(data, i, n), j);
    set(means, j, sum / <f64>n);
  }
  for (let i = 0; i < n; i++) {
    const observation = row(data, i, n);
    for (let j = 0; j < n; j++) set(observation, j, get(observation, j) - get(means, j));
  }
  for (let i = 0; i < n; i++) {
    for (let j = i; j < n; j++) {
      let left = data + (<usize>i << 3);
      let right = data + (<usize>j << 3);
      let sum: f64 = 0.0;
      for (let k = 0; k < n; k++) {
        sum += load<f64>(left) * load<f64>(right);
        left += stride;
        right += stride;
      }
      const value = sum / <f64>(n - 1);
      set(row(result, i, n), j, value);
      set(row(result, j, n), i, value);
    }
  }
  return checksum(result, n * n);
}
