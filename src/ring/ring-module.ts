/** Instantiates the assembled ring module over a shared memory. */
import type { Ring, RingFunctions } from './api.ts';
import { RingError } from './ring-error.ts';
import { RING_WASM_BASE64 } from './ring-wasm.ts';

let compiled: WebAssembly.Module | undefined;
const attached = new WeakMap<WebAssembly.Memory, Ring>();

/** The functions and views of this thread over `memory`: made once (about 0.1 ms), then looked up. */
export function attachRing(memory: WebAssembly.Memory): Ring {
  const known = attached.get(memory);
  if (known !== undefined && known.i32.buffer === memory.buffer) return known;
  if (
    !(memory instanceof WebAssembly.Memory) ||
    !(memory.buffer instanceof SharedArrayBuffer) ||
    memory.buffer.byteLength === 0
  ) {
    throw new RingError(
      'ERR_RING_MEMORY',
      'the memory must be a WebAssembly.Memory with shared: true and a page at least',
    );
  }
  compiled ??= new WebAssembly.Module(Buffer.from(RING_WASM_BASE64, 'base64'));
  const instance = new WebAssembly.Instance(compiled, { luge: { arena: memory } });
  const { buffer } = memory;
  const ring = {
    memory,
    fn: instance.exports as unknown as RingFunctions,
    i32: new Int32Array(buffer),
    f64: new Float64Array(buffer),
    u8: new Uint8Array(buffer),
  };
  attached.set(memory, ring);
  return ring;
}
