/**
 * How many listener threads a server has. On two cores one was measured to be as fast as two, as both wait for the same cores. More cores were not measured: that 'auto' takes a
 * second one from eight on, where one core more or less is an eighth, is out of thin air.
 *
 * Several share a TCP port by SO_REUSEPORT: each has a socket of its own there, and the kernel deals connections out by a hash of their addresses. That balances over
 * many connections and not over few. Rejected: one thread that accepts and hands sockets over (Node cannot pass one to another thread); workers of the cluster module
 * (processes, which share no arena). Where Node has no such option (macOS, Windows) 'auto' is one, and more than one is ENOTSUP.
 */
import { availableParallelism } from 'node:os';
import { LugeError } from '../core/index.ts';

export const LISTENERS_MAX = 16;
const CORES_FOR_TWO = 8;

export type ListenersOption = number | 'auto';

/** Throws ERR_INVALID_ARGUMENT. */
export function listenerCount(
  option: ListenersOption,
  cores: number = availableParallelism(),
  platform: NodeJS.Platform = process.platform,
): number {
  if (option === 'auto') return platform === 'linux' && cores >= CORES_FOR_TWO ? 2 : 1;
  if (Number.isInteger(option) && option >= 1 && option <= LISTENERS_MAX) return option;
  const text = `listen: listeners must be "auto" or a whole number from 1 to ${LISTENERS_MAX}, not ${String(option)}`;
  throw new LugeError('ERR_INVALID_ARGUMENT', 500, text);
}
