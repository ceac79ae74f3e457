import { describe, expect, it } from 'vitest';
import { RewriteError, rewrite } from '../../../src/sandbox/rewriter/index.ts';
import { assemble } from './harness.ts';

function failure(bytes: Uint8Array, maxPages: number = 16): RewriteError {
  try {
    rewrite(bytes, { maxPages });
  } catch (error) {
    if (error instanceof RewriteError) return error;
    throw error;
  }
  throw new Error('the module was rewritten');
}

const MODULE = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const ENTRY = '(func (export "handle"))';

describe('errors', () => {
  it.each([
    ['empty', [], 'ERR_NOT_WASM', 0],
    ['text', [...Buffer.from('(module)')], 'ERR_NOT_WASM', 0],
    ['component', [0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0], 'ERR_NOT_WASM', 4],
    ['version', [0, 0x61, 0x73, 0x6d, 2, 0, 0, 0], 'ERR_NOT_WASM', 4],
    ['header_only', [0, 0x61, 0x73, 0x6d, 1], 'ERR_WASM_TRUNCATED', 5],
    ['section_beyond_the_end', [...MODULE, 1, 9, 0], 'ERR_WASM_TRUNCATED', 11],
    ['section_twice', [...MODULE, 1, 1, 0, 1, 1, 0], 'ERR_WASM_MALFORMED', 11],
    ['unknown_section', [...MODULE, 77, 0], 'ERR_WASM_UNSUPPORTED', 8],
    ['page_size', [...MODULE, 5, 4, 1, 8, 1, 0], 'ERR_WASM_UNSUPPORTED', 11],
    ['memory64_too_large', [...MODULE, 5, 5, 1, 4, 0x81, 0x80, 0x10], 'ERR_WASM_MALFORMED', 11],
    ['huge_count', [...MODULE, 1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f], 'ERR_WASM_MALFORMED', 10],
    ['overlong_leb', [...MODULE, 1, 6, 0x80, 0x80, 0x80, 0x80, 0x80, 0], 'ERR_WASM_MALFORMED', 10],
    ['no_exports', MODULE, 'ERR_WASM_NO_ENTRY', undefined],
  ] as const)('%s', (_name, bytes, code, offset) => {
    expect(failure(new Uint8Array(bytes))).toMatchObject({ code, offset });
  });

  it.each([
    ['(func (export "run")) (memory (export "handle") 1)', 'ERR_WASM_NO_ENTRY', 'handle (memory)'],
    ['(func (export "handle") (param i32 i64))', 'ERR_WASM_ENTRY_TYPE', '(i32, i64) -> ()'],
    ['(func (export "handle") (result i64) (i64.const 0))', 'ERR_WASM_ENTRY_TYPE', '() -> (i64)'],
    ['(func (export "_start") (result i32) (i32.const 0))', 'ERR_WASM_ENTRY_TYPE', '_start'],
    [`(import "$luge" "control" (func)) ${ENTRY}`, 'ERR_WASM_RESERVED', '$luge.control'],
    [`(func (export "$luge.reset")) ${ENTRY}`, 'ERR_WASM_RESERVED', '$luge.reset'],
    [`(memory 17) ${ENTRY}`, 'ERR_MEMORY_LIMIT', '17 pages'],
  ])('%s', (wat, code, words) => {
    const error = failure(assemble(`(module ${wat})`));
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
  });

  it('a_second_pass', () => {
    const { bytes } = rewrite(assemble(`(module (memory 1) ${ENTRY})`), { maxPages: 1 });
    const error = failure(bytes);
    expect(error.code).toBe('ERR_ALREADY_REWRITTEN');
    expect(bytes[error.offset!]).toBe(0);
  });

  it.each([
    ['a_memory_that_the_guest_does_not_have', [0x41, 0, 0x28, 2, 0, 0x1a]],
    ['the_control_memory', [0x41, 0, 0x28, 0x42, 1, 0, 0x1a]],
    ['a_function_of_ours', [0x10, 1]],
    ['a_global_of_ours', [0x23, 0, 0x1a]],
    ['a_label_of_ours', [0x03, 0x40, 0x0c, 2, 0x0b]],
    ['a_type_of_ours', [0x02, 1, 0x0b]],
  ])('refuses_what_would_name_%s', (_name, code) => {
    const body = [0, ...code, 0x0b];
    const source = new Uint8Array([
      ...[...MODULE, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0],
      ...[7, 10, 1, 6, ...Buffer.from('handle'), 0, 0],
      ...[10, body.length + 2, 1, body.length, ...body],
    ]);
    expect(failure(source).code).toBe('ERR_WASM_MALFORMED');
  });
});

it('refuses_the_control_memory_behind_the_guests_own', () => {
  const body = [0, 0x41, 0, 0x28, 0x42, 1, 0, 0x1a, 0x0b];
  const source = new Uint8Array([
    ...[...MODULE, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 5, 3, 1, 0, 1],
    ...[7, 10, 1, 6, ...Buffer.from('handle'), 0, 0],
    ...[10, body.length + 2, 1, body.length, ...body],
  ]);
  expect(failure(source)).toMatchObject({ code: 'ERR_WASM_MALFORMED' });
});
