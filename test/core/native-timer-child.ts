/** A process with a timer that ticks all the time, which ends as its argument says; started by native-timer.test.ts. */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { nativeTimerOptions } from '../../src/core/quantum-timer.ts';
import { TickerCells } from '../../src/core/ticker-cells.ts';
import { nativeAddon } from '../../src/sandbox/index.ts';
import { TriageStage } from './triage-stage.ts';

const THREADS = 4;
const ending = isMainThread ? (process.argv[2] as string) : (workerData as string);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Ticking, with a guest in each worker that shall yield. What it returns does not keep the timer. */
async function ticking(): Promise<TickerCells> {
  const addon = nativeAddon();
  if (addon === undefined) throw new Error('no addon');
  const stage = new TriageStage();
  for (const [w, worker] of stage.workers.entries()) {
    worker.waiters = 1;
    stage.run(w);
  }
  const timer = new addon.QuantumTimer(nativeTimerOptions(stage.tickerData('waiters', 50e3)));
  timer.start();
  const cells = new TickerCells(stage.arena);
  while (cells.interrupts < 20) await pause(1);
  return cells;
}

async function collect(cells: TickerCells): Promise<void> {
  for (let i = 0; i < 10; i++) {
    globalThis.gc?.();
    await pause(1);
  }
  const { ticks } = cells;
  await pause(10);
  if (cells.ticks !== ticks) throw new Error('it ticks though nobody has it');
}

async function inWorkers(): Promise<void> {
  const how = ending.replace('worker-', '');
  const threads = Array.from({ length: THREADS }, () => {
    const thread = new Worker(new URL(import.meta.url), { workerData: how });
    thread.on('error', () => {});
    return thread;
  });
  const exits = threads.map((thread) => new Promise((resolve) => thread.once('exit', resolve)));
  await Promise.all(threads.map((thread) => once(thread, 'message')));
  if (ending === 'exit-above-worker') process.exit(3);
  for (const thread of threads) {
    if (how === 'terminate') await thread.terminate();
    else thread.postMessage('end');
  }
  await Promise.all(exits);
  // What a thread that still ran would write to is unmapped by now.
  globalThis.gc?.();
  await pause(5);
}

async function end(how: string, cells: TickerCells): Promise<void> {
  if (how === 'exit') process.exit(3);
  if (how === 'throw') {
    setImmediate(() => {
      throw new Error('on purpose');
    });
  }
  if (how === 'reject') void Promise.reject(new Error('on purpose'));
  if (how === 'collect') await collect(cells);
}

if (isMainThread && ending.includes('worker')) await inWorkers();
else {
  const cells = await ticking();
  const port = parentPort;
  if (port === null) await end(ending, cells);
  else {
    port.once('message', () => void end(ending, cells));
    port.postMessage('ticking');
  }
}
