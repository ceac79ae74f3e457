/**
 * What a sandbox costs: made anew, reset in place, preempted and resumed. Each iteration of fastbench is a batch, since one
 * operation is shorter than fastbench's own step; results are verified before they are printed.
 */
import wabtInit from 'wabt';
import {
  CONTROL_DONE_INDEX,
  CONTROL_FLAG_INDEX,
  type FunctionImage,
  type FunctionSpec,
  rewrite,
  Sandbox,
} from '../src/sandbox/index.ts';
import { fastBatches } from './fast-batches.ts';
import { type Figure, figure, header } from './figures.ts';

const ROUNDS = 9;
const BATCHES = 200;
const SWITCHES = 20_000;

/** One page, written by each run, and a loop of $n iterations. */
const GUEST = `(module
  (memory (export "memory") 1)
  (data (i32.const 1024) "initial")
  (global $g (mut i32) (i32.const 7))
  (func (export "handle") (local $i i32)
    (global.set $g (i32.const 8))
    (i32.store (i32.const 64) (i32.const 1))
    (local.set $i (i32.load (i32.const 60000)))
    (loop $l
      (local.set $i (i32.sub (local.get $i) (i32.const 1)))
      (br_if $l (i32.gt_s (local.get $i) (i32.const 0))))))`;

export async function sandbox(): Promise<Figure[]> {
  header(1);
  const wabt = await wabtInit();
  const { buffer } = wabt.parseWat('guest.wat', GUEST).toBinary({});
  const { bytes } = rewrite(buffer, { maxPages: 1 });
  const control = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const flags = new Int32Array(control.buffer as SharedArrayBuffer);
  const memories = [{ name: 'memory', minPages: 1, maxPages: 1, wide: false }];
  const spec = { name: 'guest', memories } as Pick<
    FunctionSpec,
    'name' | 'memories'
  > as FunctionSpec;
  const image: FunctionImage = { spec, module: new WebAssembly.Module(bytes) };
  let current: Sandbox | undefined;
  let switches = 0;
  const interrupt = new WebAssembly.Suspending(() => {
    switches++;
    return (current as Sandbox).suspend();
  });
  const make = (): Sandbox => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    return new Sandbox(image, { $luge: { control, interrupt, memory } }, [memory]);
  };

  const one = make();
  const dirty = new Int32Array((one.memory as WebAssembly.Memory).buffer as SharedArrayBuffer);
  const resetUs = await time(100, () => {
    dirty[16] = 1;
    rawReset(one);
  });
  if (dirty[16] !== 0) throw new Error('reset left a byte behind');

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
    switches = 0;
    current = one;
    const start = performance.now();
    const end = one.enter();
    while (one.isSuspended) {
      if (switches >= wanted) flags[CONTROL_FLAG_INDEX] = 0;
      one.resume(0);
      await undefined;
    }
    await end;
    const us = (performance.now() - start) * 1e3;
    if (switches !== wanted || flags[CONTROL_DONE_INDEX] !== 1) {
      throw new Error(`${switches} switches where ${wanted} were wanted`);
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
    figure('sandbox_new_instance_us', 'us', newUs),
    figure('preempt_switch_us', 'us', switchUs),
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
