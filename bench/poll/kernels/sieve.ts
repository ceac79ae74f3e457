// Primes below n by Eratosthenes, a byte a number: the count, and the largest.

export function run(n: i32): f64 {
  const isComposite = __heap_base;
  for (let i = 0; i < n; i++) store<u8>(isComposite + i, 0);
  for (let i = 2; i * i < n; i++) {
    if (load<u8>(isComposite + i)) continue;
    for (let multiple = i * i; multiple < n; multiple += i) store<u8>(isComposite + multiple, 1);
  }
  let count = 0;
  let largest = 0;
  for (let i = 2; i < n; i++) {
    if (load<u8>(isComposite + i)) continue;
    count++;
    largest = i;
  }
  return <f64>count * 1e8 + <f64>largest;
}
