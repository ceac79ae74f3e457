/**
 * Entry of the ticker thread, the timer that works everywhere: it looks at each worker (triage.ts) when a tick is due (tick-schedule.ts).
 *
 * No timer and no clock read per request. Where the addon is, a thread of the system does the same with less lateness (native/timer.cc).
 */
import { workerData } from 'node:worker_threads';
import { Arena } from '../ring/index.ts';
import { monotonicNs } from '../sandbox/index.ts';
import type { TickerData } from './messages.ts';
import { TickSchedule } from './tick-schedule.ts';
import { TickerCells } from './ticker-cells.ts';
import { Triage } from './triage.ts';

const {
  memory,
  controls,
  quantumNs,
  idleNsMax,
  triage: mode,
  heapAddresses,
} = workerData as TickerData;
const arena = Arena.attach(memory);
const triage = new Triage(arena, { controls, mode, heapAddresses });
const cells = new TickerCells(arena);
const beat = arena.beat();
const schedule = new TickSchedule(quantumNs, idleNsMax, monotonicNs());

while (beat.value === 0) {
  const { wakeNs, dueNs } = schedule;
  const nowNs = monotonicNs();
  if (nowNs < wakeNs) {
    beat.pause(0, (wakeNs - nowNs) / 1e6);
    continue;
  }
  cells.began(dueNs, nowNs);
  schedule.advance(nowNs, triage.tick(nowNs));
}
