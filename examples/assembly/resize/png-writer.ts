// Writes PNG: 8 bits a sample, not interlaced. Each row gets the filter that leaves the smallest sum of
// absolute differences, the choice that the PNG specification recommends (12.8).

import { setHeader, status, writeBytes } from '../luge';
import { read } from './body';
import { crc32 } from './checksums';
import { Deflate } from './deflate';
import { CRC_BYTES, HEAD_BYTES, IDAT } from './idat';
import { paeth } from './paeth';
import { RowSink } from './rows';
import { Spool } from './spool';

const IHDR: u32 = 0x52444849;
const IEND: u32 = 0x444e4549;
const FILTERS: i32 = 5;

const part: usize = memory.data(1024);

export class PngWriter extends RowSink {
  private spool: Spool;
  private deflate: Deflate;
  private rowBytes: i32;
  private previous: usize;
  /** A filter type and a row, for each filter. */
  private candidates: usize;

  constructor(
    private width: i32,
    private height: i32,
    private channels: i32,
    private colourChunks: i32[],
  ) {
    super();
    const spool = new Spool();
    this.spool = spool;
    this.deflate = new Deflate(spool);
    this.rowBytes = width * channels;
    this.previous = heap.alloc(this.rowBytes);
    memory.fill(this.previous, 0, this.rowBytes);
    this.candidates = heap.alloc(FILTERS * (this.rowBytes + 1));
  }

  write(row: usize): void {
    const bytes = this.rowBytes;
    const stride = bytes + 1;
    const none = this.candidates;
    const sub = none + stride;
    const up = sub + stride;
    const average = up + stride;
    const nearest = average + stride;
    const step = this.channels;
    let sumNone = 0;
    let sumSub = 0;
    let sumUp = 0;
    let sumAverage = 0;
    let sumNearest = 0;
    for (let i = 0; i < bytes; i++) {
      const value = <u32>load<u8>(row + i);
      const above = <u32>load<u8>(this.previous + i);
      const left = i < step ? 0 : <u32>load<u8>(row + i - step);
      const corner = i < step ? 0 : <u32>load<u8>(this.previous + i - step);
      sumNone += put(none + i, value);
      sumSub += put(sub + i, value - left);
      sumUp += put(up + i, value - above);
      sumAverage += put(average + i, value - ((left + above) >> 1));
      sumNearest += put(nearest + i, value - paeth(left, above, corner));
    }
    const least = min(min(min(sumNone, sumSub), min(sumUp, sumAverage)), sumNearest);
    const best =
      least == sumNone ? 0 : least == sumSub ? 1 : least == sumUp ? 2 : least == sumAverage ? 3 : 4;
    const chosen = none + <usize>(best * stride);
    store<u8>(chosen, best);
    this.deflate.write(chosen, stride);
    memory.copy(this.previous, row, bytes);
  }

  finish(): void {
    this.deflate.finish();
    status(200);
    setHeader('content-type', 'image/png');
    store<u64>(part, 0x0a1a0a0d474e5089);
    writeBytes(part, 8);
    this.writeHeader();
    for (let i = 0; i < this.colourChunks.length; i++) copyChunk(this.colourChunks[i]);
    const spool = this.spool;
    for (let block = spool.head; block != 0; block = spool.after(block)) {
      writeChunk(IDAT, spool.data(block), spool.bytes(block));
    }
    writeChunk(IEND, part, 0);
  }

  private writeHeader(): void {
    const data = part + 64;
    store<u32>(data, bswap<u32>(this.width));
    store<u32>(data, bswap<u32>(this.height), 4);
    store<u8>(data, 8, 8);
    const channels = this.channels;
    store<u8>(data, channels == 1 ? 0 : channels == 2 ? 4 : channels == 3 ? 2 : 6, 9);
    store<u8>(data, 0, 10);
    store<u8>(data, 0, 11);
    store<u8>(data, 0, 12);
    writeChunk(IHDR, data, 13);
  }
}

/** Stores a difference behind the filter type; answers how far from zero it is, taken as signed. */
@inline
function put(target: usize, difference: u32): i32 {
  store<u8>(target, difference, 1);
  return abs<i32>(<i32>(<i8>difference));
}

function writeChunk(type: u32, data: usize, bytes: i32): void {
  store<u32>(part, bswap<u32>(bytes));
  store<u32>(part, type, 4);
  writeBytes(part, HEAD_BYTES);
  let crc = crc32(0, part + 4, 4);
  crc = crc32(crc, data, bytes);
  if (bytes > 0) writeBytes(data, bytes);
  store<u32>(part, bswap<u32>(crc));
  writeBytes(part, CRC_BYTES);
}

/** Passes on a chunk of the request as it is: its CRC was checked when it was read. */
function copyChunk(offset: i32): void {
  read(offset, part, HEAD_BYTES);
  let left = <i32>bswap<u32>(load<u32>(part)) + HEAD_BYTES + CRC_BYTES;
  while (left > 0) {
    const bytes = min(left, 1024);
    read(offset, part, bytes);
    writeBytes(part, bytes);
    offset += bytes;
    left -= bytes;
  }
}
