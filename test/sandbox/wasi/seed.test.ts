import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkPreopens, preopensOf } from '../../../src/sandbox/wasi/preopens.ts';
import { E, FakeGuest, FD_READ, FD_WRITE } from './fake-guest.ts';

const TMP = 3;
const BOTH = FD_READ | FD_WRITE;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'luge-seed-'));
  mkdirSync(join(folder, 'deep'));
  writeFileSync(join(folder, 'deep', 'leaf'), 'leaf');
  writeFileSync(join(folder, 'file'), 'as it was');
  symlinkSync('deep/leaf', join(folder, 'link'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function guestOf(scratch: { maxBytes?: number; maxFiles?: number } = {}): FakeGuest {
  return new FakeGuest({ scratch: { ...scratch, from: folder } });
}

it('a_scratch_folder_begins_as_a_copy', () => {
  const guest = guestOf();
  expect((guest.list(TMP) as string[]).sort()).toEqual(['.', '..', 'deep', 'file', 'link']);
  expect(guest.contents(TMP, 'file')).toBe('as it was');
  expect(guest.contents(TMP, 'deep/leaf')).toBe('leaf');
  expect(guest.contents(TMP, 'link')).toBe('leaf');
});

describe('what one request does', () => {
  it.each<[string, (guest: FakeGuest) => void]>([
    ['writes_over', (guest) => guest.write(guest.open(TMP, 'file', { rights: BOTH }), 'XX')],
    [
      'appends',
      (guest) => {
        const fd = guest.open(TMP, 'file', { rights: BOTH });
        guest.seek(fd, 0, 2);
        guest.write(fd, ' and more');
      },
    ],
    [
      'cuts_and_grows',
      (guest) => {
        const fd = guest.open(TMP, 'file', { rights: BOTH });
        expect(guest.call('fd_filestat_set_size', fd, 2n)).toBe(E.SUCCESS);
        expect(guest.call('fd_filestat_set_size', fd, 9n)).toBe(E.SUCCESS);
        guest.seek(fd, 0, 0);
        expect(guest.read(fd, 99)).toBe('as\0\0\0\0\0\0\0');
      },
    ],
    [
      'removes',
      (guest) => {
        expect(guest.at('path_unlink_file', TMP, 'file')).toBe(E.SUCCESS);
        expect(guest.contents(TMP, 'file')).toBe(-E.NOENT);
      },
    ],
  ])('%s_and_neither_the_next_one_nor_the_host_sees_it', (_, work) => {
    const guest = guestOf();
    work(guest);
    guest.finish();
    expect(guest.contents(TMP, 'file')).toBe('as it was');
    expect(readFileSync(join(folder, 'file'), 'latin1')).toBe('as it was');
  });
});

it('what_it_begins_with_counts_as_used', () => {
  // 9 of file, 4 of leaf, 9 of what the link says.
  const guest = guestOf({ maxBytes: 24 });
  const fd = guest.open(TMP, 'file', { rights: BOTH });
  guest.seek(fd, 0, 2);
  expect(guest.write(fd, 'abcdef')).toBe(2);
});

describe('load', () => {
  const problem = (scratch: { maxBytes?: number; maxFiles?: number; from?: string }): string => {
    try {
      checkPreopens(
        preopensOf({ scratch: { from: folder, ...scratch } }),
        (text) => new Error(text),
      );
      return '';
    } catch (error) {
      return (error as Error).message.replaceAll(folder, '~');
    }
  };

  it('refuses_what_does_not_fit_with_its_place', () => {
    expect(problem({})).toBe('');
    expect(problem({ maxBytes: 21 })).toMatch(/^scratch\.from: ~\/\S+: more bytes than maxBytes$/);
    expect(problem({ maxFiles: 3 })).toMatch(/^scratch\.from: ~\/\S+: more names than maxFiles$/);
    expect(problem({ from: join(folder, 'none') })).toBe('scratch.from: ~/none: no such folder');
    expect(problem({ from: join(folder, 'file') })).toBe('scratch.from: ~/file: is not a folder');
  });

  it('refuses_a_link_that_leaves', () => {
    symlinkSync('/etc', join(folder, 'out'));
    expect(problem({})).toBe('scratch.from: ~/out: a link to an absolute path');
  });
});

it('a_folder_that_is_gone_ends_the_guest_and_says_so', () => {
  const guest = guestOf();
  const reasons: string[] = [];
  Object.assign(guest.sandbox, { doom: (_: number, reason: string) => reasons.push(reason) });
  rmSync(folder, { recursive: true });
  expect(() => guest.list(TMP)).toThrow();
  expect(reasons).toEqual([expect.stringContaining(folder)]);
});
