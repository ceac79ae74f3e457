/** Whatever a guest passes: an errno, never an exception of the host, and nothing written where nothing may be. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WASI_NAMES, wasiSignature } from '../../../src/sandbox/wasi/signatures.ts';
import { CREAT, DIRECTORY, E, FakeGuest, FD_READ, FD_WRITE, MEMORY_BYTES } from './fake-guest.ts';

const DATA = 3;
const TMP = 4;
const FILE = 5;
const FOLDER = 6;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'luge-pointers-'));
  writeFileSync(join(folder, 'a'), 'text');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function guestOf(): FakeGuest {
  const guest = new FakeGuest(
    { folders: { '/data': folder }, scratch: { maxBytes: 5000 } },
    'body',
  );
  expect(guest.open(TMP, 'f', { flags: CREAT, rights: FD_READ | FD_WRITE })).toBe(FILE);
  expect(guest.open(TMP, '.', { flags: DIRECTORY })).toBe(FOLDER);
  return guest;
}

const OUTSIDE = [MEMORY_BYTES, MEMORY_BYTES - 1, -1, -4, 2 ** 31 - 1, -(2 ** 31)];
const B = 1024;
// Each with one pointer, in the place of `p`, that is outside or whose range ends there.
const CALLS: readonly [string, (p: number) => (number | bigint)[]][] = [
  ['args_sizes_get', (p) => [p, B]],
  ['environ_sizes_get', (p) => [B, p]],
  ['clock_res_get', (p) => [0, p]],
  ['clock_time_get', (p) => [1, 0n, p]],
  ['random_get', (p) => [p, 8]],
  ['fd_read', (p) => [0, p, 1, B]],
  ['fd_read', (p) => [FILE, B, 1, p]],
  ['fd_write', (p) => [1, p, 1, B]],
  ['fd_write', (p) => [FILE, B, 1, p]],
  ['fd_pread', (p) => [FILE, p, 1, 0n, B]],
  ['fd_pread', (p) => [FILE, B, 1, 0n, p]],
  ['fd_pwrite', (p) => [FILE, p, 1, 0n, B]],
  ['fd_seek', (p) => [FILE, 0n, 0, p]],
  ['fd_tell', (p) => [FILE, p]],
  ['fd_fdstat_get', (p) => [FILE, p]],
  ['fd_filestat_get', (p) => [FILE, p]],
  ['fd_prestat_get', (p) => [DATA, p]],
  ['fd_prestat_dir_name', (p) => [DATA, p, 5]],
  ['fd_readdir', (p) => [FOLDER, p, 64, 0n, B]],
  ['fd_readdir', (p) => [FOLDER, B, 64, 0n, p]],
  ['path_open', (p) => [TMP, 0, p, 5, 1, 0n, 0n, 0, B]],
  ['path_open', (p) => [TMP, 0, B, 1, 1, 0n, 0n, 0, p]],
  ['path_filestat_get', (p) => [TMP, 0, p, 5, B]],
  ['path_filestat_get', (p) => [TMP, 0, B, 1, p]],
  ['path_filestat_set_times', (p) => [TMP, 0, p, 5, 0n, 0n, 4]],
  ['path_create_directory', (p) => [TMP, p, 5]],
  ['path_remove_directory', (p) => [TMP, p, 5]],
  ['path_unlink_file', (p) => [TMP, p, 5]],
  ['path_rename', (p) => [TMP, p, 5, TMP, B, 1]],
  ['path_rename', (p) => [TMP, B, 1, TMP, p, 5]],
  ['path_link', (p) => [TMP, 0, p, 5, TMP, B, 1]],
  ['path_link', (p) => [TMP, 0, B, 1, TMP, p, 5]],
  ['path_symlink', (p) => [p, 5, TMP, B, 1]],
  ['path_symlink', (p) => [B, 1, TMP, p, 5]],
  ['path_readlink', (p) => [TMP, p, 5, B, 9, B]],
  ['path_readlink', (p) => [TMP, B, 1, p, 9, B]],
  ['path_readlink', (p) => [TMP, B, 1, B, 9, p]],
];

it.each(CALLS)('%s answers EFAULT and nothing has happened', (name, argumentsOf) => {
  for (const pointer of OUTSIDE) {
    const guest = guestOf();
    Object.assign(guest.sandbox.exchange as object, {
      query: () => '',
      method: () => 'GET',
      path: () => '/',
      peer: () => '',
      headerLines: () => '',
    });
    Object.assign(guest.sandbox.spec, { args: [], env: [], route: '/' });
    guest.u8.fill(0);
    // A file that is there, for calls that look for one.
    guest.u8[B] = 0x66;
    if (name.startsWith('fd_') && /read|write/.test(name) && name !== 'fd_readdir') guest.u8[B] = 0;
    const before = guest.u8.slice();
    const list = guest.list(TMP);
    guest.u8.set(before);
    expect([pointer, guest.call(name, ...argumentsOf(pointer))]).toEqual([pointer, E.FAULT]);
    expect(Buffer.compare(guest.u8, before)).toBe(0);
    expect(guest.list(TMP)).toEqual(list);
    guest.finish();
  }
});

it('buffers_that_end_outside_or_are_too_many_are_refused_before_any_is_used', () => {
  const guest = guestOf();
  const vectors = (...pairs: readonly [number, number][]): void =>
    pairs.forEach(([at, bytes], i) => {
      guest.view.setUint32(2048 + 8 * i, at, true);
      guest.view.setUint32(2052 + 8 * i, bytes, true);
    });
  vectors([4096, 4], [MEMORY_BYTES - 2, 3]);
  for (const [name, fd] of [
    ['fd_read', 0],
    ['fd_read', FILE],
    ['fd_write', 1],
    ['fd_write', FILE],
  ] as const) {
    expect(guest.call(name, fd, 2048, 2, 64)).toBe(E.FAULT);
    expect(guest.call(name, fd, 2048, 1025, 64)).toBe(E.INVAL);
    expect(guest.call(name, fd, 2048, -1, 64)).toBe(E.INVAL);
  }
  expect(guest.read(0, 9)).toBe('body');
  expect(guest.stat(FILE)).toMatchObject({ size: 0 });
  // Empty ones anywhere inside are fine, the end included.
  vectors([MEMORY_BYTES, 0], [4096, 0]);
  expect(guest.call('fd_write', FILE, 2048, 2, 64)).toBe(E.SUCCESS);
  expect(guest.call('fd_write', FILE, 2048, 0, 64)).toBe(E.SUCCESS);
  guest.finish();
});

it('no_call_throws_whatever_it_is_given', () => {
  const ENDING = new Set(['proc_exit', 'proc_raise', 'poll_oneoff', 'sched_yield']);
  const names = WASI_NAMES.filter((name) => !ENDING.has(name) && !/^(args|environ)/.test(name));
  const number = fc.oneof(
    fc.integer({ min: 0, max: 8 }),
    fc.integer({ min: 0, max: MEMORY_BYTES + 10 }),
    fc.constantFrom(...OUTSIDE, 64, B),
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  );
  const wide = fc.oneof(
    fc.bigInt({ min: 0n, max: 200n }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  );
  const call = fc
    .constantFrom(...names)
    .chain((name) =>
      fc.tuple(
        fc.constant(name),
        fc.tuple(
          ...((wasiSignature(name) as string).split(' -> ')[0]?.match(/i(32|64)/g) ?? []).map(
            (type): fc.Arbitrary<number | bigint> => (type === 'i32' ? number : wide),
          ),
        ),
      ),
    );
  const memory = fc.uint8Array({ minLength: 600, maxLength: 600 });
  fc.assert(
    fc.property(fc.array(call, { minLength: 5, maxLength: 40 }), memory, (calls, bytes) => {
      const guest = guestOf();
      guest.u8.set(bytes, 800);
      guest.u8.set(Buffer.from('d/../f'), B);
      try {
        for (const [name, args] of calls) {
          try {
            const errno = guest.call(name, ...args);
            expect(errno >= 0 && errno <= 76).toBe(true);
          } catch (error) {
            // What ends a guest at a limit of its output is no exception of the host.
            if (!(error instanceof WebAssembly.RuntimeError)) throw error;
          }
        }
      } finally {
        guest.finish();
      }
    }),
    { numRuns: 300 },
  );
});
