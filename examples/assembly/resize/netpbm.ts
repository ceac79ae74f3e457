// Binary PGM (P5) and PPM (P6): a head in plain text, then the samples. Above 255 they are 16 bits.

import { setHeader, status, write, writeBytes } from '../luge';
import { read, size } from './body';
import { MAX_PIXELS, MAX_SIDE } from './limits';
import { refuse } from './refusal';
import { RowSink, RowSource } from './rows';
import { Spool } from './spool';

const part: usize = memory.data(16);

export function isNetpbm(): bool {
  if (!read(0, part, 2) || load<u8>(part) != 0x50) return false;
  const kind = load<u8>(part, 1);
  return kind == 0x35 || kind == 0x36;
}

function bad(message: string): bool {
  return refuse(400, 'PPM: ' + message);
}

export class NetpbmReader extends RowSource {
  private offset: i32 = 2;
  private maximum: i32 = 0;
  private raw: usize = 0;

  open(): bool {
    read(0, part, 2);
    this.channels = load<u8>(part, 1) == 0x36 ? 3 : 1;
    const width = this.number();
    const height = this.number();
    this.maximum = this.number();
    if (width < 1 || height < 1 || this.maximum < 0) {
      return bad('expected width, height and maximum as numbers');
    }
    if (this.maximum < 1 || this.maximum > 65535) return bad('the maximum is not in 1 .. 65535');
    if (width > MAX_SIDE || height > MAX_SIDE || width * height > MAX_PIXELS) {
      return refuse(413, 'the picture may have 16 Mpixel and 16384 to a side');
    }
    this.width = width;
    this.height = height;
    const expected = <i64>this.rowBytes * height;
    if (expected > <i64>(size - this.offset)) return bad('the file ends within the pixels');
    this.raw = heap.alloc(this.rowBytes);
    return true;
  }

  private get rowBytes(): i32 {
    return this.width * this.channels * (this.maximum > 255 ? 2 : 1);
  }

  /** The next byte of the head, or -1. */
  private byte(): i32 {
    return read(this.offset++, part, 1) ? <i32>load<u8>(part) : -1;
  }

  /** The next number of the head and the one blank behind it; -1 if there is none. */
  private number(): i32 {
    let byte = this.byte();
    while (isBlank(byte) || byte == 0x23) {
      // A comment goes to the end of its line.
      if (byte == 0x23) while (byte != 0x0a && byte >= 0) byte = this.byte();
      else byte = this.byte();
    }
    let value = -1;
    while (byte >= 0x30 && byte <= 0x39) {
      value = min(max(value, 0) * 10 + (byte - 0x30), 10_000_000);
      byte = this.byte();
    }
    return isBlank(byte) ? value : -1;
  }

  next(row: usize): bool {
    const bytes = this.rowBytes;
    if (!read(this.offset, this.raw, bytes)) return bad('the file ends within the pixels');
    this.offset += bytes;
    const samples = this.width * this.channels;
    const maximum = this.maximum;
    if (maximum == 255) {
      memory.copy(row, this.raw, samples);
      return true;
    }
    for (let i = 0; i < samples; i++) {
      const value =
        maximum < 256
          ? <i32>load<u8>(this.raw + i)
          : <i32>bswap<u16>(load<u16>(this.raw + (i << 1)));
      if (value > maximum) return bad('a sample is above the maximum');
      store<u8>(row + i, (value * 255 + maximum / 2) / maximum);
    }
    return true;
  }

  finish(): bool {
    return true;
  }
}

function isBlank(byte: i32): bool {
  return byte == 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

export class NetpbmWriter extends RowSink {
  private spool: Spool = new Spool();

  constructor(
    private width: i32,
    private height: i32,
    private channels: i32,
  ) {
    super();
  }

  write(row: usize): void {
    this.spool.append(row, this.width * this.channels);
  }

  finish(): void {
    const gray = this.channels == 1;
    status(200);
    setHeader('content-type', gray ? 'image/x-portable-graymap' : 'image/x-portable-pixmap');
    write((gray ? 'P5\n' : 'P6\n') + this.width.toString() + ' ' + this.height.toString() + '\n255\n');
    const spool = this.spool;
    for (let block = spool.head; block != 0; block = spool.after(block)) {
      writeBytes(spool.data(block), spool.bytes(block));
    }
  }
}
