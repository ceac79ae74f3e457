/**
 * How many connections a process can have: each is an open file, and at RLIMIT_NOFILE the kernel gives no more. libuv then closes what it cannot accept, without a
 * word to the client or to us, and whatever else has to open a file fails as well. So the limit of connections stays below that, and
 * beyond it clients get their 503. (Stopping to accept is not to be had: a listening handle cannot be paused without being closed, and with it its backlog.)
 */
import { readdirSync, readFileSync } from 'node:fs';

/** For folders of guests, databases, files of configuration that are read again, and connections on their way out. */
const RESERVE = 64;
/** Of a thread that is yet to come, for its event loop and addresses: 6 of a loop were counted. */
const THREAD_FILES = 16;

/** The least of `wanted` and what is left of the limit of open files, which is known on Linux, when `threads` more have started. */
export function connectionsMax(wanted: number, threads: number): number {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'));
    if (limit === null) return wanted;
    const open = readdirSync('/proc/self/fd').length + threads * THREAD_FILES;
    const left = Number(limit[1]) - open;
    // A quarter, where a reserve of its own would be more than that.
    return Math.max(1, Math.min(wanted, left - Math.min(RESERVE, left >> 2)));
  } catch {
    return wanted;
  }
}
