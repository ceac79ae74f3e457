/**
 * What a sandbox costs: made anew, reset in place, preempted and resumed; its host calls; a module's first answer; Extism's beside it (sandbox/*.ts). Each iteration of fastbench is a batch, since one
 * operation is shorter than fastbench's own step; results are verified before they are printed.
 */
import { CONTROL_DONE_INDEX, CONTROL_FLAG_INDEX, type Sandbox } from '../src/sandbox/index.ts';
import { fastBatches } from './fast-batches.ts';
import { type Figure, figure, header } from './figures.ts';
import { extism } from './sandbox/extism.ts';
import { firstCall } from './sandbox/first-call.ts';
import { hostCalls } from './sandbox/host-calls.ts';
import { resetFigures } from './sandbox/reset.ts';
import { sleepers } from './sandbox/sleepers.ts';
import { bench1Page } from './sandbox/subject.ts';
import { wasiHello } from './sandbox/wasi-hello.ts';

const ROUNDS = 9;
const BATCHES = 200;
const SWITCHES = 20_000;

export async function sandbox(): Promise<Figure[]> {
  header(1);
  const subject = await bench1Page();
  const { flags, make } = subject;

  const one = make();
  const dirty = new Int32Array((one.memory as WebAssembly.Memory).buffer as SharedArrayBuffer);
  const resetUs = await time(100, () => {
    dirty[16] = 1;
    rawReset(one);
  });
  if (dirty[16] !== 0) throw new Error('reset left a byte behind');

  // As a worker runs a guest that is not preempted: its end stands in the control memory, and nobody waits for the promise.
  const startUs = await time(100, () => {
    flags[CONTROL_DONE_INDEX] = 0;
    void one.enter();
    if (flags[CONTROL_DONE_INDEX] === 0) throw new Error('the guest did not end');
    rawReset(one);
  });

  const kept: Sandbox[] = [];
  const newUs = await time(1, () => {
    kept.push(make());
    if (kept.length > 500) kept.length = 0;
  });

  // With the flag up a guest that is resumed makes two rounds of its loop, some nanoseconds, and meets it again: each resume is one switch
  // and hardly any work. The same guest with the flag down is what is subtracted.
  const runUs = async (wanted: number): Promise<number> => {
    rawReset(one);
    dirty[15_000] = 4 * SWITCHES;
    flags[CONTROL_FLAG_INDEX] = wanted > 0 ? 1 : 0;
    flags[CONTROL_DONE_INDEX] = 0;
    subject.switches = 0;
    subject.current = one;
    const start = performance.now();
    const end = one.enter();
    while (one.isSuspended) {
      if (subject.switches >= wanted) flags[CONTROL_FLAG_INDEX] = 0;
      one.resume(0);
      await undefined;
    }
    await end;
    const us = (performance.now() - start) * 1e3;
    if (subject.switches !== wanted || flags[CONTROL_DONE_INDEX] !== 1) {
      throw new Error(`${subject.switches} switches where ${wanted} were wanted`);
    }
    return us;
  };
  const switchUs: number[] = [];
  for (let round = 0; round < ROUNDS + 3; round++) {
    const plain = await runUs(0);
    const preempted = await runUs(SWITCHES);
    if (round >= 3) switchUs.push((preempted - plain) / SWITCHES);
  }
  return [
    figure('sandbox_reset_1page_us', 'us', resetUs),
    figure('sandbox_start_1page_us', 'us', startUs),
    figure('sandbox_new_instance_us', 'us', newUs),
    figure('preempt_switch_us', 'us', switchUs),
    ...(await extism()),
    ...(await resetFigures()),
    ...sleepers(),
    ...(await wasiHello()),
    ...(await hostCalls()),
    ...(await firstCall()),
  ];
}

/** Microseconds an operation, one sample a round; `perBatch` operations in each of BATCHES steps of fastbench. */
async function time(perBatch: number, operation: () => void): Promise<number[]> {
  const batch = (done: () => void): void => {
    for (let i = 0; i < perBatch; i++) operation();
    setImmediate(done);
  };
  const idle = (done: () => void): void => {
    setImmediate(done);
  };
  const samples: number[] = [];
  for (let round = 0; round < ROUNDS + 2; round++) {
    const empty = await fastBatches(idle, BATCHES);
    const full = await fastBatches(batch, BATCHES);
    if (round >= 2) samples.push(((full - empty) * 1e3) / (BATCHES * perBatch));
  }
  return samples;
}

/** The generated function alone, whatever state the sandbox is in. */
function rawReset(sandbox: Sandbox): void {
  if (!sandbox.restore()) throw new Error('the sandbox had to be retired');
}
