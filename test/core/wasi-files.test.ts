/** Folders and the scratch folder through the whole runtime: what is loaded, and what a request leaves behind. */
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LoadOptions, Runtime } from '../../src/core/index.ts';
import { allFree, codeOf, small, textOf, until, wat } from './guests.ts';

/** `$open` opens the `bytes` at `at` below `dir` and answers a descriptor or minus the errno; `$copy` prints what is in it. */
const FILES = `
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func $open (param $dir i32) (param $at i32) (param $bytes i32) (param $flags i32) (param $rights i64) (result i32)
    (local $errno i32)
    (local.set $errno (call $path_open (local.get $dir) (i32.const 1) (local.get $at) (local.get $bytes)
      (local.get $flags) (local.get $rights) (i64.const -1) (i32.const 0) (i32.const 2000)))
    (if (result i32) (local.get $errno)
      (then (i32.sub (i32.const 0) (local.get $errno)))
      (else (i32.load (i32.const 2000)))))
  (func $put (param $fd i32) (param $at i32) (param $bytes i32)
    (i32.store (i32.const 2008) (local.get $at))
    (i32.store (i32.const 2012) (local.get $bytes))
    (drop (call $write (local.get $fd) (i32.const 2008) (i32.const 1) (i32.const 2016))))
  (func $copy (param $fd i32)
    (i32.store (i32.const 2008) (i32.const 4096))
    (i32.store (i32.const 2012) (i32.const 4096))
    (drop (call $read (local.get $fd) (i32.const 2008) (i32.const 1) (i32.const 2016)))
    (call $put (i32.const 1) (i32.const 4096) (i32.load (i32.const 2016))))
  (func $say (param $value i32)
    (i32.store8 (i32.const 2020) (local.get $value))
    (call $put (i32.const 1) (i32.const 2020) (i32.const 1)))
  (func $sleep
    (i64.store (i32.const 3024) (i64.const -1)) (i32.store8 (i32.const 3008) (i32.const 0))
    (i32.store (i32.const 3016) (i32.const 1))
    (drop (call $poll (i32.const 3000) (i32.const 3100) (i32.const 1) (i32.const 3200))))`;

const command = (body: string): Uint8Array =>
  wat(`(module ${FILES} (data (i32.const 0) "file" "text" "secret")
    (func (export "_start") (local $fd i32) ${body}))`);

const OPEN_FILE = `(local.set $fd
  (call $open (i32.const 3) (i32.const 0) (i32.const 4) (i32.const 0) (i64.const 2)))`;

let outer: string;
let folder: string;
let runtime: Runtime;
beforeAll(async () => {
  outer = mkdtempSync(join(tmpdir(), 'luge-files-'));
  folder = mkdtempSync(join(outer, 'data-'));
  writeFileSync(join(folder, 'file'), 'what the file says');
  writeFileSync(join(outer, 'secret'), 'secret');
  symlinkSync('../secret', join(folder, 'secret'));
  runtime = await small();
});
afterAll(async () => {
  await runtime.close();
  rmSync(outer, { recursive: true, force: true });
});

it('a_file_of_a_folder_is_read_and_nothing_outside', async () => {
  await runtime.load('cat', {
    wasm: command(`${OPEN_FILE} (call $copy (local.get $fd))
      (call $say (i32.sub (i32.const 0)
        (call $open (i32.const 3) (i32.const 8) (i32.const 6) (i32.const 0) (i64.const 2))))`),
    folders: { '/data': folder },
  });
  const text = textOf(await runtime.invoke('cat'));
  expect([text.slice(0, -1), text.charCodeAt(text.length - 1)]).toEqual(['what the file says', 76]);
});

it('the_scratch_folder_is_empty_at_each_request', async () => {
  // Exclusively: a file that were still there would be EEXIST (20).
  await runtime.load('write', {
    wasm: command(`
      (local.set $fd (call $open (i32.const 3) (i32.const 0) (i32.const 4) (i32.const 5) (i64.const 66)))
      (call $say (i32.add (local.get $fd) (i32.const 48)))
      (call $put (local.get $fd) (i32.const 4) (i32.const 4))
      (call $copy (call $open (i32.const 3) (i32.const 0) (i32.const 4) (i32.const 0) (i64.const 2)))`),
    scratch: { maxBytes: 100 },
  });
  for (let i = 0; i < 3; i++) expect(textOf(await runtime.invoke('write'))).toBe('4text');
});

describe.skipIf(process.platform !== 'linux')('descriptors of the host', () => {
  // Each look has a descriptor of its own open, always one.
  const openOnes = (): number => readdirSync('/proc/self/fd').length;

  it.each([
    ['returned', `${OPEN_FILE}`, 'resolved', {}],
    ['trapped', `${OPEN_FILE} unreachable`, 'ERR_TRAP', {}],
    ['was killed while it slept', `${OPEN_FILE} (call $sleep)`, 'ERR_DEADLINE', { deadlineMs: 20 }],
    [
      'was killed while it ran',
      `${OPEN_FILE} (loop $l (br $l))`,
      'ERR_CPU_LIMIT',
      { cpuLimitMs: 20 },
    ],
  ])('are_closed_when_the_guest %s', async (_, body, code, limits) => {
    await runtime.load('leak', { wasm: command(body), folders: { '/data': folder }, ...limits });
    await codeOf(runtime.invoke('leak'));
    await allFree(runtime);
    const before = openOnes();
    for (let i = 0; i < 5; i++) expect(await codeOf(runtime.invoke('leak'))).toBe(code);
    await until(() => openOnes() <= before, 'they are closed');
  });

  it('are_closed_also_for_a_guest_of_the_other_interface', async () => {
    const wasm = wat(`(module ${FILES} (data (i32.const 0) "file")
      (func (export "handle") (local $fd i32) ${OPEN_FILE}))`);
    await runtime.load('leak', { wasm, folders: { '/data': folder } });
    await runtime.invoke('leak');
    const before = openOnes();
    for (let i = 0; i < 5; i++) await runtime.invoke('leak');
    await until(() => openOnes() <= before, 'they are closed');
  });
});

describe('load', () => {
  const wasm = command('');
  const refused = async (options: Omit<LoadOptions, 'wasm'>): Promise<string> => {
    const error = await runtime.load('x', { wasm, ...options }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_FILES' });
    return (error as Error).message;
  };

  it('a_folder_is_checked_when_it_is_given', async () => {
    const file = join(folder, 'file');
    expect(await refused({ folders: { '/d': join(folder, 'none') } })).toContain('no such folder');
    expect(await refused({ folders: { '/d': file } })).toContain('is not a folder');
    expect(await refused({ folders: { d: folder } })).toContain('must begin with "/"');
    expect(await refused({ folders: { '/a//b': folder } })).toContain('//');
    expect(await refused({ folders: { '/a/..': folder } })).toContain('..');
    expect(await refused({ folders: { '/a/': folder } })).toContain('end in "/"');
    expect(await refused({ folders: { '/tmp': folder }, scratch: {} })).toContain('already');
  });

  it('limits_are_whole_numbers_in_their_range', async () => {
    expect(await refused({ maxOpenFiles: 2 })).toContain('from 3 to 1024');
    expect(await refused({ maxOpenFiles: 1025 })).toContain('maxOpenFiles');
    expect(await refused({ maxOpenFiles: 3, scratch: {} })).toContain('at least 4');
    expect(await refused({ clockResolutionNs: 0 })).toContain('clockResolutionNs');
    expect(await refused({ clockResolutionNs: Number.NaN })).toContain('NaN');
    expect(await refused({ scratch: { maxBytes: 2 ** 28 + 1 } })).toContain('scratch.maxBytes');
    expect(await refused({ scratch: { maxFiles: -1 } })).toContain('scratch.maxFiles');
  });

  it('a_function_of_wasi_has_the_type_that_wasi_gives_it', async () => {
    const module = wat(`(module
      (import "wasi_snapshot_preview1" "fd_write" (func (param i64 i32 i32 i32) (result i32)))
      (memory (export "memory") 1) (func (export "_start")))`);
    await expect(runtime.load('x', { wasm: module })).rejects.toMatchObject({
      code: 'ERR_WASM_IMPORT',
      message: expect.stringContaining('(i32, i32, i32, i32) -> (i32), and not (i64'),
    });
  });
});
