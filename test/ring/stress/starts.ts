/** Where free-running counters begin, so that they pass 2^31 and 2^32 under load. */
import type { Random } from './random.ts';

/** Far enough before the change that the threads have found their pace, and soon enough that each run gets there. */
export const AHEAD = 2000;

/** By the name of the case. */
export const STARTS: readonly (readonly [string, number])[] = [
  ['from_0', 0],
  ['wrap_at_2_31', 2 ** 31 - AHEAD],
  ['wrap_at_2_32', 2 ** 32 - AHEAD],
];

/** A start that is often less than `within` before a change. */
export function anyStart(random: Random, within: number): number {
  const ahead = random.below(within + 1);
  switch (random.below(3)) {
    case 0:
      return ahead;
    case 1:
      return 2 ** 31 - ahead;
    default:
      return (2 ** 32 - ahead) % 2 ** 32;
  }
}
