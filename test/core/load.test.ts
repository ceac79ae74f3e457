import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRuntime, type Runtime } from '../../src/core/index.ts';
import { codeOf, ECHO, luge, small, textOf, wat } from './guests.ts';

describe('modules that cannot be loaded', () => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await small();
  });
  afterAll(() => runtime.close());

  const handle = '(func (export "handle"))';
  const broken = ECHO.slice();
  // The last byte of the module is the `end` of its code.
  broken[broken.length - 1] = 0x00;
  const cases: [string, Uint8Array, string, RegExp][] = [
    ['nothing', new Uint8Array(0), 'ERR_NOT_WASM', /./],
    ['text', Buffer.from('<!doctype html>'), 'ERR_NOT_WASM', /./],
    ['a truncated module', ECHO.slice(0, ECHO.length - 10), 'ERR_WASM_TRUNCATED', /./],
    ['a module without entry', wat('(module (func (export "main")))'), 'ERR_WASM_NO_ENTRY', /main/],
    [
      'an entry with a parameter',
      wat('(module (func (export "handle") (param i32)))'),
      'ERR_WASM_ENTRY_TYPE',
      /handle/,
    ],
    [
      'a WASI entry with a result',
      wat('(module (func (export "_start") (result i32) (i32.const 0)))'),
      'ERR_WASM_ENTRY_TYPE',
      /_start/,
    ],
    [
      'an unknown import',
      wat(`(module (import "luge" "telepathy" (func)) ${handle})`),
      'ERR_WASM_IMPORT',
      /luge\.telepathy/,
    ],
    [
      'an import from an unknown module',
      wat(`(module (import "gojs" "runtime.wasmExit" (func)) ${handle})`),
      'ERR_WASM_IMPORT',
      /gojs\.runtime\.wasmExit.*luge/,
    ],
    [
      'an imported global',
      wat(`(module (import "env" "g" (global i32)) ${handle})`),
      'ERR_WASM_IMPORT',
      /env\.g \(global\)/,
    ],
    [
      'the names of the runtime',
      wat(`(module (import "$luge" "control" (func)) ${handle})`),
      'ERR_WASM_RESERVED',
      /\$luge\.control/,
    ],
    ['more memory than it may have', luge(handle, '2000'), 'ERR_MEMORY_LIMIT', /2000 pages.*1024/],
  ];
  it.each(cases)('%s', async (_, wasm, code, message) => {
    const error = await runtime.load('f', { wasm }).then(
      () => undefined,
      (reason: unknown) => reason as Error & { code: string },
    );
    expect(error?.code).toBe(code);
    expect(error?.message).toMatch(message);
    // Nothing of it stays.
    expect(runtime.get('f')).toBeUndefined();
  });

  it('code_that_is_not_valid', async () => {
    const error = await runtime.load('f', { wasm: broken }).then(
      () => undefined,
      (reason: unknown) => reason as Error & { code: string },
    );
    expect(error?.code).toMatch(/^ERR_WASM_(MALFORMED|INVALID|TRUNCATED)$/);
  });

  it('a_failed_load_leaves_the_older_one', async () => {
    await runtime.load('echo', { wasm: ECHO });
    expect(await codeOf(runtime.load('echo', { wasm: new Uint8Array(4) }))).not.toBe('resolved');
    expect(textOf(await runtime.invoke('echo', { body: 'still' }))).toBe('still');
  });
});

it.each([
  { workers: 0 },
  { workers: 1.5 },
  { workers: 65 },
  { scheduler: 'lifo' as 'fifo' },
  { quantumUs: 7 },
  { quantumUs: Number.NaN },
  { maxQueue: 0 },
  { bodyMemoryBytes: -1 },
  { spinUs: -1 },
])('createRuntime_refuses %j', async (options) => {
  const error = await createRuntime(options).catch((reason: unknown) => reason as Error);
  expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  expect((error as Error).message).toContain(Object.keys(options)[0]);
});

it.each([
  [{ args: ['fine', 'no\0t'] }, 'args[1] must be a string without NUL; there is one at index 2'],
  [{ args: [7 as unknown as string] }, 'args[0] must be a string, not number'],
  [{ env: { MODE: '\0' } }, 'env.MODE must be a string without NUL; there is one at index 0'],
  [{ env: { 'A B': 'x\0' } }, 'env["A B"] must be a string without NUL; there is one at index 1'],
  [{ env: { 'A\0B': '' } }, 'env["A\\u0000B"]: a variable has a name without "=" and NUL'],
  [{ env: { 'A=B': '' } }, 'env["A=B"]: a variable has a name without "=" and NUL'],
  [{ env: { '': 'x' } }, 'env[""]: a variable has a name without "=" and NUL'],
  [{ route: '/a\0' }, 'route must be a string without NUL; there is one at index 2'],
  [{ tenant: '\0' }, 'tenant must be a string without NUL; there is one at index 0'],
  [{ contentType: 'a/\0' }, 'contentType must be a string without NUL; there is one at index 2'],
])('load_refuses_%j_before_any_worker_hears_of_it', async (options, message) => {
  await using runtime = await small();
  await runtime.load('echo', { wasm: ECHO });
  await expect(runtime.load('f', { wasm: ECHO, ...options })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: `load: ${message}`,
  });
  await expect(runtime.load('f\0', { wasm: ECHO })).rejects.toThrow('load: name must be');
  expect(runtime.get('f')).toBeUndefined();
  expect(textOf(await runtime.invoke('echo', { body: 'still' }))).toBe('still');
  expect(runtime.stats().workersLost).toBe(0);
});

it('a_module_may_be_as_large_as_its_limit_and_no_larger', async () => {
  await using runtime = await small();
  await runtime.load('f', { wasm: ECHO, maxModuleBytes: ECHO.length });
  await expect(
    runtime.load('f', { wasm: ECHO, maxModuleBytes: ECHO.length - 1 }),
  ).rejects.toMatchObject({
    code: 'ERR_MODULE_LIMIT',
    message: `the module has ${ECHO.length} bytes; the limit is ${ECHO.length - 1} (maxModuleBytes)`,
  });
  // It is looked at no further: bytes beyond the limit cost nothing.
  const large = new Uint8Array(64 * 2 ** 20 + 1);
  expect(await codeOf(runtime.load('g', { wasm: large }))).toBe('ERR_MODULE_LIMIT');
  for (const maxModuleBytes of [0, 1.5, 2 ** 30 + 1, Number.POSITIVE_INFINITY]) {
    const load = runtime.load('g', { wasm: ECHO, maxModuleBytes });
    expect(await codeOf(load)).toBe('ERR_INVALID_ARGUMENT');
  }
  expect(textOf(await runtime.invoke('f', { body: 'x' }))).toBe('x');
});
