/**
 * Raises a guest's flag at odd times, and notes when: cell 0 is the flag; cells 2 and 3 of the same page (an i64 at byte 8) the time,
 * written before the flag. `SharedControl` is what it is started with.
 */
import { workerData } from 'node:worker_threads';

export interface SharedControl {
  readonly buffer: SharedArrayBuffer;
  /** Between two raisings, at the least and at the most. */
  readonly pauseMs: readonly [number, number];
  readonly seed: number;
}

const { buffer, pauseMs, seed } = workerData as SharedControl;
const flag = new Int32Array(buffer);
const time = new BigInt64Array(buffer);
let state = seed;
for (;;) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  const pause = pauseMs[0] + ((pauseMs[1] - pauseMs[0]) * state) / 2 ** 32;
  Atomics.wait(flag, 4, 0, pause);
  if (Atomics.load(flag, 0) !== 0) continue;
  Atomics.store(time, 1, process.hrtime.bigint());
  Atomics.store(flag, 0, 1);
}
