// Collects the answer and hands it to the host in parts of a few kilobytes: a host call per number
// would cost more than the filter.

import { writeBytes } from '../luge';

const CAPACITY: i32 = 8192;
const buffer: usize = memory.data(8192);
let used: i32 = 0;

export function flush(): void {
  if (used > 0) writeBytes(buffer, used);
  used = 0;
}

export function byte(value: u32): void {
  if (used == CAPACITY) flush();
  store<u8>(buffer + used, value);
  used++;
}

export function bytes(start: usize, count: i32): void {
  for (let i = 0; i < count; i++) byte(load<u8>(start + i));
}

function integer(value: u64): void {
  if (value >= 10) integer(value / 10);
  byte(0x30 + <u32>(value % 10));
}

/** A decimal with exactly `places` digits behind the point. */
export function fixed(value: f64, places: i32): void {
  let scale: u64 = 1;
  for (let i = 0; i < places; i++) scale *= 10;
  const scaled = <u64>(Math.abs(value) * <f64>scale + 0.5);
  if (value < 0 && scaled > 0) byte(0x2d);
  integer(scaled / scale);
  byte(0x2e);
  let rest = scaled % scale;
  for (scale /= 10; scale > 0; scale /= 10) {
    byte(0x30 + <u32>(rest / scale));
    rest %= scale;
  }
}
