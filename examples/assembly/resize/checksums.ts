// The two checksums of PNG: CRC-32 over each chunk (PNG annex D), Adler-32 over the pixels (RFC 1950).

const table: usize = memory.data(1024);
let filled: bool = false;

function fill(): void {
  for (let n: u32 = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >> 1) : c >> 1;
    store<u32>(table + (n << 2), c);
  }
  filled = true;
}

/** CRC-32 of what `crc` covers (0 for nothing) and these bytes. */
export function crc32(crc: u32, start: usize, bytes: i32): u32 {
  if (!filled) fill();
  let c = ~crc;
  for (let p = start, end = start + bytes; p < end; p++) {
    c = load<u32>(table + (((c ^ load<u8>(p)) & 0xff) << 2)) ^ (c >> 8);
  }
  return ~c;
}

/** The most bytes whose sums stay within 32 bits. */
const ADLER_RUN: i32 = 5552;
const ADLER_MODULUS: u32 = 65521;

/** Adler-32 of what `adler` covers (1 for nothing) and these bytes. */
export function adler32(adler: u32, start: usize, bytes: i32): u32 {
  let a = adler & 0xffff;
  let b = adler >> 16;
  let p = start;
  while (bytes > 0) {
    const run = min(bytes, ADLER_RUN);
    for (const end = p + run; p < end; p++) {
      a += load<u8>(p);
      b += a;
    }
    a %= ADLER_MODULUS;
    b %= ADLER_MODULUS;
    bytes -= run;
  }
  return (b << 16) | a;
}
