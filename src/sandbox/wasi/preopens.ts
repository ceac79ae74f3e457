/**
 * What a function's configuration says of files, checked when it is loaded: a folder that is missing is told to who starts the server, not
 * to who asks it. A host folder is kept as its real path, so that a link at its own end is followed now and not again at each request.
 */
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { NAME_BYTES_MAX, PATH_BYTES_MAX } from './lookup.ts';
import { readSeed } from './seed.ts';

export interface FolderSpec {
  /** Absolute, in the guest's eyes. */
  readonly guestPath: string;
  /** Absolute and real. */
  readonly hostPath: string;
}

export interface ScratchSpec {
  readonly guestPath: string;
  /** Of the host, absolute and real: what it begins with; '' = it begins empty. */
  readonly hostPath: string;
  readonly maxBytes: number;
  readonly maxFiles: number;
}

export interface PreopenSettings {
  /** `hostPath` may be relative to the working directory. */
  readonly folders: readonly FolderSpec[];
  readonly scratch: ScratchSpec | undefined;
  readonly maxOpenFiles: number;
  readonly clockResolutionNs: number;
}

/** For whoever asks for a scratch folder or the others without saying how large. */
export const FILE_DEFAULTS: {
  readonly scratchPath: string;
  readonly scratchBytes: number;
  readonly scratchFiles: number;
  readonly maxOpenFiles: number;
  readonly clockResolutionNs: number;
} = {
  scratchPath: '/tmp',
  scratchBytes: 1 << 20,
  scratchFiles: 1024,
  maxOpenFiles: 64,
  clockResolutionNs: 1000,
};

interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** The upper ends bound what one request can hold: 1024 descriptors are what many systems give a process. */
export const FILE_LIMITS: {
  readonly scratchBytes: Bounds;
  readonly scratchFiles: Bounds;
  readonly maxOpenFiles: Bounds;
  readonly clockResolutionNs: Bounds;
} = {
  scratchBytes: { min: 0, max: 1 << 28 },
  scratchFiles: { min: 0, max: 65_536 },
  maxOpenFiles: { min: 3, max: 1024 },
  clockResolutionNs: { min: 1, max: 1_000_000_000 },
};

const STREAMS = 3;

/** As a configuration or an embedder says it. */
export interface PreopenOptions {
  readonly folders?: Readonly<Record<string, string>> | undefined;
  readonly scratch?:
    | {
        readonly path?: string | undefined;
        readonly from?: string | undefined;
        readonly maxBytes?: number | undefined;
        readonly maxFiles?: number | undefined;
      }
    | undefined;
  readonly maxOpenFiles?: number | undefined;
  readonly clockResolutionNs?: number | undefined;
}

/** With the defaults filled in; nothing is checked. */
export function preopensOf(options: PreopenOptions): PreopenSettings {
  const { folders = {}, scratch } = options;
  return {
    folders: Object.entries(folders).map(([guestPath, hostPath]) => ({ guestPath, hostPath })),
    scratch: scratch && {
      guestPath: scratch.path ?? FILE_DEFAULTS.scratchPath,
      hostPath: scratch.from ?? '',
      maxBytes: scratch.maxBytes ?? FILE_DEFAULTS.scratchBytes,
      maxFiles: scratch.maxFiles ?? FILE_DEFAULTS.scratchFiles,
    },
    maxOpenFiles: options.maxOpenFiles ?? FILE_DEFAULTS.maxOpenFiles,
    clockResolutionNs: options.clockResolutionNs ?? FILE_DEFAULTS.clockResolutionNs,
  };
}

/** Why `path` cannot be what a guest calls a folder; undefined when it can. */
export function guestPathProblem(path: string): string | undefined {
  if (!path.startsWith('/')) return 'must begin with "/"';
  if (path.includes('\0')) return 'holds a NUL';
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) return `is longer than ${PATH_BYTES_MAX} bytes`;
  const names = path === '/' ? [] : path.slice(1).split('/');
  if (names.some((name) => name === '' || name === '.' || name === '..')) {
    return 'must not end in "/" nor have "//", "." or ".." in it';
  }
  return names.some((name) => Buffer.byteLength(name) > NAME_BYTES_MAX)
    ? `has a name longer than ${NAME_BYTES_MAX} bytes`
    : undefined;
}

/** Why `path` cannot be given to guests; undefined when it can. */
export function hostFolderProblem(path: string): string | undefined {
  try {
    if (!statSync(path).isDirectory()) return 'is not a folder';
    accessSync(path, constants.R_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'no such folder';
    if (code === 'EACCES' || code === 'EPERM') return 'may not be read (permission denied)';
    return `cannot be read (${code ?? message})`;
  }
}

/** The same with real paths. Throws what `refuse` makes of what is wrong. */
export function checkPreopens<T extends PreopenSettings>(
  settings: T,
  refuse: (message: string) => Error,
): T {
  const { folders, scratch, maxOpenFiles } = settings;
  checkNumbers(settings, refuse);
  const seen = new Set<string>();
  const checkGuestPath = (place: string, path: string): void => {
    const problem = guestPathProblem(path);
    if (problem !== undefined) throw refuse(`${place}: "${path}" ${problem}`);
    if (seen.has(path)) throw refuse(`${place}: "${path}" is already the path of a folder`);
    seen.add(path);
  };
  const real = folders.map(({ guestPath, hostPath }) => {
    checkGuestPath('folders', guestPath);
    const problem = hostFolderProblem(hostPath);
    if (problem !== undefined) throw refuse(`folders["${guestPath}"]: ${hostPath}: ${problem}`);
    return { guestPath, hostPath: realpathSync(resolve(hostPath)) };
  });
  if (scratch !== undefined) checkGuestPath('scratch.path', scratch.guestPath);
  const seeded = scratch && checkSeed(scratch, refuse);
  const least = STREAMS + seen.size;
  if (maxOpenFiles < least) {
    throw refuse(
      `maxOpenFiles: ${maxOpenFiles} is too few for three streams and ${seen.size} folder(s); at least ${least}`,
    );
  }
  return { ...settings, folders: real, scratch: seeded };
}

function checkSeed(scratch: ScratchSpec, refuse: (message: string) => Error): ScratchSpec {
  if (scratch.hostPath === '') return scratch;
  const problem = hostFolderProblem(scratch.hostPath);
  if (problem !== undefined) throw refuse(`scratch.from: ${scratch.hostPath}: ${problem}`);
  const real = { ...scratch, hostPath: realpathSync(resolve(scratch.hostPath)) };
  const seed = readSeed(real);
  if (typeof seed === 'string') throw refuse(`scratch.from: ${seed}`);
  return real;
}

function checkNumbers(
  { scratch, maxOpenFiles, clockResolutionNs }: PreopenSettings,
  refuse: (message: string) => Error,
): void {
  const check = (place: string, value: number, { min, max }: Bounds): void => {
    if (Number.isInteger(value) && value >= min && value <= max) return;
    throw refuse(`${place} must be a whole number from ${min} to ${max}, not ${String(value)}`);
  };
  check('maxOpenFiles', maxOpenFiles, FILE_LIMITS.maxOpenFiles);
  check('clockResolutionNs', clockResolutionNs, FILE_LIMITS.clockResolutionNs);
  if (scratch === undefined) return;
  check('scratch.maxBytes', scratch.maxBytes, FILE_LIMITS.scratchBytes);
  check('scratch.maxFiles', scratch.maxFiles, FILE_LIMITS.scratchFiles);
}
