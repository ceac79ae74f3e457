/**
 * A policy of one's own: the guest with the least laxity runs, that is the one that can least afford to wait (its deadline, less the time that
 * it still needs). `luge serve --scheduler ./examples/schedulers/least-laxity.ts`, or `createRuntime({ scheduler: new URL(...) })`.
 *
 * Laxity is `deadline - now - remaining`; `now` is the same for all that are compared, so the rank can leave it out.
 */
import { keyedPolicy } from '../../src/index.ts';

export const createPolicy = keyedPolicy({
  name: 'llf',
  key: ({ deadlineNs, estimateNs }, ranNs) => deadlineNs - Math.max(0, estimateNs - ranNs),
});
