// A(3, n) = 2^(n + 3) - 3: calls as deep as the result is large, many of them in tail position. A larger n would want
// more stack than unoptimized code has, hence the rounds.

const ROUNDS: i32 = 3;

function ackermann(m: i32, n: i32): i32 {
  if (m == 0) return n + 1;
  if (n == 0) return ackermann(m - 1, 1);
  return ackermann(m - 1, ackermann(m, n - 1));
}

export function run(n: i32): f64 {
  let sum: f64 = 0.0;
  for (let round = 0; round < ROUNDS; round++) sum += <f64>ackermann(3, n);
  return sum;
}
