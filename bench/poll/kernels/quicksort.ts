// n i32 in no order: Hoare's partition about the median of three, insertion sort for what is short.

import { mix } from './shared/mix';

const SHORT: i32 = 16;

@inline
function at(array: usize, i: i32): i32 {
  return load<i32>(array + (<usize>i << 2));
}

@inline
function put(array: usize, i: i32, value: i32): void {
  store<i32>(array + (<usize>i << 2), value);
}

function insertion(array: usize, low: i32, high: i32): void {
  for (let i = low + 1; i <= high; i++) {
    const value = at(array, i);
    let j = i - 1;
    while (j >= low && at(array, j) > value) {
      put(array, j + 1, at(array, j));
      j--;
    }
    put(array, j + 1, value);
  }
}

function median(a: i32, b: i32, c: i32): i32 {
  return max(min(a, b), min(max(a, b), c));
}

function sort(array: usize, first: i32, last: i32): void {
  let low = first;
  let high = last;
  // Recursion into the shorter part alone keeps the stack at log2 n.
  while (high - low >= SHORT) {
    const pivot = median(at(array, low), at(array, (low + high) >> 1), at(array, high));
    let i = low - 1;
    let j = high + 1;
    while (true) {
      do i++;
      while (at(array, i) < pivot);
      do j--;
      while (at(array, j) > pivot);
      if (i >= j) break;
      const value = at(array, i);
      put(array, i, at(array, j));
      put(array, j, value);
    }
    if (j - low < high - j - 1) {
      sort(array, low, j);
      low = j + 1;
    } else {
      sort(array, j + 1, high);
      high = j;
    }
  }
  insertion(array, low, high);
}

export function run(n: i32): f64 {
  const array = __heap_base;
  for (let i = 0; i < n; i++) put(array, i, <i32>mix(i));
  sort(array, 0, n - 1);
  let sum: f64 = 0.0;
  for (let i = 0; i < n; i++) sum += <f64>at(array, i) * <f64>(1 + (i & 15));
  return sum;
}
