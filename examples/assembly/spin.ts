// /spin?ms burns CPU for so many milliseconds, /spin?forever for ever: what a limit on running time
// and a preempting scheduler are tried with.

import { argument, decimal } from './argument';
import { clockNs, log, respond } from './luge';

const MAX_MS: i32 = 60_000;

/**
 * Steps between two looks at the clock. A host call is a place where a runtime may take over; a
 * function that makes one all the time would not show that loops are preempted.
 */
const STEPS: i32 = 16_384;

/** Marsaglia's xorshift64: each step needs the one before, so no compiler shortens the loop. */
function step(x: u64): u64 {
  x ^= x << 13;
  x ^= x >> 7;
  return x ^ (x << 17);
}

/** A non-zero state never becomes zero: the test is there so that the result is wanted. */
function spinForever(): void {
  let x: u64 = 88172645463325252;
  while (x != 0) x = step(x);
  log('spin: xorshift64 reached zero');
}

function spin(ms: i32): void {
  const endNs = clockNs() + <i64>ms * 1_000_000;
  let x: u64 = 88172645463325252;
  while (clockNs() < endNs && x != 0) {
    for (let i = 0; i < STEPS; i++) x = step(x);
  }
  if (x == 0) log('spin: xorshift64 reached zero');
}

export function handle(): void {
  const text = argument();
  if (text == 'forever') {
    spinForever();
    return;
  }
  const ms = decimal(text);
  if (ms < 0 || ms > MAX_MS) {
    respond(400, 'spin: expected milliseconds from 0 to 60000 or forever, as in /spin?100\n');
    return;
  }
  spin(ms);
  respond(200, 'spun ' + ms.toString() + ' ms\n');
}
