/**
 * Entry of the ticker thread: once a quantum it looks at each worker (triage.ts).
 *
 * No timer and no clock read per request. While no guest runs it sleeps ever longer, up to IDLE_MS_MAX: an idle server
 * wakes it 250 times a second (0.2 % of a core).
 */
import { workerData } from 'node:worker_threads';
import { Arena } from '../ring/index.ts';
import { monotonicNs } from '../sandbox/index.ts';
import type { TickerData } from './messages.ts';
import { Triage } from './triage.ts';

/** Also the longest time that a guest may run on behind its limit when the server was idle before it came. */
const IDLE_MS_MAX = 4;

const data = workerData as TickerData;
const arena = Arena.attach(data.memory);
const { controls, triage: mode, heapAddresses } = data;
const triage = new Triage(arena, { controls, mode, heapAddresses });
const beat = arena.beat();
const quantumMs = data.quantumNs / 1e6;

let pauseMs = quantumMs;
while (beat.value === 0) {
  beat.pause(0, pauseMs);
  const isBusy = triage.tick(monotonicNs());
  pauseMs = isBusy ? quantumMs : Math.min(pauseMs * 2, Math.max(IDLE_MS_MAX, quantumMs));
}
