/** Ends threads at moments that nobody chose: (T) in ring.wat says what must hold behind it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Case } from './case.ts';
import type { Crew, Part } from './crew.ts';
import type { Thread } from './thread.ts';

const KILLS = 20;
/** Most of a life is start-up; what is left must suffice for code to get hot, and be short enough for many lives. */
const LIFE_MS = 12;

/**
 * Starts and kills threads, two of them alive at a time. `partOf` says what the n-th plays, `isDead` is told of each: the numbers
 * of both are those of the case's threads.
 */
export async function kills(
  run: Case,
  crew: Crew,
  partOf: (n: number) => Part,
  isDead: (thread: Thread, n: number) => void | Promise<void> = () => {},
): Promise<void> {
  const line = async (first: number): Promise<void> => {
    for (let n = first; n < KILLS; n += 2) {
      const thread = await crew.launch(partOf(n));
      await sleep(run.random.below(LIFE_MS));
      await thread.kill();
      await isDead(thread, n);
    }
  };
  await Promise.all([line(0), line(1)]);
}

/** Threads that `kills` starts, for regions that have a place for each. */
export const KILLS_MAX: number = KILLS;
