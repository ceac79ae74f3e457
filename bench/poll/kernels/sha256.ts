// SHA-256 (FIPS 180-4) of n bytes. The round constants lie in a data segment.

import { fillBytes } from './shared/mix';

const BLOCK: i32 = 64;

const K: usize = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);
/** The message schedule of a block, and the state. */
const W: usize = memory.data(64 * 4, 16);
const H: usize = memory.data(8 * 4, 16);

@inline
function word(array: usize, i: i32): u32 {
  return load<u32>(array + (<usize>i << 2));
}

function schedule(block: usize): void {
  for (let i = 0; i < 16; i++) {
    store<u32>(W + (<usize>i << 2), bswap(word(block, i)));
  }
  for (let i = 16; i < 64; i++) {
    const early = word(W, i - 15);
    const late = word(W, i - 2);
    const s0 = rotr(early, 7) ^ rotr(early, 18) ^ (early >> 3);
    const s1 = rotr(late, 17) ^ rotr(late, 19) ^ (late >> 10);
    store<u32>(W + (<usize>i << 2), word(W, i - 16) + s0 + word(W, i - 7) + s1);
  }
}

@inline
function addTo(i: i32, value: u32): void {
  store<u32>(H + (<usize>i << 2), word(H, i) + value);
}

function compress(block: usize): void {
  schedule(block);
  let a = word(H, 0);
  let b = word(H, 1);
  let c = word(H, 2);
  let d = word(H, 3);
  let e = word(H, 4);
  let f = word(H, 5);
  let g = word(H, 6);
  let h = word(H, 7);
  for (let i = 0; i < 64; i++) {
    const s1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
    const choice = (e & f) ^ (~e & g);
    const t1 = h + s1 + choice + word(K, i) + word(W, i);
    const s0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + s0 + majority;
  }
  addTo(0, a);
  addTo(1, b);
  addTo(2, c);
  addTo(3, d);
  addTo(4, e);
  addTo(5, f);
  addTo(6, g);
  addTo(7, h);
}

function start(): void {
  store<u32>(H, 0x6a09e667);
  store<u32>(H, 0xbb67ae85, 4);
  store<u32>(H, 0x3c6ef372, 8);
  store<u32>(H, 0xa54ff53a, 12);
  store<u32>(H, 0x510e527f, 16);
  store<u32>(H, 0x9b05688c, 20);
  store<u32>(H, 0x1f83d9ab, 24);
  store<u32>(H, 0x5be0cd19, 28);
}

/** Appends 0x80, zeros and the length in bits, big-endian; answers the bytes then. */
function pad(message: usize, bytes: i32): i32 {
  const padded = (bytes + 9 + BLOCK - 1) & -BLOCK;
  for (let i = bytes; i < padded; i++) store<u8>(message + i, 0);
  store<u8>(message + bytes, 0x80);
  store<u64>(message + padded - 8, bswap(<u64>bytes << 3));
  return padded;
}

/** The words of the digest, each times its place from 1 on: below 2^53. */
export function run(n: i32): f64 {
  const message = __heap_base;
  fillBytes(message, n);
  const bytes = pad(message, n);
  start();
  for (let at = 0; at < bytes; at += BLOCK) compress(message + at);
  let sum: f64 = 0.0;
  for (let i = 0; i < 8; i++) sum += <f64>word(H, i) * <f64>(i + 1);
  return sum;
}
