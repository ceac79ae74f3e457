/**
 * What the two file systems, the scratch folder and host folders, have in common: files, folders and links, one name at a time.
 * Paths are walked above them (lookup.ts), so that what `..`, links and absolute paths may do is decided in one place.
 *
 * Results are the thing asked for or an errno above zero; of `read` and `write`, whose result is a number anyway, an errno below it.
 */

export const FILETYPE = {
  UNKNOWN: 0,
  BLOCK_DEVICE: 1,
  CHARACTER_DEVICE: 2,
  DIRECTORY: 3,
  REGULAR_FILE: 4,
  SOCKET: 6,
  SYMBOLIC_LINK: 7,
} as const;

export type Filetype = (typeof FILETYPE)[keyof typeof FILETYPE];

/** Times are nanoseconds since 1970. */
export interface Filestat {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly type: Filetype;
  readonly nlink: bigint;
  readonly size: bigint;
  readonly atim: bigint;
  readonly mtim: bigint;
  readonly ctim: bigint;
}

interface AnyNode {
  readonly isReadOnly: boolean;
  stat(): Filestat | number;
  /** Undefined leaves a time as it is. */
  setTimes(atim: bigint | undefined, mtim: bigint | undefined): number;
}

export interface FileNode extends AnyNode {
  readonly type: typeof FILETYPE.REGULAR_FILE;
  open(): OpenFile | number;
}

export interface LinkNode extends AnyNode {
  readonly type: typeof FILETYPE.SYMBOLIC_LINK;
  target(): string | number;
}

/** A device, a socket, …: it can be looked at and not opened. */
export interface OtherNode extends AnyNode {
  readonly type: Exclude<
    Filetype,
    typeof FILETYPE.DIRECTORY | typeof FILETYPE.REGULAR_FILE | typeof FILETYPE.SYMBOLIC_LINK
  >;
}

/** Names are single components: no '/', not '.', not '..', not empty, without NUL. */
export interface DirectoryNode extends AnyNode {
  readonly type: typeof FILETYPE.DIRECTORY;
  lookup(name: string): Node | number;
  /** Without `.` and `..`. */
  list(): readonly Entry[] | number;
  /** Of `..`; its own where what is above is out of reach. */
  parentIno(): bigint;
  createFile(name: string): FileNode | number;
  createDirectory(name: string): number;
  createLink(name: string, target: string): number;
  /** Gives an existing node one more name. */
  link(name: string, node: Node): number;
  unlink(name: string): number;
  removeDirectory(name: string): number;
  rename(name: string, to: DirectoryNode, toName: string): number;
}

export type Node = FileNode | DirectoryNode | LinkNode | OtherNode;

export interface Entry {
  readonly name: string;
  readonly type: Filetype;
  readonly ino: bigint;
}

/** A file under a descriptor. */
export interface OpenFile {
  /** What one call may bring, however many buffers it has. */
  readonly readBytesMax: number;
  stat(): Filestat | number;
  /** Copies up to `count` bytes to target[at …). How many; fewer than there are is no error. */
  read(position: number, target: Uint8Array, at: number, count: number): number;
  /** Copies source[from … from+count). How many. */
  write(position: number, source: Uint8Array, from: number, count: number): number;
  resize(bytes: number): number;
  /** Call once, whatever happens to the guest. */
  close(): void;
}
