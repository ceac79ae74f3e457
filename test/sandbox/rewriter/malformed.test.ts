// Whatever the bytes are, the rewriter refuses them by a RewriteError or rewrites them, after work in proportion to their
// number. Modules of the corpus are broken in every way that a broken tool or an attacker breaks them.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RewriteError, type RewriteOptions, rewrite } from '../../../src/sandbox/rewriter/index.ts';
import { CORPUS } from './corpus.ts';
import { assemble, assembleNew } from './harness.ts';
import { composeGuest } from './secret/guest-module.ts';
import { KINDS, type Shape } from './secret/places.ts';

const SEED = 0x10e6e;
const MODULE = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

type Bytes = Uint8Array<ArrayBuffer>;
type Options = Omit<RewriteOptions, 'maxPages'>;

/** Rewrites, and holds that only a module that was wrong before is wrong after. */
function judge(bytes: Bytes, options: Options = {}): void {
  let output: Bytes;
  try {
    output = rewrite(bytes, { maxPages: 16, ...options }).bytes;
  } catch (error) {
    if (error instanceof RewriteError) return;
    throw error;
  }
  if (WebAssembly.validate(bytes)) expect(WebAssembly.validate(output)).toBe(true);
}

/** Of all kinds of storage there is, among it what the corpus has not: GC, tables of 64 bits, exception references. */
function guestOfAllKinds(number: number): Bytes {
  const kinds = Object.keys(KINDS) as Shape['kind'][];
  const shapes = kinds.map((kind) => ({ kind, a: number, b: number, c: number }));
  return assembleNew(composeGuest(shapes).wat);
}

const sources: readonly Bytes[] = [
  ...CORPUS.map(({ wat }) => assemble(wat)),
  ...[0, 1, 2, 3, 4, 5].map(guestOfAllKinds),
];

const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const options: fc.Arbitrary<Options> = fc.record({
  polls: fc.constantFrom('exit', 'call', 'entry', 'none'),
  growth: fc.constantFrom('retire', 'keep'),
  entry: fc.constantFrom('required', 'optional'),
  standalone: fc.boolean(),
  report: fc.boolean(),
});

/** One way to break a module. */
type Fault = (bytes: Bytes) => Bytes;

function at(bytes: Bytes, where: number): number {
  return Math.floor(where * bytes.length);
}

function splice(bytes: Bytes, start: number, count: number, inserted: Iterable<number>): Bytes {
  return Uint8Array.from([
    ...bytes.subarray(0, start),
    ...inserted,
    ...bytes.subarray(start + count),
  ]);
}

const HUGE = [0xff, 0xff, 0xff, 0xff, 0x0f];

const faults: fc.Arbitrary<Fault> = fc.oneof(
  // one bit
  fc.tuple(place, fc.nat(7)).map(
    ([where, bit]): Fault =>
      (bytes) => {
        const changed = bytes.slice();
        const index = at(bytes, where);
        changed[index] = (changed[index] ?? 0) ^ (1 << bit);
        return changed;
      },
  ),
  // one byte
  fc.tuple(place, fc.nat(255)).map(
    ([where, value]): Fault =>
      (bytes) =>
        splice(bytes, at(bytes, where), 1, [value]),
  ),
  // cut off
  place.map(
    (where): Fault =>
      (bytes) =>
        bytes.slice(0, at(bytes, where)),
  ),
  // a piece left out
  fc.tuple(place, fc.integer({ min: 1, max: 40 })).map(
    ([where, count]): Fault =>
      (bytes) =>
        splice(bytes, at(bytes, where), count, []),
  ),
  // a piece of the same module, or of another one, in the midst
  fc
    .tuple(place, place, fc.integer({ min: 1, max: 60 }), fc.option(fc.constantFrom(...sources)))
    .map(
      ([to, from, count, other]): Fault =>
        (bytes) => {
          const source = other ?? bytes;
          const start = at(source, from);
          return splice(bytes, at(bytes, to), 0, source.subarray(start, start + count));
        },
    ),
  // a length, a count or an index of 2^32 - 1, or one more than that
  fc.tuple(place, fc.boolean()).map(
    ([where, isBeyond]): Fault =>
      (bytes) =>
        splice(bytes, at(bytes, where), 1, isBeyond ? [0xff, 0xff, 0xff, 0xff, 0x1f] : HUGE),
  ),
  // the same number in more bytes, and in too many
  fc.tuple(place, fc.integer({ min: 1, max: 11 })).map(
    ([where, more]): Fault =>
      (bytes) => {
        const index = at(bytes, where);
        const zeros = new Array<number>(more - 1).fill(0x80);
        return splice(bytes, index, 1, [(bytes[index] ?? 0) | 0x80, ...zeros, 0]);
      },
  ),
);

describe('broken input', () => {
  it('is_refused_wherever_it_is_cut_off', () => {
    for (const source of sources) {
      for (let length = 0; length < source.length; length += 1) judge(source.slice(0, length));
    }
  });

  it('is_refused_or_stays_as_right_or_wrong_as_it_was', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...sources),
        fc.array(faults, { minLength: 1, maxLength: 4 }),
        options,
        (source, list, chosen) => {
          let bytes = source;
          for (const fault of list) bytes = fault(bytes);
          judge(bytes, chosen);
        },
      ),
      { seed: SEED, numRuns: 6000 },
    );
  });

  it('is_refused_wherever_a_number_is_as_large_as_it_can_be', () => {
    for (const source of sources.slice(-2)) {
      for (let index = 8; index < source.length; index += 1) {
        judge(splice(source, index, 1, HUGE));
      }
    }
  });

  it('is_refused_when_it_is_noise_behind_a_header', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (noise) =>
        judge(new Uint8Array([...MODULE, ...noise])),
      ),
      { seed: SEED, numRuns: 1000 },
    );
  });
});
