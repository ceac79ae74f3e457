// The rewriter's work is in proportion to the bytes that it is given: of garbage, and of modules made to be expensive. Steps
// are counted, not time: 1 MB is refused or rewritten in as many of them as it takes to look at each byte a few times.

import { afterAll, describe, expect, it, vi } from 'vitest';
import type { RewriteOptions } from '../../../src/sandbox/rewriter/index.ts';
import { leb, Writer } from '../../../src/sandbox/rewriter/writer.ts';
import { Rng } from './differential/rng.ts';
import { WorkMeter } from './work-meter.ts';

const MEGABYTE = 1 << 20;
const SEED = 0x10e6e;
/** Executed blocks for each byte: about 20 of ordinary code, 250 of a memory of two bytes, with what is told about it. */
const STEPS_PER_BYTE_MAX = 300;
const STEPS_BASE = 50_000;
/** Bytes of output for each of input. A memory of no pages, two bytes, is the worst: a name, a function that grows it, its entry in the mark. */
const OUTPUT_PER_BYTE_MAX = 300;
const OUTPUT_BASE = 4096;

const meter = new WorkMeter();
vi.resetModules();
const { rewrite, RewriteError } = await import('../../../src/sandbox/rewriter/index.ts');
afterAll(() => meter.close());

type Ending = 'rewritten' | 'refused';

function hold(bytes: Uint8Array, options: Partial<RewriteOptions> = {}): Ending {
  meter.take();
  let ending: Ending = 'rewritten';
  try {
    const { bytes: output } = rewrite(bytes, { maxPages: 65_536, entry: 'optional', ...options });
    expect(output.length).toBeLessThanOrEqual(OUTPUT_BASE + bytes.length * OUTPUT_PER_BYTE_MAX);
  } catch (error) {
    if (!(error instanceof RewriteError)) throw error;
    ending = 'refused';
  }
  const steps = meter.take();
  expect(steps).toBeGreaterThan(0);
  expect(steps).toBeLessThanOrEqual(STEPS_BASE + bytes.length * STEPS_PER_BYTE_MAX);
  return ending;
}

const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

class Module {
  readonly #out: Writer = new Writer(MEGABYTE);

  constructor() {
    this.#out.raw(...HEADER);
  }

  section(id: number, ...parts: (readonly number[] | Uint8Array)[]): this {
    const content = new Writer(1024);
    for (const part of parts) content.copy(Uint8Array.from(part), 0, part.length);
    this.#out.u8(id);
    this.#out.sized(content);
    return this;
  }

  /** A section that is a vector of `count` times the same, or what `item` gives. */
  vector(
    id: number,
    count: number,
    item: readonly number[] | ((at: number) => readonly number[]),
  ): this {
    const content = new Writer(MEGABYTE);
    content.u32(count);
    const fixed = typeof item === 'function' ? undefined : Uint8Array.from(item);
    for (let at = 0; at < count; at += 1) {
      const bytes = fixed ?? Uint8Array.from((item as (at: number) => readonly number[])(at));
      content.copy(bytes, 0, bytes.length);
    }
    this.#out.u8(id);
    this.#out.sized(content);
    return this;
  }

  /** The only function, of type 0, that consists of `code`. */
  function(code: readonly number[]): this {
    const body = Uint8Array.from([0, ...code, 0x0b]);
    return this.section(10, [1, ...leb(body.length)], body);
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#out.toBytes();
  }
}

function repeat(
  count: number,
  item: readonly number[] | ((at: number) => readonly number[]),
): number[] {
  const list: number[] = [];
  for (let at = 0; at < count; at += 1)
    list.push(...(typeof item === 'function' ? item(at) : item));
  return list;
}

const TYPE = [1, 0x60, 0, 0];

describe('a megabyte of garbage', () => {
  const rng = new Rng(SEED);
  const FILLINGS: readonly (readonly [string, () => Uint8Array])[] = [
    ['noise', () => rng.bytes(MEGABYTE)],
    ['zeros', () => new Uint8Array(MEGABYTE)],
    ['ones', () => new Uint8Array(MEGABYTE).fill(1)],
    ['set_bits', () => new Uint8Array(MEGABYTE).fill(0xff)],
    ['ends', () => new Uint8Array(MEGABYTE).fill(0x0b)],
    ['loops', () => Uint8Array.from({ length: MEGABYTE }, (_, at) => (at % 2 ? 0x40 : 0x03))],
    ['small_numbers', () => Uint8Array.from({ length: MEGABYTE }, () => rng.below(8))],
  ];
  // The largest count that the bytes could hold, so that it is not refused for that alone; and far too large a one.
  const COUNTS = [
    [0xff, 0xff, 0x07],
    [0xff, 0xff, 0xff, 0xff, 0x0f],
  ];
  const SECTIONS = [...Array.from({ length: 14 }, (_, id) => id), 99];

  it.each(FILLINGS)('%s is_looked_at_a_few_times_behind_each_section_head', (_name, fill) => {
    const garbage = fill();
    for (const id of SECTIONS) {
      for (const count of COUNTS) hold(new Module().section(id, count, garbage).bytes());
      // What the garbage refers to is there.
      hold(new Module().section(1, TYPE).section(id, COUNTS[0]!, garbage).bytes());
    }
    hold(garbage);
    hold(Uint8Array.from([...HEADER, ...garbage.subarray(0, MEGABYTE / 8)]));
    const bodies = new Module().section(1, TYPE).section(3, [1, 0]);
    hold(bodies.section(10, [1, ...leb(garbage.length + 1), 0], garbage).bytes());
  });
});

const N = 20_000;
const MANY = 200_000;
/** Names, each another one. */
const name = (at: number): number[] => [
  ...leb(3),
  0x61 + (at % 26),
  ...[at >> 7, at].map((part) => part & 0x7f),
];
const text = (words: string): number[] => [words.length, ...Buffer.from(words)];

/** Modules that are cheap to make and could be expensive to rewrite. */
const EXPENSIVE: readonly (readonly [
  name: string,
  make: () => Module,
  options?: Partial<RewriteOptions>,
])[] = [
  ['memories', () => new Module().vector(5, N, [0, 0])],
  ['memories_that_are_kept', () => new Module().vector(5, N, [0, 0]), { growth: 'keep' }],
  ['memories_that_share_a_limit', () => new Module().vector(5, N, [1, 0, 2]), { maxPages: 7 }],
  ['imported_memories', () => new Module().vector(2, N, (at) => [0, ...name(at), 2, 0, 0])],
  ['the_same_memory', () => new Module().vector(2, MANY, [0, 0, 2, 0, 0])],
  ['imports_of_a_long_type', () => longType(5000, 5000)],
  ['types', () => new Module().vector(1, MANY, [0x60, 0, 0])],
  ['type_groups', () => new Module().vector(1, N, [0x4e, 2, 0x5f, 0, 0x5e, 0x7f, 1])],
  [
    'exports',
    () =>
      new Module()
        .section(1, TYPE)
        .section(3, [1, 0])
        .vector(7, N, (at) => [...name(at), 0, 0])
        .function([]),
  ],
  [
    'functions',
    () => new Module().section(1, TYPE).vector(3, MANY, [0]).vector(10, MANY, [2, 0, 0x0b]),
  ],
  ['globals', () => new Module().vector(6, MANY, [0x7f, 1, 0x41, 0, 0x0b])],
  ['exception_globals_and_dropped_segments', droppedSegments],
  ['tables_that_are_written', writtenTables],
  ['imported_tables_that_are_written', importedTables],
  [
    'element_segments',
    () => new Module().section(4, [1, 0x70, 0, 0]).vector(9, N, [0, 0x41, 0, 0x0b, 0]),
  ],
  [
    'element_expressions',
    () => new Module().section(9, [1, 5, 0x70, ...leb(MANY)], repeat(MANY, [0xd0, 0x70, 0x0b])),
  ],
  ['data_segments', () => new Module().section(5, [1, 0, 1]).vector(11, N, [0, 0x41, 0, 0x0b, 0])],
  ['custom_sections', () => customs(N, N)],
  ['names_of_functions', namesOfFunctions],
  ['branch_hints', branchHints],
  ['loops_in_loops', () => code(repeat(N, [0x03, 0x40]), repeat(N, [0x0b]))],
  [
    'loops_in_blocks_in_loops',
    () => code(repeat(N, [0x03, 0x40, 0x02, 0x40]), repeat(2 * N, [0x0b])),
  ],
  [
    'loops_in_loops_that_go_back',
    () => code(repeat(N, [0x03, 0x40, 0x41, 0, 0x0d, 0]), repeat(N, [0x0b])),
  ],
  ['loops_beside_loops', () => code(repeat(N, [0x03, 0x40, 0x0b]))],
  [
    'loops_that_go_far_out',
    () =>
      code(
        repeat(N, [0x03, 0x40]),
        repeat(N, (at) => [0x0c, ...leb(N - at), 0x0b]),
      ),
  ],
  ['loops_with_parameters', loopsWithParameters],
  ['labels_of_a_table', () => code([0x41, 0, 0x0e, ...leb(MANY), ...repeat(MANY + 1, [0])])],
  [
    'groups_of_locals',
    () =>
      new Module()
        .section(1, TYPE)
        .section(3, [1, 0])
        .section(10, [1, ...leb(4 + 2 * N), ...leb(N)], repeat(N, [0, 0x7f]), [0x0b]),
  ],
  ['bulk_instructions', () => memoryCode(repeat(N, [0x20, 0, 0x20, 0, 0x20, 0, 0xfc, 0x0b, 0]))],
  ['copies_between_memories', copiesBetween],
];

function code(...parts: (readonly number[])[]): Module {
  return new Module().section(1, TYPE).section(3, [1, 0]).function(parts.flat());
}

function memoryCode(body: readonly number[]): Module {
  return new Module()
    .section(1, [1, 0x60, 1, 0x7f, 0])
    .section(3, [1, 0])
    .section(5, [1, 0, 1])
    .function(body);
}

function longType(params: number, imports: number): Module {
  return new Module()
    .section(1, [1, 0x60, ...leb(params)], repeat(params, [0x7f]), [0])
    .vector(2, imports, (at) => [0, ...name(at), 0, 0]);
}

function droppedSegments(): Module {
  return new Module()
    .section(1, TYPE)
    .section(3, [1, 0])
    .vector(6, N, [0x69, 1, 0xd0, 0x69, 0x0b])
    .section(12, leb(N))
    .function(repeat(N, (at) => [0xfc, 9, ...leb(at)]))
    .vector(11, N, [1, 0]);
}

function writtenTables(): Module {
  const count = N / 4;
  return new Module()
    .section(1, TYPE)
    .section(3, [1, 0])
    .vector(4, count, [0x70, 0, 1])
    .function(repeat(count, (at) => [0x41, 0, 0xd0, 0x70, 0x41, 1, 0xfc, 0x11, ...leb(at)]));
}

function importedTables(): Module {
  const count = N / 4;
  return new Module()
    .section(1, TYPE)
    .vector(2, count, (at) => [0, ...name(at), 1, 0x70, 0, 1])
    .section(3, [1, 0])
    .function(repeat(count, (at) => [0x41, 0, 0xd0, 0x70, 0x26, ...leb(at)]));
}

/** Those that are looked for come last. */
function customs(others: number, named: number): Module {
  const module = new Module();
  for (let at = 0; at < others; at += 1) module.section(0, [0]);
  for (let at = 0; at < named; at += 1) {
    module.section(0, text(at % 2 ? 'name' : 'metadata.code.branch_hint'));
  }
  return module;
}

function namesOfFunctions(): Module {
  const names = [...leb(N), ...repeat(N, (at) => [...leb(at), 0])];
  return new Module()
    .section(1, TYPE)
    .vector(3, N, [0])
    .vector(10, N, [2, 0, 0x0b])
    .section(0, text('name'), [1, ...leb(names.length)], names);
}

function branchHints(): Module {
  const hints = repeat(N, (at) => [...leb(1 + 2 * at), 1, 0]);
  return new Module()
    .section(1, TYPE)
    .section(3, [1, 0])
    .section(0, text('metadata.code.branch_hint'), [1, 0, ...leb(N)], hints)
    .function(repeat(N, [0x41, 0, 0x04, 0x40, 0x0b]));
}

/** Each of a type of its own. */
function loopsWithParameters(): Module {
  const count = N / 4;
  return new Module()
    .vector(1, count, (at) => [0x60, ...(at === 0 ? [0, 0] : [1, 0x7f, 0])])
    .section(3, [1, 0])
    .function(repeat(count - 1, (at) => [0x41, 0, 0x03, ...signedLeb(at + 1), 0x1a, 0x0b]));
}

function signedLeb(value: number): number[] {
  return [(value & 0x7f) | 0x80, ((value >> 7) & 0x7f) | 0x80, (value >> 14) & 0x3f];
}

/** A function for each pair. */
function copiesBetween(): Module {
  const memories = 64;
  const pairs = repeat(memories * memories, (at) => [
    ...[0x20, 0, 0x20, 0, 0x20, 0, 0xfc, 0x0a],
    ...[at % memories, Math.floor(at / memories)],
  ]);
  return new Module()
    .section(1, [1, 0x60, 1, 0x7f, 0])
    .section(3, [1, 0])
    .vector(5, memories, [0, 1])
    .function(pairs);
}

describe('a module made to be expensive', () => {
  const cases = EXPENSIVE.map(([words, make, options = {}]) => ({ words, make, options }));
  it.each(cases)('$words', ({ make, options }) => {
    const bytes = make().bytes();
    expect(hold(bytes, options)).toBe('rewritten');
    hold(bytes, { ...options, report: true, standalone: true });
  });
});
