/** path_open: from a path to a descriptor, with the rules of POSIX's `openat` for what is there and what is wanted. */
import type { Sandbox } from '../sandbox.ts';
import { Descriptor, FDFLAGS, KIND } from './descriptor.ts';
import {
  EBADF,
  EEXIST,
  EFAULT,
  EINVAL,
  EISDIR,
  ELOOP,
  EMFILE,
  ENOENT,
  ENOTCAPABLE,
  ENOTDIR,
  EROFS,
  SUCCESS,
} from './errno.ts';
import { inside, store32 } from './guest-memory.ts';
import { FOLLOW, type Follow, type Place, readPath, resolvePath } from './lookup.ts';
import { type DirectoryNode, FILETYPE, type FileNode, type Node } from './node.ts';
import {
  directoryRights,
  FD_READ,
  FD_WRITE,
  fileRights,
  inheritedRights,
  PATH_CREATE_FILE,
  PATH_FILESTAT_SET_SIZE,
  PATH_OPEN,
  rightsOf,
} from './rights.ts';
import { descriptorsOf } from './state.ts';

// Bits of oflags.
const CREAT = 1;
const DIRECTORY = 2;
const EXCL = 4;
const TRUNC = 8;
const OFLAGS = CREAT | DIRECTORY | EXCL | TRUNC;

export interface OpenRequest {
  readonly flags: number;
  readonly rights: bigint;
  readonly inheriting: bigint;
  readonly fdflags: number;
}

/** Writes the new descriptor's number to `result`. An errno. */
export function openPath(
  sandbox: Sandbox,
  fd: number,
  follow: Follow,
  pointer: number,
  bytes: number,
  request: OpenRequest,
  result: number,
): number {
  const table = descriptorsOf(sandbox);
  const base = table.get(fd);
  if (base === undefined) return EBADF;
  if (base.kind !== KIND.DIRECTORY) return ENOTDIR;
  if (!base.has(neededRights(request.flags))) return ENOTCAPABLE;
  if (!isPossible(request)) return EINVAL;
  if (!inside(sandbox, result, 4)) return EFAULT;
  const path = readPath(sandbox, pointer, bytes);
  if (typeof path === 'number') return path;
  if (!table.hasRoom) return EMFILE;
  const isNew = (request.flags & (CREAT | EXCL)) === (CREAT | EXCL);
  const start = base.directory as DirectoryNode;
  const place = resolvePath(start, path, isNew ? FOLLOW.NEVER : follow);
  if (typeof place === 'number') return place;
  const node = nodeAt(place, request, base.inheriting);
  if (typeof node === 'number') return node;
  const descriptor = descriptorFor(node, request, base.inheriting);
  if (typeof descriptor === 'number') return descriptor;
  return store32(sandbox, result, table.add(descriptor));
}

function neededRights(flags: number): number {
  const creating = (flags & CREAT) === 0 ? 0 : PATH_CREATE_FILE;
  const truncating = (flags & TRUNC) === 0 ? 0 : PATH_FILESTAT_SET_SIZE;
  return PATH_OPEN | creating | truncating;
}

function isPossible({ flags, fdflags }: OpenRequest): boolean {
  if ((flags & ~OFLAGS) !== 0 || (fdflags & ~FDFLAGS) !== 0) return false;
  return (flags & (CREAT | DIRECTORY)) !== (CREAT | DIRECTORY);
}

/** What is there, or is made there. */
function nodeAt(
  { parent, name, node, isDirectory }: Place,
  { flags, rights }: OpenRequest,
  inherited: number,
): Node | number {
  if (node !== undefined) {
    if ((flags & CREAT) !== 0 && (flags & EXCL) !== 0) return EEXIST;
    const mustBeFolder = isDirectory || (flags & DIRECTORY) !== 0;
    return mustBeFolder && node.type !== FILETYPE.DIRECTORY ? ENOTDIR : node;
  }
  if ((flags & CREAT) === 0) return ENOENT;
  if (isDirectory || parent === undefined) return EISDIR;
  // Before it is made: a call that fails leaves nothing behind.
  return isHandedDown(rights, inherited) ? parent.createFile(name) : ENOTCAPABLE;
}

/** Whether the folder lets a file be opened for what is asked. */
function isHandedDown(rights: bigint, inherited: number): boolean {
  return (rightsOf(rights) & (FD_READ | FD_WRITE) & ~inherited) === 0;
}

function descriptorFor(node: Node, request: OpenRequest, inherited: number): Descriptor | number {
  switch (node.type) {
    case FILETYPE.DIRECTORY:
      return folderDescriptor(node, request, inherited);
    case FILETYPE.REGULAR_FILE:
      return fileDescriptor(node, request, inherited);
    case FILETYPE.SYMBOLIC_LINK:
      return ELOOP;
    default:
      return ENOTCAPABLE;
  }
}

function folderDescriptor(
  directory: DirectoryNode,
  { flags, fdflags, rights, inheriting }: OpenRequest,
  inherited: number,
): Descriptor | number {
  const asked = rightsOf(rights);
  if ((asked & FD_WRITE) !== 0 || (flags & (CREAT | TRUNC)) !== 0) return EISDIR;
  const handedDown = inheritedRights(rightsOf(inheriting), inherited);
  return new Descriptor({
    kind: KIND.DIRECTORY,
    rights: directoryRights(asked, handedDown, inherited),
    inheriting: handedDown,
    flags: fdflags,
    directory,
  });
}

function fileDescriptor(
  node: FileNode,
  { flags, fdflags, rights }: OpenRequest,
  inherited: number,
): Descriptor | number {
  const asked = rightsOf(rights);
  if (!isHandedDown(rights, inherited)) return ENOTCAPABLE;
  if (node.isReadOnly && ((asked & FD_WRITE) !== 0 || (flags & TRUNC) !== 0)) return EROFS;
  const file = node.open();
  if (typeof file === 'number') return file;
  const errno = (flags & TRUNC) === 0 ? SUCCESS : file.resize(0);
  if (errno !== SUCCESS) {
    file.close();
    return errno;
  }
  return new Descriptor({
    kind: KIND.FILE,
    rights: fileRights(asked, inherited),
    inheriting: 0,
    flags: fdflags,
    node,
    file,
  });
}
