/** Numbers of `errno` in preview 1's witx, those that a call here can answer. */
export const SUCCESS = 0;
export const EACCES = 2;
export const EAGAIN = 6;
export const EBADF = 8;
export const EBUSY = 10;
export const EEXIST = 20;
export const EFAULT = 21;
export const EFBIG = 22;
export const EILSEQ = 25;
export const EINVAL = 28;
export const EIO = 29;
export const EISDIR = 31;
export const ELOOP = 32;
export const EMFILE = 33;
export const ENAMETOOLONG = 37;
export const ENFILE = 41;
export const ENOENT = 44;
export const ENOMEM = 48;
export const ENOSPC = 51;
export const ENOTDIR = 54;
export const ENOTEMPTY = 55;
export const ENOTSOCK = 57;
export const ENOTSUP = 58;
export const EOVERFLOW = 61;
export const EPERM = 63;
export const EROFS = 69;
export const ESPIPE = 70;
export const EXDEV = 75;
export const ENOTCAPABLE = 76;

const BY_NAME: Readonly<Record<string, number>> = {
  EACCES,
  EBADF,
  EBUSY,
  EFBIG,
  EINVAL,
  EIO,
  EISDIR,
  ELOOP,
  ENAMETOOLONG,
  ENOENT,
  ENOMEM,
  ENOTDIR,
  EOVERFLOW,
  EPERM,
  // The process ran out of descriptors, which is not the guest's own limit.
  EMFILE: ENFILE,
  ENFILE,
  // Links on Windows that lead nowhere.
  UNKNOWN: EIO,
};

/** What a guest hears of an error that Node's file system threw; EIO where preview 1 has no word for it. */
export function errnoOf(error: unknown): number {
  const { code } = error as NodeJS.ErrnoException;
  return (code === undefined ? undefined : BY_NAME[code]) ?? EIO;
}
