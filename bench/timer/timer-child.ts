/**
 * A guest that never ends and a timer that interrupts it each time it has run for a quantum: `node timer-child.ts <js|native> <quantumUs> <samples>`
 * prints a TimerReport. The guest runs in the main thread, as a worker's would, and is switched out and in again in the function that its poll calls.
 */
import wabtInit from 'wabt';
import type { TimerName } from '../../src/core/index.ts';
import { IDLE_NS_MAX, startTimer } from '../../src/core/quantum-timer.ts';
import { TickerCells } from '../../src/core/ticker-cells.ts';
import { CONTROL_BYTES, WorkerControl } from '../../src/core/worker-control.ts';
import { Arena } from '../../src/ring/index.ts';
import { CONTROL_FLAG_INDEX, SLOT_BYTES } from '../../src/sandbox/index.ts';
import { rewrittenOf } from '../poll/subject.ts';

export interface TimerReport {
  /** From when the tick that raised the flag was due until the guest was in the function that its poll calls. */
  readonly latenciesUs: readonly number[];
  /** The part of it behind the tick's begin. */
  readonly noticedUs: readonly number[];
  /** The part of it before. */
  readonly lateUs: readonly number[];
  /** Ticks that did not come, since the one before was late, in percent of the quanta that went by. */
  readonly missedPercent: number;
  /** CPU time of all threads but the guest's, a tick. */
  readonly tickCpuUs: number;
  /** CPU time of all threads while no guest runs, in percent of a core. */
  readonly idleCpuPercent: number;
}

const IDLE_MS = 1000;
const WARM_UPS = 50;
/** Of the due tick: the first one behind a switch sees a new guest, the second one that it has run for a quantum. */
const TICKS_TO_RAISE = 2;
const KILL = 1;

const [timerName = '', quantumUs = '', wanted = ''] = process.argv.slice(2);
const samples = Number(wanted);
const quantumNs = Number(quantumUs) * 1e3;

const constraints = {
  producers: 2,
  workers: 1,
  slots: 1,
  slotBytes: SLOT_BYTES,
  chunks: 0,
  chunkBytes: 128,
  controlBytes: CONTROL_BYTES,
  heaps: 1,
  budgets: 1,
};
const arena = Arena.create(constraints);
const cells = new TickerCells(arena);
const state = new WorkerControl(arena, 0);
state.clear();
state.waiters = 1;

const report = { latenciesUs: [] as number[], noticedUs: [] as number[], lateUs: [] as number[] };
let ticksAtSwitch = 0;
let seen = 0;

function switchIn(): void {
  state.switchIn(0, Number.POSITIVE_INFINITY);
  ticksAtSwitch = cells.ticks;
}

/** What is read here is of a later tick where the guest took longer than a quantum to come. */
function interrupted(): number {
  const now = Number(process.hrtime.bigint());
  const missed = Math.max(0, cells.ticks - ticksAtSwitch - TICKS_TO_RAISE);
  const dueNs = cells.dueNs - missed * quantumNs;
  const atNs = cells.atNs - missed * quantumNs;
  state.switchOut();
  guest.control[CONTROL_FLAG_INDEX] = 0;
  seen++;
  if (seen > WARM_UPS) {
    report.latenciesUs.push((now - dueNs) / 1e3);
    report.noticedUs.push((now - atNs) / 1e3);
    report.lateUs.push((atNs - dueNs) / 1e3);
  }
  if (report.latenciesUs.length === samples) return KILL;
  switchIn();
  return 0;
}

const wabt = await wabtInit();
const text = `(module (memory 1) (func (export "run") (local $n i32)
  (loop $again
    (i32.store (i32.const 64) (local.tee $n (i32.add (local.get $n) (i32.const 1))))
    (br $again))))`;
const bytes = new Uint8Array(wabt.parseWat('spin.wat', text).toBinary({}).buffer);
const guest = rewrittenOf(bytes, 'run', 'exit', interrupted);

const timer = startTimer(timerName as TimerName, {
  memory: arena.ring.memory,
  controls: [guest.controlMemory],
  quantumNs,
  idleNsMax: IDLE_NS_MAX,
  triage: 'waiters',
  heapAddresses: [],
});
// A JavaScript ticker has a thread to start, and the pauses to grow.
while (cells.ticks < 10) await new Promise((resolve) => setTimeout(resolve, 5));
const idle = process.cpuUsage();
await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
const { user, system } = process.cpuUsage(idle);

const startNs = process.hrtime.bigint();
const before = { all: process.cpuUsage(), own: process.threadCpuUsage(), ticks: cells.ticks };
let trapped = false;
try {
  switchIn();
  guest.run();
} catch (error) {
  trapped = error instanceof WebAssembly.RuntimeError;
}
const all = process.cpuUsage(before.all);
const own = process.threadCpuUsage(before.own);
const ticks = cells.ticks - before.ticks;
const quanta = Number(process.hrtime.bigint() - startNs) / quantumNs;
await timer.stop();
if (!trapped || cells.interrupts < seen || ticks < seen) {
  throw new Error(`${seen} interruptions by ${cells.interrupts} flags in ${ticks} ticks`);
}
const result: TimerReport = {
  ...report,
  missedPercent: Math.max(0, 100 * (1 - ticks / quanta)),
  tickCpuUs: (all.user + all.system - own.user - own.system) / ticks,
  idleCpuPercent: (user + system) / (IDLE_MS * 10),
};
process.stdout.write(JSON.stringify(result));
