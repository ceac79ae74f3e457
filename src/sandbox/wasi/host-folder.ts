/**
 * A folder of the host, read only, as the route's configuration gives it to a function.
 *
 * It is never left: lookup.ts hands in single names, each is looked at with lstat and links are walked by lookup.ts as text, so the
 * host's kernel follows none (a link to an absolute path or above the start is ENOTCAPABLE, also where its target is inside). A file is
 * opened with O_NOFOLLOW and must be the one that lstat saw. The guest cannot change the folder; whoever else can, and swaps
 * folders for links while guests walk them, is not kept from leading them astray: that is the operator's own hand.
 *
 * Calls are synchronous, on the worker's thread: files in the page cache take some 10 µs to open and 3 to read from, while a trip
 * through the thread pool takes longer and would need the event loop, which a worker seldom turns. Reads are cut at READ_BYTES_MAX
 * and lists at ENTRIES_MAX, so that no call holds the worker for long. Only files and folders open: a pipe or device could block.
 * Open files are descriptors of the process, which its sockets need, too: a worker has OPEN_FILES_MAX at once for all its guests,
 * since `maxOpenFiles` times as many guests as can sleep would be more than any process is given.
 */
import { isUtf8 } from 'node:buffer';
import {
  type BigIntStats,
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  lstatSync,
  opendirSync,
  openSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import { sep } from 'node:path';
import { EIO, ENFILE, ENOENT, EOVERFLOW, EROFS, errnoOf } from './errno.ts';
import type {
  DirectoryNode,
  Entry,
  FileNode,
  Filestat,
  LinkNode,
  Node,
  OpenFile,
  OtherNode,
} from './node.ts';
import { FILETYPE, type Filetype } from './node.ts';

const READ_BYTES_MAX = 1 << 20;
const ENTRIES_MAX = 65_536;
/** Two for each guest that all workers together can hold by default. */
const OPEN_FILES_MAX = 4096;
/** Windows has neither of these two. */
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
/** Where '/' is not the only separator, a name must not hold one of the others, nor a drive or stream. */
const FOREIGN_NAME: RegExp | undefined = sep === '/' ? undefined : /[\\:]/;

/** Of this thread. */
let openFiles = 0;

abstract class HostNode {
  readonly isReadOnly = true;
  protected readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  stat(): Filestat | number {
    return statOf(this.path);
  }

  setTimes(): number {
    return EROFS;
  }
}

class HostLink extends HostNode implements LinkNode {
  readonly type: typeof FILETYPE.SYMBOLIC_LINK = FILETYPE.SYMBOLIC_LINK;

  target(): string | number {
    try {
      const target = readlinkSync(this.path, { encoding: 'buffer' });
      return isUtf8(target) ? target.toString('utf8') : ENOENT;
    } catch (error) {
      return errnoOf(error);
    }
  }
}

class HostOther extends HostNode implements OtherNode {
  readonly type: OtherNode['type'];

  constructor(path: string, type: OtherNode['type']) {
    super(path);
    this.type = type;
  }
}

class HostFile extends HostNode implements FileNode {
  readonly type: typeof FILETYPE.REGULAR_FILE = FILETYPE.REGULAR_FILE;
  readonly #seen: BigIntStats;

  constructor(path: string, seen: BigIntStats) {
    super(path);
    this.#seen = seen;
  }

  open(): OpenFile | number {
    if (openFiles >= OPEN_FILES_MAX) return ENFILE;
    let fd: number;
    try {
      fd = openSync(this.path, OPEN_FLAGS);
    } catch (error) {
      return errnoOf(error);
    }
    const file = new HostOpenFile(fd);
    if (file.isSame(this.#seen)) return file;
    file.close();
    return EIO;
  }
}

class HostOpenFile implements OpenFile {
  readonly readBytesMax: number = READ_BYTES_MAX;
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
    openFiles++;
  }

  isSame({ dev, ino }: BigIntStats): boolean {
    try {
      const now = fstatSync(this.#fd, { bigint: true });
      return now.isFile() && now.dev === dev && now.ino === ino;
    } catch {
      return false;
    }
  }

  stat(): Filestat | number {
    try {
      return filestat(fstatSync(this.#fd, { bigint: true }));
    } catch (error) {
      return errnoOf(error);
    }
  }

  read(position: number, target: Uint8Array, at: number, count: number): number {
    // Node refuses such a number, and no file goes so far.
    if (position > Number.MAX_SAFE_INTEGER) return 0;
    try {
      return readSync(this.#fd, target, at, count, position);
    } catch (error) {
      return -errnoOf(error);
    }
  }

  write(): number {
    return -EROFS;
  }

  resize(): number {
    return EROFS;
  }

  close(): void {
    openFiles--;
    try {
      closeSync(this.#fd);
    } catch {
      // The descriptor is gone either way, and nothing was written.
    }
  }
}

class HostEntry implements Entry {
  readonly name: string;
  readonly type: Filetype;
  readonly #folder: HostDirectory;

  constructor(name: string, type: Filetype, folder: HostDirectory) {
    this.name = name;
    this.type = type;
    this.#folder = folder;
  }

  /** Looked up only for what a guest's buffer has room for; 0 when it went away meanwhile. */
  get ino(): bigint {
    const stat = statOf(this.#folder.pathOf(this.name));
    return typeof stat === 'number' ? 0n : stat.ino;
  }
}

class HostDirectory extends HostNode implements DirectoryNode {
  readonly type: typeof FILETYPE.DIRECTORY = FILETYPE.DIRECTORY;

  lookup(name: string): Node | number {
    if (FOREIGN_NAME?.test(name)) return ENOENT;
    const path = this.pathOf(name);
    let seen: BigIntStats | undefined;
    try {
      seen = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    } catch (error) {
      return errnoOf(error);
    }
    return seen === undefined ? ENOENT : nodeOf(path, seen);
  }

  list(): readonly Entry[] | number {
    try {
      const entries: Entry[] = [];
      // Node takes the encoding "buffer" here, and its types do not know it.
      const directory = opendirSync(this.path, { encoding: 'buffer' as BufferEncoding });
      try {
        for (let found = directory.readSync(); found !== null; found = directory.readSync()) {
          if (entries.length >= ENTRIES_MAX) return EOVERFLOW;
          const name = found.name as unknown as Buffer;
          // A name that is no UTF-8 cannot be said in preview 1.
          if (isUtf8(name)) entries.push(this.#entry(name.toString('utf8'), found));
        }
      } finally {
        directory.closeSync();
      }
      return entries;
    } catch (error) {
      return errnoOf(error);
    }
  }

  parentIno(): bigint {
    const stat = this.stat();
    return typeof stat === 'number' ? 0n : stat.ino;
  }

  createFile(): number {
    return EROFS;
  }

  createDirectory(): number {
    return EROFS;
  }

  createLink(): number {
    return EROFS;
  }

  link(): number {
    return EROFS;
  }

  unlink(): number {
    return EROFS;
  }

  removeDirectory(): number {
    return EROFS;
  }

  rename(): number {
    return EROFS;
  }

  #entry(name: string, found: Dirent): Entry {
    return new HostEntry(name, filetype(found), this);
  }

  pathOf(name: string): string {
    return this.path.endsWith(sep) ? this.path + name : this.path + sep + name;
  }
}

function nodeOf(path: string, seen: BigIntStats): Node {
  const type = filetype(seen);
  switch (type) {
    case FILETYPE.DIRECTORY:
      return new HostDirectory(path);
    case FILETYPE.REGULAR_FILE:
      return new HostFile(path, seen);
    case FILETYPE.SYMBOLIC_LINK:
      return new HostLink(path);
    default:
      return new HostOther(path, type);
  }
}

function filetype(entry: BigIntStats | Dirent): Filetype {
  if (entry.isFile()) return FILETYPE.REGULAR_FILE;
  if (entry.isDirectory()) return FILETYPE.DIRECTORY;
  if (entry.isSymbolicLink()) return FILETYPE.SYMBOLIC_LINK;
  if (entry.isCharacterDevice()) return FILETYPE.CHARACTER_DEVICE;
  if (entry.isBlockDevice()) return FILETYPE.BLOCK_DEVICE;
  return entry.isSocket() ? FILETYPE.SOCKET : FILETYPE.UNKNOWN;
}

function statOf(path: string): Filestat | number {
  try {
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return stats === undefined ? ENOENT : filestat(stats);
  } catch (error) {
    return errnoOf(error);
  }
}

function filestat(stats: BigIntStats): Filestat {
  const { dev, ino, nlink, size, atimeNs, mtimeNs, ctimeNs } = stats;
  const type = filetype(stats);
  return { dev, ino, type, nlink, size, atim: atimeNs, mtim: mtimeNs, ctim: ctimeNs };
}

/** `path` is absolute and was checked when the function was loaded (preopens.ts). */
export function openHostFolder(path: string): DirectoryNode {
  return new HostDirectory(path);
}
