/** The fd_* calls that concern a descriptor itself: what it is, what it may, its number; and what a folder holds. */
import type { Host } from '../host.ts';
import type { Sandbox } from '../sandbox.ts';
import { type Descriptor, FDFLAGS, KIND, streamDescriptor } from './descriptor.ts';
import { storeEntries } from './directory-list.ts';
import {
  EBADF,
  EFAULT,
  EINVAL,
  ENAMETOOLONG,
  ENOTCAPABLE,
  ENOTDIR,
  EROFS,
  SUCCESS,
} from './errno.ts';
import { FILESTAT_BYTES, STREAM_STAT, storeFilestat, timesOf } from './filestat.ts';
import { inside, store32, storeBytes, viewOf } from './guest-memory.ts';
import { type DirectoryNode, FILETYPE, type FileNode, type Filetype } from './node.ts';
import {
  FD_FDSTAT_SET_FLAGS,
  FD_FILESTAT_GET,
  FD_FILESTAT_SET_TIMES,
  FD_READDIR,
  rightsOf,
} from './rights.ts';
import { descriptorOf, descriptorsOf, isFirstStream } from './state.ts';

const FDSTAT_BYTES = 24;
const PRESTAT_BYTES = 8;
const PREOPENTYPE_DIR = 0;
/** Answers fd_fdstat_get while there is no table: wasi-libc asks for each stream that is printed to. */
const FIRST_STREAMS: readonly Descriptor[] = [KIND.STDIN, KIND.STDOUT, KIND.STDERR].map(
  streamDescriptor,
);

export function descriptorCalls(host: Host): Record<string, unknown> {
  return {
    fd_close: (fd: number): number => descriptorsOf(host.current).close(fd),

    fd_renumber: (from: number, to: number): number =>
      descriptorsOf(host.current).renumber(from, to),

    fd_fdstat_get: (fd: number, result: number): number => {
      const sandbox = host.current;
      const descriptor = isFirstStream(sandbox, fd) ? FIRST_STREAMS[fd] : descriptorOf(sandbox, fd);
      if (descriptor === undefined) return EBADF;
      if (!inside(sandbox, result, FDSTAT_BYTES)) return EFAULT;
      const view = viewOf(sandbox);
      const at = result >>> 0;
      view.setUint32(at, filetypeOf(descriptor), true);
      view.setUint16(at + 2, descriptor.flags, true);
      view.setUint32(at + 4, 0, true);
      view.setUint32(at + 8, descriptor.rights, true);
      view.setUint32(at + 12, 0, true);
      view.setUint32(at + 16, descriptor.inheriting, true);
      view.setUint32(at + 20, 0, true);
      return SUCCESS;
    },

    fd_fdstat_set_flags: (fd: number, flags: number): number => {
      const descriptor = descriptorOf(host.current, fd);
      if (descriptor === undefined) return EBADF;
      if (!descriptor.has(FD_FDSTAT_SET_FLAGS)) return ENOTCAPABLE;
      if ((flags & ~FDFLAGS) !== 0) return EINVAL;
      descriptor.flags = flags;
      return SUCCESS;
    },

    fd_fdstat_set_rights: (fd: number, base: bigint, inheriting: bigint): number => {
      const descriptor = descriptorOf(host.current, fd);
      if (descriptor === undefined) return EBADF;
      const rights = BigInt.asUintN(64, base);
      const inherited = BigInt.asUintN(64, inheriting);
      // As u64, so that bits which no right has are refused, too.
      if ((rights & ~BigInt(descriptor.rights)) !== 0n) return ENOTCAPABLE;
      if ((inherited & ~BigInt(descriptor.inheriting)) !== 0n) return ENOTCAPABLE;
      descriptor.rights = rightsOf(rights);
      descriptor.inheriting = rightsOf(inherited);
      return SUCCESS;
    },

    fd_filestat_get: (fd: number, result: number): number => {
      const sandbox = host.current;
      const descriptor = descriptorOf(sandbox, fd);
      if (descriptor === undefined) return EBADF;
      if (!descriptor.has(FD_FILESTAT_GET)) return ENOTCAPABLE;
      if (!inside(sandbox, result, FILESTAT_BYTES)) return EFAULT;
      const stat = (descriptor.file ?? descriptor.directory)?.stat() ?? STREAM_STAT;
      return typeof stat === 'number' ? stat : storeFilestat(sandbox, result, stat);
    },

    fd_filestat_set_times: (fd: number, atim: bigint, mtim: bigint, flags: number): number => {
      const descriptor = descriptorOf(host.current, fd);
      if (descriptor === undefined) return EBADF;
      const node = nodeOf(descriptor);
      if (!descriptor.has(FD_FILESTAT_SET_TIMES) || node === undefined) return ENOTCAPABLE;
      const times = timesOf(host.current, atim, mtim, flags);
      if (typeof times === 'number') return times;
      return node.isReadOnly ? EROFS : node.setTimes(times.atim, times.mtim);
    },

    // wasi-libc asks from 3 on until it hears EBADF.
    fd_prestat_get: (fd: number, result: number): number => {
      const sandbox = host.current;
      const name = preopenOf(sandbox, fd);
      if (name === undefined) return EBADF;
      if (!inside(sandbox, result, PRESTAT_BYTES)) return EFAULT;
      const view = viewOf(sandbox);
      view.setUint32(result >>> 0, PREOPENTYPE_DIR, true);
      view.setUint32((result >>> 0) + 4, Buffer.byteLength(name), true);
      return SUCCESS;
    },

    fd_prestat_dir_name: (fd: number, pointer: number, bytes: number): number => {
      const sandbox = host.current;
      const name = preopenOf(sandbox, fd);
      if (name === undefined) return EBADF;
      const text = Buffer.from(name, 'utf8');
      if (text.length > bytes >>> 0) return ENAMETOOLONG;
      if (!inside(sandbox, pointer, bytes)) return EFAULT;
      storeBytes(sandbox, pointer >>> 0, text, text.length);
      return SUCCESS;
    },

    fd_readdir: (
      fd: number,
      pointer: number,
      bytes: number,
      cookie: bigint,
      result: number,
    ): number => {
      const sandbox = host.current;
      const descriptor = descriptorOf(sandbox, fd);
      if (descriptor === undefined) return EBADF;
      if (descriptor.kind !== KIND.DIRECTORY) return ENOTDIR;
      if (!descriptor.has(FD_READDIR)) return ENOTCAPABLE;
      if (!inside(sandbox, pointer, bytes) || !inside(sandbox, result, 4)) return EFAULT;
      const place = BigInt.asUintN(64, cookie);
      const used = storeEntries(sandbox, descriptor, pointer >>> 0, bytes >>> 0, place);
      return used < 0 ? -used : store32(sandbox, result, used);
    },
  };
}

function filetypeOf(descriptor: Descriptor): Filetype {
  return nodeOf(descriptor)?.type ?? FILETYPE.CHARACTER_DEVICE;
}

function nodeOf(descriptor: Descriptor): FileNode | DirectoryNode | undefined {
  return descriptor.node ?? descriptor.directory;
}

function preopenOf(sandbox: Sandbox, fd: number): string | undefined {
  const { folders, scratch } = sandbox.spec;
  // The commonest function has none, and need not have a table to say so.
  if (folders.length === 0 && scratch === undefined) return undefined;
  return descriptorOf(sandbox, fd)?.preopen;
}
