/** A WASI command that prints hello, as a request from the embedder's thread to a warm sandbox on a worker, and back. */
import wabtInit from 'wabt';
import { createRuntime } from '../../src/core/index.ts';
import { type Figure, figure } from '../figures.ts';

const ROUNDS = 9;
const CALLS = 2000;

const HELLO = `(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\10\\00\\00\\00\\06\\00\\00\\00") (data (i32.const 16) "hello\\n")
  (func (export "_start")
    (if (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))))`;

export async function wasiHello(): Promise<Figure[]> {
  const wabt = await wabtInit();
  await using runtime = await createRuntime({ workers: 1, scheduler: 'fifo', spinUs: 0 });
  await runtime.load('hello', { wasm: wabt.parseWat('hello.wat', HELLO).toBinary({}).buffer });
  const samples: number[] = [];
  for (let round = 0; round < ROUNDS + 3; round++) {
    const start = performance.now();
    for (let i = 0; i < CALLS; i++) {
      const { body } = await runtime.invoke('hello');
      if (body.length !== 6 || body[0] !== 104) throw new Error('a hello was lost');
    }
    if (round >= 3) samples.push(((performance.now() - start) * 1e3) / CALLS);
  }
  return [figure('wasi_hello_us', 'us', samples)];
}
