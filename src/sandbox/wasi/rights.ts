/**
 * Rights of descriptors, as bits. Preview 1 has 30 of them in an u64, so a number holds them all; bits beyond are dropped when they
 * are read.
 *
 * How they are used: a descriptor never has a right that does not apply to what it is, or that its folder does not hand down
 * (`inheriting`). What `path_open` asks for decides between reading and writing a file. The other rights of a file
 * come with that: engines of today give them whatever was asked, and programs (the engines' own test programs among them) seek in
 * and stat files for which they asked to read only. A folder opened with none of a folder's rights gets those of its parent for
 * the same reason. `fd_fdstat_set_rights` takes any of them away, and they stay away.
 */
export const FD_DATASYNC: number = 1 << 0;
export const FD_READ: number = 1 << 1;
export const FD_SEEK: number = 1 << 2;
export const FD_FDSTAT_SET_FLAGS: number = 1 << 3;
export const FD_SYNC: number = 1 << 4;
export const FD_TELL: number = 1 << 5;
export const FD_WRITE: number = 1 << 6;
export const FD_ADVISE: number = 1 << 7;
export const FD_ALLOCATE: number = 1 << 8;
export const PATH_CREATE_DIRECTORY: number = 1 << 9;
export const PATH_CREATE_FILE: number = 1 << 10;
export const PATH_LINK_SOURCE: number = 1 << 11;
export const PATH_LINK_TARGET: number = 1 << 12;
export const PATH_OPEN: number = 1 << 13;
export const FD_READDIR: number = 1 << 14;
export const PATH_READLINK: number = 1 << 15;
export const PATH_RENAME_SOURCE: number = 1 << 16;
export const PATH_RENAME_TARGET: number = 1 << 17;
export const PATH_FILESTAT_GET: number = 1 << 18;
export const PATH_FILESTAT_SET_SIZE: number = 1 << 19;
export const PATH_FILESTAT_SET_TIMES: number = 1 << 20;
export const FD_FILESTAT_GET: number = 1 << 21;
export const FD_FILESTAT_SET_SIZE: number = 1 << 22;
export const FD_FILESTAT_SET_TIMES: number = 1 << 23;
export const PATH_SYMLINK: number = 1 << 24;
export const PATH_REMOVE_DIRECTORY: number = 1 << 25;
export const PATH_UNLINK_FILE: number = 1 << 26;
export const POLL_FD_READWRITE: number = 1 << 27;

/** wasi-libc takes a character device that cannot seek for a terminal and flushes it by lines, which suits a log and costs stdout little. */
export const STDIN_RIGHTS: number =
  FD_READ | FD_FDSTAT_SET_FLAGS | FD_FILESTAT_GET | POLL_FD_READWRITE;
export const STDOUT_RIGHTS: number =
  FD_WRITE | FD_FDSTAT_SET_FLAGS | FD_FILESTAT_GET | POLL_FD_READWRITE;

/** Of a file, whatever it was opened for. */
const FILE_RIGHTS: number =
  FD_DATASYNC |
  FD_SEEK |
  FD_FDSTAT_SET_FLAGS |
  FD_SYNC |
  FD_TELL |
  FD_ADVISE |
  FD_FILESTAT_GET |
  FD_FILESTAT_SET_TIMES |
  POLL_FD_READWRITE;
const WRITTEN_FILE_RIGHTS: number = FD_WRITE | FD_ALLOCATE | FD_FILESTAT_SET_SIZE;

export const DIRECTORY_RIGHTS: number =
  FD_DATASYNC |
  FD_FDSTAT_SET_FLAGS |
  FD_SYNC |
  PATH_CREATE_DIRECTORY |
  PATH_CREATE_FILE |
  PATH_LINK_SOURCE |
  PATH_LINK_TARGET |
  PATH_OPEN |
  FD_READDIR |
  PATH_READLINK |
  PATH_RENAME_SOURCE |
  PATH_RENAME_TARGET |
  PATH_FILESTAT_GET |
  PATH_FILESTAT_SET_SIZE |
  PATH_FILESTAT_SET_TIMES |
  FD_FILESTAT_GET |
  FD_FILESTAT_SET_TIMES |
  PATH_SYMLINK |
  PATH_REMOVE_DIRECTORY |
  PATH_UNLINK_FILE;

/** What a preopened folder hands down: all that a file or folder in it can have, so that a read-only one answers EROFS. */
export const INHERITED_RIGHTS: number =
  DIRECTORY_RIGHTS | FILE_RIGHTS | WRITTEN_FILE_RIGHTS | FD_READ;

/** Drops the bits that preview 1 has no right for. */
export function rightsOf(value: bigint): number {
  return Number(BigInt.asUintN(30, value));
}

export function fileRights(asked: number, inherited: number): number {
  return withFileRights(asked & FD_READ, asked) & inherited;
}

/** What a folder hands down: a file that is opened through it has what one has that is opened through its parent. */
export function inheritedRights(asked: number, inherited: number): number {
  return withFileRights(asked, asked) & inherited;
}

function withFileRights(rights: number, asked: number): number {
  return rights | FILE_RIGHTS | ((asked & FD_WRITE) === 0 ? 0 : WRITTEN_FILE_RIGHTS);
}

/**
 * Who may open files and write to them can cut them off, too, so PATH_FILESTAT_SET_SIZE comes with that: Go opens folders without it and truncates
 * what it creates in them.
 */
export function directoryRights(asked: number, inheriting: number, inherited: number): number {
  const wanted = asked & DIRECTORY_RIGHTS;
  const canWrite = (wanted & PATH_OPEN) !== 0 && (inheriting & FD_WRITE) !== 0;
  const cutting = canWrite ? PATH_FILESTAT_SET_SIZE : 0;
  return (wanted === 0 ? DIRECTORY_RIGHTS : wanted | cutting) & inherited;
}
