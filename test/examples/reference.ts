// What /resize should answer, computed the slow and plain way: in doubles, on the whole picture.

import type { Picture } from './png.ts';

/** Weights of all inputs for one output along an axis. */
function weights(inputs: number, outputs: number, output: number): Map<number, number> {
  const result = new Map<number, number>();
  const add = (i: number, weight: number): void => {
    const inside = Math.max(0, Math.min(inputs - 1, i));
    result.set(inside, (result.get(inside) ?? 0) + weight);
  };
  const scale = inputs / outputs;
  if (outputs <= inputs) {
    const [from, to] = [output * scale, (output + 1) * scale];
    for (let i = Math.floor(from); i < to; i++) {
      const overlap = Math.min(to, i + 1) - Math.max(from, i);
      if (overlap > 1e-9) add(i, overlap / scale);
    }
    return result;
  }
  // Cubic convolution with a = -1/2, in the form of Keys (1981).
  const a = -0.5;
  const centre = (output + 0.5) * scale - 0.5;
  for (let i = Math.floor(centre) - 1; i <= Math.floor(centre) + 2; i++) {
    const x = Math.abs(centre - i);
    if (x <= 1) add(i, (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1);
    else if (x < 2) add(i, a * x ** 3 - 5 * a * x ** 2 + 8 * a * x - 4 * a);
  }
  return result;
}

const byte = (value: number): number => Math.max(0, Math.min(255, Math.round(value)));

export function resize(picture: Picture, width: number, height: number): Picture {
  const { channels, pixels } = picture;
  const hasAlpha = channels % 2 === 0;
  const out = new Uint8Array(width * height * channels);
  const columns = Array.from({ length: width }, (_, x) => weights(picture.width, width, x));
  for (let y = 0; y < height; y++) {
    const rows = weights(picture.height, height, y);
    for (let x = 0; x < width; x++) {
      const sum = new Array<number>(channels).fill(0);
      for (const [iy, wy] of rows) {
        for (const [ix, wx] of columns[x]!) {
          const at = (iy * picture.width + ix) * channels;
          const alpha = hasAlpha ? pixels[at + channels - 1]! / 255 : 1;
          for (let c = 0; c < channels; c++) {
            const colour = hasAlpha && c === channels - 1 ? 255 : pixels[at + c]!;
            sum[c]! += wx * wy * alpha * colour;
          }
        }
      }
      const alpha = hasAlpha ? sum[channels - 1]! : 255;
      for (let c = 0; c < channels; c++) {
        const colour = hasAlpha && c < channels - 1 ? (sum[c]! * 255) / alpha : sum[c]!;
        out[(y * width + x) * channels + c] = hasAlpha && byte(alpha) === 0 ? 0 : byte(colour);
      }
    }
  }
  return { width, height, channels, pixels: out };
}

/** The largest difference of two pictures; colours count by how much one sees of them. */
export function largestDifference(a: Picture, b: Picture): number {
  const { channels } = a;
  let largest = 0;
  for (let i = 0; i < a.pixels.length; i++) {
    const pixel = i - (i % channels);
    const isColour = channels % 2 === 0 && i - pixel < channels - 1;
    const visible = isColour ? a.pixels[pixel + channels - 1]! / 255 : 1;
    largest = Math.max(largest, Math.abs(a.pixels[i]! - b.pixels[i]!) * visible);
  }
  return largest;
}
