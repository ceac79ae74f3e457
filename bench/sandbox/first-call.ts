/**
 * From a module's bytes to its first answer: `load` (rewritten, compiled, and in a worker), the first call (a sandbox is made, and what it runs compiled),
 * and the second, with all of that done. A module of some hundred bytes, and one of a megabyte, of whose functions a call runs one. The engine knows
 * modules by their bytes, so each round has one of its own.
 */
import wabtInit from 'wabt';
import { createRuntime, type Runtime } from '../../src/core/index.ts';
import { type Figure, figure } from '../figures.ts';

const ROUNDS = 7;
const MEGABYTE = 2 ** 20;
/** What one of the functions below takes as bytes. */
const FUNCTION_BYTES = 214;
const STATEMENTS = 14;

const SIZES = { small: 0, '1mb': Math.ceil(MEGABYTE / FUNCTION_BYTES) };

/** Answers a number of its round; behind it stand `functions` more, each in a table, so that none can be left out. */
function guest(round: number, functions: number): string {
  const statement = (f: number, i: number): string =>
    `(local.set $x (i32.xor (i32.mul (local.get $x) (i32.const ${70_000 + 9 * f + i})) (i32.load (i32.and (local.get $x) (i32.const 65532)))))`;
  const bodies = Array.from({ length: functions }, (_, f) => {
    const statements = Array.from({ length: STATEMENTS }, (_, i) => statement(f, i)).join('\n');
    return `(func $f${f} (param $x i32) (result i32)
      (loop $again ${statements} (br_if $again (local.get $x))) (local.get $x))`;
  });
  const names = Array.from({ length: functions }, (_, f) => `$f${f}`).join(' ');
  return `(module
    (import "luge" "write" (func $write (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    (table ${Math.max(1, functions)} funcref) (elem (i32.const 0) func ${names})
    ${bodies.join('\n')}
    (func (export "handle")
      (i32.store (i32.const 0) (i32.const ${round}))
      (drop (call $write (i32.const 0) (i32.const 4)))))`;
}

async function answered(runtime: Runtime, name: string, round: number): Promise<number> {
  const start = performance.now();
  const { body } = await runtime.invoke(name);
  const us = (performance.now() - start) * 1e3;
  if (Buffer.from(body).readInt32LE() !== round) throw new Error(`${name}: a wrong answer`);
  return us;
}

export async function firstCall(): Promise<Figure[]> {
  const wabt = await wabtInit();
  await using runtime = await createRuntime({ workers: 1, scheduler: 'fifo' });
  const figures: Figure[] = [];
  for (const [size, functions] of Object.entries(SIZES)) {
    const samples = { load: [] as number[], first: [] as number[], second: [] as number[] };
    for (let round = 0; round < ROUNDS + 1; round++) {
      const module = wabt.parseWat('guest.wat', guest(round, functions));
      const wasm = module.toBinary({}).buffer;
      module.destroy();
      if (functions > 0 && wasm.length < MEGABYTE) throw new Error(`${wasm.length} bytes only`);
      const start = performance.now();
      await runtime.load(size, { wasm });
      const loadUs = (performance.now() - start) * 1e3;
      const first = await answered(runtime, size, round);
      const second = await answered(runtime, size, round);
      if (round === 0) continue;
      samples.load.push(loadUs);
      samples.first.push(first);
      samples.second.push(second);
    }
    figures.push(
      figure(`load_${size}_us`, 'us', samples.load),
      figure(`first_call_${size}_us`, 'us', samples.first),
      figure(`second_call_${size}_us`, 'us', samples.second),
    );
  }
  return figures;
}
