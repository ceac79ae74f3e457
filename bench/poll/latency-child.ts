/**
 * How long a running guest takes to notice the flag: `node latency-child.ts <workload>` prints microseconds, one for each time that another
 * thread raised it. From before it was raised until the host function that the poll calls has been entered.
 */
import { Worker } from 'node:worker_threads';
import type { SharedControl } from './latency-thread.ts';
import { rewrittenOf } from './subject.ts';
import { workloadOf } from './workload.ts';

const SAMPLES = 100;
const RUNS_MAX = 1000;
const WARM_UPS = 6;

const workload = await workloadOf(process.argv[2] as string);
const latenciesUs: number[] = [];
let time: BigInt64Array | undefined;
const guest = rewrittenOf(workload.bytes, workload.exportName, 'exit', () => {
  const now = process.hrtime.bigint();
  if (time !== undefined) latenciesUs.push(Number(now - Atomics.load(time, 1)) / 1e3);
  Atomics.store(guest.control, 0, 0);
  return 0;
});
for (let run = 0; run < WARM_UPS; run += 1) guest.run(...workload.args);
const { buffer } = guest.control;
const shared: SharedControl = { buffer, pauseMs: [0.5, 2.5], seed: 1 };
const thread = new Worker(new URL('./latency-thread.ts', import.meta.url), { workerData: shared });
await new Promise((resolve) => thread.once('online', resolve));
time = new BigInt64Array(buffer);
for (let run = 0; run < RUNS_MAX && latenciesUs.length < SAMPLES; run += 1) {
  // Raised while nothing ran: not the guest's latency.
  Atomics.store(guest.control, 0, 0);
  const result = guest.run(...workload.args);
  if (workload.expected !== undefined && result !== workload.expected) {
    throw new Error(`${workload.name}: ${String(result)}, not ${workload.expected}`);
  }
}
await thread.terminate();
process.stdout.write(JSON.stringify(latenciesUs));
