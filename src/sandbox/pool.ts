/**
 * The sandboxes of one worker: for each function those that are ready, the warmest on top.
 *
 *   take(fn)   the last one given back (its memory is in the cache), or a new one
 *   give(s)    reset in place, then ready again; retired when it cannot be reset or the function has enough
 *
 * `new Instance` over a new Memory costs 40 µs, reset in place 1.3 µs for a page. A dirty sandbox is in no list: only `reset` makes it
 * reachable again. Each memory reserves 8 GiB of address space, whatever its size, so the number of memories is capped
 * here (address-space.ts has where the cap comes from); past the cap the sandbox that was longest idle makes room, and if none is
 * idle the caller gets none. Guests with several memories count for each of them, and twice for one with 64-bit addresses.
 */
import type { FunctionImage, FunctionSpec, MemorySpec } from './function-image.ts';
import { STATE } from './lifecycle.ts';
import { Sandbox } from './sandbox.ts';

/** What all sandboxes of a worker import beside the guest interfaces; see rewriter/index.ts. */
export interface Intrinsics {
  readonly control: WebAssembly.Memory;
  readonly interrupt: unknown;
  readonly wait32: unknown;
  readonly wait64: unknown;
}

export interface PoolLimits {
  /** Sandboxes of this worker, running, suspended and ready together. */
  readonly sandboxesMax: number;
  /** Their memories, by weight: this worker's part of the address space. */
  readonly memoriesMax: number;
  /** Ready ones that a function may keep. */
  readonly readyMaxPerFunction: number;
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

/** In units of 8 GiB of address space: a memory with 64-bit addresses reserves 16. */
function weightOf({ memories }: FunctionSpec): number {
  return memories.reduce((sum, { wide }) => sum + (wide ? 2 : 1), 0);
}

class FunctionPool {
  image: FunctionImage;
  readonly imports: WebAssembly.Imports;
  readonly ready: Sandbox[] = [];
  lastUsed = 0;

  constructor(image: FunctionImage, imports: WebAssembly.Imports) {
    this.image = image;
    this.imports = imports;
  }
}

export class SandboxPool {
  readonly #limits: PoolLimits;
  readonly #hostImports: (spec: FunctionSpec) => WebAssembly.Imports;
  readonly #intrinsics: Intrinsics;
  readonly #functions: (FunctionPool | undefined)[] = [];
  /** Sandboxes that exist, and how many were made and retired in all. */
  #count = 0;
  /** Memories of those that exist, by weight. */
  #memories = 0;
  #clock = 0;
  made = 0;
  retired = 0;

  constructor(
    limits: PoolLimits,
    hostImports: (spec: FunctionSpec) => WebAssembly.Imports,
    intrinsics: Intrinsics,
  ) {
    this.#limits = limits;
    this.#hostImports = hostImports;
    this.#intrinsics = intrinsics;
  }

  get count(): number {
    return this.#count;
  }

  add(image: FunctionImage): void {
    this.#functions[image.spec.id] = new FunctionPool(image, {
      ...this.#hostImports(image.spec),
      $luge: { ...this.#intrinsics },
    });
  }

  remove(id: number): void {
    const pool = this.#functions[id];
    if (pool === undefined) return;
    this.#retireReady(pool, pool.ready.length);
    this.#functions[id] = undefined;
  }

  image(id: number): FunctionImage | undefined {
    return this.#functions[id]?.image;
  }

  /** A sandbox like new; undefined when the cap is reached and nothing can make room. Throws what instantiation throws. */
  take(id: number): Sandbox | undefined {
    const pool = this.#functions[id];
    if (pool === undefined) return undefined;
    pool.lastUsed = ++this.#clock;
    const warm = pool.ready.pop();
    if (warm !== undefined) return warm;
    while (!this.#hasRoom(weightOf(pool.image.spec))) {
      if (!this.#evict()) return undefined;
    }
    return this.#make(pool);
  }

  /** Takes a sandbox back whose request has been answered. */
  give(sandbox: Sandbox): void {
    const pool = this.#functions[sandbox.spec.id];
    sandbox.exchange = undefined;
    sandbox.wasi = undefined;
    sandbox.state = STATE.ALLOCATED;
    if (
      pool === undefined ||
      pool.image.spec !== sandbox.spec ||
      pool.ready.length >= this.#limits.readyMaxPerFunction ||
      !sandbox.reset()
    ) {
      this.#forget(sandbox);
      return;
    }
    pool.ready.push(sandbox);
  }

  #hasRoom(memories: number): boolean {
    const { sandboxesMax, memoriesMax } = this.#limits;
    if (this.#count >= sandboxesMax) return false;
    return this.#count === 0 || this.#memories + memories <= memoriesMax;
  }

  #forget(sandbox: Sandbox): void {
    sandbox.state = STATE.COMPLETE;
    this.#count--;
    this.#memories -= weightOf(sandbox.spec);
    this.retired++;
  }

  #make(pool: FunctionPool): Sandbox {
    const { spec } = pool.image;
    let { imports } = pool;
    let first: WebAssembly.Memory | undefined;
    if (spec.memories.length > 0) {
      const $luge = { ...imports.$luge } as Record<string, unknown>;
      for (const memory of spec.memories) $luge[memory.name] = makeMemory(memory);
      first = $luge[(spec.memories[0] as MemorySpec).name] as WebAssembly.Memory;
      imports = { ...imports, $luge };
    }
    const sandbox = new Sandbox(pool.image, imports, first);
    if (!sandbox.reset()) throw new Error(`a new sandbox of ${spec.name} could not be reset`);
    this.#count++;
    this.#memories += weightOf(spec);
    this.made++;
    return sandbox;
  }

  /** Retires the ready sandbox of the function that was used longest ago. */
  #evict(): boolean {
    let oldest: FunctionPool | undefined;
    for (const pool of this.#functions) {
      if (pool === undefined || pool.ready.length === 0) continue;
      if (oldest === undefined || pool.lastUsed < oldest.lastUsed) oldest = pool;
    }
    if (oldest === undefined) return false;
    this.#retireReady(oldest, 1);
    return true;
  }

  #retireReady(pool: FunctionPool, count: number): void {
    for (const sandbox of pool.ready.splice(0, count)) this.#forget(sandbox);
  }
}
