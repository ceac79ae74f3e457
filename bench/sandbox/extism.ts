/**
 * Extism's JavaScript SDK beside `sandbox_start_1page_us`, with the same guest of one page, in the same process:
 *
 *   extism_new_plugin_us   a plugin for each call, which is how a guest of it gets a memory that no other call has seen: made, called, closed
 *   extism_call_us         a call of one that is there, whose memory is what the last call left
 *
 * Its own thread and no timeout, as that is its fastest form.
 */
import createPlugin from '@extism/extism';
import wabtInit from 'wabt';
import { type Figure, figure } from '../figures.ts';

const ROUNDS = 9;
const PLUGINS = 200;
const CALLS = 2000;

const GUEST = `(module (memory (export "memory") 1)
  (func (export "handle") (result i32) (i32.store (i32.const 64) (i32.const 1)) (i32.const 0)))`;

export async function extism(): Promise<Figure[]> {
  const wabt = await wabtInit();
  const { buffer } = wabt.parseWat('guest.wat', GUEST).toBinary({});
  const module = new WebAssembly.Module(new Uint8Array(buffer));
  const open = () => createPlugin(module, { useWasi: false });
  const kept = await open();
  const newUs: number[] = [];
  const callUs: number[] = [];
  for (let round = -2; round < ROUNDS; round += 1) {
    const start = performance.now();
    for (let at = 0; at < PLUGINS; at += 1) {
      const plugin = await open();
      await plugin.call('handle', '');
      await plugin.close();
    }
    const between = performance.now();
    for (let at = 0; at < CALLS; at += 1) await kept.call('handle', '');
    const end = performance.now();
    if (round < 0) continue;
    newUs.push(((between - start) * 1e3) / PLUGINS);
    callUs.push(((end - between) * 1e3) / CALLS);
  }
  await kept.close();
  return [figure('extism_new_plugin_us', 'us', newUs), figure('extism_call_us', 'us', callUs)];
}
