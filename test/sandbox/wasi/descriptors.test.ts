import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WASI_NAMES, wasiSignature } from '../../../src/sandbox/wasi/signatures.ts';
import {
  APPEND,
  BUFFER,
  CREAT,
  DIRECTORY,
  E,
  FakeGuest,
  FD_READ,
  FD_WRITE,
  TRUNC,
} from './fake-guest.ts';

const TMP = 3;
const BOTH = FD_READ | FD_WRITE;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'luge-descriptors-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('the_interface_is_whole_and_each_function_has_a_type', () => {
  const guest = new FakeGuest();
  expect(Object.keys(guest.calls).sort()).toEqual([...WASI_NAMES].sort());
  for (const [name, call] of Object.entries(guest.calls)) {
    const parameters = (wasiSignature(name) as string).match(/i(32|64)/g)?.length as number;
    const results = name === 'proc_exit' ? 0 : 1;
    // Suspending imports are objects of the engine, without a length.
    if (typeof call === 'function' && !name.startsWith('sock_')) {
      expect([name, call.length]).toEqual([name, parameters - results]);
    }
  }
});

describe('numbers', () => {
  it('folders_follow_the_streams_in_order_and_the_scratch_folder_is_last', () => {
    const guest = new FakeGuest({
      folders: { '/one': folder, '/größe': folder },
      scratch: { path: '/t' },
    });
    const names: string[] = [];
    for (let fd = 3; guest.call('fd_prestat_get', fd, 64) === E.SUCCESS; fd++) {
      const bytes = guest.view.getUint32(68, true);
      expect(guest.call('fd_prestat_dir_name', fd, BUFFER, bytes - 1)).toBe(E.NAMETOOLONG);
      expect(guest.call('fd_prestat_dir_name', fd, BUFFER, bytes)).toBe(E.SUCCESS);
      names.push(guest.text(BUFFER, bytes));
    }
    expect(names).toEqual(['/one', '/größe', '/t']);
    expect(guest.call('fd_prestat_get', 0, 64)).toBe(E.BADF);
    const opened = guest.open(5, '.', { flags: DIRECTORY });
    expect(guest.call('fd_prestat_get', opened, 64)).toBe(E.BADF);
  });

  it('the_lowest_free_one_is_next_and_the_limit_counts_all', () => {
    const guest = new FakeGuest({ scratch: {}, maxOpenFiles: 7 });
    guest.make(TMP, 'a');
    expect([1, 2, 3].map(() => guest.open(TMP, 'a'))).toEqual([4, 5, 6]);
    expect(guest.open(TMP, 'a')).toBe(-E.MFILE);
    expect(guest.open(TMP, 'new', { flags: CREAT })).toBe(-E.MFILE);
    expect(guest.stat(TMP, 'new')).toBe(-E.NOENT);
    guest.call('fd_close', 5);
    guest.call('fd_close', 0);
    expect([guest.open(TMP, 'a'), guest.open(TMP, 'a')]).toEqual([0, 5]);
    expect(guest.open(TMP, 'a')).toBe(-E.MFILE);
  });

  it('a_closed_one_is_none_for_every_call', () => {
    const guest = new FakeGuest({ scratch: {} });
    const open = guest.open(TMP, 'a', { flags: CREAT, rights: BOTH });
    expect(guest.call('fd_close', open)).toBe(E.SUCCESS);
    for (const name of WASI_NAMES) {
      if (!/^(fd|path)_/.test(name) || name === 'path_symlink') continue;
      const types = (wasiSignature(name) as string).split(' -> ')[0]?.match(/i(32|64)/g) ?? [];
      for (const fd of [open, -1, 2 ** 31 - 1, 64]) {
        const rest = types.slice(1).map((type) => (type === 'i32' ? 0 : 0n));
        expect([name, guest.call(name, fd, ...rest)]).toEqual([name, E.BADF]);
      }
    }
    expect(guest.symlink('x', open, 'l')).toBe(E.BADF);
  });

  it('renumber_moves_what_is_open_onto_what_is_open', () => {
    const guest = new FakeGuest({ scratch: {} }, 'the body');
    guest.make(TMP, 'a', 'text');
    const from = guest.open(TMP, 'a');
    const to = guest.open(TMP, 'b', { flags: CREAT, rights: FD_WRITE });
    expect(guest.call('fd_renumber', from, 99)).toBe(E.BADF);
    expect(guest.call('fd_renumber', 99, to)).toBe(E.BADF);
    expect(guest.call('fd_renumber', to, to)).toBe(E.SUCCESS);
    expect(guest.call('fd_renumber', from, to)).toBe(E.SUCCESS);
    expect(guest.read(from, 9)).toBe(-E.BADF);
    expect(guest.read(to, 9)).toBe('text');
    expect(guest.call('fd_renumber', 0, to)).toBe(E.SUCCESS);
    expect(guest.read(0, 9)).toBe(-E.BADF);
    expect(guest.read(to, 3)).toBe('the');
    // A file in the place of standard output takes what is printed.
    const out = guest.open(TMP, 'out', { flags: CREAT, rights: FD_WRITE });
    guest.call('fd_renumber', out, 1);
    expect(guest.write(1, 'printed')).toBe(7);
    expect(guest.contents(TMP, 'out')).toBe('printed');
  });
});

describe('rights', () => {
  it('decide_between_reading_and_writing', () => {
    const guest = new FakeGuest({ scratch: {} });
    guest.make(TMP, 'a', 'text');
    const reader = guest.open(TMP, 'a', { rights: FD_READ });
    const writer = guest.open(TMP, 'a', { rights: FD_WRITE });
    const neither = guest.open(TMP, 'a', { rights: 0n });
    expect(guest.write(reader, 'x')).toBe(-E.NOTCAPABLE);
    expect(guest.read(writer, 1)).toBe(-E.NOTCAPABLE);
    expect([guest.read(neither, 1), guest.write(neither, 'x')]).toEqual([
      -E.NOTCAPABLE,
      -E.NOTCAPABLE,
    ]);
    expect(guest.call('fd_filestat_set_size', reader, 0n)).toBe(E.NOTCAPABLE);
    expect(guest.seek(reader, 0, 2)).toBe(4);
  });

  it('are_taken_away_and_not_given_back', () => {
    const guest = new FakeGuest({ scratch: {} });
    const fd = guest.open(TMP, 'a', { flags: CREAT, rights: BOTH });
    const { base } = guest.rights(fd) as { base: bigint };
    expect(guest.call('fd_fdstat_set_rights', fd, base & ~BOTH, 0n)).toBe(E.SUCCESS);
    expect(guest.read(fd, 1)).toBe(-E.NOTCAPABLE);
    expect(guest.call('fd_fdstat_set_rights', fd, base, 0n)).toBe(E.NOTCAPABLE);
    expect(guest.call('fd_fdstat_set_rights', fd, 1n << 60n, 0n)).toBe(E.NOTCAPABLE);
    expect(guest.rights(fd)).toMatchObject({ base: base & ~BOTH });
  });

  it('a_folder_hands_down_no_more_than_it_has', () => {
    const guest = new FakeGuest({ scratch: {} });
    guest.make(TMP, 'a', 'text');
    const fd = guest.open(TMP, '.', { flags: DIRECTORY, inheriting: FD_READ });
    expect(guest.contents(fd, 'a')).toBe('text');
    expect(guest.open(fd, 'a', { rights: BOTH })).toBe(-E.NOTCAPABLE);
    expect(guest.open(fd, 'new', { flags: CREAT, rights: BOTH })).toBe(-E.NOTCAPABLE);
    expect(guest.stat(TMP, 'new')).toBe(-E.NOENT);
    // As if it had been opened through the parent: the same file by two ways has the same rights.
    const opened = guest.rights(guest.open(fd, 'a')) as { base: bigint };
    expect(opened).toEqual(guest.rights(guest.open(TMP, 'a')));
    expect(opened.base & BOTH).toBe(FD_READ);
    const { inheriting } = guest.rights(fd) as { inheriting: bigint };
    const sought = 1n << 2n;
    expect(guest.call('fd_fdstat_set_rights', fd, 1n << 13n, inheriting & ~sought)).toBe(E.SUCCESS);
    const narrow = guest.rights(guest.open(fd, 'a')) as { base: bigint };
    expect(narrow.base).toBe(opened.base & ~sought);
    const bare = guest.open(TMP, '.', { flags: DIRECTORY, rights: 1n << 14n });
    expect(guest.list(bare)).toEqual(['.', '..', 'a']);
    expect(guest.open(bare, 'a')).toBe(-E.NOTCAPABLE);
    expect(guest.at('path_unlink_file', bare, 'a')).toBe(E.NOTCAPABLE);
  });

  it('a_folder_whose_files_can_be_written_lets_them_be_truncated', () => {
    const guest = new FakeGuest({ scratch: {} });
    guest.make(TMP, 'a', 'text');
    const open = 1n << 13n;
    const written = guest.open(TMP, '.', { flags: DIRECTORY, rights: open, inheriting: BOTH });
    expect(guest.call('fd_close', guest.open(written, 'a', { flags: TRUNC }))).toBe(E.SUCCESS);
    expect(guest.contents(TMP, 'a')).toBe('');
    const read = guest.open(TMP, '.', { flags: DIRECTORY, rights: open, inheriting: FD_READ });
    expect(guest.open(read, 'a', { flags: TRUNC })).toBe(-E.NOTCAPABLE);
    // Taken away, it stays away.
    expect(guest.call('fd_fdstat_set_rights', written, open, BOTH)).toBe(E.SUCCESS);
    expect(guest.open(written, 'a', { flags: TRUNC })).toBe(-E.NOTCAPABLE);
  });

  it('flags_are_those_that_there_are', () => {
    const guest = new FakeGuest({ scratch: {} });
    const fd = guest.open(TMP, 'a', { flags: CREAT, rights: BOTH, fdflags: APPEND | 16 });
    expect(guest.rights(fd)).toMatchObject({ flags: APPEND | 16, type: 4 });
    expect(guest.call('fd_fdstat_set_flags', fd, 32)).toBe(E.INVAL);
    expect(guest.call('fd_fdstat_set_flags', fd, 4)).toBe(E.SUCCESS);
    expect(guest.rights(fd)).toMatchObject({ flags: 4 });
    expect(guest.open(TMP, 'a', { fdflags: 32 })).toBe(-E.INVAL);
  });
});

describe('streams', () => {
  it('cannot_seek_and_are_no_files', () => {
    for (const hasTable of [false, true]) {
      const guest = new FakeGuest({}, 'body');
      if (hasTable) guest.call('fd_close', 99);
      for (const fd of [0, 1, 2]) {
        expect(guest.seek(fd, 0, 1)).toBe(-E.SPIPE);
        expect(guest.call('fd_tell', fd, 64)).toBe(E.SPIPE);
        expect(guest.call('fd_pread', fd, 16, 0, 0n, 64)).toBe(E.SPIPE);
        expect(guest.stat(fd)).toMatchObject({ type: 2 });
        expect(guest.rights(fd)).toMatchObject({ type: 2 });
        expect(guest.call('fd_readdir', fd, 16, 0, 0n, 64)).toBe(E.NOTDIR);
        expect(guest.open(fd, 'x')).toBe(-E.NOTDIR);
      }
      expect(guest.write(0, 'x')).toBe(-E.BADF);
      expect(guest.read(1, 1)).toBe(-E.BADF);
      expect(guest.read(0, 9)).toBe('body');
      expect(guest.read(0, 9)).toBe('');
    }
  });

  it('a_character_may_be_printed_on_2_byte_by_byte', () => {
    const guest = new FakeGuest();
    for (const byte of Buffer.from('größe 🛷\n関')) guest.write(2, Buffer.of(byte));
    expect(guest.logged).toEqual(['größe 🛷\n']);
    guest.finish();
    expect(guest.logged).toEqual(['größe 🛷\n', '関']);
  });

  it('a_request_that_only_prints_makes_no_descriptors', () => {
    const guest = new FakeGuest({ scratch: {} }, 'body');
    guest.read(0, 9);
    guest.rights(1);
    guest.seek(1, 0, 1);
    expect(guest.sandbox.wasi).toBe(undefined);
  });

  it('sockets_are_not_there', () => {
    const guest = new FakeGuest();
    expect(guest.call('sock_accept', 0, 0, 64)).toBe(E.NOTSUP);
    expect(guest.call('sock_recv', 0, 0, 0, 0, 64, 68)).toBe(E.NOTSUP);
    expect(guest.call('sock_send', 1, 0, 0, 0, 64)).toBe(E.NOTSUP);
    expect(guest.call('sock_shutdown', 1, 1)).toBe(E.NOTSOCK);
    expect(guest.call('sock_shutdown', 9, 1)).toBe(E.BADF);
  });
});

describe('clocks', () => {
  it.each([1, 1000, 7777, 1_000_000, 1_000_000_000])('show multiples of %d ns', (resolution) => {
    const guest = new FakeGuest({ clockResolutionNs: resolution });
    for (const clock of [0, 1, 2, 3]) {
      expect(guest.call('clock_res_get', clock, 64)).toBe(E.SUCCESS);
      expect(guest.view.getBigUint64(64, true)).toBe(BigInt(resolution));
      expect(guest.call('clock_time_get', clock, 0n, 64)).toBe(E.SUCCESS);
      expect(guest.view.getBigUint64(64, true) % BigInt(resolution)).toBe(0n);
    }
    expect(guest.call('clock_time_get', 4, 0n, 64)).toBe(E.INVAL);
    expect(guest.call('clock_res_get', -1, 64)).toBe(E.INVAL);
  });
});
