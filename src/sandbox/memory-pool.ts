/**
 * The memories of one worker. One that a retired sandbox leaves serves the next sandbox of its class (least and most pages, kind of
 * address), of whichever function.
 *
 *   take   an idle one of the class, or a new one           in use
 *   give   ungrown: idle in its class; grown: dropped       idle | dropped
 *   drop   the registry tells when it is collected          dropped -> gone
 *
 * M1  in use + idle + dropped <= memoriesMax, by weight: a dropped memory is mapped until a collection, and a worker that meets the end of
 *     the address space is ended by V8 (address-space.ts). When there is no room but for dropped ones, they are collected first.
 * M2  what is in an idle memory is whatever its last guest left. That is sound since `$luge.reset` of a new instance fills all of it with
 *     zeros before the instance serves, knowing nothing of what was written (rewriter/reset.ts); a reset that clears less may do so for
 *     the second time only. A test holds it with a memory full of ones.
 * M3  only a memory of exactly its least size is given to another: a grown one can never shrink, and would show its size.
 *
 * Making one costs 5 µs, an instance over it 10 µs; so memories are not made ahead for their own sake, whole sandboxes are (pool.ts).
 * A class remembers the fewest that lay idle since the last trim: those nobody needed, and trim drops as many.
 */
import { collect } from './collector.ts';
import type { MemorySpec } from './function-image.ts';

const PAGE_BYTES = 65_536;

interface MemoryClass {
  readonly weight: number;
  readonly idle: WebAssembly.Memory[];
  idleLeast: number;
}

/** In units of 8 GiB of address space: a memory with 64-bit addresses reserves 16. */
export function memoryWeight({ wide }: MemorySpec): number {
  return wide ? 2 : 1;
}

export class MemoryPool {
  readonly #memoriesMax: number;
  readonly #classes = new Map<string, MemoryClass>();
  readonly #registry: FinalizationRegistry<{ weight: number; epoch: number }>;
  /** Grows with each forced collection: what was dropped before it is gone, whenever the registry says so. */
  #epoch = 0;
  /** By weight, all three. */
  inUse = 0;
  idle = 0;
  dropped = 0;
  /** Served from idle ones. */
  reused = 0;

  constructor(memoriesMax: number) {
    this.#memoriesMax = memoriesMax;
    this.#registry = new FinalizationRegistry(({ weight, epoch }) => {
      if (epoch === this.#epoch) this.dropped -= weight;
    });
  }

  /** All that reserve address space. */
  get mapped(): number {
    return this.inUse + this.idle + this.dropped;
  }

  /** Whether `weight` more can be in use, if what is idle or dropped makes room. */
  hasRoom(weight: number): boolean {
    return this.inUse + weight <= this.#memoriesMax;
  }

  /** The caller has asked `hasRoom`. */
  take(spec: MemorySpec): WebAssembly.Memory {
    const { weight, idle } = this.#class(spec);
    this.inUse += weight;
    const memory = idle.pop();
    if (memory !== undefined) {
      this.#noteLeast(spec);
      this.idle -= weight;
      this.reused++;
      return memory;
    }
    if (this.mapped > this.#memoriesMax) this.#makeRoom();
    try {
      return makeMemory(spec);
    } catch (error) {
      this.inUse -= weight;
      throw error;
    }
  }

  /** Its sandbox is gone. */
  give(spec: MemorySpec, memory: WebAssembly.Memory): void {
    if (memory.buffer.byteLength !== spec.minPages * PAGE_BYTES) {
      this.drop(spec, memory);
      return;
    }
    const { weight, idle } = this.#class(spec);
    this.inUse -= weight;
    this.idle += weight;
    idle.push(memory);
  }

  /** Like `give`, for one that nobody will want. */
  drop(spec: MemorySpec, memory: WebAssembly.Memory): void {
    const weight = memoryWeight(spec);
    this.inUse -= weight;
    this.#forget(memory, weight);
  }

  /** Drops what lay idle all the time since the last trim. */
  trim(): void {
    for (const [key, group] of this.#classes) {
      for (const memory of group.idle.splice(0, group.idleLeast)) {
        this.idle -= group.weight;
        this.#forget(memory, group.weight);
      }
      group.idleLeast = group.idle.length;
      if (group.idle.length === 0) this.#classes.delete(key);
    }
  }

  /** Gives dropped memories back to the system. */
  collect(): void {
    if (!collect()) return;
    this.#epoch++;
    this.dropped = 0;
  }

  #makeRoom(): void {
    for (const group of this.#classes.values()) {
      while (group.idle.length > 0 && this.inUse + this.idle > this.#memoriesMax) {
        this.idle -= group.weight;
        this.#forget(group.idle.shift() as WebAssembly.Memory, group.weight);
      }
      group.idleLeast = Math.min(group.idleLeast, group.idle.length);
    }
    this.collect();
  }

  #forget(memory: WebAssembly.Memory, weight: number): void {
    this.dropped += weight;
    this.#registry.register(memory, { weight, epoch: this.#epoch });
  }

  #noteLeast(spec: MemorySpec): void {
    const group = this.#class(spec);
    if (group.idle.length < group.idleLeast) group.idleLeast = group.idle.length;
  }

  #class(spec: MemorySpec): MemoryClass {
    const key = `${spec.minPages}/${spec.maxPages}/${spec.wide}`;
    let group = this.#classes.get(key);
    if (group === undefined) {
      group = { weight: memoryWeight(spec), idle: [], idleLeast: 0 };
      this.#classes.set(key, group);
    }
    return group;
  }
}

function makeMemory({ minPages, maxPages, wide }: MemorySpec): WebAssembly.Memory {
  return wide
    ? new WebAssembly.Memory({
        address: 'i64',
        initial: BigInt(minPages),
        maximum: BigInt(maxPages),
        shared: true,
      })
    : new WebAssembly.Memory({ initial: minPages, maximum: maxPages, shared: true });
}
