/**
 * How many sandboxes and memories a worker may have: found out once, at start, from the address space that the process has
 * (sandbox/address-space.ts), so that a setting that cannot be is refused there and not met as a failed request at noon.
 *
 *   process   places for memories that address space, mappings and limits leave, without the runtime's own: the arena, a control memory
 *             for each worker, and one that Node itself makes in each thread (measured: 16.9 GiB more for each worker)
 *   worker    an equal part of them: workers make memories without asking each other
 *   sandboxes a quarter of that by default: a dropped memory stays mapped until a collection, a sandbox may have several
 *             memories, and a second runtime in the process shall find room, too. At least 8, at most all of it.
 */
import { type AddressSpace, addressSpaceOf, readAddressSpace } from '../sandbox/index.ts';
import type { SandboxLimits } from './api.ts';
import { LugeError } from './errors.ts';

/** Beside the workers: ticker, listener, the key-value store's writer, one that the embedder may start. */
const OTHER_THREADS = 4;
/** The arena and the key-value store; the others come with threads and workers. */
const OWN_MEMORIES = 2;
const DEFAULT_PART = 4;
/** Where there are few, a quarter would be too little to take turns with. */
const DEFAULT_MIN = 8;
/** More than any machine has memory for: a suspended sandbox of one page takes about 20 KB beside it. */
const SANDBOXES_MAX = 65_536;

/** Memories that the runtime takes for itself. */
export function ownMemories(workers: number): number {
  return OWN_MEMORIES + OTHER_THREADS + 2 * workers;
}

/** Throws a LugeError for a number that is none, or that the address space cannot hold. */
export function sandboxLimits(
  wanted: number | undefined,
  workers: number,
  space: AddressSpace = addressSpaceOf(readAddressSpace(), workers + OTHER_THREADS),
): SandboxLimits {
  const memories = Math.max(0, space.memories - ownMemories(workers));
  const perWorker = Math.floor(memories / workers);
  if (perWorker === 0)
    throw noRoom(`${workers} worker(s) have no room for a sandbox each`, { ...space, memories });
  if (wanted !== undefined) {
    if (!Number.isInteger(wanted) || wanted < 1 || wanted > SANDBOXES_MAX) {
      throw new LugeError(
        'ERR_INVALID_ARGUMENT',
        500,
        `createRuntime: maxSandboxesPerWorker must be a whole number from 1 to ${SANDBOXES_MAX}, not ${wanted}`,
      );
    }
    if (wanted > perWorker) {
      const total = `maxSandboxesPerWorker ${wanted} with ${workers} worker(s) needs ${wanted * workers} memories`;
      throw noRoom(
        total,
        { ...space, memories },
        `; set it to at most ${perWorker}, or have fewer workers`,
      );
    }
  }
  return {
    memoriesPerProcess: memories,
    memoriesPerWorker: perWorker,
    sandboxesPerWorker:
      wanted ?? Math.max(Math.min(perWorker, DEFAULT_MIN), Math.floor(perWorker / DEFAULT_PART)),
    boundBy: space.boundText,
  };
}

function noRoom(what: string, space: AddressSpace, setting = ''): LugeError {
  const { memories, bound, boundText } = space;
  const raise = bound === 'user space' ? '' : `; or raise ${bound}`;
  return new LugeError(
    'ERR_ADDRESS_SPACE',
    500,
    `createRuntime: ${what}, and this process has room for ${memories}: each reserves 8 GiB of addresses (${boundText})${setting}${raise}`,
  );
}
