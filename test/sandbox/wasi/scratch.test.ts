import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  APPEND,
  BUFFER,
  CREAT,
  DIRECTORY,
  E,
  EXCL,
  FakeGuest,
  FD_READ,
  FD_WRITE,
  TRUNC,
} from './fake-guest.ts';

const TMP = 3;
const BOTH = FD_READ | FD_WRITE;

function guestOf(scratch: { maxBytes?: number; maxFiles?: number } = {}): FakeGuest {
  return new FakeGuest({ scratch, maxOpenFiles: 16 });
}

describe('files', () => {
  it('what_is_written_is_read_back_and_gone_with_the_request', () => {
    const guest = guestOf();
    guest.make(TMP, 'a', 'text');
    expect(guest.contents(TMP, 'a')).toBe('text');
    guest.finish();
    expect(guest.contents(TMP, 'a')).toBe(-E.NOENT);
    expect(guest.list(TMP)).toEqual(['.', '..']);
  });

  it('a_hole_reads_as_zeros_and_so_does_what_was_cut_off', () => {
    const guest = guestOf();
    const fd = guest.open(TMP, 'a', { flags: CREAT, rights: BOTH });
    expect(guest.seek(fd, 3, 0)).toBe(3);
    guest.write(fd, 'xyz');
    guest.seek(fd, 0, 0);
    expect(guest.read(fd, 99)).toBe('\0\0\0xyz');
    expect(guest.call('fd_filestat_set_size', fd, 4n)).toBe(E.SUCCESS);
    expect(guest.call('fd_filestat_set_size', fd, 2000n)).toBe(E.SUCCESS);
    guest.seek(fd, 0, 0);
    expect(guest.read(fd, 9999)).toBe(`\0\0\0x${'\0'.repeat(1996)}`);
  });

  it('append_goes_to_the_end_wherever_the_position_is', () => {
    const guest = guestOf();
    guest.make(TMP, 'a', 'one');
    const fd = guest.open(TMP, 'a', { rights: FD_WRITE, fdflags: APPEND });
    guest.write(fd, 'two');
    guest.seek(fd, 0, 0);
    guest.write(fd, '!');
    expect(guest.seek(fd, 0, 1)).toBe(7);
    expect(guest.contents(TMP, 'a')).toBe('onetwo!');
  });

  it('a_position_is_never_before_the_start_and_stays_when_a_seek_fails', () => {
    const guest = guestOf();
    const fd = guest.open(TMP, 'a', { flags: CREAT, rights: BOTH });
    guest.write(fd, 'abcdef');
    expect(guest.seek(fd, -7, 2)).toBe(-E.INVAL);
    expect(guest.seek(fd, -7, 1)).toBe(-E.INVAL);
    expect(guest.seek(fd, 0, 3)).toBe(-E.INVAL);
    expect(guest.seek(fd, 0, 1)).toBe(6);
    expect(guest.seek(fd, -2, 2)).toBe(4);
    expect(guest.read(fd, 9)).toBe('ef');
  });

  it('behave_as_an_array_of_bytes', () => {
    const size = fc.integer({ min: 0, max: 700 });
    const step = fc.oneof(
      fc.record({ do: fc.constant('write' as const), at: size, count: size }),
      fc.record({ do: fc.constant('size' as const), at: size, count: fc.constant(0) }),
      fc.record({ do: fc.constant('read' as const), at: size, count: size }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const guest = guestOf({ maxBytes: 1000 });
        const fd = guest.open(TMP, 'a', { flags: CREAT, rights: BOTH });
        let model = Buffer.alloc(0);
        steps.forEach(({ do: what, at, count }, i) => {
          if (what === 'size') {
            guest.call('fd_filestat_set_size', fd, BigInt(at));
            model = Buffer.concat([model, Buffer.alloc(1000)]).subarray(0, at);
            return;
          }
          guest.seek(fd, at, 0);
          if (what === 'read') {
            expect(guest.read(fd, count)).toBe(model.subarray(at, at + count).toString('latin1'));
            return;
          }
          const bytes = Buffer.alloc(count, 65 + (i % 26));
          const fits = Math.min(count, Math.max(0, 1000 - at));
          const written = guest.write(fd, bytes);
          if (count > 0) expect(written).toBe(fits === 0 ? -E.NOSPC : fits);
          if (written <= 0) return;
          const grown = Buffer.concat([model, Buffer.alloc(1000)]);
          bytes.copy(grown, at, 0, written);
          model = grown.subarray(0, Math.max(model.length, at + written));
        });
        expect(guest.stat(fd)).toMatchObject({ size: model.length });
      }),
      { numRuns: 60 },
    );
  });
});

describe('the quota', () => {
  it('a_write_is_cut_at_it_and_the_next_one_fails', () => {
    const guest = guestOf({ maxBytes: 10 });
    guest.make(TMP, 'a', '1234');
    const fd = guest.open(TMP, 'b', { flags: CREAT, rights: FD_WRITE });
    expect(guest.write(fd, '12345678')).toBe(6);
    expect(guest.write(fd, '1')).toBe(-E.NOSPC);
    // What is there can be written again.
    guest.seek(fd, 0, 0);
    expect(guest.write(fd, 'xxxxxx')).toBe(6);
    expect(guest.call('fd_filestat_set_size', fd, 7n)).toBe(E.NOSPC);
    expect(guest.call('fd_allocate', fd, 0n, 7n)).toBe(E.NOSPC);
  });

  it('unlinked_and_truncated_bytes_come_back_and_links_count_too', () => {
    const guest = guestOf({ maxBytes: 10 });
    for (let round = 0; round < 3; round++) {
      guest.make(TMP, 'a', '1234567890');
      expect(guest.symlink('x', TMP, 'l')).toBe(E.NOSPC);
      expect(guest.at('path_unlink_file', TMP, 'a')).toBe(E.SUCCESS);
      expect(guest.symlink('1234567890', TMP, 'l')).toBe(E.SUCCESS);
      expect(guest.at('path_unlink_file', TMP, 'l')).toBe(E.SUCCESS);
      guest.make(TMP, 'b', '1234567890');
      guest.call('fd_close', guest.open(TMP, 'b', { flags: TRUNC }));
    }
  });

  it('an_open_file_without_a_name_counts_until_it_is_closed', () => {
    const guest = guestOf({ maxBytes: 10, maxFiles: 1 });
    const fd = guest.open(TMP, 'a', { flags: CREAT, rights: BOTH });
    guest.write(fd, '1234567890');
    guest.at('path_unlink_file', TMP, 'a');
    expect(guest.open(TMP, 'b', { flags: CREAT })).toBe(-E.NOSPC);
    guest.seek(fd, 0, 0);
    expect(guest.read(fd, 99)).toBe('1234567890');
    guest.call('fd_close', fd);
    guest.make(TMP, 'b', '1234567890');
  });

  it('names_of_every_kind_count', () => {
    const guest = guestOf({ maxFiles: 3 });
    guest.make(TMP, 'a');
    expect(guest.at('path_create_directory', TMP, 'd')).toBe(E.SUCCESS);
    expect(guest.link(TMP, 'a', TMP, 'd/b')).toBe(E.SUCCESS);
    expect(guest.symlink('a', TMP, 'l')).toBe(E.NOSPC);
    expect(guest.link(TMP, 'a', TMP, 'c')).toBe(E.NOSPC);
    expect(guest.at('path_create_directory', TMP, 'e')).toBe(E.NOSPC);
    // A name that takes another's place is not one more.
    expect(guest.rename(TMP, 'a', TMP, 'f')).toBe(E.SUCCESS);
    guest.make(TMP, 'd/b');
    expect(guest.at('path_unlink_file', TMP, 'f')).toBe(E.SUCCESS);
    expect(guest.symlink('a', TMP, 'l')).toBe(E.SUCCESS);
  });
});

describe('memory', () => {
  it('a_file_that_was_cut_keeps_no_more_than_twice_its_size', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const heldBytes = (): number => {
      // The second one waits for the thread that frees what the first one found.
      collect();
      collect();
      return process.memoryUsage().arrayBuffers;
    };
    const maxBytes = 1 << 22;
    const guest = guestOf({ maxBytes });
    const before = heldBytes();
    for (let i = 0; i < 32; i++) {
      const fd = guest.open(TMP, `${i}`, { flags: CREAT, rights: BOTH });
      guest.seek(fd, maxBytes - 32, 0);
      expect(guest.write(fd, 'x')).toBe(1);
      expect(guest.call('fd_filestat_set_size', fd, 1n)).toBe(E.SUCCESS);
      guest.call('fd_close', fd);
    }
    expect(heldBytes() - before).toBeLessThan(maxBytes);
    expect(guest.stat(TMP, '31')).toMatchObject({ size: 1 });
  });

  it('lists_of_large_folders_are_not_kept_for_every_descriptor', () => {
    const guest = guestOf({ maxFiles: 40_000 });
    for (let i = 0; i < 40_000; i++) guest.at('path_create_directory', TMP, `${i}`);
    const [older, newer] = [0, 1].map(() => guest.open(TMP, '.', { flags: DIRECTORY }));
    // The first one behind `.` and `..`.
    const first = (fd: number | undefined): string => {
      expect(guest.call('fd_readdir', fd as number, BUFFER, 25, 2n, 64)).toBe(E.SUCCESS);
      return guest.text(BUFFER + 24, 1);
    };
    expect([first(older), first(newer)]).toEqual(['0', '0']);
    guest.at('path_remove_directory', TMP, '0');
    // The newest list is as it was found. The other one was forgotten, and is made anew; then it is the newest.
    expect(first(newer)).toBe('0');
    expect(first(older)).toBe('1');
    expect(first(newer)).toBe('1');
  });
});

describe('names', () => {
  it('a_removed_folder_has_nothing_above_it', () => {
    const guest = guestOf();
    guest.at('path_create_directory', TMP, 'd');
    guest.at('path_create_directory', TMP, 'd/e');
    guest.at('path_create_directory', TMP, 'd/f');
    const removed = guest.open(TMP, 'd/e', { flags: DIRECTORY });
    const replaced = guest.open(TMP, 'd/f', { flags: DIRECTORY });
    const above = (fd: number): bigint => {
      expect(guest.call('fd_readdir', fd, BUFFER, 64, 1n, 64)).toBe(E.SUCCESS);
      return guest.view.getBigUint64(BUFFER + 8, true);
    };
    expect(above(removed)).toBe((guest.stat(TMP, 'd') as { ino: bigint }).ino);
    expect(guest.at('path_remove_directory', TMP, 'd/e')).toBe(E.SUCCESS);
    guest.at('path_create_directory', TMP, 'g');
    expect(guest.rename(TMP, 'g', TMP, 'd/f')).toBe(E.SUCCESS);
    for (const fd of [removed, replaced]) {
      // From the start: the list that it was given before says what was so then.
      guest.call('fd_readdir', fd, BUFFER, 64, 0n, 64);
      expect(above(fd)).toBe((guest.stat(fd) as { ino: bigint }).ino);
    }
  });

  it('rename_replaces_what_posix_lets_it_replace', () => {
    const guest = guestOf();
    guest.make(TMP, 'file', 'f');
    guest.make(TMP, 'other', 'o');
    for (const name of ['empty', 'full', 'dir']) guest.at('path_create_directory', TMP, name);
    guest.make(TMP, 'full/x');
    expect(guest.rename(TMP, 'none', TMP, 'a')).toBe(E.NOENT);
    expect(guest.rename(TMP, 'file', TMP, 'empty')).toBe(E.ISDIR);
    expect(guest.rename(TMP, 'file', TMP, 'a/')).toBe(E.NOTDIR);
    expect(guest.rename(TMP, 'dir', TMP, 'file')).toBe(E.NOTDIR);
    expect(guest.rename(TMP, 'dir', TMP, 'full')).toBe(E.NOTEMPTY);
    expect(guest.rename(TMP, 'full', TMP, 'full/below')).toBe(E.INVAL);
    expect(guest.rename(TMP, '.', TMP, 'a')).toBe(E.INVAL);
    expect(guest.rename(TMP, 'file', TMP, 'file')).toBe(E.SUCCESS);
    expect(guest.rename(TMP, 'full', TMP, 'empty/')).toBe(E.SUCCESS);
    expect(guest.rename(TMP, 'file', TMP, 'other')).toBe(E.SUCCESS);
    expect(guest.contents(TMP, 'other')).toBe('f');
    expect(guest.list(TMP)).toEqual(['.', '..', 'dir', 'empty', 'other']);
  });

  it('a_hard_link_is_the_same_file_and_never_a_folder', () => {
    const guest = guestOf();
    guest.make(TMP, 'a', 'text');
    expect(guest.link(TMP, 'a', TMP, 'b')).toBe(E.SUCCESS);
    expect(guest.stat(TMP, 'b')).toEqual(guest.stat(TMP, 'a'));
    expect(guest.stat(TMP, 'b')).toMatchObject({ nlink: 2 });
    guest.at('path_unlink_file', TMP, 'a');
    expect(guest.contents(TMP, 'b')).toBe('text');
    guest.at('path_create_directory', TMP, 'd');
    expect(guest.link(TMP, 'd', TMP, 'e')).toBe(E.PERM);
    expect(guest.link(TMP, 'b', TMP, 'd')).toBe(E.EXIST);
    expect(guest.link(TMP, 'b', TMP, 'c/')).toBe(E.NOENT);
  });

  it('a_removed_folder_takes_nothing_new', () => {
    const guest = guestOf();
    guest.at('path_create_directory', TMP, 'd');
    const fd = guest.open(TMP, 'd', { flags: DIRECTORY });
    expect(guest.at('path_remove_directory', TMP, 'd')).toBe(E.SUCCESS);
    expect(guest.open(fd, 'x', { flags: CREAT })).toBe(-E.NOENT);
    guest.make(TMP, 'a');
    expect(guest.rename(TMP, 'a', fd, 'a')).toBe(E.NOENT);
    expect(guest.list(fd)).toEqual(['.', '..']);
  });

  it('open_flags_mean_what_posix_means', () => {
    const guest = guestOf();
    guest.make(TMP, 'a', 'text');
    guest.at('path_create_directory', TMP, 'd');
    expect(guest.open(TMP, 'a', { flags: CREAT | EXCL })).toBe(-E.EXIST);
    expect(guest.open(TMP, 'a', { flags: DIRECTORY })).toBe(-E.NOTDIR);
    expect(guest.open(TMP, 'a', { flags: CREAT | DIRECTORY })).toBe(-E.INVAL);
    expect(guest.open(TMP, 'a', { flags: 16 })).toBe(-E.INVAL);
    expect(guest.open(TMP, 'd', { rights: FD_WRITE })).toBe(-E.ISDIR);
    expect(guest.open(TMP, 'd', { flags: TRUNC })).toBe(-E.ISDIR);
    expect(guest.open(TMP, 'n/', { flags: CREAT })).toBe(-E.ISDIR);
    expect(guest.contents(TMP, 'a')).toBe('text');
  });

  it('times_are_those_that_were_set', () => {
    const guest = guestOf();
    guest.make(TMP, 'a');
    const fd = guest.open(TMP, 'a');
    const before = guest.stat(fd) as { atim: bigint };
    expect(guest.call('fd_filestat_set_times', fd, 1n, 12_345n, 4)).toBe(E.SUCCESS);
    expect(guest.stat(fd)).toMatchObject({ atim: before.atim, mtim: 12_345n });
    expect(guest.call('fd_filestat_set_times', fd, 1n, 1n, 4 | 8)).toBe(E.INVAL);
    expect(guest.call('fd_filestat_set_times', fd, 1n, 1n, 16)).toBe(E.INVAL);
    expect(guest.stat(fd)).toMatchObject({ mtim: 12_345n });
  });

  it('a_folder_is_read_in_pieces_of_any_size_and_while_it_shrinks', () => {
    const guest = guestOf();
    const names = Array.from({ length: 40 }, (_, i) => `name-${'x'.repeat(i)}`);
    for (const name of names) guest.make(TMP, name);
    for (const room of [70, 93, 200, 4096]) {
      expect(guest.list(TMP, room)).toEqual(['.', '..', ...names]);
    }
    const fd = guest.open(TMP, '.', { flags: DIRECTORY });
    guest.call('fd_readdir', fd, 16384, 24 + 1 + 24 + 2, 0n, 64);
    for (const name of names.slice(0, 30)) guest.at('path_unlink_file', TMP, name);
    guest.call('fd_readdir', fd, 16384, 4096, 2n, 64);
    expect(guest.view.getUint32(64, true)).toBe(
      names.reduce((sum, name) => sum + 24 + name.length, 0),
    );
    guest.call('fd_readdir', fd, 16384, 4096, 2n ** 64n - 1n, 64);
    expect(guest.view.getUint32(64, true)).toBe(0);
  });
});
