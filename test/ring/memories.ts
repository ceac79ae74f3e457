/** Memories for the tests of single structures. */
import { attachRing, type Ring } from '../../src/ring/index.ts';

export function sharedMemory(pages: number = 1): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
}

/** The i32 at `address`, read and written as whoever plays another thread by hand does. */
export function cellAt(memory: WebAssembly.Memory, address: number): { value: number } {
  const { fn }: Ring = attachRing(memory);
  return {
    get value(): number {
      return fn.load32(address);
    },
    set value(next: number) {
      fn.store32(address, next);
    },
  };
}
