// Reads PNG (ISO/IEC 15948): every colour type and bit depth, interlaced or not. 16 bits are reduced to
// 8; a palette becomes RGB, or RGBA where it has transparency; a transparent colour becomes alpha.

import { read, size } from './body';
import { crc32 } from './checksums';
import { CRC_BYTES, HEAD_BYTES, IDAT, IdatSource } from './idat';
import { Inflate } from './inflate';
import { MAX_INTERLACED_PIXELS, MAX_PIXELS, MAX_SIDE } from './limits';
import { paeth } from './paeth';
import { refuse } from './refusal';
import { RowSource } from './rows';

// Types of chunks, as the number that their four letters make in memory.
const IHDR: u32 = 0x52444849;
const PLTE: u32 = 0x45544c50;
const TRNS: u32 = 0x534e5274;
const IEND: u32 = 0x444e4549;
const GAMA: u32 = 0x414d4167;
const CHRM: u32 = 0x4d524863;
const SRGB: u32 = 0x42475273;
const ICCP: u32 = 0x50434369;
const CICP: u32 = 0x50434963;

const SIGNATURE: u64 = 0x0a1a0a0d474e5089;
const SIGNATURE_BYTES: i32 = 8;

// Colour types.
const GRAY: i32 = 0;
const RGB: i32 = 2;
const PALETTE: i32 = 3;
const GRAY_ALPHA: i32 = 4;

const PASSES: i32 = 7;
/** Adam7: first column, first row, column step, row step of each pass. */
const adam7: usize = memory.data<u8>([
  0, 0, 8, 8, 4, 0, 8, 8, 0, 4, 4, 8, 2, 0, 4, 4, 0, 2, 2, 4, 1, 0, 2, 2, 0, 1, 1, 2,
]);

const PART_BYTES: i32 = 1024;
const part: usize = memory.data(1024);
/** RGBA of each palette entry. */
const palette: usize = memory.data(1024);

export function isPng(): bool {
  return read(0, part, SIGNATURE_BYTES) && load<u64>(part) == SIGNATURE;
}

function bad(message: string): bool {
  return refuse(400, 'PNG: ' + message);
}

export class PngReader extends RowSource {
  /** Where the chunks are that say what the colours mean; they hold for the answer as well. */
  readonly colourChunks: i32[] = [];

  private offset: i32 = SIGNATURE_BYTES;
  private type: u32 = 0;
  private length: i32 = 0;

  private depth: i32 = 0;
  private colourType: i32 = 0;
  private interlaced: bool = false;
  private samples: i32 = 0;
  private paletteSize: i32 = 0;
  /** The colour that is transparent, as it stands in the file; -1 for none. */
  private keyRed: i32 = -1;
  private keyGreen: i32 = 0;
  private keyBlue: i32 = 0;

  private source: IdatSource | null = null;
  private inflate: Inflate | null = null;
  private current: usize = 0;
  private previous: usize = 0;
  /** The whole picture, if it is interlaced. */
  private picture: usize = 0;
  private row: i32 = 0;

  /** Reads up to the pixels. False if the picture is refused. */
  open(): bool {
    if (!this.enter()) return false;
    if (this.type != IHDR || this.length != 13) return bad('the first chunk is not IHDR');
    if (!this.readHeader()) return false;
    for (;;) {
      if (!this.enter()) return false;
      if (this.type == IDAT) break;
      if (!this.readChunk()) return false;
    }
    if (this.colourType == PALETTE && this.paletteSize == 0) return bad('PLTE is missing');
    this.chooseChannels();
    return this.openPixels();
  }

  /** Reads the head of the chunk at `offset`; the data follow at `offset` then. */
  private enter(): bool {
    if (!read(this.offset, part, HEAD_BYTES)) return bad('the file ends before IEND');
    const length = bswap<u32>(load<u32>(part));
    this.type = load<u32>(part, 4);
    this.offset += HEAD_BYTES;
    if (length > <u32>max(0, size - this.offset - CRC_BYTES)) {
      return bad('the file ends within ' + this.name());
    }
    this.length = <i32>length;
    return true;
  }

  private name(): string {
    store<u32>(part, this.type);
    return String.UTF8.decodeUnsafe(part, 4);
  }

  /** Checks the CRC of the chunk and goes on behind it; the first bytes of its data stay in `part`. */
  private check(): bool {
    const start = this.offset;
    store<u32>(part, this.type);
    let crc = crc32(0, part, 4);
    let left = this.length;
    for (let at = start; left > 0; ) {
      const bytes = min(left, PART_BYTES);
      if (!read(at, part, bytes)) return bad('the file ends within ' + this.name());
      crc = crc32(crc, part, bytes);
      at += bytes;
      left -= bytes;
    }
    this.offset = start + this.length;
    if (!read(this.offset, part, CRC_BYTES) || bswap<u32>(load<u32>(part)) != crc) {
      return bad('wrong CRC of ' + this.name());
    }
    this.offset += CRC_BYTES;
    return read(start, part, min(this.length, PART_BYTES));
  }

  private readHeader(): bool {
    if (!this.check()) return false;
    const width = bswap<u32>(load<u32>(part));
    const height = bswap<u32>(load<u32>(part, 4));
    this.depth = load<u8>(part, 8);
    this.colourType = load<u8>(part, 9);
    this.interlaced = load<u8>(part, 12) == 1;
    if (width == 0 || height == 0) return bad('IHDR has no width or no height');
    if (load<u8>(part, 10) != 0 || load<u8>(part, 11) != 0 || load<u8>(part, 12) > 1) {
      return bad('unknown compression, filter or interlace method');
    }
    if (!this.isAllowed()) return bad('unknown combination of colour type and bit depth');
    if (width > <u32>MAX_SIDE || height > <u32>MAX_SIDE || <i32>(width * height) > MAX_PIXELS) {
      return refuse(413, 'the picture may have 16 Mpixel and 16384 to a side');
    }
    if (this.interlaced && <i32>(width * height) > MAX_INTERLACED_PIXELS) {
      return refuse(413, 'an interlaced picture may have 6 Mpixel');
    }
    this.width = <i32>width;
    this.height = <i32>height;
    return true;
  }

  private isAllowed(): bool {
    const depth = this.depth;
    if (depth != 1 && depth != 2 && depth != 4 && depth != 8 && depth != 16) return false;
    switch (this.colourType) {
      case GRAY:
        this.samples = 1;
        return true;
      case PALETTE:
        this.samples = 1;
        return depth <= 8;
      case RGB:
        this.samples = 3;
        return depth >= 8;
      case GRAY_ALPHA:
        this.samples = 2;
        return depth >= 8;
      case 6:
        this.samples = 4;
        return depth >= 8;
      default:
        return false;
    }
  }

  private readChunk(): bool {
    const start = this.offset - HEAD_BYTES;
    const type = this.type;
    if (!this.check()) return false;
    if (type == PLTE) return this.readPalette();
    if (type == TRNS) return this.readTransparency();
    if (type == GAMA || type == CHRM || type == SRGB || type == ICCP || type == CICP) {
      this.colourChunks.push(start);
      return true;
    }
    // A chunk whose first letter is a capital must be understood; the others may be left out.
    if ((type & 0x20) != 0) return true;
    this.type = type;
    return refuse(415, 'PNG: unknown critical chunk ' + this.name());
  }

  private readPalette(): bool {
    const length = this.length;
    if (length == 0 || length > 768 || length % 3 != 0) return bad('PLTE has a wrong length');
    this.paletteSize = length / 3;
    for (let i = 0; i < this.paletteSize; i++) {
      store<u32>(palette + (i << 2), (load<u32>(part + i * 3) & 0xffffff) | 0xff000000);
    }
    return true;
  }

  private readTransparency(): bool {
    const length = this.length;
    switch (this.colourType) {
      case PALETTE:
        if (length > this.paletteSize) return bad('tRNS has more entries than PLTE');
        for (let i = 0; i < length; i++) store<u8>(palette + (i << 2), load<u8>(part + i), 3);
        this.keyRed = 0;
        return true;
      case GRAY:
        if (length != 2) return bad('tRNS has a wrong length');
        this.keyRed = bswap<u16>(load<u16>(part));
        return true;
      case RGB:
        if (length != 6) return bad('tRNS has a wrong length');
        this.keyRed = bswap<u16>(load<u16>(part));
        this.keyGreen = bswap<u16>(load<u16>(part, 2));
        this.keyBlue = bswap<u16>(load<u16>(part, 4));
        return true;
      default:
        return bad('tRNS beside an alpha channel');
    }
  }

  private chooseChannels(): void {
    if (this.colourType == PALETTE) this.channels = this.keyRed >= 0 ? 4 : 3;
    else this.channels = this.samples + (this.keyRed >= 0 ? 1 : 0);
  }

  private openPixels(): bool {
    const source = new IdatSource(this.offset - HEAD_BYTES);
    const inflate = new Inflate(source);
    this.source = source;
    this.inflate = inflate;
    // Room for the pixel to the left of the first one, which is zero.
    const bytes = this.rawBytes(this.width) + 8;
    this.current = heap.alloc(bytes) + 8;
    this.previous = heap.alloc(bytes) + 8;
    memory.fill(this.current - 8, 0, bytes);
    memory.fill(this.previous - 8, 0, bytes);
    return inflate.start();
  }

  /** Bytes of a row of so many pixels as it is stored. */
  private rawBytes(pixels: i32): i32 {
    return (pixels * this.samples * this.depth + 7) >> 3;
  }

  next(row: usize): bool {
    const bytes = this.width * this.channels;
    if (!this.interlaced) return this.readRow(row, this.width);
    if (this.row == 0 && !this.readPasses()) return false;
    memory.copy(row, this.picture + <usize>(this.row * bytes), bytes);
    this.row++;
    return true;
  }

  finish(): bool {
    const source = this.source!;
    if (!this.inflate!.finish()) return false;
    this.offset = source.position;
    do {
      if (!this.enter()) return false;
      if (this.type == IDAT) return bad('the IDAT chunks are not in a row');
      if (!this.check()) return false;
    } while (this.type != IEND);
    return true;
  }

  private readPasses(): bool {
    const channels = this.channels;
    this.picture = heap.alloc(this.width * this.height * channels);
    const row = heap.alloc(this.width * channels);
    for (let pass = 0; pass < PASSES; pass++) {
      const x0 = <i32>load<u8>(adam7 + pass * 4);
      const y0 = <i32>load<u8>(adam7 + pass * 4, 1);
      const dx = <i32>load<u8>(adam7 + pass * 4, 2);
      const dy = <i32>load<u8>(adam7 + pass * 4, 3);
      const columns = (this.width - x0 + dx - 1) / dx;
      if (columns <= 0) continue;
      memory.fill(this.previous, 0, this.rawBytes(columns));
      for (let y = y0; y < this.height; y += dy) {
        if (!this.readRow(row, columns)) return false;
        for (let i = 0; i < columns; i++) {
          const target = this.picture + <usize>((y * this.width + x0 + i * dx) * channels);
          for (let c = 0; c < channels; c++) {
            store<u8>(target + c, load<u8>(row + <usize>(i * channels + c)));
          }
        }
      }
    }
    return true;
  }

  private readRow(row: usize, pixels: i32): bool {
    const bytes = this.rawBytes(pixels);
    const inflate = this.inflate!;
    // The filter type is read in front of the row, then is zero again: it is the pixel to the left.
    if (!inflate.read(this.current - 1, bytes + 1)) return false;
    const filter = <i32>load<u8>(this.current - 1);
    store<u8>(this.current - 1, 0);
    if (filter > 4) return bad('unknown filter type');
    this.unfilter(filter, bytes);
    const finished = this.current;
    this.current = this.previous;
    this.previous = finished;
    return this.expand(finished, row, pixels);
  }

  private unfilter(filter: i32, bytes: i32): void {
    const step = max(1, (this.samples * this.depth) >> 3);
    const current = this.current;
    const previous = this.previous;
    const end = current + bytes;
    switch (filter) {
      case 1:
        for (let p = current; p < end; p++) store<u8>(p, load<u8>(p) + load<u8>(p - step));
        break;
      case 2:
        for (let p = current, up = previous; p < end; p++, up++) {
          store<u8>(p, load<u8>(p) + load<u8>(up));
        }
        break;
      case 3:
        for (let p = current, up = previous; p < end; p++, up++) {
          const mean = (<u32>load<u8>(p - step) + <u32>load<u8>(up)) >> 1;
          store<u8>(p, load<u8>(p) + mean);
        }
        break;
      case 4:
        for (let p = current, up = previous; p < end; p++, up++) {
          store<u8>(p, load<u8>(p) + paeth(load<u8>(p - step), load<u8>(up), load<u8>(up - step)));
        }
        break;
    }
  }

  private expand(raw: usize, row: usize, pixels: i32): bool {
    if (this.colourType == PALETTE) return this.expandPalette(raw, row, pixels);
    const samples = this.samples;
    const channels = this.channels;
    if (this.depth == 8 && samples == channels) {
      memory.copy(row, raw, pixels * samples);
    } else if (samples == 1) {
      for (let i = 0; i < pixels; i++, row += channels) {
        const value = this.sample(raw, i);
        store<u8>(row, this.reduced(value));
        if (channels == 2) store<u8>(row, value == this.keyRed ? 0 : 255, 1);
      }
    } else {
      for (let i = 0; i < pixels; i++, row += channels) {
        for (let s = 0; s < samples; s++) {
          store<u8>(row + s, this.reduced(this.sample(raw, i * samples + s)));
        }
        if (channels > samples) store<u8>(row, this.isKey(raw, i * samples) ? 0 : 255, 3);
      }
    }
    return true;
  }

  private expandPalette(raw: usize, row: usize, pixels: i32): bool {
    const channels = this.channels;
    for (let i = 0; i < pixels; i++, row += channels) {
      const index = this.sample(raw, i);
      if (index >= this.paletteSize) return bad('a pixel is not in the palette');
      const entry = palette + (index << 2);
      store<u16>(row, load<u16>(entry));
      store<u8>(row, load<u8>(entry, 2), 2);
      if (channels == 4) store<u8>(row, load<u8>(entry, 3), 3);
    }
    return true;
  }

  /** The nth sample of a row, in the depth of the file. */
  @inline
  private sample(raw: usize, n: i32): i32 {
    const depth = this.depth;
    if (depth == 8) return load<u8>(raw + n);
    if (depth == 16) return bswap<u16>(load<u16>(raw + (n << 1)));
    const bit = n * depth;
    return (<i32>load<u8>(raw + (bit >> 3)) >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
  }

  /** The same brightness in 8 bits, rounded. */
  @inline
  private reduced(value: i32): i32 {
    const depth = this.depth;
    if (depth == 8) return value;
    return depth == 16 ? (value * 255 + 32767) / 65535 : (value * 255) / ((1 << depth) - 1);
  }

  private isKey(raw: usize, n: i32): bool {
    return (
      this.sample(raw, n) == this.keyRed &&
      this.sample(raw, n + 1) == this.keyGreen &&
      this.sample(raw, n + 2) == this.keyBlue
    );
  }
}
