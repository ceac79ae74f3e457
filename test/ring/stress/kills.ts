/** Ends threads at moments that nobody chose: (T) in ring.wat says what must hold behind it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Case } from './case.ts';
import type { Crew, Part } from './crew.ts';
import type { Numbers } from './role.ts';
import type { Thread } from './thread.ts';

/** Threads that one case kills. */
export const KILLS = 20;
/** At most; long enough for code to get hot, short enough for many lives. */
const LIFE_MS = 20;

export interface KillOptions {
  readonly run: Case;
  readonly crew: Crew;
  /** Those that live. */
  readonly parts: readonly Part[];
  /** What the n-th victim plays. */
  readonly victim: (n: number) => Part;
  /** Told of each one that is dead. */
  readonly isDead?: (thread: Thread, n: number) => void | Promise<void>;
}

/** Runs the parts, and meanwhile starts and kills victims, two of them alive at a time. What the parts answered. */
export async function runWithKills(options: KillOptions): Promise<Numbers[]> {
  const { run, crew, parts, victim, isDead } = options;
  await crew.prepare(KILLS + parts.length);
  const line = async (first: number): Promise<void> => {
    for (let n = first; n < KILLS; n += 2) {
      const thread = await crew.launch(victim(n));
      await sleep(run.random.below(LIFE_MS));
      await thread.kill();
      await isDead?.(thread, n);
    }
  };
  return crew.run(parts, async () => {
    await Promise.all([line(0), line(1)]);
  });
}
