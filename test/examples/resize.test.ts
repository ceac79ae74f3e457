import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { seeded } from '../../examples/data/random.ts';
import { EXAMPLES, type GuestResponse, run } from './host.ts';
import {
  assemble,
  chunk,
  type DecodedPng,
  decode,
  encode,
  type Picture,
  type PngOptions,
  SAMPLES,
} from './png.ts';
import { largestDifference, resize } from './reference.ts';

const PHOTO = readFileSync(join(EXAMPLES, 'data/photo.png'));
const PPM = readFileSync(join(EXAMPLES, 'data/photo.ppm'));

function post(query: string, body: Uint8Array): GuestResponse {
  return run('resize', { method: 'POST', query, body });
}

function resized(query: string, body: Uint8Array): DecodedPng {
  const answer = post(query, body);
  expect(answer.error).toBeUndefined();
  expect(answer.status, answer.text.slice(0, 100)).toBe(200);
  expect(answer.headers.get('content-type')).toBe('image/png');
  return decode(answer.body);
}

function refused(query: string, body: Uint8Array): [number, string] {
  const { status, text, error } = post(query, body);
  expect(error).toBeUndefined();
  return [status, text];
}

/** A picture with gradients, edges and noise, in the range of the depth. */
function pattern(depth: number): (x: number, y: number, s: number) => number {
  const top = 2 ** depth - 1;
  const { uniform } = seeded(depth);
  const grain = Array.from({ length: 997 }, () => uniform() * 0.3);
  return (x, y, s) => {
    const wave = 0.35 + 0.35 * Math.sin(x / 3 + s) * Math.cos(y / 4 - s);
    return Math.round(top * (wave + grain[(x * 31 + y * 17 + s * 7) % 997]!));
  };
}

const SIZE = { width: 37, height: 29 };
/** Sizes that make it smaller, larger, and one of each. */
const QUERIES = ['12x9', '80x61', '9x61', '37x29'];

function check(png: Buffer, expected: Picture, name: string): void {
  for (const query of QUERIES) {
    const answer = resized(query, png);
    const [width, height] = query.split('x').map(Number);
    expect([answer.width, answer.height, answer.channels], `${name} ${query}`).toEqual([
      width,
      height,
      expected.channels,
    ]);
    const reference = resize(expected, width!, height!);
    expect(largestDifference(reference, answer), `${name} ${query}`).toBeLessThanOrEqual(1);
  }
}

function picture(channels: number, value: (x: number, y: number, c: number) => number): Picture {
  const pixels = new Uint8Array(SIZE.width * SIZE.height * channels);
  for (let i = 0; i < pixels.length; i++) {
    const pixel = Math.floor(i / channels);
    pixels[i] = value(pixel % SIZE.width, Math.floor(pixel / SIZE.width), i % channels);
  }
  return { ...SIZE, channels, pixels };
}

test.each([0, 2, 4, 6])('resize_reads_colour_type_%i_at_all_depths', (colourType) => {
  for (const depth of colourType === 0 ? [1, 2, 4, 8, 16] : [8, 16]) {
    for (const interlaced of [false, true]) {
      const options = { ...SIZE, colourType, depth, interlaced, idatBytes: 100 };
      const sample = pattern(depth);
      const expected = picture(SAMPLES[colourType]!, (x, y, c) =>
        Math.round((sample(x, y, c) * 255) / (2 ** depth - 1)),
      );
      check(encode(options, sample), expected, `depth ${depth} interlaced ${interlaced}`);
    }
  }
});

test('resize_turns_a_palette_into_colours', () => {
  for (const depth of [1, 2, 4, 8]) {
    for (const transparent of [false, true]) {
      for (const interlaced of [false, true]) {
        const size = 2 ** depth;
        const colours = Buffer.from(Array.from({ length: size * 3 }, (_, i) => (i * 53) & 255));
        const alphas = Buffer.from(Array.from({ length: size - 1 }, (_, i) => (i * 91) & 255));
        const chunks = [chunk('PLTE', colours), ...(transparent ? [chunk('tRNS', alphas)] : [])];
        const index = pattern(depth);
        const expected = picture(transparent ? 4 : 3, (x, y, c) =>
          c === 3 ? (alphas[index(x, y, 0)] ?? 255) : colours[index(x, y, 0) * 3 + c]!,
        );
        const png = encode({ ...SIZE, colourType: 3, depth, interlaced, chunks }, index);
        check(png, expected, `depth ${depth} transparent ${transparent} ${interlaced}`);
      }
    }
  }
});

test('resize_turns_a_transparent_colour_into_alpha', () => {
  for (const depth of [4, 8, 16]) {
    const key = Buffer.from([0, 1]);
    const sample = (x: number, y: number): number => (x + y) % 4;
    const top = 2 ** depth - 1;
    const expected = picture(2, (x, y, c) =>
      c === 1 ? (sample(x, y) === 1 ? 0 : 255) : Math.round((sample(x, y) * 255) / top),
    );
    const options = { ...SIZE, colourType: 0, depth, chunks: [chunk('tRNS', key)] };
    check(encode(options, sample), expected, `gray ${depth}`);
  }
  const sample = (x: number, y: number, s: number): number => ((x + y) % 3) * 100 + s;
  const chunks = [chunk('tRNS', Buffer.from([0, 100, 0, 101, 0, 102]))];
  const expected = picture(4, (x, y, c) =>
    c === 3 ? (sample(x, y, 0) === 100 ? 0 : 255) : sample(x, y, c),
  );
  check(encode({ ...SIZE, colourType: 2, depth: 8, chunks }, sample), expected, 'RGB');
});

test('resize_gives_no_colour_to_what_is_transparent', () => {
  // Red that is seen beside green that is not: what comes out between is red.
  const png = encode({ width: 2, height: 1, colourType: 6, depth: 8 }, (x, _y, s) =>
    x === 0 ? [255, 0, 0, 255][s]! : [0, 255, 0, 0][s]!,
  );
  expect([...resized('1x1', png).pixels]).toEqual([255, 0, 0, 128]);
});

test('resize_keeps_proportions', () => {
  const sizes: [string, number, number][] = [
    ['w=128', 128, 96],
    ['h=48', 64, 48],
    ['w=100&h=10', 100, 10],
    ['h=10&w=100', 100, 10],
    ['64x48', 64, 48],
    ['scale=0.5', 128, 96],
    ['scale=.25', 64, 48],
    ['scale=2', 512, 384],
    ['w=1', 1, 1],
    ['scale=0.0001', 1, 1],
  ];
  for (const [query, width, height] of sizes) {
    expect(resized(query, PHOTO), query).toMatchObject({ width, height });
  }
});

test('resize_returns_the_photo_as_it_was_at_its_own_size', () => {
  const original = decode(PHOTO);
  const same = resized('scale=1', PHOTO);
  expect(Buffer.from(same.pixels).equals(original.pixels)).toBe(true);
  // And again through its own encoder.
  const again = resized('scale=1', post('scale=1', PHOTO).body);
  expect(Buffer.from(again.pixels).equals(original.pixels)).toBe(true);
});

test('resize_compresses', () => {
  const same = resized('scale=1', PHOTO);
  // The photo was written by zlib at its best, but with one filter for all rows.
  expect(same.idatBytes).toBeLessThan(decode(PHOTO).idatBytes);
  expect(same.filters.size).toBeGreaterThan(1);
  const flat = encode({ width: 200, height: 200, colourType: 2, depth: 8 }, () => 77);
  expect(resized('300x300', flat).idatBytes).toBeLessThan(1000);
});

test('resize_stays_in_its_first_memory_for_an_ordinary_picture', () => {
  expect(post('scale=0.5', PHOTO).pages).toBe(8);
});

test('resize_writes_large_pictures_that_zlib_reads', () => {
  // More than two windows of the encoder, and several chunks; compressible and not.
  const { uniform } = seeded(7);
  const noise = Buffer.from(Array.from({ length: 300 * 300 * 3 }, () => uniform() * 256));
  const options = { width: 300, height: 300, colourType: 2, depth: 8 };
  const png = encode(options, (x, y, s) => noise[(y * 300 + x) * 3 + s]!);
  const same = resized('300x300', png);
  expect(Buffer.from(same.pixels).equals(noise)).toBe(true);
  expect(same.types.filter((type) => type === 'IDAT').length).toBeGreaterThan(2);
  const stripes = encode(options, (x, y) => ((x >> 3) * 7 + (y >> 4) * 11) & 255);
  const wide = resized('300x300', stripes);
  expect(Buffer.from(wide.pixels).equals(decode(stripes).pixels)).toBe(true);
});

test('resize_reads_all_kinds_of_blocks', () => {
  const sample = pattern(8);
  for (const level of [0, 1, 9]) {
    for (const idatBytes of [1, 13, 5000]) {
      const png = encode({ ...SIZE, colourType: 2, depth: 8, level, idatBytes }, sample);
      const same = resized('37x29', png);
      expect(Buffer.from(same.pixels).equals(picture(3, sample).pixels)).toBe(true);
    }
  }
  // Small enough that zlib takes the fixed code.
  const dot = encode({ width: 1, height: 1, colourType: 0, depth: 8 }, () => 200);
  expect([...resized('1x1', dot).pixels]).toEqual([200]);
});

test('resize_keeps_what_the_colours_mean_and_drops_the_rest', () => {
  const gamma = chunk('gAMA', Buffer.from([0, 0, 0xb1, 0x8f]));
  const profile = chunk('iCCP', Buffer.alloc(3000, 7));
  const chunks = [gamma, chunk('tEXt', Buffer.from('a\0b')), profile];
  const png = encode({ ...SIZE, colourType: 2, depth: 8, chunks }, pattern(8));
  const answer = post('12x9', png);
  expect(decode(answer.body).types.slice(0, 4)).toEqual(['IHDR', 'gAMA', 'iCCP', 'IDAT']);
  expect(answer.body.includes(gamma) && answer.body.includes(profile)).toBe(true);
});

test('resize_refuses_a_changed_byte_anywhere', () => {
  const png = encode({ ...SIZE, colourType: 2, depth: 8, idatBytes: 700 }, pattern(8));
  // Every byte of the heads, then some of the pixels.
  for (let at = 8; at < png.length; at += at < 60 ? 1 : 41) {
    const changed = Buffer.from(png);
    changed[at]! ^= 0x20;
    const { status, error } = post('12x9', changed);
    expect(error).toBeUndefined();
    expect([400, 413, 415], `byte ${at}`).toContain(status);
  }
});

test('resize_refuses_a_file_that_ends_early_anywhere', () => {
  const png = encode({ ...SIZE, colourType: 2, depth: 8, idatBytes: 700 }, pattern(8));
  for (let end = 9; end < png.length; end += 23) {
    const [status, text] = refused('12x9', png.subarray(0, end));
    expect(status, `${end}: ${text}`).toBe(400);
    expect(text).toMatch(/^resize: PNG: the file ends (before IEND|within \w{4})\n$/);
  }
});

test('resize_names_what_is_wrong', () => {
  const options: PngOptions = { ...SIZE, colourType: 0, depth: 8 };
  const raw = Buffer.alloc(SIZE.height * (SIZE.width + 1));
  const data = deflateSync(raw);
  const with_ = (change: Partial<PngOptions>, pixels: Uint8Array = data): Buffer =>
    assemble({ ...options, ...change }, [chunk('IDAT', pixels)]);
  const patched = (at: number, value: number): Buffer => {
    const copy = Buffer.from(data);
    copy[at < 0 ? copy.length + at : at] = value;
    return copy;
  };
  const badFilter = Buffer.from(raw);
  badFilter[SIZE.width + 1] = 5;
  const cases: [Buffer, number, string][] = [
    [with_({}, patched(-1, data.at(-1)! ^ 1)), 400, 'PNG: wrong checksum of the pixels (Adler-32)'],
    [with_({}, patched(0, 0x79)), 400, 'PNG: IDAT is no zlib stream'],
    [with_({}, patched(2, 0x07)), 400, 'PNG: the compressed data are damaged (block type 3)'],
    [with_({}, data.subarray(0, 9)), 400, 'PNG: the compressed data end early'],
    [with_({}, data.subarray(0, -2)), 400, 'PNG: the compressed data end early'],
    [with_({ height: 30 }), 400, 'PNG: the compressed data hold too few pixels'],
    [with_({ height: 28 }), 400, 'PNG: the compressed data hold too many pixels'],
    [with_({}, deflateSync(badFilter)), 400, 'PNG: unknown filter type'],
    [with_({ depth: 3 }), 400, 'PNG: unknown combination of colour type and bit depth'],
    [with_({ colourType: 3 }), 400, 'PNG: PLTE is missing'],
    [with_({ width: 0 }), 400, 'PNG: IHDR has no width or no height'],
    [with_({ chunks: [chunk('ABCD')] }), 415, 'PNG: unknown critical chunk ABCD'],
    [with_({ chunks: [chunk('PLTE', Buffer.alloc(4))] }), 400, 'PNG: PLTE has a wrong length'],
    [with_({ width: 20_000 }), 413, 'the picture may have 16 Mpixel and 16384 to a side'],
    [
      with_({ width: 2 ** 31, height: 2 ** 31 }),
      413,
      'the picture may have 16 Mpixel and 16384 to a side',
    ],
    [
      with_({ width: 5000, height: 5000 }),
      413,
      'the picture may have 16 Mpixel and 16384 to a side',
    ],
    [
      with_({ width: 3000, height: 3000, interlaced: true }),
      413,
      'an interlaced picture may have 6 Mpixel',
    ],
    [PHOTO.subarray(0, 7), 415, 'expected a PNG, a binary PPM (P6) or a binary PGM (P5) picture'],
    [Buffer.from('GIF89a'), 415, 'expected a PNG, a binary PPM (P6) or a binary PGM (P5) picture'],
    [Buffer.alloc(0), 400, 'the body is empty; expected a PNG, PPM or PGM picture'],
  ];
  for (const [body, status, reason] of cases) {
    expect(refused('12x9', body)).toEqual([status, `resize: ${reason}\n`]);
  }
  const index = encode(
    { ...SIZE, colourType: 3, depth: 8, chunks: [chunk('PLTE', Buffer.alloc(9))] },
    (x) => (x === 30 ? 3 : 2),
  );
  expect(refused('9x9', index)).toEqual([400, 'resize: PNG: a pixel is not in the palette\n']);
});

test('resize_wants_a_size_within_limits', () => {
  const unclear = 'resize: expected a size: ?WxH, ?w=..&h=.. (one is enough) or ?scale=0.5\n';
  for (const query of [
    ...['', '100', 'x', '0x5', '5x', '-1x5', '5x5x5', 'w=0', 'w=', 'w=1e3', 'w=999999', 'width=5'],
    ...['scale=0', 'scale=-1', 'scale=', 'scale=.', 'scale=1.2.3', 'scale=NaN', 'w=5&scale=1'],
  ]) {
    expect(refused(query, PHOTO), query).toEqual([400, unclear]);
  }
  const large = 'resize: the answer may have 8 Mpixel and 16384 to a side\n';
  for (const query of ['scale=1000', '16385x1', '4000x4000', 'w=99999']) {
    expect(refused(query, PHOTO), query).toEqual([413, large]);
  }
});

function decodePpm(file: Buffer): Picture & { magic: string } {
  const head = /^(P[56])\n(\d+) (\d+)\n255\n/.exec(file.toString('latin1', 0, 30))!;
  const [all, magic, width, height] = head;
  return {
    ...{ magic: magic!, width: Number(width), height: Number(height) },
    ...{ channels: magic === 'P6' ? 3 : 1, pixels: file.subarray(all!.length) },
  };
}

test('resize_answers_ppm_with_ppm', () => {
  const original = decodePpm(PPM);
  for (const query of ['20x11', '200x150', '64x48']) {
    const answer = post(query, PPM);
    expect(answer.headers.get('content-type')).toBe('image/x-portable-pixmap');
    const picture = decodePpm(answer.body);
    const reference = resize(original, picture.width, picture.height);
    expect(`${picture.width}x${picture.height}`).toBe(query);
    expect(picture.pixels.length).toBe(reference.pixels.length);
    expect(largestDifference(reference, picture)).toBeLessThanOrEqual(1);
  }
});

test('resize_reads_pgm_with_comments_and_other_maxima', () => {
  const wide = Buffer.concat([
    Buffer.from('P5 # a comment\n#another\n2\t2\n1000 '),
    Buffer.from([0, 0, 3, 232, 1, 244, 0, 100]),
  ]);
  const answer = post('2x2', wide);
  expect(answer.headers.get('content-type')).toBe('image/x-portable-graymap');
  expect([...decodePpm(answer.body).pixels]).toEqual([0, 255, 128, 26]);
  const narrow = Buffer.concat([Buffer.from('P5 2 1 15\n'), Buffer.from([15, 5])]);
  expect([...decodePpm(post('2x1', narrow).body).pixels]).toEqual([255, 85]);
});

test('resize_refuses_bad_ppm', () => {
  const cases: [string, number, string][] = [
    ['P6\n2 2\n255\n12345678901', 400, 'PPM: the file ends within the pixels'],
    ['P6\n2 2\n', 400, 'PPM: expected width, height and maximum as numbers'],
    ['P6\n0 2\n255\n', 400, 'PPM: expected width, height and maximum as numbers'],
    ['P6\n2 -2\n255\n', 400, 'PPM: expected width, height and maximum as numbers'],
    ['P6 # never ends', 400, 'PPM: expected width, height and maximum as numbers'],
    ['P6\n2 2\n65536\n', 400, 'PPM: the maximum is not in 1 .. 65535'],
    ['P5\n1 1\n9\nA', 400, 'PPM: a sample is above the maximum'],
    ['P6\n99999 2\n255\n', 413, 'the picture may have 16 Mpixel and 16384 to a side'],
    ['P3\n1 1\n255\n1 2 3', 415, 'expected a PNG, a binary PPM (P6) or a binary PGM (P5) picture'],
  ];
  for (const [body, status, reason] of cases) {
    expect(refused('1x1', Buffer.from(body, 'latin1'))).toEqual([status, `resize: ${reason}\n`]);
  }
});
