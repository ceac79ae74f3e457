/**
 * WASI preview 1 for functions: arguments from the query, CGI variables, request body on descriptor 0, response body on 1, log on
 * 2. Every function of the interface exists; those that a function has no use for answer ENOSYS (or ENOTSUP for
 * sockets), so that no module fails to link.
 *
 * Every pointer is checked: a range outside the guest's memory answers EFAULT and nothing is written.
 */
import { randomFillSync } from 'node:crypto';
import { CgiHead } from './cgi-head.ts';
import { monotonicNs, realtimeNs } from './clock.ts';
import type { Host } from './host.ts';
import { OUTCOME } from './outcome.ts';
import { argumentsOf, environmentOf } from './request-head.ts';
import { appendBody } from './response.ts';
import type { Sandbox } from './sandbox.ts';
import { UNWIND } from './unwind.ts';

// Numbers of the preview 1 witx.
const SUCCESS = 0;
const EBADF = 8;
const EFAULT = 21;
const EINVAL = 28;
const ENOSYS = 52;
const ENOTSUP = 58;
const ESPIPE = 70;

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const CLOCK_REALTIME = 0;
const CLOCK_THREAD_CPUTIME = 3;
const FILETYPE_CHARACTER_DEVICE = 2;
const FDFLAGS_APPEND = 1;
const RIGHT_FD_READ = 2n;
const RIGHT_FD_WRITE = 64n;
const WHENCE_MAX = 2;
const IOVECS_MAX = 1024;
/** crypto fills at most this much at once from a shared view's copy. */
const RANDOM_BYTES_MAX = 65536;
const LOG_LINE_BYTES_MAX = 8192;
/** What a request may log in all: a guest in a loop must not fill the operator's disk. */
const LOG_BYTES_MAX = 65536;

const UNSUPPORTED = [
  'fd_advise',
  'fd_allocate',
  'fd_datasync',
  'fd_fdstat_set_flags',
  'fd_fdstat_set_rights',
  'fd_filestat_get',
  'fd_filestat_set_size',
  'fd_filestat_set_times',
  'fd_pread',
  'fd_prestat_dir_name',
  'fd_pwrite',
  'fd_readdir',
  'fd_renumber',
  'fd_sync',
  'fd_tell',
  'path_create_directory',
  'path_filestat_get',
  'path_filestat_set_times',
  'path_link',
  'path_open',
  'path_readlink',
  'path_remove_directory',
  'path_rename',
  'path_symlink',
  'path_unlink_file',
  'poll_oneoff',
  'proc_raise',
] as const;
const SOCKETS = ['sock_accept', 'sock_recv', 'sock_send', 'sock_shutdown'] as const;

/** What a request's WASI calls keep. Made at the first call that needs it. */
class WasiState {
  args: Strings | undefined = undefined;
  environment: Strings | undefined = undefined;
  cgi: CgiHead | undefined = undefined;
  log = '';
  /** Bit fd = closed. */
  closed = 0;
}

/** A list of NUL-terminated strings as the guest wants it. */
class Strings {
  readonly bytes: Uint8Array;
  readonly offsets: readonly number[];

  constructor(list: readonly string[]) {
    this.bytes = Buffer.from(list.map((s) => `${s}\0`).join(''), 'latin1');
    const offsets: number[] = [];
    let at = 0;
    for (const s of list) {
      offsets.push(at);
      at += s.length + 1;
    }
    this.offsets = offsets;
  }
}

export function wasiImports(host: Host): Record<string, unknown> {
  const imports: Record<string, unknown> = {
    args_sizes_get: (count: number, bytes: number): number =>
      sizes(host.current, argsOf, count, bytes),
    args_get: (pointers: number, buffer: number): number =>
      strings(host.current, argsOf, pointers, buffer),
    environ_sizes_get: (count: number, bytes: number): number =>
      sizes(host.current, environmentStrings, count, bytes),
    environ_get: (pointers: number, buffer: number): number =>
      strings(host.current, environmentStrings, pointers, buffer),

    clock_res_get: (clock: number, result: number): number => {
      if (clock < CLOCK_REALTIME || clock > CLOCK_THREAD_CPUTIME) return EINVAL;
      return store64(host.current, result, 1000n);
    },

    clock_time_get: (clock: number, _precision: bigint, result: number): number => {
      if (clock < CLOCK_REALTIME || clock > CLOCK_THREAD_CPUTIME) return EINVAL;
      return store64(host.current, result, BigInt(Math.round(clockNs(host.current, clock))));
    },

    fd_read: (fd: number, iovs: number, count: number, result: number): number => {
      const sandbox = host.current;
      if (!isOpen(sandbox, fd) || fd !== STDIN) return EBADF;
      const vectors = iovecs(sandbox, iovs, count);
      if (typeof vectors === 'number') return vectors;
      if (!inside(sandbox, result, 4)) return EFAULT;
      const exchange = sandbox.exchange as NonNullable<Sandbox['exchange']>;
      let read = 0;
      for (let i = 0; i < vectors.length; i += 2) {
        const n = exchange.request.read(
          exchange.bodyOffset + sandbox.inputOffset,
          sandbox.u8,
          vectors[i] as number,
          vectors[i + 1] as number,
        );
        sandbox.inputOffset += n;
        read += n;
        if (n < (vectors[i + 1] as number)) break;
      }
      return store32(sandbox, result, read);
    },

    fd_write: (fd: number, iovs: number, count: number, result: number): number => {
      const sandbox = host.current;
      if (!isOpen(sandbox, fd) || (fd !== STDOUT && fd !== STDERR)) return EBADF;
      const vectors = iovecs(sandbox, iovs, count);
      if (typeof vectors === 'number') return vectors;
      if (!inside(sandbox, result, 4)) return EFAULT;
      let written = 0;
      for (let i = 0; i < vectors.length; i += 2) {
        const bytes = vectors[i + 1] as number;
        if (fd === STDOUT) printed(sandbox, vectors[i] as number, bytes);
        else logged(host, sandbox, vectors[i] as number, bytes);
        written += bytes;
      }
      return store32(sandbox, result, written);
    },

    fd_close: (fd: number): number => {
      const sandbox = host.current;
      if (!isOpen(sandbox, fd)) return EBADF;
      stateOf(sandbox).closed |= 1 << fd;
      return SUCCESS;
    },

    fd_fdstat_get: (fd: number, result: number): number => {
      const sandbox = host.current;
      if (!isOpen(sandbox, fd)) return EBADF;
      if (!inside(sandbox, result, 24)) return EFAULT;
      const view = viewOf(sandbox);
      const at = result >>> 0;
      // A character device, as a pipe is for wasi-libc: it buffers stdout by lines and does not try to seek.
      view.setUint32(at, FILETYPE_CHARACTER_DEVICE, true);
      view.setUint16(at + 2, fd === STDIN ? 0 : FDFLAGS_APPEND, true);
      view.setUint32(at + 4, 0, true);
      view.setBigUint64(at + 8, fd === STDIN ? RIGHT_FD_READ : RIGHT_FD_WRITE, true);
      view.setBigUint64(at + 16, 0n, true);
      return SUCCESS;
    },

    fd_seek: (fd: number, _offset: bigint, whence: number, _result: number): number => {
      if (!isOpen(host.current, fd)) return EBADF;
      return whence < 0 || whence > WHENCE_MAX ? EINVAL : ESPIPE;
    },

    // No folders are preopened: wasi-libc asks from 3 on until it hears EBADF.
    fd_prestat_get: (): number => EBADF,

    random_get: (pointer: number, bytes: number): number => {
      const sandbox = host.current;
      if (!inside(sandbox, pointer, bytes)) return EFAULT;
      const { u8 } = sandbox;
      const end = (pointer >>> 0) + (bytes >>> 0);
      for (let at = pointer >>> 0; at < end; at += RANDOM_BYTES_MAX) {
        const n = Math.min(RANDOM_BYTES_MAX, end - at);
        // Filled aside: the generator may write a buffer more than once, and this one is shared.
        u8.set(randomFillSync(new Uint8Array(n)), at);
      }
      return SUCCESS;
    },

    proc_exit: (code: number): void => {
      const sandbox = host.current;
      sandbox.exitCode = code >>> 0;
      if (code === 0) sandbox.doom(OUTCOME.OK, '');
      else sandbox.doom(OUTCOME.EXIT, `the function ended with exit code ${code >>> 0}`);
      throw UNWIND;
    },

    sched_yield: (): number => SUCCESS,
  };
  for (const name of UNSUPPORTED) imports[name] = (): number => ENOSYS;
  for (const name of SOCKETS) imports[name] = (): number => ENOTSUP;
  return imports;
}

/** Call when the guest has ended: hands over what stands in its log buffer and checks a CGI head. */
export function finishWasi(host: Host, sandbox: Sandbox): void {
  const state = sandbox.wasi as WasiState | undefined;
  if (state !== undefined && state.log !== '') {
    host.kernel.log(sandbox, state.log);
    state.log = '';
  }
  if (sandbox.spec.response === 'cgi' && sandbox.outcome === OUTCOME.OK) {
    // proc_exit(0) has fixed OK as the end; a head without its end may still be the first failure.
    sandbox.isDoomed = false;
    cgiOf(sandbox).finish(sandbox);
  }
}

function stateOf(sandbox: Sandbox): WasiState {
  sandbox.wasi ??= new WasiState();
  return sandbox.wasi as WasiState;
}

function cgiOf(sandbox: Sandbox): CgiHead {
  const state = stateOf(sandbox);
  state.cgi ??= new CgiHead();
  return state.cgi;
}

function isOpen(sandbox: Sandbox, fd: number): boolean {
  if (fd < STDIN || fd > STDERR) return false;
  const state = sandbox.wasi as WasiState | undefined;
  return state === undefined || (state.closed & (1 << fd)) === 0;
}

function clockNs(sandbox: Sandbox, clock: number): number {
  if (clock === CLOCK_REALTIME) return realtimeNs();
  const now = monotonicNs();
  return clock === 1 ? now : sandbox.ranNs + (now - sandbox.switchedInNs);
}

function inside(sandbox: Sandbox, pointer: number, bytes: number): boolean {
  return (pointer >>> 0) + (bytes >>> 0) <= sandbox.u8.length;
}

function viewOf(sandbox: Sandbox): DataView {
  const { u8 } = sandbox;
  return new DataView(u8.buffer, u8.byteOffset, u8.length);
}

function store32(sandbox: Sandbox, pointer: number, value: number): number {
  if (!inside(sandbox, pointer, 4)) return EFAULT;
  viewOf(sandbox).setUint32(pointer >>> 0, value, true);
  return SUCCESS;
}

function store64(sandbox: Sandbox, pointer: number, value: bigint): number {
  if (!inside(sandbox, pointer, 8)) return EFAULT;
  viewOf(sandbox).setBigUint64(pointer >>> 0, value, true);
  return SUCCESS;
}

/** Pairs of address and length, all checked, or an errno. */
function iovecs(sandbox: Sandbox, pointer: number, count: number): number[] | number {
  const n = count >>> 0;
  if (n > IOVECS_MAX) return EINVAL;
  if (!inside(sandbox, pointer, n * 8)) return EFAULT;
  const view = viewOf(sandbox);
  const pairs: number[] = [];
  for (let i = 0; i < n; i++) {
    const at = view.getUint32((pointer >>> 0) + i * 8, true);
    const bytes = view.getUint32((pointer >>> 0) + i * 8 + 4, true);
    if (!inside(sandbox, at, bytes)) return EFAULT;
    pairs.push(at, bytes);
  }
  return pairs;
}

function argsOf(sandbox: Sandbox): Strings {
  const state = stateOf(sandbox);
  const exchange = sandbox.exchange as NonNullable<Sandbox['exchange']>;
  state.args ??= new Strings(argumentsOf(exchange, sandbox.spec));
  return state.args;
}

function environmentStrings(sandbox: Sandbox): Strings {
  const state = stateOf(sandbox);
  const exchange = sandbox.exchange as NonNullable<Sandbox['exchange']>;
  state.environment ??= new Strings(environmentOf(exchange, sandbox.spec));
  return state.environment;
}

function sizes(
  sandbox: Sandbox,
  of: (s: Sandbox) => Strings,
  count: number,
  bytes: number,
): number {
  const list = of(sandbox);
  if (!inside(sandbox, count, 4) || !inside(sandbox, bytes, 4)) return EFAULT;
  store32(sandbox, count, list.offsets.length);
  return store32(sandbox, bytes, list.bytes.length);
}

function strings(
  sandbox: Sandbox,
  of: (s: Sandbox) => Strings,
  pointers: number,
  buffer: number,
): number {
  const list = of(sandbox);
  if (!inside(sandbox, pointers, list.offsets.length * 4)) return EFAULT;
  if (!inside(sandbox, buffer, list.bytes.length)) return EFAULT;
  const view = viewOf(sandbox);
  list.offsets.forEach((offset, i) => {
    view.setUint32((pointers >>> 0) + i * 4, (buffer >>> 0) + offset, true);
  });
  sandbox.u8.set(list.bytes, buffer >>> 0);
  return SUCCESS;
}

function printed(sandbox: Sandbox, at: number, bytes: number): void {
  if (sandbox.spec.response === 'raw') {
    appendBody(sandbox, sandbox.u8, at, bytes);
  } else if (!cgiOf(sandbox).write(sandbox, sandbox.u8, at, bytes)) {
    throw UNWIND;
  }
}

/** Collects whole lines, since a guest may print one in several writes. */
function logged(host: Host, sandbox: Sandbox, at: number, bytes: number): void {
  const room = Math.min(bytes, LOG_BYTES_MAX - sandbox.loggedBytes);
  if (room <= 0) return;
  sandbox.loggedBytes += room;
  const state = stateOf(sandbox);
  state.log += Buffer.from(sandbox.u8.slice(at, at + room)).toString('utf8');
  const end = state.log.lastIndexOf('\n');
  if (end >= 0 || state.log.length > LOG_LINE_BYTES_MAX) {
    const cut = end >= 0 ? end + 1 : state.log.length;
    host.kernel.log(sandbox, state.log.slice(0, cut));
    state.log = state.log.slice(cut);
  }
}
