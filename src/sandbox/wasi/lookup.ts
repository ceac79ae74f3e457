/**
 * Paths of guests: read, checked, and walked one name at a time from a folder that the guest holds.
 *
 * The walk keeps the folders that it came through, so `..` goes back to where it came from, never above the start: that is
 * ENOTCAPABLE, as is an absolute path. Links are read and walked here, under the same rule; neither file system follows one by itself.
 */
import { isUtf8 } from 'node:buffer';
import type { Sandbox } from '../sandbox.ts';
import {
  EFAULT,
  EILSEQ,
  EINVAL,
  ELOOP,
  ENAMETOOLONG,
  ENOENT,
  ENOTCAPABLE,
  ENOTDIR,
} from './errno.ts';
import { inside } from './guest-memory.ts';
import { type DirectoryNode, FILETYPE, type Node } from './node.ts';

/** Linux's PATH_MAX, NAME_MAX and its bound for links in one walk. */
export const PATH_BYTES_MAX = 4096;
export const NAME_BYTES_MAX = 255;
const LINKS_MAX = 40;

/** What becomes of a link at the end of a path. */
export const FOLLOW = {
  /** It is what the path means. */
  NEVER: 0,
  /** Only with a slash behind it. */
  SLASH: 1,
  ALWAYS: 2,
} as const;

export type Follow = (typeof FOLLOW)[keyof typeof FOLLOW];

/** Where a path ends. */
export interface Place {
  /** The folder that has the name; undefined when the path ends in `.` or `..` and so names a folder by no name. */
  readonly parent: DirectoryNode | undefined;
  readonly name: string;
  /** What is there; undefined when there is nothing of that name. */
  readonly node: Node | undefined;
  /** A slash, `.` or `..` stood at the end. */
  readonly isDirectory: boolean;
}

/** The text of a path, or an errno. */
export function readPath(sandbox: Sandbox, pointer: number, bytes: number): string | number {
  const at = pointer >>> 0;
  const count = bytes >>> 0;
  if (!inside(sandbox, at, count)) return EFAULT;
  if (count > PATH_BYTES_MAX) return ENAMETOOLONG;
  // A copy: the checks below want memory that is not shared.
  const text = Buffer.from(sandbox.u8.slice(at, at + count));
  if (!isUtf8(text)) return EILSEQ;
  if (text.includes(0)) return EINVAL;
  return text.toString('utf8');
}

/** Walks from `base`. An errno when something on the way is missing, is no folder, or would lead out. */
export function resolvePath(base: DirectoryNode, path: string, follow: Follow): Place | number {
  if (path === '') return ENOENT;
  if (path.startsWith('/')) return ENOTCAPABLE;
  const way: DirectoryNode[] = [base];
  // The next name is the last of these.
  const names = namesOf(path);
  let isDirectory = endsInDirectory(path);
  let linksLeft = LINKS_MAX;
  for (;;) {
    const name = names.pop();
    const here = way[way.length - 1] as DirectoryNode;
    if (name === undefined) return { parent: undefined, name: '.', node: here, isDirectory: true };
    if (name === '.') continue;
    if (name === '..') {
      if (way.length === 1) return ENOTCAPABLE;
      way.pop();
      continue;
    }
    if (Buffer.byteLength(name) > NAME_BYTES_MAX) return ENAMETOOLONG;
    const isLast = names.length === 0;
    const node = here.lookup(name);
    if (typeof node === 'number') {
      if (node !== ENOENT || !isLast) return node;
      return { parent: here, name, node: undefined, isDirectory };
    }
    if (node.type === FILETYPE.SYMBOLIC_LINK && (!isLast || follows(follow, isDirectory))) {
      if (linksLeft-- === 0) return ELOOP;
      const target = node.target();
      if (typeof target === 'number') return target;
      if (target.startsWith('/')) return ENOTCAPABLE;
      if (target === '') return ENOENT;
      if (isLast) isDirectory ||= endsInDirectory(target);
      names.push(...namesOf(target));
    } else if (isLast) {
      return { parent: here, name, node, isDirectory };
    } else if (node.type === FILETYPE.DIRECTORY) {
      way.push(node);
    } else {
      return ENOTDIR;
    }
  }
}

/**
 * From the last to the first, without the empty ones between slashes: `endsInDirectory` has seen what those at the end mean, and to look
 * for them at each name made a walk of 40 links quadratic (300 ms in one call; 3 without).
 */
function namesOf(path: string): string[] {
  return path
    .split('/')
    .filter((name) => name !== '')
    .reverse();
}

function follows(follow: Follow, isDirectory: boolean): boolean {
  return follow === FOLLOW.ALWAYS || (follow === FOLLOW.SLASH && isDirectory);
}

function endsInDirectory(path: string): boolean {
  return /(^|\/)\.{0,2}$/.test(path);
}
