/**
 * The scratch folder of one request: files, folders and links in memory, made when the guest first uses a descriptor and gone with
 * the request.
 *
 *   quota      counts                                                        over it
 *   maxBytes   sizes of files (holes too) and of what links say              ENOSPC; a write that fits in part is cut short
 *   maxFiles   names in all folders, and files that are open without one     ENOSPC
 *
 * It begins empty, or with a seed (seed.ts), whose bytes are shared with other requests until they are written to; they count as used all the same.
 * A file's buffer grows by doubling and is given up when it becomes more than twice what a cut leaves, so the memory behind a file is at most
 * twice its size, or BUFFER_BYTES_MIN. What has no name and no descriptor any more is given back. Links are here since programs expect them of a POSIX folder and they cost nothing: lookup.ts walks them, so they
 * cannot lead out. Access times stay what they were set to, as on a file system mounted with noatime.
 */
import {
  EEXIST,
  EFBIG,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOMEM,
  ENOSPC,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
  EXDEV,
  SUCCESS,
} from './errno.ts';
import type { DirectoryNode, Entry, FileNode, Filestat, LinkNode, Node, OpenFile } from './node.ts';
import { FILETYPE, type Filetype } from './node.ts';
import type { Seed } from './seed.ts';

/** As the guest sees it: no host device has this number in practice, and nothing hangs on it. */
const SCRATCH_DEVICE = 0x6c756765n;
const EMPTY_BYTES = new Uint8Array(0);
/** Below this a file's buffer is not worth growing in steps. */
const BUFFER_BYTES_MIN = 256;

/** What is used of the quota, and the numbers and times that new nodes get. */
class Quota {
  readonly #bytesMax: number;
  readonly #filesMax: number;
  readonly now: () => bigint;
  #bytes = 0;
  #files = 0;
  #lastIno = 0n;

  constructor(bytesMax: number, filesMax: number, now: () => bigint) {
    this.#bytesMax = bytesMax;
    this.#filesMax = filesMax;
    this.now = now;
  }

  get bytesLeft(): number {
    return this.#bytesMax - this.#bytes;
  }

  /** Below zero gives back. False when it is not there. */
  takeBytes(count: number): boolean {
    if (count > this.bytesLeft) return false;
    this.#bytes += count;
    return true;
  }

  takeFile(): boolean {
    if (this.#files >= this.#filesMax) return false;
    this.#files++;
    return true;
  }

  giveFile(): void {
    this.#files--;
  }

  nextIno(): bigint {
    return ++this.#lastIno;
  }
}

abstract class ScratchNode {
  readonly quota: Quota;
  readonly ino: bigint;
  readonly isReadOnly = false;
  atim: bigint;
  mtim: bigint;
  ctim: bigint;
  /** Names that it has. */
  links = 0;

  constructor(quota: Quota) {
    this.quota = quota;
    this.ino = quota.nextIno();
    this.atim = quota.now();
    this.mtim = this.atim;
    this.ctim = this.atim;
  }

  abstract readonly type: Filetype;
  abstract get size(): number;

  /** Call when it may have lost its last name. */
  abstract drop(): void;

  stat(): Filestat {
    const { ino, type, atim, mtim, ctim } = this;
    const nlink = BigInt(this.links);
    return { dev: SCRATCH_DEVICE, ino, type, nlink, size: BigInt(this.size), atim, mtim, ctim };
  }

  setTimes(atim: bigint | undefined, mtim: bigint | undefined): number {
    this.atim = atim ?? this.atim;
    this.mtim = mtim ?? this.mtim;
    this.ctim = this.quota.now();
    return SUCCESS;
  }

  protected touch(): void {
    this.mtim = this.quota.now();
    this.ctim = this.mtim;
  }
}

class ScratchLink extends ScratchNode implements LinkNode {
  readonly type: typeof FILETYPE.SYMBOLIC_LINK = FILETYPE.SYMBOLIC_LINK;
  readonly size: number;
  readonly #target: string;

  constructor(quota: Quota, target: string, bytes: number) {
    super(quota);
    this.#target = target;
    this.size = bytes;
  }

  target(): string {
    return this.#target;
  }

  drop(): void {
    if (this.links === 0) this.quota.takeBytes(-this.size);
  }
}

/** Bytes of `data` behind `size` are zero; those between `data.length` and `size` are zero, too, and not there yet. */
class ScratchFile extends ScratchNode implements FileNode, OpenFile {
  readonly type: typeof FILETYPE.REGULAR_FILE = FILETYPE.REGULAR_FILE;
  readonly readBytesMax: number = Number.POSITIVE_INFINITY;
  size = 0;
  #data = EMPTY_BYTES;
  /** The bytes are a seed's: to be copied before they are written to. */
  #isShared = false;
  #opened = 0;

  /** Of a file that was just made. False when the quota does not have it. */
  begin(bytes: Uint8Array<ArrayBuffer>): boolean {
    if (!this.quota.takeBytes(bytes.length)) return false;
    this.#data = bytes;
    this.#isShared = true;
    this.size = bytes.length;
    return true;
  }

  open(): OpenFile {
    this.#opened++;
    return this;
  }

  close(): void {
    this.#opened--;
    if (this.links > 0 || this.#opened > 0) return;
    this.quota.giveFile();
    this.#free();
  }

  /** While it is open it keeps the place of its last name, so that files without one have a bound. */
  drop(): void {
    if (this.links > 0) return;
    if (this.#opened > 0) this.quota.takeFile();
    else this.#free();
  }

  read(position: number, target: Uint8Array, at: number, count: number): number {
    const n = Math.max(0, Math.min(count, this.size - position));
    const stored = Math.max(0, Math.min(n, this.#data.length - position));
    if (stored > 0) target.set(this.#data.subarray(position, position + stored), at);
    if (stored < n) target.fill(0, at + stored, at + n);
    return n;
  }

  write(position: number, source: Uint8Array, from: number, count: number): number {
    if (count === 0) return 0;
    const end = Math.min(position + count, this.size + this.quota.bytesLeft);
    if (end <= position) return Number.isSafeInteger(position + count) ? -ENOSPC : -EFBIG;
    if (!this.#reserve(end)) return -ENOMEM;
    this.#data.set(source.subarray(from, from + (end - position)), position);
    if (end > this.size) {
      this.quota.takeBytes(end - this.size);
      this.size = end;
    }
    this.touch();
    return end - position;
  }

  resize(bytes: number): number {
    if (bytes < this.size && !this.#cut(bytes)) return ENOMEM;
    if (!this.quota.takeBytes(bytes - this.size)) return ENOSPC;
    this.size = bytes;
    this.touch();
    return SUCCESS;
  }

  /** False when the process has no memory left. */
  #reserve(bytes: number): boolean {
    if (bytes <= this.#data.length && !this.#isShared) return true;
    return this.#move(Math.max(bytes, 2 * this.#data.length, BUFFER_BYTES_MIN));
  }

  /** A buffer that stayed would be memory that no quota counts: one for each file, as large as the quota. */
  #cut(bytes: number): boolean {
    if (this.#isShared || this.#data.length > Math.max(2 * bytes, BUFFER_BYTES_MIN)) {
      return this.#move(bytes);
    }
    this.#data.fill(0, bytes, this.size);
    return true;
  }

  #move(capacity: number): boolean {
    try {
      const data = new Uint8Array(capacity);
      data.set(this.#data.subarray(0, capacity));
      this.#data = data;
      this.#isShared = false;
      return true;
    } catch {
      return false;
    }
  }

  #free(): void {
    this.quota.takeBytes(-this.size);
    this.size = 0;
    this.#data = EMPTY_BYTES;
    this.#isShared = false;
  }
}

type AnyScratchNode = ScratchFile | ScratchDirectory | ScratchLink;

class ScratchDirectory extends ScratchNode implements DirectoryNode {
  readonly type: typeof FILETYPE.DIRECTORY = FILETYPE.DIRECTORY;
  readonly size = 0;
  readonly entries = new Map<string, AnyScratchNode>();
  /** Itself at the root, and of a folder that was removed. */
  parent: ScratchDirectory = this;

  /** A descriptor may hold it still, and must not hold a chain of removed folders above it, which no quota counts. */
  drop(): void {
    this.parent = this;
  }

  lookup(name: string): Node | number {
    return this.entries.get(name) ?? ENOENT;
  }

  list(): readonly Entry[] {
    return Array.from(this.entries, ([name, { type, ino }]) => ({ name, type, ino }));
  }

  parentIno(): bigint {
    return this.parent.ino;
  }

  createFile(name: string): FileNode | number {
    const file = new ScratchFile(this.quota);
    const errno = this.#add(name, file);
    return errno === SUCCESS ? file : errno;
  }

  createDirectory(name: string): number {
    const made = new ScratchDirectory(this.quota);
    made.parent = this;
    return this.#add(name, made);
  }

  createLink(name: string, target: string): number {
    const bytes = Buffer.byteLength(target);
    if (!this.quota.takeBytes(bytes)) return ENOSPC;
    const errno = this.#add(name, new ScratchLink(this.quota, target, bytes));
    if (errno !== SUCCESS) this.quota.takeBytes(-bytes);
    return errno;
  }

  link(name: string, node: Node): number {
    if (!(node instanceof ScratchFile || node instanceof ScratchLink)) {
      return node instanceof ScratchDirectory ? EPERM : EXDEV;
    }
    // A guest has one scratch folder: all its nodes are of this one.
    return this.#add(name, node);
  }

  /** False when the quota does not have it. */
  plant(seed: Seed): boolean {
    return seed.every((entry) => {
      if (entry.kind === 'link') return this.createLink(entry.name, entry.target) === SUCCESS;
      if (entry.kind === 'file') {
        const file = new ScratchFile(this.quota);
        return this.#add(entry.name, file) === SUCCESS && file.begin(entry.bytes);
      }
      const made = new ScratchDirectory(this.quota);
      made.parent = this;
      return this.#add(entry.name, made) === SUCCESS && made.plant(entry.entries);
    });
  }

  unlink(name: string): number {
    const node = this.entries.get(name);
    if (node === undefined) return ENOENT;
    if (node instanceof ScratchDirectory) return EISDIR;
    this.#remove(name, node);
    return SUCCESS;
  }

  removeDirectory(name: string): number {
    const node = this.entries.get(name);
    if (node === undefined) return ENOENT;
    if (!(node instanceof ScratchDirectory)) return ENOTDIR;
    if (node.entries.size > 0) return ENOTEMPTY;
    this.#remove(name, node);
    return SUCCESS;
  }

  rename(name: string, to: DirectoryNode, toName: string): number {
    if (!(to instanceof ScratchDirectory)) return EXDEV;
    const node = this.entries.get(name);
    if (node === undefined || !to.#isAlive()) return ENOENT;
    const old = to.entries.get(toName);
    if (old === node) return SUCCESS;
    if (node instanceof ScratchDirectory) {
      if (to.#isInside(node)) return EINVAL;
      if (old !== undefined && !(old instanceof ScratchDirectory)) return ENOTDIR;
      if (old !== undefined && old.entries.size > 0) return ENOTEMPTY;
    } else if (old instanceof ScratchDirectory) {
      return EISDIR;
    }
    if (old !== undefined) to.#remove(toName, old);
    this.entries.delete(name);
    to.entries.set(toName, node);
    if (node instanceof ScratchDirectory) node.parent = to;
    node.ctim = this.quota.now();
    this.touch();
    to.touch();
    return SUCCESS;
  }

  /** False once it was removed: a descriptor may still hold it. */
  #isAlive(): boolean {
    return this.links > 0;
  }

  #isInside(folder: ScratchDirectory): boolean {
    for (let at: ScratchDirectory = this; ; at = at.parent) {
      if (at === folder) return true;
      if (at === at.parent) return false;
    }
  }

  #add(name: string, node: AnyScratchNode): number {
    if (!this.#isAlive()) return ENOENT;
    if (this.entries.has(name)) return EEXIST;
    if (!this.quota.takeFile()) return ENOSPC;
    this.entries.set(name, node);
    node.links++;
    node.ctim = this.quota.now();
    this.touch();
    return SUCCESS;
  }

  #remove(name: string, node: AnyScratchNode): void {
    this.entries.delete(name);
    this.quota.giveFile();
    node.links--;
    node.ctim = this.quota.now();
    node.drop();
    this.touch();
  }
}

/** A folder of its own. `now` is the time that its files get. Undefined: the seed does not fit into it. */
export function createScratch(
  { maxBytes, maxFiles }: { readonly maxBytes: number; readonly maxFiles: number },
  seed: Seed,
  now: () => bigint,
): DirectoryNode | undefined {
  const root = new ScratchDirectory(new Quota(maxBytes, maxFiles, now));
  root.links = 1;
  return root.plant(seed) ? root : undefined;
}
