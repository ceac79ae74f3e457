/**
 * What a scratch folder begins with: a copy of a host folder, read once by each thread and shared by all requests. A file of it is copied when a
 * guest writes to it (scratch.ts), so a request pays for the names alone: 0.1 µs each (100 files).
 *
 * All of it is read when a thread's first guest needs it, and once at load to see that it can be, not file by file: a folder that changes meanwhile would give one request the old and the new.
 * Rejected: writing through to the host, which would let a request see what the one before it wrote.
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { ScratchSpec } from './preopens.ts';

export type SeedEntry =
  | { readonly name: string; readonly kind: 'file'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly name: string; readonly kind: 'link'; readonly target: string }
  | { readonly name: string; readonly kind: 'folder'; readonly entries: readonly SeedEntry[] };

export type Seed = readonly SeedEntry[];

interface Left {
  bytes: number;
  files: number;
}

/** Of each scratch folder that a function of this thread has. */
const SEEDS = new WeakMap<ScratchSpec, Seed | string>();

/** The entries, or why there are none. */
export function seedOf(scratch: ScratchSpec): Seed | string {
  const known = SEEDS.get(scratch);
  if (known !== undefined) return known;
  const seed = readSeed(scratch);
  SEEDS.set(scratch, seed);
  return seed;
}

/** Not kept: for whoever only wants to know whether it can be read. */
export function readSeed({ hostPath, maxBytes, maxFiles }: ScratchSpec): Seed | string {
  if (hostPath === '') return [];
  try {
    return readFolder(hostPath, { bytes: maxBytes, files: maxFiles });
  } catch (error) {
    return error instanceof SeedError ? error.message : `${hostPath}: ${String(error)}`;
  }
}

class SeedError extends Error {}

function readFolder(path: string, left: Left): SeedEntry[] {
  return readdirSync(path, { encoding: 'buffer' }).map((bytes) => {
    const name = bytes.toString('utf8');
    const place = join(path, name);
    if (!Buffer.from(name, 'utf8').equals(bytes)) throw new SeedError(`${place}: not UTF-8`);
    if (--left.files < 0) throw new SeedError(`${place}: more names than maxFiles`);
    return readEntry(place, name, left);
  });
}

function readEntry(place: string, name: string, left: Left): SeedEntry {
  const stat = lstatSync(place);
  if (stat.isDirectory()) return { name, kind: 'folder', entries: readFolder(place, left) };
  if (stat.isSymbolicLink()) {
    const target = readlinkSync(place);
    if (target.startsWith('/')) throw new SeedError(`${place}: a link to an absolute path`);
    take(place, Buffer.byteLength(target), left);
    return { name, kind: 'link', target };
  }
  if (!stat.isFile()) throw new SeedError(`${place}: neither a file nor a folder nor a link`);
  // Asked first: what is larger than memory must not be read to find that out.
  if (stat.size > left.bytes) take(place, stat.size, left);
  const bytes = readFileSync(place);
  take(place, bytes.length, left);
  return { name, kind: 'file', bytes };
}

function take(place: string, bytes: number, left: Left): void {
  left.bytes -= bytes;
  if (left.bytes < 0) throw new SeedError(`${place}: more bytes than maxBytes`);
}
