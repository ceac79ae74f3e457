/** Small arenas for the tests of the ring layer. */
import { Arena, type ArenaConstraints } from '../../src/ring/index.ts';

export function smallArena(changes: Partial<ArenaConstraints> = {}): Arena {
  return Arena.create({
    producers: 1,
    workers: 2,
    slots: 4,
    slotBytes: 128,
    chunks: 5,
    chunkBytes: 128,
    controlBytes: 128,
    heaps: 0,
    budgets: 0,
    ...changes,
  });
}

/** Where free-running counters begin: at zero, before the sign changes, before they wrap. */
export const COUNTER_STARTS: readonly number[] = [0, 2 ** 31 - 2, 2 ** 32 - 3];
