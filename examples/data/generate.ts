// Writes the samples beside this file again: gps.csv, photo.png, photo.ppm.
//
//   node examples/data/generate.ts

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { driveCsv } from './drive.ts';
import { scene } from './scene.ts';

export const PHOTO_WIDTH = 256;
export const PHOTO_HEIGHT = 192;
export const SMALL_WIDTH = 64;
export const SMALL_HEIGHT = 48;

function chunk(type: string, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(data.length + 12);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, 'latin1');
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

/** An RGB picture as PNG; each row as the difference from the one above (filter 2). */
function png(pixels: Uint8Array, width: number, height: number): Buffer {
  const stride = width * 3;
  const raw = Buffer.alloc((stride + 1) * height);
  for (let y = 0; y < height; y++) {
    raw[y * (stride + 1)] = 2;
    for (let i = 0; i < stride; i++) {
      const above = y === 0 ? 0 : pixels[(y - 1) * stride + i]!;
      raw[y * (stride + 1) + 1 + i] = pixels[y * stride + i]! - above;
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', head),
    chunk('sRGB', Buffer.from([0])),
    chunk('IDAT', deflateSync(raw, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function ppm(pixels: Uint8Array, width: number, height: number): Buffer {
  return Buffer.concat([Buffer.from(`P6\n${width} ${height}\n255\n`), pixels]);
}

if (import.meta.main) {
  const write = (name: string, data: Uint8Array | string): void =>
    writeFileSync(join(import.meta.dirname, name), data);
  const photo = scene(PHOTO_WIDTH, PHOTO_HEIGHT);
  write('gps.csv', driveCsv());
  write('photo.png', png(photo, PHOTO_WIDTH, PHOTO_HEIGHT));
  write('photo.ppm', ppm(scene(SMALL_WIDTH, SMALL_HEIGHT), SMALL_WIDTH, SMALL_HEIGHT));
}
