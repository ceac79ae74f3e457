// Steps until each of n x n points of the plane leaves the circle of radius 2: a short loop that ends by surprise.

const STEPS_MAX: i32 = 200;

@inline
function steps(x0: f64, y0: f64): i32 {
  let x: f64 = 0.0;
  let y: f64 = 0.0;
  let count = 0;
  while (count < STEPS_MAX) {
    const xx = x * x;
    const yy = y * y;
    if (xx + yy > 4.0) break;
    y = 2.0 * x * y + y0;
    x = xx - yy + x0;
    count++;
  }
  return count;
}

export function run(n: i32): f64 {
  const image = __heap_base;
  const size = 3.0 / <f64>n;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const count = steps(<f64>j * size - 2.2, <f64>i * size - 1.5);
      store<u8>(image + <usize>(i * n + j), count);
    }
  }
  let sum: f64 = 0.0;
  for (let i = 0; i < n * n; i++) sum += <f64>(<i32>load<u8>(image + i) * (1 + (i & 15)));
  return sum;
}
