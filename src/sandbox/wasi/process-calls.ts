/** What concerns the program as a whole: arguments, environment, clocks, random bytes, its end. */
import { randomFillSync } from 'node:crypto';
import type { Host } from '../host.ts';
import { OUTCOME } from '../outcome.ts';
import { UNWIND } from '../unwind.ts';
import { storeResolution, storeTime } from './clocks.ts';
import { EFAULT, EINVAL, ENOTSUP, SUCCESS } from './errno.ts';
import { inside } from './guest-memory.ts';
import { argumentList, environmentList, storeList, storeSizes } from './string-list.ts';

/** crypto fills at most this much at once from a shared view's copy. */
const RANDOM_BYTES_MAX = 65536;
/** Of one call, which cannot be cut short: 10 ms, while 4 GiB would hold the worker for 2 s and past any deadline. */
const RANDOM_CALL_BYTES_MAX = 1 << 24;
const SIGNAL_MAX = 30;
/** Of the signals, by number: none, CHLD, CONT, URG and WINCH, whose default action is to do nothing. */
const IGNORED_SIGNALS: ReadonlySet<number> = new Set([0, 16, 17, 22, 27]);
/** STOP, TSTP, TTIN, TTOU: nobody could let the program go on. */
const STOP_SIGNALS: ReadonlySet<number> = new Set([18, 19, 20, 21]);
/** As shells report a program that a signal ended. */
const SIGNAL_EXIT_CODE = 128;

export function processCalls(host: Host): Record<string, unknown> {
  return {
    args_sizes_get: (count: number, bytes: number): number =>
      storeSizes(host.current, argumentList, count, bytes),
    args_get: (pointers: number, buffer: number): number =>
      storeList(host.current, argumentList, pointers, buffer),
    environ_sizes_get: (count: number, bytes: number): number =>
      storeSizes(host.current, environmentList, count, bytes),
    environ_get: (pointers: number, buffer: number): number =>
      storeList(host.current, environmentList, pointers, buffer),

    clock_res_get: (clock: number, result: number): number =>
      storeResolution(host.current, clock, result),
    clock_time_get: (clock: number, _precision: bigint, result: number): number =>
      storeTime(host.current, clock, result),

    random_get: (pointer: number, bytes: number): number => {
      const sandbox = host.current;
      if (!inside(sandbox, pointer, bytes)) return EFAULT;
      if (bytes >>> 0 > RANDOM_CALL_BYTES_MAX) return EINVAL;
      const { u8 } = sandbox;
      const end = (pointer >>> 0) + (bytes >>> 0);
      for (let at = pointer >>> 0; at < end; at += RANDOM_BYTES_MAX) {
        const n = Math.min(RANDOM_BYTES_MAX, end - at);
        // Filled aside: the generator may write a buffer more than once, and this one is shared.
        u8.set(randomFillSync(new Uint8Array(n)), at);
      }
      return SUCCESS;
    },

    proc_exit: (code: number): void => {
      const sandbox = host.current;
      if (code === 0) sandbox.doom(OUTCOME.OK, '');
      else sandbox.exit(code, `the function ended with exit code ${code >>> 0}`);
      throw UNWIND;
    },

    // There are no handlers in preview 1: a signal does what it does to a program that has none.
    proc_raise: (signal: number): number => {
      if (signal < 0 || signal > SIGNAL_MAX) return EINVAL;
      if (IGNORED_SIGNALS.has(signal)) return SUCCESS;
      if (STOP_SIGNALS.has(signal)) return ENOTSUP;
      const sandbox = host.current;
      sandbox.exit(SIGNAL_EXIT_CODE + signal, `the function ended itself by signal ${signal}`);
      throw UNWIND;
    },
  };
}
