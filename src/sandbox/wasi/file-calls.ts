/**
 * The fd_* calls that move bytes and positions: read, write, pread, pwrite, seek, tell, and what concerns a file's size.
 *
 * Errors are looked for in this order: the descriptor (EBADF), its kind (EISDIR, ESPIPE), its rights (ENOTCAPABLE, which wasi-libc
 * turns into what POSIX has at that place), the arguments (EINVAL, EFAULT). Nothing has happened before the last of them.
 */
import type { Host } from '../host.ts';
import { awaiting, WAIT } from '../input.ts';
import type { Sandbox } from '../sandbox.ts';
import { type Descriptor, FDFLAG_APPEND, FDFLAG_NONBLOCK, KIND, type Kind } from './descriptor.ts';
import {
  EAGAIN,
  EBADF,
  EFAULT,
  EFBIG,
  EINVAL,
  EISDIR,
  ENOTCAPABLE,
  EOVERFLOW,
  ESPIPE,
  SUCCESS,
} from './errno.ts';
import { IOVECS, inside, readIovecs, store32, store64 } from './guest-memory.ts';
import type { OpenFile } from './node.ts';
import {
  FD_ADVISE,
  FD_ALLOCATE,
  FD_DATASYNC,
  FD_FILESTAT_SET_SIZE,
  FD_READ,
  FD_SEEK,
  FD_SYNC,
  FD_TELL,
  FD_WRITE,
} from './rights.ts';
import { descriptorOf, isFirstStream } from './state.ts';
import { print, readInput, takeBuffers } from './streams.ts';

const WHENCE_SET = 0;
const WHENCE_CUR = 1;
const WHENCE_END = 2;
const ADVICE_MAX = 5;

export function fileCalls(host: Host): Record<string, unknown> {
  return {
    fd_read: (fd: number, iovs: number, count: number, result: number): number =>
      read(host.current, fd, iovs, count, result, readStream),

    fd_pread: (fd: number, iovs: number, count: number, offset: bigint, result: number): number => {
      const sandbox = host.current;
      const descriptor = seekable(sandbox, fd, FD_READ | FD_SEEK);
      if (typeof descriptor === 'number') return descriptor;
      const position = offsetOf(offset);
      if (position < 0) return EINVAL;
      const n = readFile(sandbox, descriptor, iovs, count, result, position);
      return n < 0 ? -n : store32(sandbox, result, n);
    },

    fd_write: (fd: number, iovs: number, count: number, result: number): number => {
      const sandbox = host.current;
      if (isFirstStream(sandbox, fd)) {
        return fd === KIND.STDIN
          ? EBADF
          : writeStream(host, sandbox, fd as Kind, iovs, count, result);
      }
      const descriptor = descriptorOf(sandbox, fd);
      if (descriptor === undefined) return EBADF;
      if (descriptor.kind === KIND.DIRECTORY) return EISDIR;
      if (!descriptor.has(FD_WRITE)) return descriptor.isStream ? EBADF : ENOTCAPABLE;
      if (descriptor.isStream) {
        return writeStream(host, sandbox, descriptor.kind, iovs, count, result);
      }
      const size = (descriptor.flags & FDFLAG_APPEND) === 0 ? 0 : sizeOf(descriptor);
      if (size < 0) return -size;
      const position = (descriptor.flags & FDFLAG_APPEND) === 0 ? descriptor.position : size;
      const n = writeFile(sandbox, descriptor, iovs, count, result, position);
      if (n < 0) return -n;
      descriptor.position = position + n;
      return store32(sandbox, result, n);
    },

    // At the offset also with APPEND: POSIX, and not Linux.
    fd_pwrite: (
      fd: number,
      iovs: number,
      count: number,
      offset: bigint,
      result: number,
    ): number => {
      const sandbox = host.current;
      const descriptor = seekable(sandbox, fd, FD_WRITE | FD_SEEK);
      if (typeof descriptor === 'number') return descriptor;
      const position = offsetOf(offset);
      if (position < 0) return EINVAL;
      const n = writeFile(sandbox, descriptor, iovs, count, result, position);
      return n < 0 ? -n : store32(sandbox, result, n);
    },

    fd_seek: (fd: number, offset: bigint, whence: number, result: number): number => {
      const sandbox = host.current;
      if (isFirstStream(sandbox, fd)) return isWhence(whence) ? ESPIPE : EINVAL;
      const isTell = offset === 0n && whence === WHENCE_CUR;
      const descriptor = isTell ? tellable(sandbox, fd) : seekable(sandbox, fd, FD_SEEK);
      if (typeof descriptor === 'number') return descriptor;
      if (!isWhence(whence)) return EINVAL;
      if (!inside(sandbox, result, 8)) return EFAULT;
      const from = startOf(descriptor, whence);
      if (from < 0) return -from;
      const position = from + Number(offset);
      if (position < 0) return EINVAL;
      if (!Number.isSafeInteger(position)) return EOVERFLOW;
      descriptor.position = position;
      return store64(sandbox, result, BigInt(position));
    },

    fd_tell: (fd: number, result: number): number => {
      const sandbox = host.current;
      const descriptor = tellable(sandbox, fd);
      if (typeof descriptor === 'number') return descriptor;
      return store64(sandbox, result, BigInt(descriptor.position));
    },

    // Advice has no effect: the scratch folder is memory, and host folders are read through the page cache.
    fd_advise: (fd: number, offset: bigint, bytes: bigint, advice: number): number => {
      const descriptor = seekable(host.current, fd, FD_ADVISE);
      if (typeof descriptor === 'number') return descriptor;
      const isRange = offsetOf(offset) >= 0 && offsetOf(bytes) >= 0;
      return isRange && advice >= 0 && advice <= ADVICE_MAX ? SUCCESS : EINVAL;
    },

    fd_allocate: (fd: number, offset: bigint, bytes: bigint): number => {
      const descriptor = seekable(host.current, fd, FD_ALLOCATE);
      if (typeof descriptor === 'number') return descriptor;
      const from = offsetOf(offset);
      const count = offsetOf(bytes);
      if (from < 0 || count <= 0) return EINVAL;
      if (!Number.isSafeInteger(from + count)) return EFBIG;
      const size = sizeOf(descriptor);
      if (size < 0) return -size;
      return from + count > size ? fileOf(descriptor).resize(from + count) : SUCCESS;
    },

    fd_filestat_set_size: (fd: number, bytes: bigint): number => {
      const descriptor = seekable(host.current, fd, FD_FILESTAT_SET_SIZE);
      if (typeof descriptor === 'number') return descriptor === ESPIPE ? EINVAL : descriptor;
      const size = offsetOf(bytes);
      if (size < 0) return EINVAL;
      return Number.isSafeInteger(size) ? fileOf(descriptor).resize(size) : EFBIG;
    },

    // Nothing is behind a cache: to have written is to have synchronized.
    fd_datasync: (fd: number): number => synchronized(host.current, fd, FD_DATASYNC),
    fd_sync: (fd: number): number => synchronized(host.current, fd, FD_SYNC),
  };
}

/** `fd_read` of a function that takes its bodies as streams: reads of stdin wait. */
export function awaitingRead(host: Host): unknown {
  const readInputOf: StreamRead = (sandbox, iovs, count, result, descriptor) => {
    const buffers = readIovecs(sandbox, iovs, count);
    if (buffers < 0) return -buffers;
    if (!inside(sandbox, result, 4)) return EFAULT;
    const bytes = takeBuffers(host, sandbox, buffers);
    if (bytes !== WAIT) return store32(sandbox, result, bytes);
    return ((descriptor?.flags ?? 0) & FDFLAG_NONBLOCK) === 0 ? WAIT : EAGAIN;
  };
  return new WebAssembly.Suspending((fd: number, iovs: number, count: number, result: number) =>
    awaiting(host, (sandbox) => read(sandbox, fd, iovs, count, result, readInputOf)),
  );
}

/** Reads stdin: an errno, or WAIT. `descriptor`: undefined while there is no table. */
type StreamRead = (
  sandbox: Sandbox,
  iovs: number,
  count: number,
  result: number,
  descriptor: Descriptor | undefined,
) => number;

function read(
  sandbox: Sandbox,
  fd: number,
  iovs: number,
  count: number,
  result: number,
  stream: StreamRead,
): number {
  if (isFirstStream(sandbox, fd)) {
    return fd === KIND.STDIN ? stream(sandbox, iovs, count, result, undefined) : EBADF;
  }
  const descriptor = descriptorOf(sandbox, fd);
  if (descriptor === undefined) return EBADF;
  if (descriptor.kind === KIND.DIRECTORY) return EISDIR;
  if (!descriptor.has(FD_READ)) return descriptor.isStream ? EBADF : ENOTCAPABLE;
  if (descriptor.isStream) return stream(sandbox, iovs, count, result, descriptor);
  const { position } = descriptor;
  const n = readFile(sandbox, descriptor, iovs, count, result, position);
  if (n < 0) return -n;
  descriptor.position = position + n;
  return store32(sandbox, result, n);
}

function readStream(sandbox: Sandbox, iovs: number, count: number, result: number): number {
  const buffers = readIovecs(sandbox, iovs, count);
  if (buffers < 0) return -buffers;
  if (!inside(sandbox, result, 4)) return EFAULT;
  return store32(sandbox, result, readInput(sandbox, buffers));
}

function writeStream(
  host: Host,
  sandbox: Sandbox,
  kind: Kind,
  iovs: number,
  count: number,
  result: number,
): number {
  const buffers = readIovecs(sandbox, iovs, count);
  if (buffers < 0) return -buffers;
  if (!inside(sandbox, result, 4)) return EFAULT;
  return store32(sandbox, result, print(host, sandbox, kind, buffers));
}

/** How many bytes, or an errno below zero. An error behind the first buffer is kept for the next call. */
function readFile(
  sandbox: Sandbox,
  descriptor: Descriptor,
  iovs: number,
  count: number,
  result: number,
  position: number,
): number {
  const buffers = readIovecs(sandbox, iovs, count);
  if (buffers < 0) return buffers;
  if (!inside(sandbox, result, 4)) return -EFAULT;
  const file = fileOf(descriptor);
  let read = 0;
  for (let i = 0; i < 2 * buffers; i += 2) {
    const bytes = IOVECS[i + 1] as number;
    const room = Math.min(bytes, file.readBytesMax - read);
    const n = file.read(position + read, sandbox.u8, IOVECS[i] as number, room);
    if (n < 0) return read > 0 ? read : n;
    read += n;
    if (n < bytes) break;
  }
  return read;
}

/** As readFile. */
function writeFile(
  sandbox: Sandbox,
  descriptor: Descriptor,
  iovs: number,
  count: number,
  result: number,
  position: number,
): number {
  const buffers = readIovecs(sandbox, iovs, count);
  if (buffers < 0) return buffers;
  if (!inside(sandbox, result, 4)) return -EFAULT;
  const file = fileOf(descriptor);
  let written = 0;
  for (let i = 0; i < 2 * buffers; i += 2) {
    const bytes = IOVECS[i + 1] as number;
    const n = file.write(position + written, sandbox.u8, IOVECS[i] as number, bytes);
    if (n < 0) return written > 0 ? written : n;
    written += n;
    if (n < bytes) break;
  }
  return written;
}

/** The descriptor of a file that has these rights, or an errno. */
function seekable(sandbox: Sandbox, fd: number, rights: number): Descriptor | number {
  if (isFirstStream(sandbox, fd)) return ESPIPE;
  const descriptor = descriptorOf(sandbox, fd);
  if (descriptor === undefined) return EBADF;
  if (descriptor.isStream) return ESPIPE;
  if (descriptor.kind === KIND.DIRECTORY) return EISDIR;
  return descriptor.has(rights) ? descriptor : ENOTCAPABLE;
}

/** The right to seek includes that to ask for the position. */
function tellable(sandbox: Sandbox, fd: number): Descriptor | number {
  const descriptor = seekable(sandbox, fd, 0);
  if (typeof descriptor === 'number') return descriptor;
  return descriptor.has(FD_SEEK) || descriptor.has(FD_TELL) ? descriptor : ENOTCAPABLE;
}

function synchronized(sandbox: Sandbox, fd: number, right: number): number {
  const descriptor = descriptorOf(sandbox, fd);
  if (descriptor === undefined) return EBADF;
  if (descriptor.isStream) return EINVAL;
  return descriptor.has(right) ? SUCCESS : ENOTCAPABLE;
}

/** Offsets and sizes are u64 and were meant as i64: -1 for one that is none. Above 2^53 it is not exact, and beyond every file. */
function offsetOf(value: bigint): number {
  const offset = Number(BigInt.asIntN(64, value));
  return offset < 0 ? -1 : offset;
}

function isWhence(whence: number): boolean {
  return whence >= WHENCE_SET && whence <= WHENCE_END;
}

/** What a seek counts from, or an errno below zero. */
function startOf(descriptor: Descriptor, whence: number): number {
  if (whence === WHENCE_SET) return 0;
  return whence === WHENCE_CUR ? descriptor.position : sizeOf(descriptor);
}

/** Or an errno below zero. */
function sizeOf(descriptor: Descriptor): number {
  const stat = fileOf(descriptor).stat();
  return typeof stat === 'number' ? -stat : Number(stat.size);
}

function fileOf(descriptor: Descriptor): OpenFile {
  // `seekable` and the checks of kind have let only files through.
  return descriptor.file as OpenFile;
}
