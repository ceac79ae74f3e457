/**
 * A guest's memory that the addon makes zeros (native/wiper.cc): it fills the OS pages that have been touched since they were given
 * back the last time, and these stay resident. A function mostly touches the same few, so that this is what it needs; but one large request
 * would leave many, to be filled after each small one. So the memory is given back as a whole, for a fault on each page that is touched
 * next, when it holds many more pages than were touched the last time that it had been.
 *
 * Filling an OS page costs some 0.06 µs, the fault after it was given back 0.7 to 3 µs, depending on the virtual machine.
 */
import type { MemoryWiper } from './addon.ts';

/** So few are not worth a fault. */
const RESIDENT_MIN = 32;
/** Resident pages for each page that is touched: the costs above, and some patience. */
const RESIDENT_RATIO = 16;

export class WipedMemory {
  readonly #addon: MemoryWiper;
  readonly #memory: WebAssembly.Memory;
  #view: Uint8Array;
  /** OS pages at the last wipe, and at the first since the memory was new or given back; 0 = not known yet. */
  #resident: number;
  #touched: number;

  private constructor(addon: MemoryWiper, memory: WebAssembly.Memory, view: Uint8Array) {
    this.#addon = addon;
    this.#memory = memory;
    this.#view = view;
    this.#resident = 0;
    this.#touched = 0;
  }

  /** Undefined if the addon cannot wipe this one. */
  static of(addon: MemoryWiper, memory: WebAssembly.Memory): WipedMemory | undefined {
    const view = new Uint8Array(memory.buffer);
    return addon.prepare(view) ? new WipedMemory(addon, memory, view) : undefined;
  }

  /** All zeros, whatever it held, over the size that it has now; false if that cannot be promised. */
  wipe(): boolean {
    const { buffer } = this.#memory;
    if (buffer.byteLength !== this.#view.length) this.#view = new Uint8Array(buffer);
    if (this.#resident > RESIDENT_MIN && this.#resident > RESIDENT_RATIO * this.#touched) {
      this.#resident = 0;
      this.#touched = 0;
      return this.#addon.release(this.#view);
    }
    this.#resident = this.#addon.wipe(this.#view);
    if (this.#touched === 0) this.#touched = this.#resident;
    return this.#resident >= 0;
  }
}
