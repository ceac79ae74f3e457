/** Instantiates the assembled ring module over a shared memory. */
import type { Ring, RingFunctions } from './api.ts';
import { RING_WASM_BASE64 } from './ring-wasm.ts';

let compiled: WebAssembly.Module | undefined;

/** A view of the structures in `memory` for the calling thread. Each thread makes its own; it costs about 0.1 ms. */
export function attachRing(memory: WebAssembly.Memory): Ring {
  const { buffer } = memory;
  if (!(buffer instanceof SharedArrayBuffer)) {
    throw new TypeError(
      'attachRing: the memory must be shared (WebAssembly.Memory with shared: true)',
    );
  }
  compiled ??= new WebAssembly.Module(Buffer.from(RING_WASM_BASE64, 'base64'));
  const instance = new WebAssembly.Instance(compiled, { luge: { arena: memory } });
  return {
    memory,
    fn: instance.exports as unknown as RingFunctions,
    i32: new Int32Array(buffer),
    f64: new Float64Array(buffer),
    u8: new Uint8Array(buffer),
  };
}
