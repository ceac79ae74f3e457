/**
 * The descriptors of one request. 0, 1 and 2 are the streams, the folders follow in the order of the configuration, the scratch folder is
 * the last of them. A new descriptor gets the lowest free number, as POSIX has it. At most `maxOpenFiles` are open at once, the first ones
 * included, so no number is that high.
 */
import { OUTCOME } from '../outcome.ts';
import type { Sandbox } from '../sandbox.ts';
import { UNWIND } from '../unwind.ts';
import { realtimeOf } from './clocks.ts';
import { Descriptor, KIND, streamDescriptor } from './descriptor.ts';
import { EBADF, SUCCESS } from './errno.ts';
import { openHostFolder } from './host-folder.ts';
import type { DirectoryNode, Entry } from './node.ts';
import type { ScratchSpec } from './preopens.ts';
import { DIRECTORY_RIGHTS, INHERITED_RIGHTS } from './rights.ts';
import { createScratch } from './scratch.ts';
import { seedOf } from './seed.ts';

/** Entries in all lists of a request, but for the newest one, which is kept whatever its length: some 10 MB. */
const LISTED_ENTRIES_MAX = 65_536;

export class DescriptorTable {
  readonly #descriptors: (Descriptor | undefined)[];
  readonly #descriptorsMax: number;
  #open: number;
  /** Folders whose listing is kept, the oldest listing first; of closed ones there is none. */
  #listed: Descriptor[] = [];

  constructor(sandbox: Sandbox) {
    const { folders, scratch, maxOpenFiles } = sandbox.spec;
    this.#descriptorsMax = maxOpenFiles;
    this.#descriptors = [
      streamDescriptor(KIND.STDIN),
      streamDescriptor(KIND.STDOUT),
      streamDescriptor(KIND.STDERR),
    ];
    for (const { guestPath, hostPath } of folders) {
      this.#descriptors.push(preopened(guestPath, openHostFolder(hostPath)));
    }
    if (scratch !== undefined) {
      this.#descriptors.push(preopened(scratch.guestPath, scratchOf(sandbox, scratch)));
    }
    this.#open = this.#descriptors.length;
  }

  get hasRoom(): boolean {
    return this.#open < this.#descriptorsMax;
  }

  get(fd: number): Descriptor | undefined {
    return this.#descriptors[fd >>> 0];
  }

  /** Its number. Ask `hasRoom` first. */
  add(descriptor: Descriptor): number {
    let fd = this.#descriptors.indexOf(undefined);
    if (fd < 0) fd = this.#descriptors.length;
    this.#descriptors[fd] = descriptor;
    this.#open++;
    return fd;
  }

  close(fd: number): number {
    const descriptor = this.get(fd);
    if (descriptor === undefined) return EBADF;
    descriptor.close();
    this.#descriptors[fd >>> 0] = undefined;
    this.#open--;
    return SUCCESS;
  }

  /** Closes `to`, which must be open, too, and gives its number to what `from` was. */
  renumber(from: number, to: number): number {
    const descriptor = this.get(from);
    if (descriptor === undefined || this.get(to) === undefined) return EBADF;
    if (from === to) return SUCCESS;
    this.close(to);
    this.#descriptors[to >>> 0] = descriptor;
    this.#descriptors[from >>> 0] = undefined;
    return SUCCESS;
  }

  /** Forgets the oldest ones where they would be too much: each descriptor of a large folder could hold one. */
  keepListing(descriptor: Descriptor, listing: readonly Entry[]): void {
    descriptor.listing = undefined;
    const older = this.#listed.filter((other) => other.listing !== undefined);
    let entries = listing.length;
    for (const { listing: kept } of older) entries += kept?.length ?? 0;
    while (entries > LISTED_ENTRIES_MAX && older.length > 0) {
      const oldest = older.shift() as Descriptor;
      entries -= oldest.listing?.length ?? 0;
      oldest.listing = undefined;
    }
    descriptor.listing = listing;
    this.#listed = [...older, descriptor];
  }

  closeAll(): void {
    for (const descriptor of this.#descriptors) descriptor?.close();
    this.#descriptors.length = 0;
    this.#open = 0;
  }
}

/** Ends the guest when what the folder begins with is not there: it was when the function was loaded, but this thread is the first to need it. */
function scratchOf(sandbox: Sandbox, scratch: ScratchSpec): DirectoryNode {
  const seed = seedOf(scratch);
  if (typeof seed === 'string') {
    sandbox.doom(OUTCOME.INTERNAL, `scratch.from: ${seed}`);
    throw UNWIND;
  }
  // It was read within the limits.
  return createScratch(scratch, seed, () => realtimeOf(sandbox)) as DirectoryNode;
}

function preopened(guestPath: string, directory: DirectoryNode): Descriptor {
  return new Descriptor({
    kind: KIND.DIRECTORY,
    rights: DIRECTORY_RIGHTS,
    inheriting: INHERITED_RIGHTS,
    flags: 0,
    directory,
    preopen: guestPath,
  });
}
