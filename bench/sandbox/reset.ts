/**
 * What it costs to make a sandbox like new whose memory is 17 pages (what Rust and AssemblyScript declare) and whose run writes 8 KB of it,
 * in two places; faults of OS pages are in it, as the run is timed, too. Interleaved in one process:
 *
 *   native   the addon fills the OS pages that the kernel says were touched (absent where the addon is)
 *   wasm     `$luge.reset` reads the memory and fills what is not zero
 *   filled   all 17 pages filled, then `$luge.restore`: the baseline
 *
 *   sandbox_start_17page_…         ready, enter, run, leave, made ready again
 *   sandbox_reset_17page_…         made ready again alone
 *   sandbox_turn_17page_…          as start, with 200 sandboxes in turn, whose memories are in no cache
 */
import wabtInit from 'wabt';
import {
  type FunctionImage,
  type FunctionSpec,
  type NativeAddon,
  nativeAddon,
  rewrite,
  Sandbox,
} from '../../src/sandbox/index.ts';
import { type Figure, figure } from '../figures.ts';

const PAGES = 17;
const RUNS = 400;
const ROUNDS = 15;
const WARM_UPS = 3;
const SANDBOXES = 200;

/** 4 KB of stack at the end of the first page, 4 KB of heap in the last one. */
const GUEST = `(module
  (memory (export "memory") ${PAGES} ${PAGES})
  (data (i32.const 1024) "initial")
  (func (export "handle") (local $i i32)
    (if (i32.load (i32.const 61440)) (then unreachable))
    (loop $l
      (i32.store (i32.add (i32.const 61440) (local.get $i)) (i32.const -1))
      (i32.store (i32.add (i32.const ${(PAGES - 1) * 65_536}) (local.get $i)) (i32.const -1))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 4096))))))`;

interface Subject {
  run(): void;
  reset(): void;
}

type Maker = () => Subject;

export async function resetFigures(): Promise<Figure[]> {
  const wabt = await wabtInit();
  const { buffer } = wabt.parseWat('guest.wat', GUEST).toBinary({});
  const { bytes, info } = rewrite(buffer, { maxPages: PAGES });
  const module = new WebAssembly.Module(bytes);
  const control = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const spec = { memories: info.memories } as unknown as FunctionSpec;
  const image: FunctionImage = { spec, module };
  const importsWith = (memory: WebAssembly.Memory): WebAssembly.Imports => ({
    $luge: { control, memory, interrupt: () => 0 },
  });
  const makeMemory = (): WebAssembly.Memory =>
    new WebAssembly.Memory({ initial: PAGES, maximum: PAGES, shared: true });
  const sandboxed = (addon: NativeAddon | undefined): Maker => {
    return () => {
      const memory = makeMemory();
      const sandbox = new Sandbox(image, importsWith(memory), [memory], addon);
      const reset = (): void => {
        if (!sandbox.restore()) throw new Error('the sandbox had to be retired');
      };
      reset();
      return { run: () => void sandbox.enter(), reset };
    };
  };
  const fill = wabt.parseWat(
    'fill.wat',
    `(module (import "" "m" (memory ${PAGES} ${PAGES} shared))
    (func (export "fill") (memory.fill (i32.const 0) (i32.const 0) (i32.const ${PAGES * 65_536}))))`,
    {
      threads: true,
      bulk_memory: true,
    },
  );
  const fillModule = new WebAssembly.Module(new Uint8Array(fill.toBinary({}).buffer));
  const filled: Maker = () => {
    const memory = makeMemory();
    const { exports } = new WebAssembly.Instance(module, importsWith(memory));
    const clear = new WebAssembly.Instance(fillModule, { '': { m: memory } }).exports
      .fill as () => void;
    const restore = exports['$luge.restore'] as () => number;
    const enter = WebAssembly.promising(exports['$luge.enter'] as () => void);
    const reset = (): void => {
      clear();
      restore();
    };
    reset();
    return { run: () => void enter(), reset };
  };

  const addon = nativeAddon();
  const makers: [string, Maker][] = [
    ['wasm', sandboxed(undefined)],
    ['filled', filled],
  ];
  if (addon !== undefined) makers.unshift(['native', sandboxed(addon)]);
  const samples = new Map<string, number[]>();
  const add = (name: string, round: number, us: number): void => {
    if (round >= WARM_UPS) samples.set(name, [...(samples.get(name) ?? []), us]);
  };
  const alone = makers.map(([name, make]) => ({ name, subjects: [make()] }));
  const many = makers.map(([name, make]) => ({
    name,
    subjects: Array.from({ length: SANDBOXES }, make),
  }));
  for (let round = 0; round < ROUNDS + WARM_UPS; round += 1) {
    for (const { name, subjects } of alone) {
      const { start, reset } = await measure(subjects);
      add(`sandbox_start_17page_${name}_us`, round, start);
      add(`sandbox_reset_17page_${name}_us`, round, reset);
    }
    for (const { name, subjects } of many) {
      add(`sandbox_turn_17page_${name}_us`, round, (await measure(subjects)).start);
    }
  }
  return [...samples].map(([name, values]) => figure(name, 'us', values));
}

/** Microseconds of a run and its reset, and of the reset alone (two clock reads included). */
async function measure(subjects: readonly Subject[]): Promise<{ start: number; reset: number }> {
  let resetMs = 0;
  const begin = performance.now();
  for (let at = 0; at < RUNS; at += 1) {
    const subject = subjects[at % subjects.length] as Subject;
    subject.run();
    const before = performance.now();
    subject.reset();
    resetMs += performance.now() - before;
  }
  const ms = performance.now() - begin;
  // The promises of the exports, which nobody waits for on the request path either.
  await new Promise((resolve) => setImmediate(resolve));
  return { start: (ms * 1e3) / RUNS, reset: (resetMs * 1e3) / RUNS };
}
