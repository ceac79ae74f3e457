import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble, assembleNew, type Call, Guest, Rewritten, type RunOptions } from './harness.ts';

// The flag stays up, and the host counts how often it is asked: no time is measured. As an exit poll would never get
// past such a flag, the modules have no loops of their own.

const SEED = 0xb01c;
const CHUNK_BYTES = 65_536;
const NATIVE_BYTES = 4096;
const CHUNK_ELEMENTS = 1024;
const NATIVE_ELEMENTS = 64;
const CHUNK_ITEMS = 16_384;
const NATIVE_ITEMS = 1024;
const OUT_OF_BOUNDS = 'RuntimeError: memory access out of bounds';
const HANDLE = '(func (export "handle"))';

function polls(length: number, native: number, chunk: number): number {
  return length > native ? Math.ceil(length / chunk) : 0;
}

interface Pair {
  readonly original: Guest;
  readonly guest: Rewritten;
}

async function pair(source: Uint8Array<ArrayBuffer>, options: RunOptions = {}): Promise<Pair> {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(source));
  const original = new Guest(exports, exports.memory as WebAssembly.Memory | undefined);
  const guest = new Rewritten(source, options);
  expect(await guest.reset()).toBe(0);
  return { original, guest };
}

/** Calls both with the flag up in the rewritten one; returns how often it polled. */
async function both({ original, guest }: Pair, name: string, ...args: unknown[]): Promise<number> {
  const before = guest.interrupts;
  const expected = await original.call(name, ...args);
  guest.control[0] = 1;
  expect(await guest.call(name, ...args)).toEqual(expected);
  guest.control[0] = 0;
  return guest.interrupts - before;
}

function equalMemories({ original, guest }: Pair): void {
  const [a, b] = [original, guest].map(({ memory }) => Buffer.from(memory!.buffer));
  expect(a!.equals(b!)).toBe(true);
}

const PAGES = 8;
const MEMORY_BYTES = PAGES * 65_536;
const SEGMENT_BYTES = 200_000;
const TEXT = 'the quick brown fox jumps over the lazy dog. '.repeat(5000).slice(0, SEGMENT_BYTES);

const MEMORY = assemble(`(module (memory (export "memory") ${PAGES}) ${HANDLE}
  (data $long "${TEXT}") (data $short "${TEXT.slice(0, NATIVE_BYTES)}") (data (i32.const 7) "active")
  (func (export "fill") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init") (param i32 i32 i32) (memory.init $long (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init_short") (param i32 i32 i32) (memory.init $short (local.get 0) (local.get 1) (local.get 2)))
  (func (export "drop") (data.drop $long))
  (func (export "small") (memory.fill (i32.const 0) (i32.const 1) (i32.const ${NATIVE_BYTES}))
    (memory.copy (i32.const 9) (i32.const 1) (i32.const 63)))
  (func (export "not_small") (memory.fill (i32.const 0) (i32.const 2) (i32.const ${NATIVE_BYTES + 1})))
  (func (export "negative") (memory.fill (i32.const 0) (i32.const 2) (i32.const -1)))
  (func (export "twice") (param i32) (memory.fill (i32.const 5) (i32.const 3) (local.get 0)) (memory.fill (i32.const 5) (i32.const 4) (local.get 0))))`);

/** Mostly where things meet: ends of chunks and of memory, and nearby. */
const around = (...values: number[]): fc.Arbitrary<number> =>
  fc.tuple(fc.constantFrom(...values), fc.integer({ min: -2, max: 2 })).map(([a, b]) => a + b);

const offset = fc.oneof(
  fc.integer({ min: 0, max: MEMORY_BYTES }),
  around(0, CHUNK_BYTES, 2 * CHUNK_BYTES, MEMORY_BYTES, -1, 0x7fff_ffff),
);
const length = fc.oneof(
  fc.integer({ min: 0, max: MEMORY_BYTES }),
  around(0, NATIVE_BYTES, CHUNK_BYTES, 3 * CHUNK_BYTES, MEMORY_BYTES, SEGMENT_BYTES, -1),
);

describe('memory', () => {
  it('each_bulk_instruction_does_the_same_and_polls_once_for_each_chunk', async () => {
    const state = await pair(MEMORY);
    const step = fc.tuple(
      fc.constantFrom('fill', 'copy', 'init', 'init_short'),
      offset,
      offset,
      length,
    );
    await fc.assert(
      fc.asyncProperty(step, async ([name, to, from, count]) => {
        // Bytes that differ everywhere, so that no misplaced chunk looks like another.
        const bytes = new Uint32Array(MEMORY_BYTES / 4).map((_, at) => Math.imul(at, 0x9e3779b1));
        for (const { memory } of [state.original, state.guest]) {
          new Uint32Array(memory!.buffer).set(bytes);
        }
        const before = state.guest.interrupts;
        const asked = await both(state, name, to, from, count);
        equalMemories(state);
        const source = name === 'init' ? SEGMENT_BYTES : name === 'copy' ? MEMORY_BYTES : 2 ** 33;
        const isIn =
          (to >>> 0) + (count >>> 0) <= MEMORY_BYTES && (from >>> 0) + (count >>> 0) <= source;
        const expected =
          isIn && name !== 'init_short' ? polls(count, NATIVE_BYTES, CHUNK_BYTES) : 0;
        expect([asked, state.guest.interrupts - before]).toEqual([expected, expected]);
      }),
      {
        seed: SEED,
        numRuns: 400,
        examples: [
          [['copy', 1, 0, 3 * CHUNK_BYTES]],
          [['copy', 0, 1, 3 * CHUNK_BYTES]],
          [['copy', CHUNK_BYTES, 0, MEMORY_BYTES - CHUNK_BYTES]],
          [['copy', 0, CHUNK_BYTES, MEMORY_BYTES - CHUNK_BYTES]],
          [['copy', 5, 5, MEMORY_BYTES - 5]],
          [['fill', 0, 0x1ff, MEMORY_BYTES]],
          [['init', 3, 0, SEGMENT_BYTES]],
        ],
      },
    );
  });

  it('a_trap_comes_before_the_first_write_and_the_first_poll', async () => {
    const { guest } = await pair(MEMORY);
    const before = Buffer.from(guest.memory!.buffer).toString('latin1');
    guest.control[0] = 1;
    for (const [name, ...args] of [
      ['fill', 1, 9, MEMORY_BYTES],
      ['fill', -1, 9, 2],
      ['fill', 0, 9, -1],
      ['copy', 0, 1, MEMORY_BYTES],
      ['copy', 1, 0, MEMORY_BYTES],
      ['init', 0, 1, SEGMENT_BYTES],
      ['init', MEMORY_BYTES - SEGMENT_BYTES + 1, 0, SEGMENT_BYTES],
      ['negative'],
    ] as const) {
      expect(await guest.call(name, ...args)).toBe(OUT_OF_BOUNDS);
    }
    expect(guest.interrupts).toBe(0);
    expect(Buffer.from(guest.memory!.buffer).toString('latin1') === before).toBe(true);
  });

  it('a_dropped_segment_is_empty', async () => {
    const state = await pair(MEMORY);
    await both(state, 'drop');
    for (const args of [
      [0, 0, 0],
      [0, 0, 1],
      [0, 1, 0],
      [0, 0, SEGMENT_BYTES],
    ]) {
      expect(await both(state, 'init', ...args)).toBe(0);
    }
    equalMemories(state);
  });

  it('a_small_constant_length_stays_native', async () => {
    const state = await pair(MEMORY);
    expect(await both(state, 'small')).toBe(0);
    expect(await both(state, 'not_small')).toBe(1);
    equalMemories(state);
    expect(state.guest.info.bulkPolls).toBe(7);
    expect((await pair(MEMORY, { polls: 'none' })).guest.info.bulkPolls).toBe(0);
  });

  it('each_instruction_polls_even_if_one_chunk_is_enough_for_each', async () => {
    const state = await pair(MEMORY);
    expect(await both(state, 'twice', NATIVE_BYTES + 1)).toBe(2);
    expect(await both(state, 'twice', CHUNK_BYTES + 1)).toBe(4);
  });

  it('a_guest_can_be_killed_between_two_chunks', async () => {
    let left = 3;
    const { guest } = await pair(MEMORY, {
      interrupt: () => Promise.resolve(left-- > 0 ? 0 : 1),
    });
    guest.control[0] = 1;
    expect(await guest.call('fill', 0, 0xff, MEMORY_BYTES)).toBe('RuntimeError: unreachable');
    expect(guest.interrupts).toBe(4);
    const bytes = Buffer.from(guest.memory!.buffer);
    expect(bytes.indexOf(0)).toBe(3 * CHUNK_BYTES);
    guest.control[0] = 0;
    expect(await guest.reset()).toBe(0);
    equalMemories(await pair(MEMORY));
    expect(bytes.includes(0xff)).toBe(false);
  });
});

const TABLE_LENGTH = 4 * CHUNK_ELEMENTS;
const ELEMENTS = 3 * CHUNK_ELEMENTS;
const FUNCTIONS = ['$a', '$b', '$c', '$d', '$e', '$f', '$g'];
const ITEMS = Array.from({ length: ELEMENTS }, (_, at) => FUNCTIONS[(at * at) % 7]).join(' ');

const TABLE = assemble(`(module ${HANDLE}
  (table $t (export "t") ${TABLE_LENGTH} funcref) (table $u (export "u") ${TABLE_LENGTH} funcref)
  (table $x (export "x") ${TABLE_LENGTH} externref)
  (elem $items func ${ITEMS}) (elem (table $u) (i32.const 5) func ${ITEMS})
  ${FUNCTIONS.map((name) => `(func ${name} (export "${name}"))`).join('')}
  (func (export "fill") (param i32 i32) (table.fill $t (local.get 0) (ref.func $c) (local.get 1)))
  (func (export "fill_extern") (param i32 externref i32) (table.fill $x (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i32 i32 i32) (table.copy $t $t (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy_u") (param i32 i32 i32) (table.copy $t $u (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init") (param i32 i32 i32) (table.init $t $items (local.get 0) (local.get 1) (local.get 2)))
  (func (export "small") (table.fill $t (i32.const 0) (ref.func $b) (i32.const ${NATIVE_ELEMENTS})))
  (func (export "drop") (elem.drop $items)))`);

describe('table', () => {
  const place = fc.oneof(fc.integer({ min: 0, max: TABLE_LENGTH }), around(0, TABLE_LENGTH, -1));
  const count = fc.oneof(
    fc.integer({ min: 0, max: TABLE_LENGTH }),
    around(0, NATIVE_ELEMENTS, CHUNK_ELEMENTS, ELEMENTS, TABLE_LENGTH, -1),
  );
  // Exported functions have the names of their indices, which move.
  const names = (guest: Guest): readonly unknown[] =>
    ['t', 'u', 'x'].map((name) => {
      const table = guest.exports[name] as WebAssembly.Table;
      const list = FUNCTIONS.map((item) => guest.exports[item]);
      return Array.from({ length: table.length }, (_, at) => {
        const value: unknown = table.get(at);
        return typeof value === 'function' ? list.indexOf(value) : value;
      });
    });

  it('each_bulk_instruction_does_the_same_and_polls_once_for_each_chunk', async () => {
    const state = await pair(TABLE);
    const step = fc.oneof(
      fc.tuple(fc.constantFrom('copy', 'copy_u', 'init'), place, place, count),
      fc.tuple(fc.constant('fill'), place, count),
      fc.tuple(fc.constant('fill_extern'), place, fc.constantFrom('a', 'b'), count),
    );
    await fc.assert(
      fc.asyncProperty(step, async (call: Call) => {
        const [name, to, from] = call;
        const length = call.at(-1) as number;
        const asked = await both(state, ...call);
        expect(names(state.guest)).toEqual(names(state.original));
        const end = (at: unknown): number => ((at as number) >>> 0) + (length >>> 0);
        const isIn =
          end(to) <= TABLE_LENGTH &&
          (name.startsWith('fill') || end(from) <= (name === 'init' ? ELEMENTS : TABLE_LENGTH));
        expect(asked).toBe(isIn ? polls(length, NATIVE_ELEMENTS, CHUNK_ELEMENTS) : 0);
      }),
      {
        seed: SEED,
        numRuns: 150,
        examples: [
          [['init', 0, 0, ELEMENTS]],
          [['copy', 3, 0, 3 * CHUNK_ELEMENTS]],
          [['copy', 0, 3, 3 * CHUNK_ELEMENTS]],
          [['fill_extern', 1, 'a', TABLE_LENGTH - 1]],
        ],
      },
    );
    expect(await both(state, 'small')).toBe(0);
    await both(state, 'drop');
    expect(await both(state, 'init', 0, 0, ELEMENTS)).toBe(0);
    expect(names(state.guest)).toEqual(names(state.original));
  });
});

const ARRAY_LENGTH = 3 * CHUNK_ITEMS;
const WORDS = ARRAY_LENGTH;

const ARRAYS = assembleNew(`(module ${HANDLE}
  (type $b (array (mut i8))) (type $w (array (mut i32))) (type $r (array (mut eqref))) (type $f (array (mut funcref)))
  (memory (export "memory") 1)
  (data $d "${TEXT}") (elem $e func ${'$x '.repeat(ELEMENTS)}) (func $x)
  (global $bytes (mut (ref null $b)) (array.new $b (i32.const 7) (i32.const ${ARRAY_LENGTH})))
  (global $words (mut (ref null $w)) (array.new $w (i32.const 7) (i32.const ${WORDS})))
  (global $refs (mut (ref null $r)) (array.new $r (ref.i31 (i32.const 3)) (i32.const ${ARRAY_LENGTH})))
  (global $others (mut (ref null $r)) (array.new $r (ref.i31 (i32.const 4)) (i32.const ${ARRAY_LENGTH})))
  (global $functions (mut (ref null $f)) (array.new_default $f (i32.const ${ARRAY_LENGTH})))
  (func (export "fill") (param i32 i32 i32) (array.fill $b (global.get $bytes) (local.get 0) (local.get 1) (local.get 2)))
  (func (export "fill_null") (array.fill $b (ref.null $b) (i32.const 0) (i32.const 0) (i32.const 100000)))
  (func (export "fill_refs") (param i32 i32 i32) (array.fill $r (global.get $refs) (local.get 0) (ref.i31 (local.get 1)) (local.get 2)))
  (func (export "copy") (param i32 i32 i32) (array.copy $b $b (global.get $bytes) (local.get 0) (global.get $bytes) (local.get 1) (local.get 2)))
  (func (export "copy_refs") (param i32 i32 i32) (array.copy $r $r (global.get $refs) (local.get 0) (global.get $others) (local.get 1) (local.get 2)))
  (func (export "init") (param i32 i32 i32) (array.init_data $b $d (global.get $bytes) (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init_words") (param i32 i32 i32) (array.init_data $w $d (global.get $words) (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init_functions") (param i32 i32 i32) (array.init_elem $f $e (global.get $functions) (local.get 0) (local.get 1) (local.get 2)))
  (func (export "sum") (result i32) (local $i i32) (local $s i32)
    (loop $l
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 31)) (array.get_u $b (global.get $bytes) (local.get $i))))
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 31)) (array.get $w (global.get $words) (local.get $i))))
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 31)) (i31.get_s (ref.cast i31ref (array.get $r (global.get $refs) (local.get $i))))))
      (local.set $s (i32.add (i32.mul (local.get $s) (i32.const 31)) (ref.is_null (array.get $f (global.get $functions) (local.get $i)))))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const ${ARRAY_LENGTH}))))
    (local.get $s)))`);

describe('array', () => {
  const place = fc.oneof(fc.integer({ min: 0, max: ARRAY_LENGTH }), around(0, ARRAY_LENGTH, -1));
  const count = fc.oneof(
    fc.integer({ min: 0, max: ARRAY_LENGTH }),
    around(0, NATIVE_ITEMS, CHUNK_ITEMS, ARRAY_LENGTH, -1),
  );

  it('each_bulk_instruction_does_the_same_and_polls_once_for_each_chunk', async () => {
    const state = await pair(ARRAYS);
    const sources: Record<string, [limit: number, scale: number]> = {
      fill: [2 ** 33, 1],
      fill_refs: [2 ** 33, 1],
      copy: [ARRAY_LENGTH, 1],
      copy_refs: [ARRAY_LENGTH, 1],
      init: [SEGMENT_BYTES, 1],
      init_words: [SEGMENT_BYTES, 4],
      init_functions: [ELEMENTS, 1],
    };
    const step = fc.tuple(fc.constantFrom(...Object.keys(sources)), place, place, count);
    await fc.assert(
      fc.asyncProperty(step, async ([name, to, from, length]) => {
        const asked = await both(state, name, to, from, length);
        expect(await state.guest.call('sum')).toBe(await state.original.call('sum'));
        const [limit, scale] = sources[name]!;
        const isIn =
          (to >>> 0) + (length >>> 0) <= ARRAY_LENGTH &&
          (from >>> 0) + (length >>> 0) * scale <= limit;
        const [native, chunk] =
          name === 'init_functions'
            ? [NATIVE_ELEMENTS, CHUNK_ELEMENTS]
            : [NATIVE_ITEMS, CHUNK_ITEMS];
        expect(asked).toBe(isIn ? polls(length, native, chunk) : 0);
      }),
      {
        seed: SEED,
        numRuns: 200,
        examples: [
          [['init', 0, 0, ARRAY_LENGTH]],
          [['copy', 1, 0, ARRAY_LENGTH - 1]],
          [['copy', 0, 1, ARRAY_LENGTH - 1]],
          [['init_words', 2, 3, WORDS - 2]],
          [['init_functions', 2, 0, ELEMENTS]],
          [['copy_refs', 9, 8, ARRAY_LENGTH - 9]],
        ],
      },
    );
    expect(await both(state, 'fill_null')).toBe(0);
  });
});
