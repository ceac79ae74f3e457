import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CREAT, DIRECTORY, E, FakeGuest, FD_READ, FD_WRITE, TRUNC } from './fake-guest.ts';

const DATA = 3;
const TMP = 4;
let outer: string;
let data: string;

beforeAll(() => {
  outer = mkdtempSync(join(tmpdir(), 'luge-folder-'));
  data = join(outer, 'data');
  mkdirSync(join(data, 'sub'), { recursive: true });
  writeFileSync(join(outer, 'secret'), 'secret');
  writeFileSync(join(data, 'a'), 'text of a');
  writeFileSync(join(data, 'sub', 'b'), 'text of b');
  symlinkSync('a', join(data, 'in'));
  symlinkSync('../a', join(data, 'sub', 'up'));
  symlinkSync('../secret', join(data, 'out'));
  symlinkSync('..', join(data, 'outer'));
  symlinkSync(join(outer, 'secret'), join(data, 'absolute'));
  symlinkSync(join(data, 'a'), join(data, 'absolute-inside'));
  symlinkSync('circle', join(data, 'circle'));
});

afterAll(() => rmSync(outer, { recursive: true, force: true }));

function guestOf(maxOpenFiles = 16): FakeGuest {
  return new FakeGuest({ folders: { '/data': data }, scratch: {}, maxOpenFiles });
}

it('files_are_read_from_any_place', () => {
  const guest = guestOf();
  expect(guest.contents(DATA, 'a')).toBe('text of a');
  expect(guest.contents(DATA, 'sub/b')).toBe('text of b');
  expect(guest.contents(DATA, 'in')).toBe('text of a');
  expect(guest.contents(DATA, 'sub/up')).toBe('text of a');
  const fd = guest.open(DATA, 'a');
  expect(guest.seek(fd, -1, 2)).toBe(8);
  expect(guest.read(fd, 9)).toBe('a');
  expect(guest.read(fd, 9)).toBe('');
  expect(guest.seek(fd, 100, 0)).toBe(100);
  expect(guest.read(fd, 9)).toBe('');
  expect(guest.stat(fd)).toEqual(guest.stat(DATA, 'a'));
  guest.finish();
});

it('a_read_brings_at_most_a_mebibyte_in_however_many_buffers', () => {
  writeFileSync(join(data, 'large'), new Uint8Array(3 << 20));
  const guest = guestOf();
  const fd = guest.open(DATA, 'large');
  // All of them the same part of the memory.
  for (let i = 0; i < 64; i++) {
    guest.view.setUint32(16384 + 8 * i, 32768, true);
    guest.view.setUint32(16388 + 8 * i, 32768, true);
  }
  expect(guest.call('fd_read', fd, 16384, 64, 64)).toBe(E.SUCCESS);
  expect(guest.view.getUint32(64, true)).toBe(1 << 20);
  expect(guest.call('fd_pread', fd, 16384, 64, 1n, 64)).toBe(E.SUCCESS);
  expect(guest.view.getUint32(64, true)).toBe(1 << 20);
  expect(guest.seek(fd, 0, 1)).toBe(1 << 20);
  guest.finish();
  rmSync(join(data, 'large'));
});

it.each([2n ** 53n - 1n, 2n ** 53n, 2n ** 60n, 2n ** 63n - 1n])(
  'there_is_nothing_at %d',
  (offset) => {
    const guest = guestOf();
    guest.make(TMP, 'mine', 'x');
    guest.view.setUint32(16384, 32768, true);
    guest.view.setUint32(16388, 10, true);
    for (const fd of [guest.open(DATA, 'a'), guest.open(TMP, 'mine')]) {
      guest.view.setUint32(64, 99, true);
      expect(guest.call('fd_pread', fd, 16384, 1, offset, 64)).toBe(E.SUCCESS);
      expect(guest.view.getUint32(64, true)).toBe(0);
    }
    guest.finish();
  },
);

it.each([
  ['..', 'the folder above'],
  ['../secret', 'a file above'],
  ['sub/../../secret', 'a file above, by a detour'],
  ['out', 'a link to a file above'],
  ['outer', 'a link to the folder above'],
  ['outer/secret', 'a file behind it'],
  ['outer/data/a', 'a file inside, by way of outside'],
  ['absolute', 'a link with an absolute target'],
  ['absolute-inside', 'one that leads inside'],
  ['/etc/passwd', 'an absolute path'],
])('%s leads out: %s', (path) => {
  const guest = guestOf();
  expect(guest.open(DATA, path)).toBe(-E.NOTCAPABLE);
  expect(guest.stat(DATA, path, true)).toBe(-E.NOTCAPABLE);
});

it('a_link_can_be_looked_at_wherever_it_leads', () => {
  const guest = guestOf();
  expect(guest.stat(DATA, 'out')).toMatchObject({ type: 7 });
  expect(guest.readlink(DATA, 'out')).toBe('../secret');
  expect(guest.open(DATA, 'circle')).toBe(-E.LOOP);
  expect(guest.open(DATA, 'in', { follow: false })).toBe(-E.LOOP);
});

describe('nothing can be changed', () => {
  it('no_call_does_and_each_answers_erofs', () => {
    const guest = guestOf();
    guest.make(TMP, 'mine', 'x');
    const before = readdirSync(data);
    expect(guest.open(DATA, 'new', { flags: CREAT })).toBe(-E.ROFS);
    expect(guest.open(DATA, 'a', { rights: FD_WRITE })).toBe(-E.ROFS);
    expect(guest.open(DATA, 'a', { rights: FD_READ | FD_WRITE })).toBe(-E.ROFS);
    expect(guest.open(DATA, 'a', { flags: TRUNC })).toBe(-E.ROFS);
    expect(guest.at('path_create_directory', DATA, 'new')).toBe(E.ROFS);
    expect(guest.at('path_remove_directory', DATA, 'sub')).toBe(E.ROFS);
    expect(guest.at('path_unlink_file', DATA, 'a')).toBe(E.ROFS);
    expect(guest.rename(DATA, 'a', DATA, 'z')).toBe(E.ROFS);
    expect(guest.rename(DATA, 'a', TMP, 'z')).toBe(E.XDEV);
    expect(guest.rename(TMP, 'mine', DATA, 'z')).toBe(E.XDEV);
    expect(guest.link(DATA, 'a', DATA, 'z')).toBe(E.ROFS);
    expect(guest.link(DATA, 'a', TMP, 'z')).toBe(E.XDEV);
    expect(guest.symlink('a', DATA, 'z')).toBe(E.ROFS);
    const fd = guest.open(DATA, 'a');
    expect(guest.write(fd, 'x')).toBe(-E.NOTCAPABLE);
    expect(guest.call('fd_filestat_set_size', fd, 0n)).toBe(E.NOTCAPABLE);
    expect(guest.call('fd_allocate', fd, 0n, 100n)).toBe(E.NOTCAPABLE);
    expect(guest.call('fd_filestat_set_times', fd, 0n, 0n, 4)).toBe(E.ROFS);
    expect(readdirSync(data)).toEqual(before);
    expect(guest.contents(DATA, 'a')).toBe('text of a');
    guest.finish();
  });
});

it('a_pipe_does_not_block_and_is_not_opened', () => {
  const pipe = join(data, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const guest = guestOf();
  expect(guest.open(DATA, 'pipe')).toBe(-E.NOTCAPABLE);
  expect(guest.stat(DATA, 'pipe')).toMatchObject({ type: 0 });
  rmSync(pipe);
});

it('a_list_has_everything_with_the_numbers_that_stat_has', () => {
  const guest = guestOf();
  const names = guest.list(DATA) as string[];
  expect(names.slice(0, 2)).toEqual(['.', '..']);
  expect(names.slice(2).sort()).toEqual(readdirSync(data).sort());
  const fd = guest.open(DATA, 'sub', { flags: DIRECTORY });
  expect((guest.list(fd) as string[]).sort()).toEqual(['.', '..', 'b', 'up']);
  guest.call('fd_readdir', fd, 16384, 4096, 2n, 64);
  const name = guest.text(16384 + 24, guest.view.getUint32(16384 + 16, true));
  expect(guest.stat(fd, name)).toMatchObject({ ino: guest.view.getBigUint64(16384 + 8, true) });
});

it.skipIf(process.platform !== 'linux')(
  'every_descriptor_of_the_host_is_closed_with_the_request',
  () => {
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    const guest = guestOf(64);
    const fds = Array.from({ length: 20 }, () => guest.open(DATA, 'a'));
    expect(open()).toBe(before + 20);
    guest.call('fd_close', fds[0] as number);
    guest.call('fd_renumber', fds[1] as number, fds[2] as number);
    expect(open()).toBe(before + 18);
    guest.finish();
    expect(open()).toBe(before);
  },
);

it('a_worker_has_so_many_files_open_for_all_its_guests_and_no_more', () => {
  const guests = Array.from({ length: 5 }, () => guestOf(1024));
  const opened = (guest: FakeGuest): number => {
    for (let n = 0; ; n++) {
      const fd = guest.open(DATA, 'a');
      // A process that is given fewer than a worker would take says the latter, too.
      if (fd === -E.MFILE || fd === -E.NFILE) return n;
      expect(fd).toBeGreaterThan(0);
    }
  };
  try {
    const count = guests.reduce((sum, guest) => sum + opened(guest), 0);
    expect(count).toBeGreaterThan(100);
    expect(count).toBeLessThanOrEqual(4096);
    expect(guests[4]?.open(DATA, 'a')).toBe(-E.NFILE);
    expect(guests[4]?.open(DATA, 'sub', { flags: DIRECTORY })).toBeGreaterThan(0);
    guests[0]?.finish();
    expect(opened(guests[4] as FakeGuest)).toBeGreaterThan(100);
  } finally {
    for (const guest of guests) guest.finish();
  }
  expect(guestOf().contents(DATA, 'a')).toBe('text of a');
});

it('a_file_that_is_gone_or_a_folder_that_was_swapped_is_an_errno', () => {
  const guest = guestOf();
  mkdirSync(join(data, 'going'));
  writeFileSync(join(data, 'going', 'x'), '');
  const fd = guest.open(DATA, 'going', { flags: DIRECTORY });
  rmSync(join(data, 'going'), { recursive: true });
  expect(guest.open(fd, 'x')).toBe(-E.NOENT);
  expect(guest.list(fd)).toBe(-E.NOENT);
  expect(guest.stat(fd)).toBe(-E.NOENT);
});
