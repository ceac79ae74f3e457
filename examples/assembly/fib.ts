// /fib?N answers the Nth Fibonacci number by naive recursion: pure CPU and calls, no memory. It is
// the sample that serverless papers (SLEdge among them) measure, so it stays naive on purpose.

import { argument, decimal } from './argument';
import { respond } from './luge';

/** fib(93) is the last that fits in 64 bits. */
const MAX_N: i32 = 93;

function fib(n: u32): u64 {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

export function handle(): void {
  const n = decimal(argument());
  if (n < 0 || n > MAX_N) {
    respond(400, 'fib: expected a number from 0 to 93, as in /fib?20 or curl -d 20\n');
    return;
  }
  respond(200, fib(n).toString() + '\n');
}
