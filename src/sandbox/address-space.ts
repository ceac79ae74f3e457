/**
 * How many memories this process can have. A WebAssembly.Memory reserves address space for everything that an index may reach, whatever
 * its size, so that V8 needs no bounds checks; and address space is what runs out first.
 *
 * Measured (Node 26.10, Linux 6.18, x86-64), of 100 memories each, VmSize and lines of /proc/self/maps before and behind:
 *   32-bit addresses   8.00 GiB, 2 mappings, 1 page or 65,536 at most, shared or not
 *   64-bit addresses   16.00 GiB, 2 mappings
 *   until it fails     16,364 with 32-bit addresses, 8,176 with 64-bit ones: 127.8 TiB of a user space of 128
 *   a worker thread    0.82 GiB, 35 mappings; the process without workers 1.35 GiB, 145 mappings
 *   under `ulimit -v`  40 GB: 4, 200 GB: 23; below 2 GB Node itself does not start
 * A dropped memory stays mapped until a collection finds it: 1,000 dropped ones were all there after 300 turns of the event loop, and
 * gone behind a collection of 19 ms. `new Memory` that finds no room collects its own thread's garbage and tries again (60,000 made and
 * dropped one after the other: 6.8 µs each, none failed). But where that does not help V8 ends a worker thread as if its heap were full,
 * without an error to catch. So no worker may run out, also not because of what another one has dropped: a worker counts what it has
 * dropped until it is collected (memory-pool.ts), and its part is never exceeded.
 *
 * What bounds it: the user space (from the address of the main stack, which lies at its end: 47 bits on x86-64, 48 or 39 on ARM),
 * RLIMIT_AS (containers and ulimit -v), vm.max_map_count, and with vm.overcommit_memory = 2 what may still be committed: reservations are
 * not counted there (PROT_NONE), but each memory's pages are, one at least. Other systems than Linux: 47 bits, and nothing else is known.
 */
import { readFileSync } from 'node:fs';

/** Of a memory with 32-bit addresses; one with 64-bit addresses takes two such places. */
export const MEMORY_RESERVED_BYTES: number = 8 * 2 ** 30;
const MAPS_PER_MEMORY = 2;
const PAGE_BYTES = 65_536;
const USER_BITS = 47;
/** Kept for each thread (a heap grows; measured at rest: 0.82 GiB, 35) and for code, buffers and libraries: picked above what was measured. */
const THREAD_BYTES = 2 * 2 ** 30;
const THREAD_MAPS = 128;
const OTHER_BYTES = 2 ** 30;
const OTHER_MAPS = 1024;

export type AddressSpaceBound =
  | 'user space'
  | 'RLIMIT_AS'
  | 'vm.max_map_count'
  | 'vm.overcommit_memory';

/** Infinity: there is no such limit. */
export interface AddressSpaceFacts {
  readonly userBytes: number;
  readonly limitBytes: number;
  readonly maps: number;
  readonly commitBytes: number;
  /** What the process has now. */
  readonly usedBytes: number;
  readonly usedMaps: number;
}

export interface AddressSpace {
  /** Places for memories that are left: one each, two for one with 64-bit addresses. */
  readonly memories: number;
  /** What runs out first. */
  readonly bound: AddressSpaceBound;
  /** That limit as a person would look it up. */
  readonly boundText: string;
}

/** Reads what there is; `read` gives a file's text, or undefined where there is no such file. */
export function readAddressSpace(
  read: (file: string) => string | undefined = readText,
): AddressSpaceFacts {
  const number = (file: string, pattern: RegExp): number | undefined => {
    const found = pattern.exec(read(file) ?? '')?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const maps = read('/proc/self/maps') ?? '';
  const stackEnd = /^[0-9a-f]+-([0-9a-f]+) .*\[stack\]$/m.exec(maps)?.[1];
  const isStrict = number('/proc/sys/vm/overcommit_memory', /^(\d+)/) === 2;
  const commitKb =
    (number('/proc/meminfo', /^CommitLimit:\s+(\d+)/m) ?? Number.POSITIVE_INFINITY) -
    (number('/proc/meminfo', /^Committed_AS:\s+(\d+)/m) ?? 0);
  return {
    userBytes: 2 ** (stackEnd === undefined ? USER_BITS : bitsOf(stackEnd)),
    limitBytes:
      number('/proc/self/limits', /^Max address space\s+(\d+)/m) ?? Number.POSITIVE_INFINITY,
    maps: number('/proc/sys/vm/max_map_count', /^(\d+)/) ?? Number.POSITIVE_INFINITY,
    commitBytes: isStrict ? Math.max(0, commitKb * 1024) : Number.POSITIVE_INFINITY,
    usedBytes: (number('/proc/self/status', /^VmSize:\s+(\d+)/m) ?? 0) * 1024,
    usedMaps: maps.split('\n').length - 1,
  };
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return undefined;
  }
}

/** Of a hexadecimal address that is the end of a mapping. */
function bitsOf(end: string): number {
  return Math.ceil(Math.log2(Number.parseInt(end, 16)));
}

/** For a process that is about to start `threads` threads. */
export function addressSpaceOf(facts: AddressSpaceFacts, threads: number): AddressSpace {
  const { userBytes, limitBytes, maps, commitBytes, usedBytes, usedMaps } = facts;
  const ownBytes = usedBytes + OTHER_BYTES + threads * THREAD_BYTES;
  const ownMaps = usedMaps + OTHER_MAPS + threads * THREAD_MAPS;
  const bounds: readonly AddressSpace[] = [
    {
      memories: (userBytes - ownBytes) / MEMORY_RESERVED_BYTES,
      bound: 'user space',
      boundText: `${Math.round(Math.log2(userBytes))}-bit address space`,
    },
    {
      memories: (limitBytes - ownBytes) / MEMORY_RESERVED_BYTES,
      bound: 'RLIMIT_AS',
      boundText: `RLIMIT_AS (ulimit -v) of ${Math.round(limitBytes / 2 ** 30)} GiB`,
    },
    {
      memories: (maps - ownMaps) / MAPS_PER_MEMORY,
      bound: 'vm.max_map_count',
      boundText: `vm.max_map_count of ${maps}`,
    },
    {
      memories: commitBytes / PAGE_BYTES,
      bound: 'vm.overcommit_memory',
      boundText: 'vm.overcommit_memory = 2 and what may still be committed',
    },
  ];
  const least = bounds.reduce((a, b) => (b.memories < a.memories ? b : a));
  return { ...least, memories: Math.max(0, Math.floor(least.memories)) };
}
