/**
 * fd_readdir: entries of a folder, one behind the other, into the guest's buffer.
 *
 * A cookie is a place in the list that was made when cookie 0 was last asked for, so that a guest that removes what it reads meets
 * every entry once. `.` and `..` come first. The last entry is cut where the buffer ends: a full buffer says that there may be more.
 * The table of descriptors bounds what such lists hold; one that it had to forget is made anew, and the cookie counts in that.
 *
 *   byte  name     dirent
 *      0  NEXT     u64, the cookie behind this entry
 *      8  INO      u64
 *     16  NAMLEN   u32, bytes of the name, which follows the record without a NUL
 *     20  TYPE     u8
 */
import type { Sandbox } from '../sandbox.ts';
import type { Descriptor } from './descriptor.ts';
import { storeBytes } from './guest-memory.ts';
import { type DirectoryNode, type Entry, FILETYPE } from './node.ts';
import { descriptorsOf } from './state.ts';

const DIRENT_BYTES = 24;

/** To `room` bytes at `at`, which were checked. How many were used, or an errno below zero. */
export function storeEntries(
  sandbox: Sandbox,
  descriptor: Descriptor,
  at: number,
  room: number,
  cookie: bigint,
): number {
  const directory = descriptor.directory as DirectoryNode;
  if (cookie === 0n || descriptor.listing === undefined) {
    const listing = listingOf(directory);
    if (typeof listing === 'number') return -listing;
    descriptorsOf(sandbox).keepListing(descriptor, listing);
  }
  const listing = descriptor.listing as readonly Entry[];
  let used = 0;
  for (let i = Number(cookie); i < listing.length && used < room; i++) {
    const dirent = direntOf(listing[i] as Entry, i + 1);
    used += storeBytes(sandbox, at + used, dirent, room - used);
  }
  return used;
}

function listingOf(directory: DirectoryNode): readonly Entry[] | number {
  const entries = directory.list();
  if (typeof entries === 'number') return entries;
  const stat = directory.stat();
  if (typeof stat === 'number') return stat;
  const type = FILETYPE.DIRECTORY;
  return [
    { name: '.', type, ino: stat.ino },
    { name: '..', type, ino: directory.parentIno() },
    ...entries,
  ];
}

function direntOf(entry: Entry, next: number): Uint8Array {
  const name = Buffer.from(entry.name, 'utf8');
  const dirent = new Uint8Array(DIRENT_BYTES + name.length);
  const view = new DataView(dirent.buffer);
  view.setBigUint64(0, BigInt(next), true);
  view.setBigUint64(8, entry.ino, true);
  view.setUint32(16, name.length, true);
  view.setUint8(20, entry.type);
  dirent.set(name, DIRENT_BYTES);
  return dirent;
}
