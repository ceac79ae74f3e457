/** The calls of preview 1 on a guest that is only a memory: what a real one does with pointers is done here with numbers. */
import type { Exchange, FunctionSpec, Host, Sandbox } from '../../../src/sandbox/index.ts';
import { finishWasi, wasiImports } from '../../../src/sandbox/wasi/imports.ts';
import { type PreopenOptions, preopensOf } from '../../../src/sandbox/wasi/preopens.ts';

export const E = {
  SUCCESS: 0,
  BADF: 8,
  EXIST: 20,
  FAULT: 21,
  FBIG: 22,
  ILSEQ: 25,
  INVAL: 28,
  ISDIR: 31,
  LOOP: 32,
  MFILE: 33,
  NAMETOOLONG: 37,
  NFILE: 41,
  NOENT: 44,
  NOSPC: 51,
  NOTDIR: 54,
  NOTEMPTY: 55,
  NOTSOCK: 57,
  NOTSUP: 58,
  PERM: 63,
  ROFS: 69,
  SPIPE: 70,
  XDEV: 75,
  NOTCAPABLE: 76,
} as const;

export const CREAT = 1;
export const DIRECTORY = 2;
export const EXCL = 4;
export const TRUNC = 8;
export const APPEND = 1;
export const FD_READ = 2n;
export const FD_WRITE = 64n;
export const ALL_RIGHTS = 2n ** 64n - 1n;

export const MEMORY_BYTES = 65536;
// Where arguments and results of a call lie.
const PATH = 1024;
const PATH2 = 8192;
const IOVEC = 16;
const RESULT = 64;
export const BUFFER = 16384;

type Call = (...args: (number | bigint)[]) => number;

export interface OpenOptions {
  readonly flags?: number;
  readonly rights?: bigint;
  readonly inheriting?: bigint;
  readonly fdflags?: number;
  readonly follow?: boolean;
}

export interface Stat {
  readonly type: number;
  readonly nlink: number;
  readonly size: number;
  readonly ino: bigint;
  readonly atim: bigint;
  readonly mtim: bigint;
}

export class FakeGuest {
  readonly sandbox: Sandbox;
  readonly calls: Record<string, Call>;
  readonly u8: Uint8Array = new Uint8Array(new SharedArrayBuffer(MEMORY_BYTES));
  readonly view: DataView = new DataView(this.u8.buffer);
  readonly host: Host;
  readonly logged: string[] = [];

  constructor(options: PreopenOptions = {}, body = '') {
    const bytes = Buffer.from(body);
    const read = (offset: number, target: Uint8Array, at: number, count: number): number => {
      const part = bytes.subarray(offset, offset + count);
      target.set(part, at);
      return part.length;
    };
    const printed = {
      length: 0,
      append(_: Uint8Array, from: number, to: number): boolean {
        printed.length += to - from;
        return true;
      },
    };
    const spec = {
      ...{ iface: 'wasi', response: 'raw', maxOutputBytes: 100, maxLogBytes: 65_536 },
      ...preopensOf(options),
    };
    this.sandbox = {
      u8: this.u8,
      spec: spec as unknown as FunctionSpec,
      exchange: {
        request: { read },
        body: printed,
        bodyOffset: 0,
        bodyBytes: bytes.length,
      } as unknown as Exchange,
      wasi: undefined,
      inputOffset: 0,
      loggedBytes: 0,
      ranNs: 0,
      switchedInNs: 0,
      doom: () => {},
    } as unknown as Sandbox;
    const log = (_: Sandbox, text: string): void => void this.logged.push(text);
    this.host = { current: this.sandbox, kernel: { log } } as unknown as Host;
    this.calls = wasiImports(this.host) as Record<string, Call>;
  }

  /** Its request has ended. */
  finish(): void {
    finishWasi(this.host, this.sandbox);
    (this.sandbox as { wasi: unknown }).wasi = undefined;
  }

  call(name: string, ...args: (number | bigint)[]): number {
    return (this.calls[name] as Call)(...args);
  }

  /** A call whose arguments are a descriptor and a path: `path_unlink_file` and the like. */
  at(name: string, fd: number, path: string): number {
    return this.call(name, fd, ...this.#text(path));
  }

  /** The descriptor, or an errno below zero. */
  open(fd: number, path: string | Uint8Array, options: OpenOptions = {}): number {
    const { flags = 0, rights = FD_READ, fdflags = 0, follow = true } = options;
    const errno = this.call(
      'path_open',
      fd,
      follow ? 1 : 0,
      ...this.#text(path),
      flags,
      rights,
      options.inheriting ?? ALL_RIGHTS,
      fdflags,
      RESULT,
    );
    return errno === 0 ? this.view.getUint32(RESULT, true) : -errno;
  }

  /** A file with this in it, closed. */
  make(fd: number, path: string, text = ''): void {
    const made = this.open(fd, path, { flags: CREAT | TRUNC, rights: FD_WRITE });
    if (made < 0) throw new Error(`${path}: errno ${-made}`);
    if (this.write(made, text) !== Buffer.byteLength(text)) throw new Error(`${path}: cut short`);
    this.call('fd_close', made);
  }

  /** All of it, or an errno below zero. */
  contents(fd: number, path: string): string | number {
    const opened = this.open(fd, path);
    if (opened < 0) return opened;
    const text = this.read(opened, 16384);
    this.call('fd_close', opened);
    return text;
  }

  /** How many bytes, or an errno below zero. */
  write(fd: number, text: string | Uint8Array): number {
    const bytes = Buffer.from(text);
    this.u8.set(bytes, BUFFER);
    this.#iovec(bytes.length);
    const errno = this.call('fd_write', fd, IOVEC, 1, RESULT);
    return errno === 0 ? this.view.getUint32(RESULT, true) : -errno;
  }

  read(fd: number, count: number): string | number {
    this.#iovec(count);
    const errno = this.call('fd_read', fd, IOVEC, 1, RESULT);
    if (errno !== 0) return -errno;
    return this.text(BUFFER, this.view.getUint32(RESULT, true));
  }

  /** Position behind it, or an errno below zero. */
  seek(fd: number, offset: number, whence: number): number {
    const errno = this.call('fd_seek', fd, BigInt(offset), whence, RESULT);
    return errno === 0 ? Number(this.view.getBigUint64(RESULT, true)) : -errno;
  }

  stat(fd: number, path?: string, follow = false): Stat | number {
    const errno =
      path === undefined
        ? this.call('fd_filestat_get', fd, RESULT)
        : this.call('path_filestat_get', fd, follow ? 1 : 0, ...this.#text(path), RESULT);
    if (errno !== 0) return -errno;
    const u64 = (at: number): bigint => this.view.getBigUint64(RESULT + at, true);
    return {
      type: this.view.getUint8(RESULT + 16),
      nlink: Number(u64(24)),
      size: Number(u64(32)),
      ino: u64(8),
      atim: u64(40),
      mtim: u64(48),
    };
  }

  rename(fd: number, from: string, toFd: number, to: string): number {
    return this.call('path_rename', fd, ...this.#text(from), toFd, ...this.#text(to, PATH2));
  }

  link(fd: number, from: string, toFd: number, to: string): number {
    return this.call('path_link', fd, 0, ...this.#text(from), toFd, ...this.#text(to, PATH2));
  }

  symlink(target: string, fd: number, path: string): number {
    return this.call('path_symlink', ...this.#text(target), fd, ...this.#text(path, PATH2));
  }

  readlink(fd: number, path: string, room = 100): string | number {
    const errno = this.call('path_readlink', fd, ...this.#text(path), BUFFER, room, RESULT);
    return errno === 0 ? this.text(BUFFER, this.view.getUint32(RESULT, true)) : -errno;
  }

  /** Names in a folder, read in pieces of `room` bytes, or an errno below zero. */
  list(fd: number, room = 256): string[] | number {
    const names: string[] = [];
    for (let cookie = 0n; ; ) {
      const errno = this.call('fd_readdir', fd, BUFFER, room, cookie, RESULT);
      if (errno !== 0) return -errno;
      const end = BUFFER + this.view.getUint32(RESULT, true);
      const known = names.length;
      for (let at = BUFFER; at + 24 <= end; ) {
        const bytes = this.view.getUint32(at + 16, true);
        if (at + 24 + bytes > end) break;
        names.push(this.text(at + 24, bytes));
        cookie = this.view.getBigUint64(at, true);
        at += 24 + bytes;
      }
      if (end < BUFFER + room) return names;
      if (names.length === known) throw new Error(`${room} bytes hold no entry`);
    }
  }

  rights(fd: number): { base: bigint; inheriting: bigint; flags: number; type: number } | number {
    const errno = this.call('fd_fdstat_get', fd, RESULT);
    if (errno !== 0) return -errno;
    return {
      type: this.view.getUint8(RESULT),
      flags: this.view.getUint16(RESULT + 2, true),
      base: this.view.getBigUint64(RESULT + 8, true),
      inheriting: this.view.getBigUint64(RESULT + 16, true),
    };
  }

  text(at: number, bytes: number): string {
    return Buffer.from(this.u8.slice(at, at + bytes)).toString('utf8');
  }

  #text(text: string | Uint8Array, at: number = PATH): [number, number] {
    const bytes = Buffer.from(text);
    this.u8.set(bytes, at);
    return [at, bytes.length];
  }

  #iovec(bytes: number): void {
    this.view.setUint32(IOVEC, BUFFER, true);
    this.view.setUint32(IOVEC + 4, bytes, true);
  }
}
