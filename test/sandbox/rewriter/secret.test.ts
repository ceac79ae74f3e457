// Reset never leaves anything of a request to the next one: a guest hides a secret in every place that it has, ends in
// any way there is, and after reset neither the next run nor the host finds it, but what a fresh instance of the module as
// it was holds. Where reset says that it cannot, there has to be a reason for it, and there is none else.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assembleNew, Rewritten } from './harness.ts';
import {
  composeGuest,
  ENDINGS,
  type Ending,
  endingNumber,
  type GuestModule,
} from './secret/guest-module.ts';
import {
  call,
  type Exports,
  hideThroughExports,
  importsOf,
  lookEverywhere,
  sizesOf,
} from './secret/host.ts';
import { KINDS, type Shape } from './secret/places.ts';

const SEED = 0x5ec4e7;
const RUNS = 150;
const MAX_PAGES = 64;

interface Round {
  readonly ending: Ending;
  /** Of the places: where the guest ends, or whose bulk instruction is broken off. */
  readonly at: number;
  /** How many polls it survives then. */
  readonly polls: number;
  readonly throughExports: boolean;
}

interface Plan {
  readonly shapes: readonly Shape[];
  readonly growth: 'retire' | 'keep';
  readonly polls: 'exit' | 'call';
  readonly rounds: readonly Round[];
}

class Bench {
  readonly guest: GuestModule;
  readonly rewritten: Rewritten;
  readonly #plan: Plan;
  readonly #original: WebAssembly.Module;
  #broken: Round | undefined;
  #survived: number = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.guest = composeGuest(plan.shapes);
    const bytes = assembleNew(this.guest.wat);
    this.#original = new WebAssembly.Module(bytes);
    const signals = {
      raise: () => this.#raise(),
      bulk: (index: number) => {
        const { ending, at } = this.#broken ?? { ending: 'return', at: -1 };
        if (ending === 'killed_in_a_bulk_instruction' && at === index) this.#raise();
      },
    };
    this.rewritten = new Rewritten(bytes, {
      polls: plan.polls,
      growth: plan.growth,
      maxPages: MAX_PAGES,
      dirt: 0x5e,
      imports: importsOf(this.guest.places, signals),
      interrupt: () => this.#answer(),
    });
  }

  get places(): GuestModule['places'] {
    return this.guest.places;
  }

  fresh(): Exports {
    return new WebAssembly.Instance(this.#original, importsOf(this.places) as WebAssembly.Imports)
      .exports;
  }

  /** Returns how it ended. */
  async dirty(round: Round): Promise<unknown> {
    const { rewritten } = this;
    this.#broken = round;
    this.#survived = 0;
    const inBulk = round.ending === 'killed_in_a_bulk_instruction';
    const at = inBulk ? this.places.length : round.at;
    const outcome = await rewritten.call('dirty', endingNumber(round.ending), at);
    rewritten.control[0] = 0;
    this.#broken = undefined;
    if (round.throughExports) hideThroughExports(rewritten.exports, this.places);
    return outcome;
  }

  #raise(): void {
    this.rewritten.control[0] = 1;
  }

  /** The flag stays up: the polls of a bulk instruction are met one after the other. */
  #answer(): number {
    this.#survived += 1;
    const inBulk = this.#broken?.ending === 'killed_in_a_bulk_instruction';
    return this.#survived > (inBulk ? this.#broken!.polls : 0) ? 1 : 0;
  }

  /** What the docs say of it: nothing else makes an instance be replaced. */
  mustRetire(isFirst: boolean): boolean {
    if (!isFirst && this.places.some(({ servesOnce }) => servesOnce)) return true;
    return sizesOf(this.rewritten.exports, this.places).some((size, index) => {
      const { memory, table } = this.places[index]!;
      if (memory !== undefined) return this.#plan.growth === 'retire' && size !== memory.minPages;
      return table !== undefined && size !== table.elements;
    });
  }

  /** The same looks, and those into grown memories, at both. */
  compare(grows: boolean): void {
    const { exports } = this.rewritten;
    const fresh = this.fresh();
    const expected = lookEverywhere(fresh, this.places);
    const actual = lookEverywhere(exports, this.places);
    expect(actual.seen).toEqual(expected.seen);
    expect(actual.hasSecret).toBe(false);
    if (!grows) return;
    for (const pages of [1, 2]) {
      for (const [index, { memory }] of this.places.entries()) {
        if (memory === undefined) continue;
        const name = `grow.${index}`;
        const delta = memory.wide ? BigInt(pages) : pages;
        expect(call(exports, name, delta)).toBe(call(fresh, name, delta));
      }
      const grown = lookEverywhere(exports, this.places);
      expect(grown.seen).toEqual(lookEverywhere(fresh, this.places).seen);
      expect(grown.hasSecret).toBe(false);
    }
  }
}

async function hold(plan: Plan): Promise<void> {
  const bench = new Bench(plan);
  expect(await bench.rewritten.reset()).toBe(0);
  bench.compare(false);
  for (const [at, round] of plan.rounds.entries()) {
    await bench.dirty(round);
    const mustRetire = bench.mustRetire(false);
    expect(await bench.rewritten.reset()).toBe(mustRetire ? 1 : 0);
    if (mustRetire) {
      expect(await bench.rewritten.reset()).toBe(1);
      return;
    }
    bench.compare(at === plan.rounds.length - 1);
  }
}

const KIND_NAMES = Object.keys(KINDS) as Shape['kind'][];
const ENDING_NAMES = Object.keys(ENDINGS) as Ending[];
const shapeOf = (kind: fc.Arbitrary<Shape['kind']>): fc.Arbitrary<Shape> =>
  fc.record({ kind, a: fc.nat(999), b: fc.nat(999), c: fc.nat(999) });
/** Those that retire an instance whatever it does are rare, as they end the run. */
const shape = fc.oneof(
  {
    weight: 30,
    arbitrary: shapeOf(fc.constantFrom(...KIND_NAMES.filter((kind) => kind !== 'constant'))),
  },
  { weight: 1, arbitrary: shapeOf(fc.constant('constant')) },
);
const plans: fc.Arbitrary<Plan> = fc.record({
  shapes: fc.array(shape, { minLength: 1, maxLength: 9 }),
  growth: fc.constantFrom('retire', 'keep'),
  polls: fc.constantFrom('exit', 'call'),
  rounds: fc.array(
    fc.record({
      ending: fc.constantFrom(...ENDING_NAMES),
      at: fc.nat(9),
      polls: fc.nat(4),
      throughExports: fc.boolean(),
    }),
    { minLength: 1, maxLength: 3 },
  ),
});

const EVERY_KIND: readonly (Shape & { readonly name: string })[] = KIND_NAMES.flatMap((kind) =>
  // A memory of no pages holds nothing.
  Array.from({ length: 8 }, (_, at) => {
    return { name: `${kind} ${at}`, kind, a: at, b: kind === 'memory' ? at | 1 : at, c: at };
  }),
);
const TO_THE_END = { at: 99, polls: 0, throughExports: false };

describe('a secret', () => {
  it.each(EVERY_KIND)('can_be_found_before_reset_where_it_was_hidden: $name', async (one) => {
    const bench = new Bench({ shapes: [one], growth: 'keep', polls: 'exit', rounds: [] });
    await bench.rewritten.reset();
    expect(await bench.dirty({ ending: 'return', ...TO_THE_END })).toBe(undefined);
    const { seen, hasSecret } = lookEverywhere(bench.rewritten.exports, bench.places);
    expect(seen).not.toEqual(lookEverywhere(bench.fresh(), bench.places).seen);
    if (one.kind !== 'segment') expect(hasSecret).toBe(true);
  });

  it.each(EVERY_KIND)('cannot_be_found_after_reset_wherever_it_was_hidden: $name', async (one) => {
    for (const growth of ['retire', 'keep'] as const) {
      const rounds = (['return', 'killed'] as const).map((ending) => ({ ending, ...TO_THE_END }));
      await hold({ shapes: [one], growth, polls: 'exit', rounds });
    }
  });

  it.each(ENDING_NAMES)('is_not_left_by_a_guest_that_ends_by_%s', async (ending) => {
    const shapes: Shape[] = KIND_NAMES.filter((kind) => kind !== 'constant').map((kind) => ({
      ...{ kind, a: 0, b: 2, c: 4 },
    }));
    const rounds = [0, 1, 2, 99].map((at) => ({ ending, at, polls: 1, throughExports: false }));
    const bench = new Bench({ shapes, growth: 'keep', polls: 'exit', rounds });
    await bench.rewritten.reset();
    // Each ending is what its name says: none ends like another one that was meant to be different.
    const outcome = await bench.dirty({ ending, ...TO_THE_END });
    expect(OUTCOMES[ending].test(String(outcome))).toBe(true);
    await hold({ shapes, growth: 'keep', polls: 'exit', rounds });
  });

  it('is_not_left_by_any_guest_in_any_way', async () => {
    await fc.assert(fc.asyncProperty(plans, hold), { seed: SEED, numRuns: RUNS });
  });
});

const UNREACHABLE = /: unreachable$/;
const BOUNDS = /out of bounds/;
const OUTCOMES: Readonly<Record<Ending, RegExp>> = {
  return: /^undefined$/,
  exception: /^exception$/,
  unreachable: UNREACHABLE,
  division_by_zero: /divide by zero/,
  integer_overflow: /divide result unrepresentable/,
  float_to_integer: /float unrepresentable/,
  memory_out_of_bounds: /memory access out of bounds/,
  fill_out_of_bounds: /memory access out of bounds/,
  table_out_of_bounds: BOUNDS,
  null_function: /null function|signature mismatch/,
  wrong_function: /null function|signature mismatch/,
  null_reference: /null pointer/,
  failed_cast: /illegal cast/,
  array_out_of_bounds: BOUNDS,
  array_too_large: /array is too large/,
  segment_out_of_bounds: /out of bounds|too large/,
  stack_overflow: /^stack overflow$/,
  killed: UNREACHABLE,
  killed_in_a_try: UNREACHABLE,
  killed_in_a_bulk_instruction: UNREACHABLE,
};
