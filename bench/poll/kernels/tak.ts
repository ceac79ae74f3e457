// Takeuchi's function of n, 2n/3 and n/3: four calls a step, of three arguments each.

function tak(x: i32, y: i32, z: i32): i32 {
  if (y >= x) return z;
  return tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y));
}

export function run(n: i32): f64 {
  return <f64>tak(n, (n * 2) / 3, n / 3);
}
