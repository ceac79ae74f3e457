// PNG for tests, independent of the module that is tested: an encoder for every colour type, depth and
// interlacing, and a decoder for what the module writes. Both lean on node:zlib.

import { crc32, deflateSync, inflateSync } from 'node:zlib';

export const SIGNATURE: Buffer = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
export const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

export interface PngOptions {
  width: number;
  height: number;
  colourType: number;
  depth: number;
  interlaced?: boolean;
  /** Chunks between IHDR and IDAT. */
  chunks?: Buffer[];
  /** Bytes of data in an IDAT chunk. */
  idatBytes?: number;
  level?: number;
}

export function chunk(type: string, data: Uint8Array = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(data.length + 12);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, 'latin1');
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

export function header(options: PngOptions): Buffer {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(options.width, 0);
  data.writeUInt32BE(options.height, 4);
  data.set([options.depth, options.colourType, 0, 0, options.interlaced ? 1 : 0], 8);
  return chunk('IHDR', data);
}

function paeth(a: number, b: number, c: number): number {
  const p = a + b - c;
  const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

function predicted(filter: number, a: number, b: number, c: number): number {
  return [0, a, b, (a + b) >> 1, paeth(a, b, c)][filter]!;
}

/** A row of samples packed to bytes. */
function pack(samples: number[], depth: number): Buffer {
  if (depth === 16) return Buffer.from(samples.flatMap((value) => [value >> 8, value & 255]));
  const row = Buffer.alloc(Math.ceil((samples.length * depth) / 8));
  samples.forEach((value, i) => {
    row[(i * depth) >> 3]! |= value << (8 - depth - ((i * depth) & 7));
  });
  return row;
}

/** Rows with their filter types, which go round, so that each of the five is used. */
function filtered(rows: Buffer[], step: number): Buffer[] {
  return rows.map((row, y) => {
    const filter = (y + 1) % 5;
    const out = Buffer.alloc(row.length + 1);
    out[0] = filter;
    for (let i = 0; i < row.length; i++) {
      const a = row[i - step] ?? 0;
      const b = rows[y - 1]?.[i] ?? 0;
      const c = i < step ? 0 : (rows[y - 1]?.[i - step] ?? 0);
      out[i + 1] = row[i]! - predicted(filter, a, b, c);
    }
    return out;
  });
}

/** Encodes a picture; `sample(x, y, s)` in the range of the depth. */
export function encode(
  options: PngOptions,
  sample: (x: number, y: number, s: number) => number,
): Buffer {
  const { width, height, depth, colourType } = options;
  const perPixel = SAMPLES[colourType]!;
  const step = Math.max(1, (perPixel * depth) >> 3);
  const passes = options.interlaced ? ADAM7 : ([[0, 0, 1, 1]] as const);
  const raw: Buffer[] = [];
  for (const [x0, y0, dx, dy] of passes) {
    const rows: Buffer[] = [];
    for (let y = y0; y < height && x0 < width; y += dy) {
      const samples: number[] = [];
      for (let x = x0; x < width; x += dx) {
        for (let s = 0; s < perPixel; s++) samples.push(sample(x, y, s));
      }
      rows.push(pack(samples, depth));
    }
    raw.push(...filtered(rows, step));
  }
  const data = deflateSync(Buffer.concat(raw), { level: options.level ?? 6 });
  const size = options.idatBytes ?? data.length;
  const idat: Buffer[] = [];
  for (let at = 0; at < data.length; at += size) {
    idat.push(chunk('IDAT', data.subarray(at, at + size)));
  }
  return assemble(options, idat);
}

export function assemble(options: PngOptions, idat: Buffer[]): Buffer {
  return Buffer.concat([
    SIGNATURE,
    header(options),
    ...(options.chunks ?? []),
    ...idat,
    chunk('IEND'),
  ]);
}

export interface Picture {
  width: number;
  height: number;
  channels: number;
  pixels: Uint8Array;
}

export interface DecodedPng extends Picture {
  types: string[];
  filters: Set<number>;
  idatBytes: number;
}

/** Decodes 8-bit, not interlaced PNG strictly: each CRC, and nothing more nor less than there should be. */
export function decode(file: Buffer): DecodedPng {
  if (!file.subarray(0, 8).equals(SIGNATURE)) throw new Error('no PNG signature');
  const types: string[] = [];
  const idat: Buffer[] = [];
  let head: Buffer | undefined;
  let at = 8;
  while (at < file.length) {
    const length = file.readUInt32BE(at);
    const data = file.subarray(at + 8, at + 8 + length);
    const type = file.toString('latin1', at + 4, at + 8);
    if (crc32(file.subarray(at + 4, at + 8 + length)) !== file.readUInt32BE(at + 8 + length)) {
      throw new Error(`wrong CRC of ${type}`);
    }
    if (type === 'IHDR') head = data;
    if (type === 'IDAT') idat.push(data);
    types.push(type);
    at += length + 12;
  }
  if (!head || types[0] !== 'IHDR' || types.at(-1) !== 'IEND') throw new Error('bad chunk order');
  if (head[8] !== 8 || head[12] !== 0) throw new Error('not 8 bits, or interlaced');
  const width = head.readUInt32BE(0);
  const height = head.readUInt32BE(4);
  const channels = SAMPLES[head[9]!]!;
  const raw = inflateSync(Buffer.concat(idat));
  const stride = width * channels;
  if (raw.length !== (stride + 1) * height) throw new Error(`${raw.length} bytes of pixels`);
  const pixels = new Uint8Array(stride * height);
  const filters = new Set<number>();
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)]!;
    filters.add(filter);
    for (let i = 0; i < stride; i++) {
      const to = y * stride + i;
      const a = i < channels ? 0 : pixels[to - channels]!;
      const b = y === 0 ? 0 : pixels[to - stride]!;
      const c = i < channels || y === 0 ? 0 : pixels[to - stride - channels]!;
      pixels[to] = raw[y * (stride + 1) + 1 + i]! + predicted(filter, a, b, c);
    }
  }
  const idatBytes = idat.reduce((sum, data) => sum + data.length, 0);
  return { width, height, channels, pixels, types, filters, idatBytes };
}
