// The answer while it is made: a list of blocks. The stub runtime never moves or frees what it handed
// out, so a buffer that doubles would leave its old selves behind; a list only takes what it holds.

/** Bytes of data in a full block, and so in a PNG chunk. */
const BLOCK_BYTES: usize = 0x8000;
/** Before the data of a block: address of the next one, or 0. */
const LINK_BYTES: usize = 4;

export class Spool {
  private first: usize = 0;
  private last: usize = 0;
  private used: usize = BLOCK_BYTES;

  @inline
  byte(value: u32): void {
    if (this.used == BLOCK_BYTES) this.extend();
    store<u8>(this.last + this.used, value, LINK_BYTES);
    this.used++;
  }

  append(start: usize, bytes: usize): void {
    while (bytes > 0) {
      if (this.used == BLOCK_BYTES) this.extend();
      const part = min(bytes, BLOCK_BYTES - this.used);
      memory.copy(this.last + LINK_BYTES + this.used, start, part);
      this.used += part;
      start += part;
      bytes -= part;
    }
  }

  private extend(): void {
    const block = heap.alloc(LINK_BYTES + BLOCK_BYTES);
    store<usize>(block, 0);
    if (this.last == 0) this.first = block;
    else store<usize>(this.last, block);
    this.last = block;
    this.used = 0;
  }

  /** The first block, or 0; use `after` for the others. */
  get head(): usize {
    return this.first;
  }

  after(block: usize): usize {
    return load<usize>(block);
  }

  data(block: usize): usize {
    return block + LINK_BYTES;
  }

  bytes(block: usize): i32 {
    return <i32>(block == this.last ? this.used : BLOCK_BYTES);
  }
}
