// In how many ways n queens stand on a board of n x n without one attacking another: row by row, each place
// compared with the queens above it.

const COLUMNS: usize = memory.data(64, 16);

function isFree(row: i32, column: i32): bool {
  for (let above = 0; above < row; above++) {
    const distance = column - <i32>load<u8>(COLUMNS + above);
    if (distance == 0 || abs(distance) == row - above) return false;
  }
  return true;
}

function place(row: i32, n: i32): i32 {
  if (row == n) return 1;
  let ways = 0;
  for (let column = 0; column < n; column++) {
    if (!isFree(row, column)) continue;
    store<u8>(COLUMNS + row, column);
    ways += place(row + 1, n);
  }
  return ways;
}

export function run(n: i32): f64 {
  return <f64>place(0, n);
}
