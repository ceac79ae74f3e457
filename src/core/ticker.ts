/**
 * Entry of the ticker thread: once a quantum it looks at each worker, and raises a worker's interrupt flag only for a reason:
 *
 *   - the guest reached its CPU limit or its deadline, or nobody wants its answer any more;
 *   - it has run for a whole quantum (its EPOCH is the one of the last tick) and somebody waits: in the worker's run queue,
 *     in a global deque, or asleep and due, or asleep in a call that has been answered;
 *   - the supervisor has mail for the worker, or a part of a response that it streams was taken.
 *
 * No timer and no clock read per request. While no guest runs it sleeps ever longer, up to IDLE_MS_MAX: an idle server
 * wakes it 250 times a second (0.2 % of a core). A flag that is raised when the guest has just left is cleared at the next switch.
 */
import { workerData } from 'node:worker_threads';
import { Arena } from '../ring/index.ts';
import { CONTROL_FLAG_INDEX, ExchangeTable, monotonicNs } from '../sandbox/index.ts';
import { firstWorkerProducer } from './delivery.ts';
import type { TickerData } from './messages.ts';
import { TickerCells } from './ticker-cells.ts';
import { WorkerControl } from './worker-control.ts';

/** Also the longest time that a guest may run on behind its limit when the server was idle before it came. */
const IDLE_MS_MAX = 4;

const data = workerData as TickerData;
const arena = Arena.attach(data.memory);
const cells = new TickerCells(arena);
const beat = arena.beat();
const exchanges = new ExchangeTable(arena);
const flags = data.controls.map((memory) => new Int32Array(memory.buffer as SharedArrayBuffer));
const workers = data.controls.map((_, w) => new WorkerControl(arena, w));
const calls = data.controls.map((_, w) => arena.completions(firstWorkerProducer(arena) + w));
const seen = data.controls.map(() => 0);
const quantumMs = data.quantumNs / 1e6;

let pauseMs = quantumMs;
while (beat.value === 0) {
  beat.pause(0, pauseMs);
  const isBusy = tick();
  pauseMs = isBusy ? quantumMs : Math.min(pauseMs * 2, Math.max(IDLE_MS_MAX, quantumMs));
}

function tick(): boolean {
  const now = monotonicNs();
  let isBusy = false;
  let isQueued: boolean | undefined;
  cells.ticks++;
  for (let w = 0; w < workers.length; w++) {
    const worker = workers[w] as WorkerControl;
    const { epoch } = worker;
    const isOld = epoch === seen[w];
    seen[w] = epoch;
    if ((epoch & 1) === 0) continue;
    isBusy = true;
    let isDue =
      worker.hasMail ||
      worker.hasStir ||
      now >= worker.killAtNs ||
      exchanges.isCancelled(exchanges.at(worker.slot));
    if (!isDue && isOld && data.shareQuantum) {
      isQueued ??= arena.deques.hasValues;
      isDue =
        isQueued || worker.waiters > 0 || now >= worker.wakeAtNs || calls[w]?.isReady === true;
    }
    if (isDue && worker.epoch === epoch) {
      Atomics.store(flags[w] as Int32Array<SharedArrayBuffer>, CONTROL_FLAG_INDEX, 1);
      cells.interrupts++;
    }
  }
  return isBusy;
}
