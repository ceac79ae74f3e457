/** Deques that stand at equal distances, one a producer: which of them has something. The function stands in deque.wat. */
import type { RingFunctions } from './api.ts';
import { attachRing } from './ring-module.ts';

export class DequeGroup {
  readonly count: number;
  readonly #address: number;
  readonly #strideBytes: number;
  readonly #find: RingFunctions['dequesFind'];

  /** The deques are there already; `strideBytes` is from the start of one to that of the next. */
  constructor(memory: WebAssembly.Memory, address: number, strideBytes: number, count: number) {
    this.count = count;
    this.#address = address;
    this.#strideBytes = strideBytes;
    this.#find = attachRing(memory).fn.dequesFind;
  }

  /** Any thread: the number of the first deque from number `from` on, round about, in which values wait, or EMPTY. May be old on return. */
  find(from: number): number {
    return this.#find(this.#address, this.#strideBytes, this.count, from);
  }

  /** Whether values wait in any of them: a hint. */
  get hasValues(): boolean {
    return this.find(0) >= 0;
  }
}
