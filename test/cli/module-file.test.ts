import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ModuleFileError, readModule } from '../../src/cli/module-file.ts';

declare const WebAssembly: {
  Module: (new (
    bytes: Uint8Array,
  ) => object) & {
    exports(module: object): { name: string; kind: string }[];
    customSections(module: object, name: string): ArrayBuffer[];
  };
};

const EMPTY_MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'luge-module-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function exportsOf(name: string, content: string): Promise<string[]> {
  const module = new WebAssembly.Module(await readModule(write(name, content)));
  return WebAssembly.Module.exports(module).map((one) => one.name);
}

/** Code and message of the refusal, the folder left out. */
async function refusal(path: string): Promise<[string, string]> {
  try {
    await readModule(path);
  } catch (error) {
    if (!(error instanceof ModuleFileError)) throw error;
    expect(error.file).toBe(path);
    return [error.code, error.message.replaceAll(`${folder}/`, '')];
  }
  return ['accepted', ''];
}

it('a_binary_is_returned_byte_for_byte_whatever_its_name', async () => {
  for (const name of ['a.wasm', 'a.wat', 'a']) {
    expect(new Uint8Array(await readModule(write(name, EMPTY_MODULE)))).toEqual(EMPTY_MODULE);
  }
});

it('text_is_assembled_whatever_its_name', async () => {
  const text = ' ;; comment\n(module (func (export "_start")))';
  for (const name of ['t.wat', 't.wasm', 't']) {
    expect(await exportsOf(name, text)).toEqual(['_start']);
  }
});

it('names_survive_the_assembly', async () => {
  const bytes = await readModule(write('named.wat', '(module (func $visible))'));
  const [names] = WebAssembly.Module.customSections(new WebAssembly.Module(bytes), 'name');
  expect(new TextDecoder().decode(names)).toContain('visible');
});

it('text_beyond_ASCII_is_read_to_its_end', async () => {
  expect(
    await exportsOf(
      'utf8.wat',
      '(module (func (export "h\u00e9\u2603\u{1f600}")) (func (export "last")))',
    ),
  ).toEqual(['h\u00e9\u2603\u{1f600}', 'last']);
});

it.each([
  ['simd', '(func (result v128) v128.const i32x4 1 2 3 4)'],
  ['threads', '(memory 1 1 shared) (func (result i32) i32.const 0 i32.atomic.load)'],
  ['bulk memory', '(memory 1) (func i32.const 0 i32.const 0 i32.const 0 memory.fill)'],
  ['tail calls', '(func $f return_call $f)'],
  ['exceptions', '(tag $e) (func (block (try_table (catch_all 0)) (throw $e)))'],
  ['multi-value', '(func (result i32 i32) i32.const 1 i32.const 2)'],
  ['memory64', '(memory i64 1) (func (result i32) i64.const 0 i32.load)'],
  ['multi-memory', '(memory 1) (memory 1) (func (result i32) i32.const 0 i32.load 1)'],
  ['relaxed simd', '(func (param v128) (result v128) local.get 0 i32x4.relaxed_trunc_f32x4_s)'],
  ['extended constants', '(global i32 (i32.add (i32.const 1) (i32.const 2)))'],
  [
    'branch hints',
    '(func (param i32) (@metadata.code.branch_hint "\\00") (if (local.get 0) (then)))',
  ],
])('the_text_may_use_%s', async (_, fields) => {
  expect(await exportsOf('feature.wat', `(module ${fields} (func (export "ok")))`)).toContain('ok');
});

it('a_syntax_error_names_file_line_and_column_each', async () => {
  const path = write(
    'bad.wat',
    '(module\n  (func (export "_start") i32.cons 1 drop)\n  (func (foo)))',
  );
  expect(await refusal(path)).toEqual([
    'ERR_WAT_SYNTAX',
    [
      'bad.wat:2:27: unexpected token i32.cons, expected ).',
      'bad.wat:3:10: unexpected token "foo", expected an instr.',
    ].join('\n'),
  ]);
});

it('a_name_with_colons_and_blanks_is_reported_whole', async () => {
  const [, message] = await refusal(write('a: b.wat', '(module (func $x call $y))'));
  expect(message).toBe('a: b.wat:1:23: undefined function variable "$y"');
});

it('text_that_parses_and_is_not_valid_names_the_place_too', async () => {
  const path = write('type.wat', '(module\n  (func\n    i32.const 1))');
  expect(await refusal(path)).toEqual([
    'ERR_WAT_INVALID',
    'type.wat:3:5: type mismatch at end of function, expected [] but got [i32]',
  ]);
});

it('a_failure_leaves_the_assembler_usable', async () => {
  await refusal(write('bad.wat', '(module (func'));
  expect(await exportsOf('good.wat', '(module (func (export "f")))')).toEqual(['f']);
});

it.each<[string, string | Uint8Array, string]>([
  ['empty.wasm', '', 'is empty'],
  [
    'elf.wasm',
    '\x7fELF',
    'is neither a binary module (no "\\0asm" at its start) nor WebAssembly text',
  ],
  [
    'component.wasm',
    Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0),
    'is a component (WASI 0.2); Luge runs core modules: build for the target wasm32-wasip1',
  ],
  [
    'version.wasm',
    Uint8Array.of(0, 0x61, 0x73, 0x6d, 2, 0, 0, 0),
    'is not a module of WebAssembly version 1',
  ],
  ['cut.wasm', Uint8Array.of(0, 0x61, 0x73, 0x6d), 'is not a module of WebAssembly version 1'],
])('refuses_%s', async (name, content, message) => {
  expect(await refusal(write(name, content))).toEqual(['ERR_MODULE_FILE', `${name}: ${message}`]);
});

it('refuses_what_is_not_there_and_what_is_no_file', async () => {
  write('other.wat', '(module)');
  expect(await refusal(join(folder, 'none.wasm'))).toEqual([
    'ERR_MODULE_FILE',
    'none.wasm: no such file',
  ]);
  expect(await refusal(join(folder, 'other.wasm'))).toEqual([
    'ERR_MODULE_FILE',
    'other.wasm: no such file; did you mean "other.wat"?',
  ]);
  expect((await refusal(folder))[1]).toMatch(/: is a directory, not a module$/);
  expect((await refusal('/dev/null'))[1]).toBe('/dev/null: is not a regular file');
});
