// The compressed pixels: the data of all IDAT chunks in a row, with the checksum of each.

import { read, size } from './body';
import { crc32 } from './checksums';
import { refuse } from './refusal';

/** The four letters of a chunk's type, as a number read from memory. */
export const IDAT: u32 = 0x54414449;
/** Length and type before the data of a chunk, checksum behind it. */
export const HEAD_BYTES: i32 = 8;
export const CRC_BYTES: i32 = 4;

const BUFFER_BYTES: i32 = 0x4000;
const buffer: usize = memory.data(0x4000);
const head: usize = memory.data(8);

export class IdatSource {
  /** Bytes that are read and not yet used. */
  next: usize = buffer;
  end: usize = buffer;

  private left: i32 = 0;
  private crc: u32 = 0;
  private open: bool = false;

  /** Starts at the head of the first IDAT chunk. */
  constructor(private offset: i32) {}

  /** Where the first chunk behind the last IDAT is, once `refill` has answered false. */
  get position(): i32 {
    return this.offset;
  }

  /** Reads on; false at the end of the last IDAT, or with a refusal. */
  refill(): bool {
    while (this.left == 0) {
      if (this.open && !this.close()) return false;
      if (!this.enter()) return false;
    }
    const bytes = min(this.left, BUFFER_BYTES);
    if (!read(this.offset, buffer, bytes)) return refuse(400, 'PNG: the file ends within IDAT');
    this.crc = crc32(this.crc, buffer, bytes);
    this.offset += bytes;
    this.left -= bytes;
    this.next = buffer;
    this.end = buffer + bytes;
    return true;
  }

  /** Opens the chunk at `offset` if it is an IDAT. */
  private enter(): bool {
    if (!read(this.offset, head, HEAD_BYTES)) return refuse(400, 'PNG: the file ends before IEND');
    if (load<u32>(head, 4) != IDAT) return false;
    const length = bswap<u32>(load<u32>(head));
    if (length > <u32>(size - this.offset)) return refuse(400, 'PNG: the file ends within IDAT');
    this.left = <i32>length;
    this.crc = crc32(0, head + 4, 4);
    this.offset += HEAD_BYTES;
    this.open = true;
    return true;
  }

  private close(): bool {
    this.open = false;
    if (!read(this.offset, head, CRC_BYTES)) return refuse(400, 'PNG: the file ends within IDAT');
    this.offset += CRC_BYTES;
    if (bswap<u32>(load<u32>(head)) != this.crc) return refuse(400, 'PNG: wrong CRC of IDAT');
    return true;
  }
}
