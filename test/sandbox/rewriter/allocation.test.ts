import { describe, expect, it } from 'vitest';
import { RewriteError, type RewriteOptions, rewrite } from '../../../src/sandbox/rewriter/index.ts';
import { assemble, assembleNew } from './harness.ts';

const LIMITS = { tableElements: 10_000, arrayBytes: 4096 };
const HANDLE = '(func (export "handle"))';
const TOO_LARGE = 'requested new array is too large';

function codeOf(source: Uint8Array, limits: RewriteOptions['limits'] | null = LIMITS): string {
  try {
    rewrite(source, { maxPages: 1, ...(limits && { limits }) });
  } catch (error) {
    if (error instanceof RewriteError) return error.code;
    throw error;
  }
  return 'taken';
}

type Exports = Record<string, (...args: number[]) => unknown>;

function run(source: Uint8Array, limits: RewriteOptions['limits'] = LIMITS): Exports {
  const { bytes } = rewrite(source, { maxPages: 1, ...(limits && { limits }) });
  const control = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const module = new WebAssembly.Module(bytes);
  const { exports } = new WebAssembly.Instance(module, { $luge: { control, interrupt: () => 0 } });
  const guest = exports as Exports;
  expect(guest['$luge.reset']?.()).toBe(0);
  return guest;
}

function grower(tables: string, name: string): Uint8Array {
  return assemble(`(module ${HANDLE} ${tables}
    (func (export "grow") (param i32) (result i32) (table.grow ${name} (ref.null func) (local.get 0)))
    (func (export "size") (result i32) (table.size ${name})))`);
}

describe('tables', () => {
  it('that_begin_with_more_than_the_limit_together_are_refused', () => {
    const two = (a: number, b: number): string =>
      codeOf(assemble(`(module ${HANDLE} (table ${a} funcref) (table ${b} externref))`));
    expect(two(5000, 4984)).toBe('taken');
    expect(two(5000, 4985)).toBe('ERR_TABLE_LIMIT');
    expect(two(0, 10_000)).toBe('ERR_TABLE_LIMIT');
  });

  it('without_elements_count_too', () => {
    const many = `(module ${HANDLE} ${'(table 0 funcref)'.repeat(1251)})`;
    expect(codeOf(assemble(many))).toBe('ERR_TABLE_LIMIT');
  });

  it('grow_to_8192_elements_and_no_further', () => {
    const guest = run(grower('(table $t 3 funcref)', '$t'));
    expect(guest.grow?.(8190)).toBe(-1);
    expect(guest.grow?.(8189)).toBe(3);
    expect(guest.grow?.(1)).toBe(-1);
    expect(guest.size?.()).toBe(8192);
  });

  it('grow_no_further_than_they_declare', () => {
    const guest = run(grower('(table $t 3 5 funcref)', '$t'));
    expect([guest.grow?.(3), guest.grow?.(2)]).toEqual([-1, 3]);
  });

  it('that_begin_with_more_stay_as_they_are', () => {
    const guest = run(grower('(table $t 9000 funcref)', '$t'));
    expect([guest.grow?.(1), guest.grow?.(0), guest.size?.()]).toEqual([-1, 9000, 9000]);
  });

  it('share_what_is_left_of_the_limit', () => {
    const text = `(module ${HANDLE} (table $a 0 funcref) (table $b 9000 funcref) (table $c 0 funcref)
      (func (export "a") (param i32) (result i32) (table.grow $a (ref.null func) (local.get 0)))
      (func (export "c") (param i32) (result i32) (table.grow $c (ref.null func) (local.get 0))))`;
    const guest = run(assemble(text));
    const each = Math.floor((10_000 - 9000 - 3 * 8) / 2);
    expect([guest.a?.(each + 1), guest.a?.(each)]).toEqual([-1, 0]);
    expect([guest.c?.(each + 1), guest.c?.(each)]).toEqual([-1, 0]);
  });

  it('of_64_bit_indices_are_bounded_too', () => {
    const text = `(module ${HANDLE} (table $t i64 2 funcref)
      (func (export "grow") (param i64) (result i64) (table.grow $t (ref.null func) (local.get 0))))`;
    const guest = run(assembleNew(text)) as unknown as Record<string, (n: bigint) => bigint>;
    expect([guest.grow?.(8191n), guest.grow?.(8190n)]).toEqual([-1n, 2n]);
  });

  it('are_the_engines_own_without_limits', () => {
    const { bytes } = rewrite(grower('(table $t 3 funcref)', '$t'), { maxPages: 1 });
    const control = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    const module = new WebAssembly.Module(bytes);
    const $luge = { control, interrupt: () => 0 };
    const { exports } = new WebAssembly.Instance(module, { $luge });
    expect((exports as Exports).grow?.(20_000)).toBe(3);
  });
});

/** Each makes an array of `n` items and returns its length. */
const ARRAYS = assembleNew(`(module ${HANDLE}
  (type $b (array (mut i8))) (type $s (array (mut i16))) (type $l (array (mut i64))) (type $r (array (mut funcref)))
  (data $d "${'x'.repeat(5000)}") (elem $e funcref ${'(ref.null func)'.repeat(600)})
  (func (export "bytes") (param i32) (result i32) (array.len (array.new_default $b (local.get 0))))
  (func (export "shorts") (param i32) (result i32) (array.len (array.new $s (i32.const 7) (local.get 0))))
  (func (export "longs") (param i32) (result i32) (array.len (array.new $l (i64.const 7) (local.get 0))))
  (func (export "refs") (param i32) (result i32) (array.len (array.new_default $r (local.get 0))))
  (func (export "data") (param i32) (result i32) (array.len (array.new_data $b $d (i32.const 0) (local.get 0))))
  (func (export "elem") (param i32) (result i32) (array.len (array.new_elem $r $e (i32.const 0) (local.get 0))))
  (func (export "constant") (result i32) (array.len (array.new_default $l (i32.const 513)))))`);

describe('an array', () => {
  it.each([
    ['bytes', 4096],
    ['shorts', 2048],
    ['longs', 512],
    ['refs', 512],
    ['data', 4096],
    ['elem', 512],
  ])('of_%s_that_is_longer_than_the_limit_traps_as_the_engine_does', (name, most) => {
    const guest = run(ARRAYS);
    expect(guest[name]?.(most)).toBe(most);
    for (const length of [most + 1, 0x7fff_ffff, -1]) {
      expect(() => guest[name]?.(length)).toThrow(WebAssembly.RuntimeError);
    }
    expect(guest[name]?.(0)).toBe(0);
  });

  it('of_a_constant_length_is_no_exception', () => {
    expect(() => run(ARRAYS).constant?.()).toThrow(TOO_LARGE);
    expect(run(ARRAYS, { ...LIMITS, arrayBytes: 4104 }).constant?.()).toBe(513);
  });

  it.each([
    ['(array.new_default $l (i32.const 512))', 'taken'],
    ['(array.new_default $l (i32.const 513))', 'ERR_ARRAY_LIMIT'],
    ['(array.new $l (i64.const 1) (i32.const 513))', 'ERR_ARRAY_LIMIT'],
    ['(array.new $l (i64.const 1) (i32.const -1))', 'ERR_ARRAY_LIMIT'],
    ['(array.new_default $l (i32.add (i32.const 1) (i32.const 1)))', 'ERR_ARRAY_LIMIT'],
  ])('in_a_constant_%s_is_%s', (init, code) => {
    const text = `(module ${HANDLE} (type $l (array (mut i64))) (global (mut (ref $l)) ${init}))`;
    expect(codeOf(assembleNew(text))).toBe(code);
    expect(codeOf(assembleNew(text), null)).toBe('taken');
  });

  it('in_a_constant_counts_with_all_others', () => {
    const global = '(global (mut (ref $l)) (array.new_default $l (i32.const 256)))';
    const text = (n: number): string =>
      `(module ${HANDLE} (type $l (array (mut i64))) ${global.repeat(n)})`;
    expect(codeOf(assembleNew(text(2)))).toBe('taken');
    expect(codeOf(assembleNew(text(3)))).toBe('ERR_ARRAY_LIMIT');
  });
});

describe('a function that is slow to compile', () => {
  const ifs = (locals: number, count: number): Uint8Array =>
    assemble(`(module ${HANDLE} (func (local ${'i32 '.repeat(locals)})
      ${'(if (local.get 0) (then (local.set 0 (i32.const 1))))'.repeat(count)}))`);

  it('is_refused_by_locals_times_branches', () => {
    expect(codeOf(ifs(20_000, 500))).toBe('taken');
    expect(codeOf(ifs(20_000, 900))).toBe('ERR_COMPILE_LIMIT');
    expect(codeOf(ifs(20_000, 900), null)).toBe('taken');
    expect(codeOf(ifs(10, 20_000))).toBe('taken');
  });

  it('counts_each_label_of_a_br_table', () => {
    const table = (labels: number): Uint8Array =>
      assemble(`(module ${HANDLE} (func (local ${'i32 '.repeat(2000)})
        (block (br_table ${'0 '.repeat(labels)} (local.get 0)))))`);
    expect(codeOf(table(16_000))).toBe('taken');
    expect(codeOf(table(17_000))).toBe('ERR_COMPILE_LIMIT');
  });

  it('counts_the_copies_of_its_loops', () => {
    const loops = (count: number): Uint8Array =>
      assemble(`(module ${HANDLE} (func (local ${'i32 '.repeat(2000)})
        ${'(loop (br_if 0 (local.get 0)))'.repeat(count)}))`);
    expect(codeOf(loops(300))).toBe('taken');
    expect(codeOf(loops(3000))).toBe('ERR_COMPILE_LIMIT');
  });
});
