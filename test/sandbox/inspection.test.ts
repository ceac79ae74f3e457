import binaryen from 'binaryen';
import { describe, expect, it } from 'vitest';
import { type Inspection, inspectModule, rewrite } from '../../src/sandbox/index.ts';
import { estimateResetUs } from '../../src/sandbox/reset-cost.ts';
import { assemble } from './rewriter/harness.ts';

const HANDLE = '(func (export "handle"))';

function inspect(fields: string, maxPages = 16, growth: 'retire' | 'keep' = 'retire'): Inspection {
  return inspectModule(assemble(`(module ${fields})`), { maxPages, growth });
}

describe('what a module imports', () => {
  it('is_matched_with_who_provides_it', () => {
    const { imports, refused } = inspect(`
      (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
      (import "luge" "write" (func (param i32 i32) (result i32)))
      (import "env" "abort" (func (param i32 i32 i32 i32)))
      (import "env" "memory" (memory 1))
      (import "env" "gettimeofday" (func (result i64)))
      (import "js" "f" (func))
      (import "env" "base" (global i32))
      ${HANDLE}`);
    expect(imports.map(({ provider }) => provider)).toEqual([
      ...['wasi', 'luge', 'assemblyscript', 'runtime'],
      ...[null, null, null],
    ]);
    expect(imports.map(({ problem }) => problem)).toEqual([
      ...[null, null, null, null],
      'there is no function of that name',
      expect.stringMatching(/^there is no module of that name; there are .*luge/),
      'a global cannot be imported: nobody has a value for it',
    ]);
    expect(imports.map(({ signature }) => signature).slice(1, 4)).toEqual([
      ...['(i32, i32) -> (i32)', '(i32, i32, i32, i32) -> ()', null],
    ]);
    expect(refused).toMatchObject({ code: 'ERR_WASM_IMPORT', offset: null });
    expect(refused?.message).toContain('env.gettimeofday');
  });
});

describe('why a module is refused', () => {
  it.each([
    ['handle', HANDLE, 'luge', null],
    ['start', '(func (export "_start"))', 'wasi', null],
    ['no_entry', '(func (export "gemm"))', 'none', 'ERR_WASM_NO_ENTRY'],
    [
      'entry_of_another_type',
      '(func (export "handle") (param i32))',
      'none',
      'ERR_WASM_ENTRY_TYPE',
    ],
  ])('%s', (_name, fields, iface, code) => {
    const { interface: found, refused, polls } = inspect(fields);
    expect([found, refused?.code ?? null]).toEqual([iface, code]);
    expect(polls?.functions.length).toBe(1);
  });

  it('is_said_with_what_the_engine_knows_where_the_rewriter_refuses', () => {
    const source = assemble(`(module (import "luge" "write" (func (param i32 i32) (result i32)))
      (import "$luge" "mine" (func)) ${HANDLE})`);
    const { refused, imports, exports, ...rest } = inspectModule(source, {
      maxPages: 1,
      growth: 'retire',
    });
    expect(refused).toMatchObject({ code: 'ERR_WASM_RESERVED', offset: expect.any(Number) });
    expect(imports[0]).toMatchObject({ name: 'write', kind: 'func', provider: 'luge' });
    expect(exports).toEqual([{ name: 'handle', kind: 'func' }]);
    expect(rest).toEqual({
      ...{ version: 2, interface: 'luge', bytesBefore: source.length },
      ...{
        bytesAfter: null,
        memories: null,
        footprint: null,
        polls: null,
        reset: null,
        sections: null,
      },
      rewritten: null,
    });
  });

  it('a_module_that_was_rewritten_shows_what_was_done_to_it', () => {
    const { bytes } = rewrite(assemble(`(module (memory 1) ${HANDLE})`), { maxPages: 3 });
    const { refused, rewritten, imports } = inspectModule(bytes, { maxPages: 3, growth: 'retire' });
    expect(refused?.code).toBe('ERR_ALREADY_REWRITTEN');
    expect(rewritten).toMatchObject({ polls: 'exit', memories: [{ minPages: 1, maxPages: 3 }] });
    expect(imports.map(({ provider }) => provider)).toEqual(imports.map(() => 'runtime'));
  });

  it('what_is_no_module_is_thrown', () => {
    const options = { maxPages: 1, growth: 'retire' } as const;
    const untyped = assemble('(module (func (export "handle") (result i32)))');
    expect(() => inspectModule(untyped, options)).toThrow(/at offset 0x/);
    expect(() => inspectModule(untyped.slice(0, 20), options)).toThrow(/ends/);
  });
});

describe('what reset does', () => {
  const MESSY = `(memory 2 9) (data (i32.const 0) "abc") (data (i32.const 8) "de") (data $p "passive")
    (table $t 4 8 funcref) (table $kept 2 funcref) (elem (table $t) (i32.const 1) func $f $f)
    (elem (table $kept) (i32.const 0) func $f)
    (global (mut i32) (i32.const 1)) (global i32 (i32.const 2)) (global (mut f64) (f64.const 3))
    (start $f) (func $f) ${HANDLE}
    (func (export "set") (table.set $t (i32.const 0) (ref.null func)) (data.drop $p)
      (drop (table.grow $t (ref.null func) (i32.const 1))))`;

  it('is_counted_as_far_as_it_is_replayed', () => {
    const { reset, memories } = inspect(MESSY);
    expect(reset).toEqual({
      clearedPages: 2,
      // The passive segment is none of them.
      ...{ dataSegments: 2, dataBytes: 5 },
      // The table that nothing writes is none of them, nor is its segment.
      ...{ tables: 1, tableElements: 4, elementSegments: 1, elements: 2 },
      // The flag of the dropped segment is one of them, the constant is not.
      globals: 3,
      hasStart: true,
      retiresWhen: { memoryHasGrown: true, tablesHaveGrown: [0] },
      servesOnce: false,
      servesOnceBecause: null,
      estimatedUs: expect.any(Number),
    });
    expect(memories).toEqual([
      {
        ...{ name: 'memory', minPages: 2, maxPages: 9, declaredMaxPages: 9 },
        ...{ wide: false, declaredShared: false, imported: false },
      },
    ]);
  });

  it('a_memory_that_is_imported_twice_is_cleared_once', () => {
    // Two imports of env.m, 3 pages each, and a memory of its own with 2.
    const imported = [3, ...Buffer.from('env'), 1, ...Buffer.from('m'), 2, 0, 3];
    const name = [6, ...Buffer.from('handle')];
    const wasm = new Uint8Array([
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0],
      ...[2, 1 + 2 * imported.length, 2, ...imported, ...imported],
      ...[3, 2, 1, 0, 5, 3, 1, 0, 2],
      ...[7, 3 + name.length, 1, ...name, 0, 0, 10, 4, 1, 2, 0, 0x0b],
    ]);
    const { memories, footprint, reset } = inspectModule(wasm, { maxPages: 16, growth: 'retire' });
    expect(footprint).toEqual({
      ...{ memories: 2, reservedBytes: 2 * 2 ** 33, residentBytes: 5 * 65_536 },
    });
    expect(memories?.map((one) => [one.name, one.minPages])).toEqual([
      ['memory', 3],
      ['memory', 3],
      ['memory2', 2],
    ]);
    expect(reset?.clearedPages).toBe(5);
  });

  it('a_memory_that_may_stay_grown_does_not_retire', () => {
    const { reset, memories } = inspect(MESSY, 5, 'keep');
    expect(reset?.retiresWhen).toEqual({ memoryHasGrown: false, tablesHaveGrown: [0] });
    expect(memories?.[0]?.maxPages).toBe(5);
    expect(inspect(HANDLE).reset?.retiresWhen.memoryHasGrown).toBe(false);
  });

  it.each([
    ['(global $g (ref $a) (array.new $a (i32.const 7) (i32.const 2)))', 'immutable global 0'],
    ['(elem $s (ref null $a) (item (array.new_default $a (i32.const 2))))', 'element segment 0'],
  ])('an_instance_that_serves_once_has_a_reason: %s', (field, reason) => {
    // wabt has no text for GC types.
    const module = binaryen.parseText(
      `(module (type $a (array (mut i32))) ${field} (func (export "handle")))`,
    );
    module.setFeatures(binaryen.Features.All);
    const wasm = new Uint8Array(module.emitBinary());
    module.dispose();
    const { reset } = inspectModule(wasm, { maxPages: 1, growth: 'retire' });
    expect(reset?.servesOnce).toBe(true);
    expect(reset?.servesOnceBecause?.startsWith(reason)).toBe(true);
  });

  it('costs_more_with_more_of_any_part', () => {
    const nothing = {
      ...{ clearedPages: 0, dataSegments: 0, dataBytes: 0, tables: 0, tableElements: 0 },
      ...{ elementSegments: 0, elements: 0, globals: 0, hasStart: false },
      ...{ retiresWhen: { memoryHasGrown: false, tablesHaveGrown: [] } },
      servesOnceBecause: undefined,
    };
    const parts = ['clearedPages', 'dataSegments', 'dataBytes', 'tableElements'] as const;
    for (const part of [...parts, 'elementSegments', 'elements', 'globals'] as const) {
      const few = estimateResetUs({ ...nothing, [part]: 1000 });
      const many = estimateResetUs({ ...nothing, [part]: 100_000 });
      expect(few).toBeGreaterThan(estimateResetUs(nothing));
      expect(many).toBeGreaterThan(10 * few);
    }
    // The measured figure of a module of one page is 0.46 µs.
    expect(estimateResetUs({ ...nothing, clearedPages: 1 })).toBeCloseTo(0.4, 1);
  });
});

it('custom_sections_have_a_fate_and_a_reason', () => {
  const source = assemble(`(module (func $f (export "handle")))`);
  const custom = (name: string, ...content: number[]): number[] => [
    ...[0, name.length + 1 + content.length, name.length, ...Buffer.from(name)],
    ...content,
  ];
  const wasm = new Uint8Array([
    ...source,
    ...custom('.debug_info', 1, 2),
    ...custom('linking', 1),
    ...custom('metadata.code.branch_hint', 9),
    ...custom('metadata.code.other', 9),
    ...custom('producers', 1, 2, 3),
    ...custom('name', 1, 1, 0),
  ]);
  const { sections } = inspectModule(wasm, { maxPages: 1, growth: 'retire' });
  expect(sections?.map(({ name, bytes, fate }) => [name, bytes, fate])).toEqual([
    ['name', expect.any(Number), 'corrected'],
    ['.debug_info', 2, 'dropped'],
    ['linking', 1, 'dropped'],
    ['metadata.code.branch_hint', 1, 'dropped'],
    ['metadata.code.other', 1, 'dropped'],
    ['producers', 3, 'kept'],
    ['name', 3, 'dropped'],
  ]);
  expect(sections?.every(({ why }) => why.length > 5)).toBe(true);
});

it('functions_are_named_by_the_name_section_then_an_export_then_their_index', () => {
  const named = assemble(`(module (func $f (export "exported")) (func (export "handle")) (func))`);
  const { polls } = inspectModule(named, { maxPages: 1, growth: 'retire' });
  expect(polls?.functions.map(({ name }) => name)).toEqual(['f', 'handle', 'func[2]']);
});
