// A made-up landscape in the evening: sky, sun, ridges behind one another, and a lake that mirrors them.
// Smooth parts, edges and noise, as in a photograph, so that resizing and compression have work to do.

type Colour = readonly [red: number, green: number, blue: number];

const HORIZON = 0.62;
const SUN = { x: 0.68, y: 0.4, radius: 0.045 };
const ZENITH: Colour = [36, 58, 120];
const GLOW: Colour = [255, 186, 110];
const RIDGES: readonly { height: number; rough: number; seed: number; colour: Colour }[] = [
  { height: 0.2, rough: 3, seed: 11, colour: [126, 112, 150] },
  { height: 0.13, rough: 5, seed: 23, colour: [78, 78, 116] },
  { height: 0.07, rough: 9, seed: 37, colour: [34, 44, 60] },
];

/** A random but fixed value in 0 .. 1 at each point of a grid. */
function lattice(x: number, y: number, seed: number): number {
  let h = Math.imul(x, 0x27d4eb2d) ^ Math.imul(y, 0x165667b1) ^ Math.imul(seed, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return ((h ^ (h >>> 15)) >>> 0) / 2 ** 32;
}

/** Value noise: the lattice, smoothly in between. */
function noise(x: number, y: number, seed: number): number {
  const x0 = Math.floor(x);
  const y0 = Math.floor(y);
  const smooth = (t: number): number => t * t * (3 - 2 * t);
  const u = smooth(x - x0);
  const v = smooth(y - y0);
  const above = lattice(x0, y0, seed) * (1 - u) + lattice(x0 + 1, y0, seed) * u;
  const below = lattice(x0, y0 + 1, seed) * (1 - u) + lattice(x0 + 1, y0 + 1, seed) * u;
  return above * (1 - v) + below * v;
}

function fractal(x: number, y: number, seed: number): number {
  let sum = 0;
  for (let octave = 0; octave < 5; octave++) {
    sum += noise(x * 2 ** octave, y * 2 ** octave, seed + octave) / 2 ** (octave + 1);
  }
  return sum;
}

function mix(a: Colour, b: Colour, share: number): Colour {
  const t = Math.max(0, Math.min(1, share));
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}

function sky(x: number, y: number): Colour {
  const distance = Math.hypot((x - SUN.x) * 1.333, y - SUN.y);
  const cloud = Math.max(0, fractal(x * 4, y * 14, 5) - 0.5) * 2.2;
  let colour = mix(ZENITH, GLOW, (y / HORIZON) ** 1.6);
  colour = mix(colour, [255, 214, 190], cloud);
  colour = mix(colour, [255, 226, 160], 0.8 * Math.exp(-distance * 7));
  return mix(colour, [255, 250, 224], (SUN.radius - distance) * 160);
}

function land(x: number, y: number): Colour {
  let colour = sky(x, y);
  for (const { height, rough, seed, colour: rock } of RIDGES) {
    const top = HORIZON - height * (0.35 + 1.1 * fractal(x * rough, 0.5, seed));
    if (y < top) continue;
    const light = (fractal(x * 40, y * 60, seed) - 0.5) * 0.5;
    colour = mix(rock, GLOW, light + 0.25 * Math.exp(-(y - top) * 30));
  }
  return colour;
}

function colourAt(x: number, y: number): Colour {
  if (y < HORIZON) return land(x, y);
  const depth = y - HORIZON;
  const ripple = (noise(x * 30, depth * 260, 71) - 0.5) * 0.06 * (0.3 + depth * 3);
  return mix(land(x + ripple * 0.5, HORIZON - depth * 1.25 + ripple), [16, 30, 58], 0.25 + depth);
}

/** The landscape as rows of RGB bytes, nine samples to a pixel. */
export function scene(width: number, height: number): Uint8Array {
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sum = [0, 0, 0];
      for (let sample = 0; sample < 9; sample++) {
        const u = (x + ((sample % 3) + 0.5) / 3) / width;
        const v = (y + (Math.floor(sample / 3) + 0.5) / 3) / height;
        colourAt(u, v).forEach((value, channel) => {
          sum[channel]! += value / 9;
        });
      }
      // Grain, as a sensor has it.
      const grain = (lattice(x, y, 99) - 0.5) * 5;
      for (let channel = 0; channel < 3; channel++) {
        const value = Math.round(sum[channel]! + grain);
        pixels[(y * width + x) * 3 + channel] = Math.max(0, Math.min(255, value));
      }
    }
  }
  return pixels;
}
