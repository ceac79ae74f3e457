// Hands out the lines of the request body, one after the other, through a buffer of fixed size.

import { bodySize, readBody } from '../luge';

/** A line of four numbers has some 50 bytes. */
export const MAX_LINE_BYTES: i32 = 256;

const CAPACITY: i32 = 4096;
const buffer: usize = memory.data(4096);

export class Lines {
  /** Counts from 1, as editors do. */
  number: i32 = 0;
  /** The line that `next` found, without its end. */
  start: usize = 0;
  bytes: i32 = 0;

  private size: i32 = bodySize();
  private offset: i32 = 0;
  private bufferOffset: i32 = 0;
  private bufferBytes: i32 = 0;

  /** Moves to the next line; false at the end. A line that is too long shows in `bytes`. */
  next(): bool {
    if (this.offset >= this.size) return false;
    this.number++;
    // Always a whole longest line in the buffer, and its end.
    if (this.offset + MAX_LINE_BYTES + 2 > this.bufferOffset + this.bufferBytes) this.refill();
    const start = buffer + <usize>(this.offset - this.bufferOffset);
    const limit = this.bufferBytes - (this.offset - this.bufferOffset);
    let bytes = 0;
    while (bytes < limit && load<u8>(start + bytes) != 0x0a) bytes++;
    this.offset += bytes + 1;
    if (bytes > 0 && load<u8>(start + bytes - 1) == 0x0d) bytes--;
    this.start = start;
    this.bytes = bytes;
    return true;
  }

  private refill(): void {
    this.bufferOffset = this.offset;
    this.bufferBytes = 0;
    while (this.bufferBytes < CAPACITY) {
      const bytes = readBody(
        this.offset + this.bufferBytes,
        buffer + this.bufferBytes,
        CAPACITY - this.bufferBytes,
      );
      if (bytes <= 0) return;
      this.bufferBytes += bytes;
    }
  }
}
