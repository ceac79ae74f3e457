import { describe, expect, it } from 'vitest';
import { CREAT, DIRECTORY, E, EXCL, FakeGuest } from './fake-guest.ts';

const TMP = 3;

/** d/e/f with "deep" in it, and a with "top". */
function guest(): FakeGuest {
  const made = new FakeGuest({ scratch: {} });
  made.at('path_create_directory', TMP, 'd');
  made.at('path_create_directory', TMP, 'd/e');
  made.make(TMP, 'd/e/f', 'deep');
  made.make(TMP, 'a', 'top');
  return made;
}

describe('paths', () => {
  it.each([
    ['d/e/f', 'deep'],
    ['./d//e/./f', 'deep'],
    ['d/e/../../d/e/f', 'deep'],
    ['d/e/../../a', 'top'],
  ])('%s is found', (path, text) => {
    expect(guest().contents(TMP, path)).toBe(text);
  });

  it.each([
    ['', E.NOENT],
    ['..', E.NOTCAPABLE],
    ['../tmp/a', E.NOTCAPABLE],
    ['d/../..', E.NOTCAPABLE],
    ['d/e/../../../tmp/a', E.NOTCAPABLE],
    ['/a', E.NOTCAPABLE],
    ['/', E.NOTCAPABLE],
    ['a/', E.NOTDIR],
    ['a/.', E.NOTDIR],
    ['a/..', E.NOTDIR],
    ['a/b', E.NOTDIR],
    ['n', E.NOENT],
    ['n/../a', E.NOENT],
    ['a\0', E.INVAL],
    [`${'x'.repeat(256)}`, E.NAMETOOLONG],
    [`${'x'.repeat(256)}/a`, E.NAMETOOLONG],
    [`${'./'.repeat(2047)}a`, E.SUCCESS],
    [`${'./'.repeat(2048)}a`, E.NAMETOOLONG],
    ['ä'.repeat(128), E.NAMETOOLONG],
  ])('%j is refused with %d', (path, errno) => {
    expect(Math.min(0, guest().open(TMP, path))).toBe(0 - errno);
  });

  it.each([
    [[0xff], 'no such byte'],
    [[0x61, 0xc3], 'cut off'],
    [[0xed, 0xa0, 0x80], 'half of a pair'],
    [[0xc0, 0xaf], 'a slash made too long'],
  ])('%j is no UTF-8: %s', (bytes) => {
    expect(guest().open(TMP, Uint8Array.from(bytes), { flags: CREAT })).toBe(-E.ILSEQ);
  });

  it('names_come_back_as_they_were_given', () => {
    const made = new FakeGuest({ scratch: {} });
    const names = ['größe', '関数🛷', '\ufeffbom', ' ', '...', 'a\\b', '__proto__', 'a\nb'];
    for (const name of names) made.make(TMP, name, name);
    expect(made.list(TMP)).toEqual(['.', '..', ...names]);
    for (const name of names) expect(made.contents(TMP, name)).toBe(name);
  });

  it('a_folder_below_is_a_root_of_its_own', () => {
    const made = guest();
    const fd = made.open(TMP, 'd', { flags: DIRECTORY });
    expect(made.contents(fd, 'e/f')).toBe('deep');
    expect(made.contents(fd, '../a')).toBe(-E.NOTCAPABLE);
    expect(made.contents(fd, 'e/../../a')).toBe(-E.NOTCAPABLE);
  });
});

describe('links', () => {
  it('are_followed_on_the_way_and_at_the_end_if_asked', () => {
    const made = guest();
    made.symlink('d/e', TMP, 'l');
    made.symlink('../a', TMP, 'd/up');
    made.symlink('l/f', TMP, 'twice');
    expect(made.contents(TMP, 'l/f')).toBe('deep');
    expect(made.contents(TMP, 'd/up')).toBe('top');
    expect(made.contents(TMP, 'twice')).toBe('deep');
    // `..` behind a link goes to where the link leads, not to where it stands.
    expect(made.contents(TMP, 'l/../up')).toBe('top');
    expect(made.open(TMP, 'twice', { follow: false })).toBe(-E.LOOP);
    expect(made.open(TMP, 'l', { follow: false, flags: DIRECTORY })).toBe(-E.NOTDIR);
    expect(made.open(TMP, 'l/', { follow: false })).toBeGreaterThan(TMP);
    expect(made.stat(TMP, 'twice')).toMatchObject({ type: 7, size: 3 });
    expect(made.stat(TMP, 'twice', true)).toMatchObject({ type: 4, size: 4 });
  });

  it('lead_nowhere_above_the_start', () => {
    const made = guest();
    expect(made.symlink('/etc', TMP, 'abs')).toBe(E.NOTCAPABLE);
    expect(made.symlink('', TMP, 'empty')).toBe(E.NOENT);
    made.symlink('..', TMP, 'up');
    made.symlink('../a', TMP, 'd/up');
    expect(made.open(TMP, 'up')).toBe(-E.NOTCAPABLE);
    expect(made.open(TMP, 'up/tmp/a')).toBe(-E.NOTCAPABLE);
    // Inside for one descriptor, outside for another.
    expect(made.contents(TMP, 'd/up')).toBe('top');
    expect(made.contents(made.open(TMP, 'd', { flags: DIRECTORY }), 'up')).toBe(-E.NOTCAPABLE);
  });

  it('in_a_circle_end', () => {
    const made = guest();
    made.symlink('l2', TMP, 'l1');
    made.symlink('l1', TMP, 'l2');
    made.symlink('d/../self/x', TMP, 'self');
    expect(made.open(TMP, 'l1')).toBe(-E.LOOP);
    expect(made.open(TMP, 'self')).toBe(-E.LOOP);
    expect(made.stat(TMP, 'l1/x')).toBe(-E.LOOP);
    for (let i = 0; i < 40; i++) made.symlink(i === 0 ? 'a' : `c${i - 1}`, TMP, `c${i}`);
    expect(made.contents(TMP, 'c39')).toBe('top');
    made.symlink('c39', TMP, 'c40');
    expect(made.contents(TMP, 'c40')).toBe(-E.LOOP);
  });

  it('slashes_count_for_nothing_but_at_the_end', () => {
    const made = guest();
    made.symlink('d//e///', TMP, 'l');
    made.symlink('a//', TMP, 'file');
    expect(made.contents(TMP, 'l//f')).toBe('deep');
    expect(made.contents(TMP, 'd///e//.//f')).toBe('deep');
    expect(made.stat(TMP, 'l///')).toMatchObject({ type: 3 });
    expect(made.stat(TMP, 'l')).toMatchObject({ type: 7 });
    expect(made.stat(TMP, 'a//')).toBe(-E.NOTDIR);
    expect(made.stat(TMP, 'file', true)).toBe(-E.NOTDIR);
    // As long a way as there can be: each link's slashes stand behind those of the one before.
    const slashes = '/'.repeat(4080);
    for (let i = 0; i < 39; i++) made.symlink(`way${i + 1}${slashes}`, TMP, `way${i}`);
    made.symlink(`${'d/../'.repeat(800)}d`, TMP, 'way39');
    expect(made.stat(TMP, 'way0', true)).toEqual(made.stat(TMP, 'd'));
  });

  it('get_no_name_that_is_taken_or_ends_in_a_slash', () => {
    const made = guest();
    for (const [name, errno] of [
      ['a', E.EXIST],
      ['a/', E.NOTDIR],
      ['d', E.EXIST],
      ['d/', E.EXIST],
      ['.', E.EXIST],
      ['new/', E.NOENT],
    ] as const) {
      expect([name, made.symlink('a', TMP, name)]).toEqual([name, errno]);
      expect([name, made.link(TMP, 'a', TMP, name)]).toEqual([name, errno]);
    }
  });

  it('a_new_file_is_made_where_a_link_leads_but_not_exclusively', () => {
    const made = guest();
    made.symlink('d/new', TMP, 'l');
    expect(made.open(TMP, 'l', { flags: CREAT | EXCL })).toBe(-E.EXIST);
    expect(made.open(TMP, 'l', { flags: CREAT })).toBeGreaterThan(TMP);
    expect(made.stat(TMP, 'd/new')).toMatchObject({ type: 4 });
  });

  it('are_read_removed_and_moved_as_themselves', () => {
    const made = guest();
    made.symlink('d', TMP, 'l');
    expect(made.readlink(TMP, 'l')).toBe('d');
    expect(made.readlink(TMP, 'a')).toBe(-E.INVAL);
    made.symlink('target', TMP, 'long');
    expect(made.readlink(TMP, 'long', 4)).toBe('targ');
    expect(made.at('path_remove_directory', TMP, 'l')).toBe(E.NOTDIR);
    expect(made.rename(TMP, 'l', TMP, 'm')).toBe(E.SUCCESS);
    expect(made.at('path_unlink_file', TMP, 'm')).toBe(E.SUCCESS);
    expect(made.contents(TMP, 'd/e/f')).toBe('deep');
  });
});
