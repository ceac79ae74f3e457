/**
 * A runtime under load: `node load-child.ts <LoadSetup as JSON>`, told each Round by a message, answers with its RoundReport. This thread makes the calls; it
 * polls the clock, as a timer of Node's is up to a millisecond late.
 */
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import {
  createRuntime,
  type LoadedFunction,
  LugeError,
  type Runtime,
} from '../../src/core/index.ts';
import type { Call, Hogs, LoadSetup, Round, RoundReport } from './load.ts';
import { bodyOf, stepsModule, verify } from './steps.ts';

/** Enough for V8 to have compiled the guest's loop with TurboFan. */
const WARM_UPS = 30;
const WARM_UP_STEPS = 500_000;
const CALIBRATIONS = 15;
const CALIBRATION_MS = 2;
/** setTimeout is that much late at the most, mostly. */
const TIMER_LATE_MS = 2;
/** From the message to the first call: what the round needs is made in it. */
const LEAD_MS = 5;

interface Columns {
  readonly latencyMs: number[];
  readonly codes: string[];
  readonly lateMs: number[];
  readonly runMs: number[];
}

const setup = JSON.parse(process.argv[2] as string) as LoadSetup;
const runtime: Runtime = await createRuntime(setup.runtime);
const wasm = await stepsModule();
const calibrated = await runtime.load('calibrated', { wasm });
let seed = 1;
let stepsPerMs = await warmUp(calibrated);
const functions: LoadedFunction[] = [];
for (const { tenant, budgetMs, periodMs } of setup.budgets ?? []) {
  runtime.setTenantLimits(tenant, { budgetMs, periodMs });
}
for (const { name, tenant = 'default' } of setup.functions) {
  // sjf and admission know what a request will take: the number of its steps is in the query.
  const model = { parameter: 'query', parameterNs: 1e6 / stepsPerMs };
  const loaded = await runtime.load(name, { wasm, tenant, model, prewarm: 16 });
  await warmUp(loaded);
  functions.push(loaded);
}

process.on('message', (round: Round) => {
  void play(round).then((report) => process.send?.(report));
});
process.on('disconnect', () => process.exit(0));
process.send?.({});

async function run(fn: LoadedFunction, steps: number): Promise<number> {
  const from = ++seed;
  const { body, timing } = await fn.invoke({ body: bodyOf(from, steps) });
  verify(body, from, steps);
  return timing.runNs / 1e6;
}

/** Steps a millisecond, roughly. */
async function warmUp(fn: LoadedFunction): Promise<number> {
  let ms = 0;
  for (let i = 0; i < WARM_UPS; i++) ms = await run(fn, WARM_UP_STEPS);
  return WARM_UP_STEPS / ms;
}

/** With this thread as busy as it will be: on two halves of a core it would make the guest slower. */
async function calibrate(): Promise<void> {
  const steps = Math.round(stepsPerMs * CALIBRATION_MS);
  const rates: number[] = [];
  for (let i = 0; i < CALIBRATIONS; i++) {
    rates.push(steps / (await spinWhile(run(calibrated, steps))));
  }
  // What disturbs a run makes it longer.
  stepsPerMs = Math.max(...rates);
}

async function spinWhile<T>(work: Promise<T>): Promise<T> {
  let isDone = false;
  const settled = (): void => {
    isDone = true;
  };
  work.then(settled, settled);
  while (!isDone) await turn();
  return work;
}

async function play({ calls, hogs }: Round): Promise<RoundReport> {
  await calibrate();
  const before = preemptions();
  const columns: Columns = { latencyMs: [], codes: [], lateMs: [], runMs: [] };
  const startMs = performance.now() + LEAD_MS;
  const herd = { isOver: false, answered: 0 };
  const running = hogs === undefined ? [] : hogsOf(hogs, herd);
  const pending: Promise<void>[] = [];
  for (const [i, call] of calls.entries()) {
    await until(startMs + call.atMs);
    pending.push(make(call, i, startMs + call.atMs, columns));
  }
  await spinWhile(Promise.all(pending));
  herd.isOver = true;
  await Promise.all(running);
  return { ...columns, hogs: herd.answered, stepsPerMs, preemptions: preemptions() - before };
}

async function make(
  { fn, ms, deadlineMs }: Call,
  i: number,
  intendedMs: number,
  { latencyMs, codes, lateMs, runMs }: Columns,
): Promise<void> {
  const from = ++seed;
  const steps = Math.max(1, Math.round(ms * stepsPerMs));
  const called = functions[fn] as LoadedFunction;
  const late = performance.now() - intendedMs;
  let code = '';
  let runNs = 0;
  try {
    const leftMs = Math.max(0.001, deadlineMs - late);
    const target = `${called.spec.route}?${steps}`;
    const { body, timing } = await called.invoke({
      body: bodyOf(from, steps),
      target,
      deadlineMs: leftMs,
    });
    latencyMs[i] = performance.now() - intendedMs;
    runNs = timing.runNs;
    verify(body, from, steps);
  } catch (error) {
    latencyMs[i] = performance.now() - intendedMs;
    if (!(error instanceof LugeError)) throw error;
    code = error.code;
    runNs = error.timing?.runNs ?? 0;
  }
  lateMs[i] = late;
  runMs[i] = runNs / 1e6;
  codes[i] = code;
}

function hogsOf({ fn, count, ms }: Hogs, herd: { isOver: boolean; answered: number }) {
  return Array.from({ length: count }, async () => {
    while (!herd.isOver) {
      await run(functions[fn] as LoadedFunction, Math.round(ms * stepsPerMs));
      herd.answered++;
    }
  });
}

async function until(ms: number): Promise<void> {
  for (let left = ms - performance.now(); left > 0; left = ms - performance.now()) {
    if (left > TIMER_LATE_MS) await sleep(left - TIMER_LATE_MS);
    else await turn();
  }
}

function preemptions(): number {
  return runtime.stats().workers.reduce((sum, worker) => sum + worker.preemptions, 0);
}
