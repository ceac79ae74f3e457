// One line of input: time_s,lat_deg,lon_deg[,accuracy_m]

import { Lines, MAX_LINE_BYTES } from './lines';

/** What a consumer receiver reaches under open sky; used where the line gives no accuracy. */
const DEFAULT_ACCURACY_M: f64 = 5.0;
/** Nearer to a pole a tangent plane of east and north makes no sense. */
const MAX_LAT_DEG: f64 = 89.9;

/** Why a line was refused; empty while all is well. */
export let complaint: string = '';

function refuse(reason: string): bool {
  complaint = reason;
  return false;
}

function isBlank(byte: u32): bool {
  return byte == 0x20 || byte == 0x09;
}

export class Fix {
  timeS: f64 = 0;
  latDeg: f64 = 0;
  lonDeg: f64 = 0;
  accuracyM: f64 = DEFAULT_ACCURACY_M;
  /** The time as it was written, to be answered with all its digits. */
  timeStart: usize = 0;
  timeBytes: i32 = 0;

  private at: usize = 0;
  private end: usize = 0;
  private value: f64 = 0;

  /** Reads the line; false, with a `complaint`, if it is not a fix. */
  parse(lines: Lines): bool {
    this.at = lines.start;
    this.end = lines.start + lines.bytes;
    if (lines.bytes > MAX_LINE_BYTES) {
      return refuse('longer than ' + MAX_LINE_BYTES.toString() + ' bytes');
    }
    if (!this.field('time_s')) return false;
    this.timeS = this.value;
    if (!this.comma('lat_deg') || !this.field('lat_deg')) return false;
    this.latDeg = this.value;
    if (!(Math.abs(this.latDeg) <= MAX_LAT_DEG)) return refuse('lat_deg is not in -89.9 .. 89.9');
    if (!this.comma('lon_deg') || !this.field('lon_deg')) return false;
    this.lonDeg = this.value;
    if (!(Math.abs(this.lonDeg) <= 180.0)) return refuse('lon_deg is not in -180 .. 180');
    this.accuracyM = DEFAULT_ACCURACY_M;
    if (this.at < this.end) {
      if (!this.comma('accuracy_m') || !this.field('accuracy_m')) return false;
      this.accuracyM = this.value;
      if (!(this.accuracyM >= 0.01 && this.accuracyM <= 100000.0)) {
        return refuse('accuracy_m is not in 0.01 .. 100000');
      }
    }
    return this.at == this.end || refuse('more than 4 fields');
  }

  private comma(next: string): bool {
    if (this.at == this.end) return refuse(next + ' is missing');
    // A field ends at a comma or at the end of the line, see below.
    this.at++;
    return true;
  }

  /** A decimal number with an optional sign, fraction and exponent, up to a comma or the end. */
  private field(name: string): bool {
    let at = this.at;
    const end = this.end;
    while (at < end && isBlank(load<u8>(at))) at++;
    if (at == end || load<u8>(at) == 0x2c) return refuse(name + ' is missing');
    const start = at;
    const negative = load<u8>(at) == 0x2d;
    if (negative || load<u8>(at) == 0x2b) at++;

    // Up to 18 digits are kept, more than a double has; those behind only count as places.
    let mantissa: u64 = 0;
    let exponent = 0;
    let digits = 0;
    let fraction = false;
    for (; at < end; at++) {
      const byte = <u32>load<u8>(at);
      if (byte == 0x2e && !fraction) {
        fraction = true;
        continue;
      }
      const digit = byte - 0x30;
      if (digit > 9) break;
      digits++;
      if (mantissa < 100_000_000_000_000_000) {
        mantissa = mantissa * 10 + digit;
        if (fraction) exponent--;
      } else if (!fraction) {
        exponent++;
      }
    }
    if (digits == 0) return refuse(name + ' is not a number');
    if (at < end && (load<u8>(at) | 0x20) == 0x65) {
      at++;
      const negativeExponent = at < end && load<u8>(at) == 0x2d;
      if (negativeExponent || (at < end && load<u8>(at) == 0x2b)) at++;
      const first = at;
      let places = 0;
      for (; at < end && <u32>load<u8>(at) - 0x30 <= 9; at++) {
        places = min(places * 10 + (<i32>load<u8>(at) - 0x30), 1000);
      }
      if (at == first) return refuse(name + ' is not a number');
      exponent += negativeExponent ? -places : places;
    }
    if (name == 'time_s') {
      this.timeStart = start;
      this.timeBytes = <i32>(at - start);
    }
    while (at < end && isBlank(load<u8>(at))) at++;
    if (at < end && load<u8>(at) != 0x2c) return refuse(name + ' is not a number');
    const magnitude = <f64>mantissa * Math.pow(10.0, <f64>exponent);
    // The bound keeps what is printed within an i64; no field comes near it.
    if (!(magnitude < 1e15)) return refuse(name + ' is too large');
    this.value = negative ? -magnitude : magnitude;
    this.at = at;
    return true;
  }
}

/** Whether the line names columns: it begins with a letter. Asked of the first line only. */
export function isHeader(lines: Lines): bool {
  if (lines.bytes == 0) return false;
  const letter = <u32>(load<u8>(lines.start) | 0x20) - 0x61;
  return letter < 26;
}

/** Whether there is nothing on the line: such lines are passed over. */
export function isEmpty(lines: Lines): bool {
  for (let i = 0; i < lines.bytes; i++) {
    if (!isBlank(load<u8>(lines.start + i))) return false;
  }
  return true;
}
