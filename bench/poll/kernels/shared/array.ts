// Row-major arrays of f64 in raw linear memory, laid out from __heap_base on: no object header, no bounds
// check. Kernels take the address of a row out of the loop over it, so that an inner loop holds what a C
// compiler leaves in one: the less it does, the more a poll in it weighs.

@inline
export function get(row: usize, i: i32): f64 {
  return load<f64>(row + (<usize>i << 3));
}

@inline
export function set(row: usize, i: i32, value: f64): void {
  store<f64>(row + (<usize>i << 3), value);
}

/** Address of row `i`; of what comes behind the matrix when `i` is the number of its rows. */
@inline
export function row(matrix: usize, i: i32, columns: i32): usize {
  return matrix + (<usize>(i * columns) << 3);
}

/** Values in [0, 1) that depend on the place; 97 is a prime, so that no usual size falls into its period. */
export function fill(matrix: usize, rows: i32, columns: i32, salt: i32): void {
  let to = matrix;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      store<f64>(to, <f64>((i * 7 + j * 13 + salt) % 97) / 97.0);
      to += 8;
    }
  }
}

export function clear(vector: usize, count: i32): void {
  for (let i = 0; i < count; i++) set(vector, i, 0.0);
}

/** Symmetric and positive definite: constant along diagonals, falling and convex away from the main one. */
export function fillPositiveDefinite(matrix: usize, n: i32): void {
  for (let i = 0; i < n; i++) {
    const to = row(matrix, i, n);
    for (let j = 0; j < n; j++) set(to, j, 1.0 / <f64>(1 + abs(i - j)));
    set(to, i, 2.0);
  }
}

/** Weighted by the place, so that two values that changed places do not go unseen. */
export function checksum(vector: usize, count: i32): f64 {
  let sum: f64 = 0.0;
  for (let i = 0; i < count; i++) sum += get(vector, i) * <f64>(1 + (i & 15));
  return sum;
}
