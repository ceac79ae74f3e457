/** What a guest's descriptor stands for: one of the three streams, a file or a folder. */
import type { DirectoryNode, Entry, FileNode, OpenFile } from './node.ts';
import { STDIN_RIGHTS, STDOUT_RIGHTS } from './rights.ts';

export const KIND = { STDIN: 0, STDOUT: 1, STDERR: 2, FILE: 3, DIRECTORY: 4 } as const;

export type Kind = (typeof KIND)[keyof typeof KIND];

/** Bits of `fdflags`. APPEND changes what a write does, NONBLOCK what a read of stdin does that would wait; nothing is written behind a cache. */
export const FDFLAG_APPEND = 1;
export const FDFLAG_NONBLOCK = 4;
export const FDFLAGS: number = FDFLAG_APPEND | 2 | 4 | 8 | 16;

export interface DescriptorOptions {
  readonly kind: Kind;
  readonly rights: number;
  readonly inheriting: number;
  readonly flags: number;
  /** Of a FILE, both. */
  readonly node?: FileNode;
  readonly file?: OpenFile;
  readonly directory?: DirectoryNode;
  /** What the guest calls a folder that it has from the start. */
  readonly preopen?: string;
}

export class Descriptor {
  readonly kind: Kind;
  readonly node: FileNode | undefined;
  readonly file: OpenFile | undefined;
  readonly directory: DirectoryNode | undefined;
  readonly preopen: string | undefined;
  rights: number;
  inheriting: number;
  flags: number;
  position = 0;
  /** What fd_readdir found when it was last asked for the start: its cookies count in this. Set by the table, which bounds them. */
  listing: readonly Entry[] | undefined = undefined;

  constructor(options: DescriptorOptions) {
    this.kind = options.kind;
    this.rights = options.rights;
    this.inheriting = options.inheriting;
    this.flags = options.flags;
    this.node = options.node;
    this.file = options.file;
    this.directory = options.directory;
    this.preopen = options.preopen;
  }

  get isStream(): boolean {
    return this.kind <= KIND.STDERR;
  }

  has(rights: number): boolean {
    return (this.rights & rights) === rights;
  }

  close(): void {
    this.listing = undefined;
    this.file?.close();
  }
}

export function streamDescriptor(kind: Kind): Descriptor {
  return new Descriptor({
    kind,
    rights: kind === KIND.STDIN ? STDIN_RIGHTS : STDOUT_RIGHTS,
    inheriting: 0,
    flags: kind === KIND.STDIN ? 0 : FDFLAG_APPEND,
  });
}
