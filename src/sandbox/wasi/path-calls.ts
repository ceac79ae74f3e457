/**
 * The path_* calls: what a guest does with names below a folder that it holds. Which path means what is lookup.ts's part, what a folder
 * does with a name that of scratch.ts and host-folder.ts; here are the rules of preview 1 and POSIX between them.
 *
 * Errors are looked for in this order: the descriptor (EBADF, ENOTDIR), its rights (ENOTCAPABLE), flags (EINVAL), the pointers (EFAULT),
 * the path (EILSEQ, ENAMETOOLONG, …), what is there.
 */
import type { Host } from '../host.ts';
import type { Sandbox } from '../sandbox.ts';
import { KIND } from './descriptor.ts';
import {
  EBADF,
  EEXIST,
  EFAULT,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOTCAPABLE,
  ENOTDIR,
  EPERM,
  EROFS,
  EXDEV,
} from './errno.ts';
import { FILESTAT_BYTES, storeFilestat, timesOf } from './filestat.ts';
import { inside, store32, storeBytes } from './guest-memory.ts';
import { FOLLOW, type Follow, type Place, readPath, resolvePath } from './lookup.ts';
import { type DirectoryNode, FILETYPE, type Node } from './node.ts';
import { openPath } from './open.ts';
import {
  PATH_CREATE_DIRECTORY,
  PATH_FILESTAT_GET,
  PATH_FILESTAT_SET_TIMES,
  PATH_LINK_SOURCE,
  PATH_LINK_TARGET,
  PATH_READLINK,
  PATH_REMOVE_DIRECTORY,
  PATH_RENAME_SOURCE,
  PATH_RENAME_TARGET,
  PATH_SYMLINK,
  PATH_UNLINK_FILE,
} from './rights.ts';
import { descriptorOf } from './state.ts';

const LOOKUP_SYMLINK_FOLLOW = 1;

export function pathCalls(host: Host): Record<string, unknown> {
  return {
    path_open: (
      fd: number,
      lookup: number,
      path: number,
      bytes: number,
      flags: number,
      rights: bigint,
      inheriting: bigint,
      fdflags: number,
      result: number,
    ): number => {
      const sandbox = host.current;
      const follow = followOf(lookup);
      if (follow === undefined) return descriptorOf(sandbox, fd) === undefined ? EBADF : EINVAL;
      const asked = { flags, rights, inheriting, fdflags };
      return openPath(sandbox, fd, follow, path, bytes, asked, result);
    },

    path_filestat_get: (
      fd: number,
      lookup: number,
      path: number,
      bytes: number,
      result: number,
    ): number => {
      const sandbox = host.current;
      const directory = folderOf(sandbox, fd, PATH_FILESTAT_GET);
      if (typeof directory === 'number') return directory;
      const follow = followOf(lookup);
      if (follow === undefined) return EINVAL;
      if (!inside(sandbox, result, FILESTAT_BYTES)) return EFAULT;
      const node = existing(sandbox, directory, path, bytes, follow);
      if (typeof node === 'number') return node;
      const stat = node.stat();
      return typeof stat === 'number' ? stat : storeFilestat(sandbox, result, stat);
    },

    path_filestat_set_times: (
      fd: number,
      lookup: number,
      path: number,
      bytes: number,
      atim: bigint,
      mtim: bigint,
      flags: number,
    ): number => {
      const sandbox = host.current;
      const directory = folderOf(sandbox, fd, PATH_FILESTAT_SET_TIMES);
      if (typeof directory === 'number') return directory;
      const follow = followOf(lookup);
      if (follow === undefined) return EINVAL;
      const times = timesOf(sandbox, atim, mtim, flags);
      if (typeof times === 'number') return times;
      const node = existing(sandbox, directory, path, bytes, follow);
      return typeof node === 'number' ? node : node.setTimes(times.atim, times.mtim);
    },

    path_create_directory: (fd: number, path: number, bytes: number): number => {
      const directory = folderOf(host.current, fd, PATH_CREATE_DIRECTORY);
      if (typeof directory === 'number') return directory;
      const place = placeOf(host.current, directory, path, bytes);
      if (typeof place === 'number') return place;
      if (place.parent === undefined || place.node !== undefined) return EEXIST;
      return place.parent.createDirectory(place.name);
    },

    path_remove_directory: (fd: number, path: number, bytes: number): number => {
      const directory = folderOf(host.current, fd, PATH_REMOVE_DIRECTORY);
      if (typeof directory === 'number') return directory;
      const place = placeOf(host.current, directory, path, bytes);
      if (typeof place === 'number') return place;
      // `.` and `..`: a folder cannot be taken away under the feet of who stands in it.
      if (place.parent === undefined) return EINVAL;
      if (place.node === undefined) return ENOENT;
      return place.parent.removeDirectory(place.name);
    },

    path_unlink_file: (fd: number, path: number, bytes: number): number => {
      const directory = folderOf(host.current, fd, PATH_UNLINK_FILE);
      if (typeof directory === 'number') return directory;
      const place = placeOf(host.current, directory, path, bytes);
      if (typeof place === 'number') return place;
      if (place.parent === undefined) return directory.isReadOnly ? EROFS : EISDIR;
      if (place.node === undefined) return ENOENT;
      if (place.isDirectory && place.node.type !== FILETYPE.DIRECTORY) return ENOTDIR;
      return place.parent.unlink(place.name);
    },

    path_rename: (
      fd: number,
      path: number,
      bytes: number,
      toFd: number,
      toPath: number,
      toBytes: number,
    ): number => {
      const sandbox = host.current;
      const from = folderOf(sandbox, fd, PATH_RENAME_SOURCE);
      if (typeof from === 'number') return from;
      const to = folderOf(sandbox, toFd, PATH_RENAME_TARGET);
      if (typeof to === 'number') return to;
      const source = placeOf(sandbox, from, path, bytes);
      if (typeof source === 'number') return source;
      const target = placeOf(sandbox, to, toPath, toBytes);
      if (typeof target === 'number') return target;
      return renamed(source, target);
    },

    path_link: (
      fd: number,
      lookup: number,
      path: number,
      bytes: number,
      toFd: number,
      toPath: number,
      toBytes: number,
    ): number => {
      const sandbox = host.current;
      const from = folderOf(sandbox, fd, PATH_LINK_SOURCE);
      if (typeof from === 'number') return from;
      const to = folderOf(sandbox, toFd, PATH_LINK_TARGET);
      if (typeof to === 'number') return to;
      // A second name is given to the link itself: engines of today agree on refusing the other.
      if (lookup !== 0) return EINVAL;
      const source = existing(sandbox, from, path, bytes, FOLLOW.NEVER);
      if (typeof source === 'number') return source;
      const target = placeOf(sandbox, to, toPath, toBytes);
      if (typeof target === 'number') return target;
      if (target.parent === undefined || target.node !== undefined) return taken(target);
      if (target.isDirectory) return ENOENT;
      if (source.type === FILETYPE.DIRECTORY) return EPERM;
      return source.isReadOnly && !target.parent.isReadOnly
        ? EXDEV
        : target.parent.link(target.name, source);
    },

    path_symlink: (
      text: number,
      textBytes: number,
      fd: number,
      path: number,
      bytes: number,
    ): number => {
      const sandbox = host.current;
      const directory = folderOf(sandbox, fd, PATH_SYMLINK);
      if (typeof directory === 'number') return directory;
      const target = readPath(sandbox, text, textBytes);
      if (typeof target === 'number') return target;
      if (target === '') return ENOENT;
      // It could not be followed, and an error here is easier to understand.
      if (target.startsWith('/')) return ENOTCAPABLE;
      const place = placeOf(sandbox, directory, path, bytes);
      if (typeof place === 'number') return place;
      if (place.parent === undefined || place.node !== undefined) return taken(place);
      return place.isDirectory ? ENOENT : place.parent.createLink(place.name, target);
    },

    path_readlink: (
      fd: number,
      path: number,
      bytes: number,
      buffer: number,
      room: number,
      result: number,
    ): number => {
      const sandbox = host.current;
      const directory = folderOf(sandbox, fd, PATH_READLINK);
      if (typeof directory === 'number') return directory;
      if (!inside(sandbox, buffer, room) || !inside(sandbox, result, 4)) return EFAULT;
      const node = existing(sandbox, directory, path, bytes, FOLLOW.NEVER);
      if (typeof node === 'number') return node;
      if (node.type !== FILETYPE.SYMBOLIC_LINK) return EINVAL;
      const target = node.target();
      if (typeof target === 'number') return target;
      const text = Buffer.from(target, 'utf8');
      return store32(sandbox, result, storeBytes(sandbox, buffer >>> 0, text, room >>> 0));
    },
  };
}

/** Why a link cannot get the name. A slash behind what is no folder is ENOTDIR, as in every other call; Linux has EEXIST for both. */
function taken({ node, isDirectory }: Place): number {
  return isDirectory && node?.type !== FILETYPE.DIRECTORY ? ENOTDIR : EEXIST;
}

function renamed(source: Place, target: Place): number {
  if (source.node === undefined) return ENOENT;
  // `.` and `..` cannot be moved, and nothing can take their place.
  if (source.parent === undefined || target.parent === undefined) return EINVAL;
  const isFolder = source.node.type === FILETYPE.DIRECTORY;
  if ((source.isDirectory || target.isDirectory) && !isFolder) return ENOTDIR;
  if (source.parent.isReadOnly !== target.parent.isReadOnly) return EXDEV;
  return source.parent.rename(source.name, target.parent, target.name);
}

/** The folder under a descriptor that has these rights, or an errno. */
function folderOf(sandbox: Sandbox, fd: number, rights: number): DirectoryNode | number {
  const descriptor = descriptorOf(sandbox, fd);
  if (descriptor === undefined) return EBADF;
  if (descriptor.kind !== KIND.DIRECTORY) return ENOTDIR;
  return descriptor.has(rights) ? (descriptor.directory as DirectoryNode) : ENOTCAPABLE;
}

/** A link at the end is what is meant. */
function placeOf(
  sandbox: Sandbox,
  directory: DirectoryNode,
  pointer: number,
  bytes: number,
): Place | number {
  const path = readPath(sandbox, pointer, bytes);
  return typeof path === 'number' ? path : resolvePath(directory, path, FOLLOW.NEVER);
}

function existing(
  sandbox: Sandbox,
  directory: DirectoryNode,
  pointer: number,
  bytes: number,
  follow: Follow,
): Node | number {
  const path = readPath(sandbox, pointer, bytes);
  if (typeof path === 'number') return path;
  const place = resolvePath(directory, path, follow);
  if (typeof place === 'number') return place;
  const { node, isDirectory } = place;
  if (node === undefined) return ENOENT;
  return isDirectory && node.type !== FILETYPE.DIRECTORY ? ENOTDIR : node;
}

/** Undefined for flags that preview 1 does not have. */
function followOf(lookup: number): Follow | undefined {
  if ((lookup & ~LOOKUP_SYMLINK_FOLLOW) !== 0) return undefined;
  return lookup === 0 ? FOLLOW.SLASH : FOLLOW.ALWAYS;
}
