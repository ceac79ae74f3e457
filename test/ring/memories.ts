/** What the tests of single structures share: memories, starts and capacities, and what an operation changes. */
import { attachRing, RingError, type RingErrorCode } from '../../src/ring/index.ts';
import { COUNTER_STARTS } from './arenas.ts';

export function sharedMemory(pages: number = 1): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
}

/** Every start of the counters with the capacities at which a mask can be wrong. */
export const SHAPES: readonly { readonly start: number; readonly capacity: number }[] =
  COUNTER_STARTS.flatMap((start) => [1, 2, 4, 8].map((capacity) => ({ start, capacity })));

/** Byte addresses of the 32-bit cells that are not after `operation` what they were before, lowest first. */
export function changedBy(memory: WebAssembly.Memory, operation: () => void): number[] {
  const { i32 } = attachRing(memory);
  const before = i32.slice();
  operation();
  const changed: number[] = [];
  for (let i = 0; i < before.length; i++) if (i32[i] !== before[i]) changed.push(4 * i);
  return changed;
}

/** The code of the RingError that `operation` throws; undefined when it throws none. */
export function refusalOf(operation: () => unknown): RingErrorCode | undefined {
  try {
    operation();
  } catch (error) {
    if (error instanceof RingError) return error.code;
    throw error;
  }
  return undefined;
}

/** How far a free-running counter is ahead of another one. */
export function ahead(a: number | undefined, b: number | undefined): number {
  return ((a as number) - (b as number)) | 0;
}
