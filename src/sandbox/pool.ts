/**
 * The sandboxes of one worker: for each function those that are ready, the warmest on top.
 *
 *   take(fn)    the last one given back (its memory is in the cache), or a new one
 *   give(s)     reset in place, then ready again; retired when it cannot be reset or the function has enough
 *   tidy(now)   a piece of work for a worker that has nothing else to do
 *
 * `new Instance` over a new Memory costs 34 µs, reset in place 0.46 µs for a page. A dirty sandbox is in no list: only `reset` makes it
 * reachable again. Sandboxes are capped by number and by memories (memory-pool.ts); past the cap the one that was longest idle makes
 * room, and if none is idle the caller gets none. Guests with several memories count for each of them, and twice for one
 * with 64-bit addresses; one that alone needs more than there are never gets any.
 *
 * A tenant may have a limit of its own for those that are ready: past it the one that was longest idle of its functions goes (tenant-pool.ts).
 *
 * In idle time, one bounded piece a call:
 *   refill   a function that had to make a sandbox while a request waited, and has none ready now, gets one (its sandboxes sleep in host
 *            calls, or are retired behind each request)
 *   shrink   once a window: of each function, as many ready ones go as lay there all the window through. One stays for some windows more,
 *            and those that `prewarm` asked for stay. Their memories are dropped, not kept
 *   collect  once a window, if memories were dropped: V8 would keep their pages until it collects for reasons of its own
 * Measured with 5,000 registered functions, all different (a 5 KB module, and one of 34 KB): 0.7 (2.1) ms and 50 (145) KB each, of which
 * rewriting is 0.33 (1.3) ms and V8 0.11 (0.39) ms; it compiles a function when that is called first, and a Module is not copied on its
 * way to a worker (1.1 µs), so that a worker replaces a dead one with all of them in 0.28 s. Nothing here is looked at for each function.
 *
 * No clock is read for any of this on a request's path: `take` only notes how few were left.
 */
import type { NativeAddon } from './addon.ts';
import type { FunctionImage, FunctionSpec, MemorySpec } from './function-image.ts';
import { STATE } from './lifecycle.ts';
import { MemoryPool, memoryWeight } from './memory-pool.ts';
import { PoolCells } from './pool-cells.ts';
import { Sandbox } from './sandbox.ts';
import { TenantPool } from './tenant-pool.ts';

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

/** Two windows behind a burst its sandboxes are gone; a load that comes in waves of seconds keeps them. */
const WINDOW_NS = 10e9;
/** How long the last one of a function stays that nobody calls. */
const LAST_WINDOWS = 6;
/** Sandboxes that one piece of tidying retires: about 20 µs, as nothing is unmapped yet. */
const SHRINK_BATCH = 64;

class FunctionPool {
  readonly image: FunctionImage;
  readonly imports: WebAssembly.Imports;
  readonly cells: PoolCells;
  readonly weight: number;
  readonly ready: Sandbox[] = [];
  /** The fewest that were ready in this window. */
  readyLeast = 0;
  usedInWindow: number;
  /** Common to its tenant's functions. */
  tenant: TenantPool<FunctionPool> | undefined = undefined;
  isMissed = false;

  constructor(
    image: FunctionImage,
    imports: WebAssembly.Imports,
    cells: PoolCells,
    window: number,
  ) {
    this.usedInWindow = window;
    this.image = image;
    this.imports = imports;
    this.cells = cells;
    this.weight = image.spec.memories.reduce((sum, memory) => sum + memoryWeight(memory), 0);
  }
}

export class SandboxPool {
  readonly memories: MemoryPool;
  readonly #limits: PoolLimits;
  readonly #hostImports: (spec: FunctionSpec) => WebAssembly.Imports;
  readonly #intrinsics: Intrinsics;
  readonly #addon: NativeAddon | undefined;
  readonly #more: (() => number) | undefined;
  readonly #functions: (FunctionPool | undefined)[] = [];
  /** Those that have a ready sandbox, or had one: the longest unused first. With thousands of functions only these are looked at. */
  readonly #warm = new Set<FunctionPool>();
  #newest: FunctionPool | undefined;
  readonly #missed: FunctionPool[] = [];
  #window = 0;
  #windowEndNs = Number.POSITIVE_INFINITY;
  /** What this window's end has still to look at. */
  #shrinking: FunctionPool[] = [];
  #isShrinking = false;
  readonly #tenants = new Map<number, TenantPool<FunctionPool>>();
  /** Why `take` gave none: no room in this worker, or the limit of the function or the tenant. */
  refusal: 'room' | 'function' | 'tenant' = 'room';
  /** Sandboxes that exist, and how many were made and retired in all. */
  #count = 0;
  made = 0;
  retired = 0;

  constructor(
    limits: PoolLimits,
    hostImports: (spec: FunctionSpec) => WebAssembly.Imports,
    intrinsics: Intrinsics,
    addon: NativeAddon | undefined = undefined,
    more: (() => number) | undefined = undefined,
  ) {
    this.#limits = limits;
    this.#hostImports = hostImports;
    this.#intrinsics = intrinsics;
    this.#addon = addon;
    this.#more = more;
    this.memories = new MemoryPool(limits.memoriesMax);
  }

  get count(): number {
    return this.#count;
  }

  /** Makes what `prewarm` asks for, as far as there is room. Throws what instantiation throws; the function is there all the same. */
  add(image: FunctionImage, cells: PoolCells = PoolCells.create(1), tenant?: PoolCells): void {
    const { tenantId } = image.spec;
    if (tenant !== undefined && !this.#tenants.has(tenantId))
      this.#tenants.set(tenantId, new TenantPool(tenant));
    const pool = new FunctionPool(image, this.#hostImports(image.spec), cells, this.#window);
    pool.tenant = this.#tenants.get(tenantId);
    this.#functions[image.spec.id] = pool;
    const wanted = Math.min(image.spec.prewarm, this.#limits.readyMaxPerFunction);
    while (pool.ready.length < wanted && this.#hasIdleRoom(pool))
      this.#keep(pool, this.#make(pool));
  }

  remove(id: number): void {
    const pool = this.#functions[id];
    if (pool === undefined) return;
    this.#retireReady(pool, pool.ready.length);
    this.#functions[id] = undefined;
    this.#cool(pool);
    pool.tenant?.cool(pool);
  }

  image(id: number): FunctionImage | undefined {
    return this.#functions[id]?.image;
  }

  cells(id: number): PoolCells | undefined {
    return this.#functions[id]?.cells;
  }

  /**
   * A sandbox like new; undefined when a limit is reached, which `refusal` names, and nothing can make room. Throws what instantiation
   * throws.
   */
  take(id: number): Sandbox | undefined {
    const pool = this.#functions[id];
    if (pool === undefined || !this.#enter(pool)) return undefined;
    let sandbox: Sandbox | undefined;
    try {
      sandbox = this.#takeReady(pool);
      if (sandbox === undefined) this.refusal = 'room';
      return sandbox;
    } finally {
      if (sandbox === undefined) this.#leave(pool, pool.image.spec);
    }
  }

  #leave(pool: FunctionPool | undefined, { tenantId }: FunctionSpec): void {
    pool?.cells.leave();
    // The function may be gone meanwhile; its tenant counts on.
    this.#tenants.get(tenantId)?.cells.leave();
  }

  #takeReady(pool: FunctionPool): Sandbox | undefined {
    pool.usedInWindow = this.#window;
    const { ready } = pool;
    const warm = ready.pop();
    if (warm !== undefined) {
      if (ready.length < pool.readyLeast) pool.readyLeast = ready.length;
      this.#readyBy(pool, -1);
      return warm;
    }
    while (!this.#hasRoom(pool)) {
      if (!this.#evict()) return undefined;
    }
    if (!pool.isMissed) {
      pool.isMissed = true;
      this.#missed.push(pool);
    }
    return this.#make(pool);
  }

  #enter({ cells, tenant }: FunctionPool): boolean {
    if (!cells.tryEnter()) this.refusal = 'function';
    else if (tenant?.cells.tryEnter() === false) {
      this.refusal = 'tenant';
      cells.leave();
    } else return true;
    return false;
  }

  /** Of the function's tenant: the number of its budget, or -1. */
  reservation(id: number): number {
    return this.#functions[id]?.tenant?.cells.reservation ?? -1;
  }

  tenantLimit({ tenantId }: FunctionSpec): number {
    return this.#tenants.get(tenantId)?.cells.limit ?? Number.POSITIVE_INFINITY;
  }

  /** The limit of what a tenant may have ready has changed. */
  trim(tenantId: number): void {
    const tenant = this.#tenants.get(tenantId);
    if (tenant !== undefined) this.#trim(tenant);
  }

  /**
   * The sandbox serves no request any more. To be called before the answer is out: who has that may send the next one at once, and another worker
   * may take it.
   */
  leave({ spec }: Sandbox): void {
    this.#leave(this.#functions[spec.id], spec);
  }

  /** Takes a sandbox back, behind `leave`. */
  give(sandbox: Sandbox): void {
    const pool = this.#functions[sandbox.spec.id];
    sandbox.exchange = undefined;
    sandbox.wasi = undefined;
    sandbox.state = STATE.ALLOCATED;
    if (pool !== undefined && sandbox.grows)
      pool.cells.grown(-sandbox.pages + sandbox.countPages());
    if (
      pool === undefined ||
      pool.image.spec !== sandbox.spec ||
      pool.ready.length >= this.#limits.readyMaxPerFunction ||
      !sandbox.reset()
    ) {
      this.#forget(sandbox, pool, false);
      return;
    }
    this.#keep(pool, sandbox);
  }

  /** When `tidy` next has something to do; Infinity while there is nothing to shrink. */
  get tidyAtNs(): number {
    return this.#missed.length > 0 || this.#isShrinking ? 0 : this.#windowEndNs;
  }

  /** One piece of work, for a worker that is idle: false when there is none now. `isFree`: it holds no guest, and may pause. */
  tidy(now: number, isFree: boolean): boolean {
    const missed = this.#missed.pop();
    if (missed !== undefined) {
      this.#refill(missed);
      return true;
    }
    if (this.#windowEndNs === Number.POSITIVE_INFINITY) {
      if (!this.#hasSurplus()) return false;
      this.#windowEndNs = now + WINDOW_NS;
    }
    if (!this.#isShrinking) {
      if (now < this.#windowEndNs) return false;
      this.#isShrinking = true;
      this.#window++;
      this.#shrinking = [...this.#warm];
      for (const tenant of this.#tenants.values()) tenant.look();
    }
    if (this.#shrink()) return true;
    this.memories.trim();
    if (this.memories.dropped > 0 && isFree) this.memories.collect();
    this.#isShrinking = false;
    this.#windowEndNs = this.#hasSurplus() ? now + WINDOW_NS : Number.POSITIVE_INFINITY;
    return true;
  }

  /** Whether time alone can make something superfluous. */
  #hasSurplus(): boolean {
    if (this.memories.idle > 0 || this.memories.dropped > 0) return true;
    for (const { ready, image } of this.#warm) {
      if (ready.length > image.spec.prewarm) return true;
    }
    return false;
  }

  #refill(pool: FunctionPool): void {
    pool.isMissed = false;
    const isCurrent = this.#functions[pool.image.spec.id] === pool;
    if (!isCurrent || pool.ready.length > 0 || !this.#hasIdleRoom(pool)) return;
    try {
      this.#keep(pool, this.#make(pool));
    } catch {
      // The next request meets the same, and is told.
    }
  }

  /** A batch of what this window's end has to retire; false when it is done. */
  #shrink(): boolean {
    let left = SHRINK_BATCH;
    for (let pool = this.#shrinking.at(-1); pool !== undefined; pool = this.#shrinking.at(-1)) {
      const windows = pool.tenant?.isPressed === true ? 1 : LAST_WINDOWS;
      const isUsed = this.#window - pool.usedInWindow <= windows;
      const stays = Math.max(pool.image.spec.prewarm, isUsed ? 1 : 0);
      const surplus = Math.min(pool.readyLeast, pool.ready.length - stays);
      if (surplus > 0) {
        const batch = Math.min(surplus, left);
        this.#retireReady(pool, batch);
        left -= batch;
        if (left === 0) return true;
      }
      pool.readyLeast = pool.ready.length;
      this.#shrinking.pop();
    }
    return false;
  }

  #hasRoom({ weight }: FunctionPool): boolean {
    if (this.#count >= this.#limits.sandboxesMax) return false;
    return this.memories.hasRoom(weight);
  }

  /** For one that nobody waits for. */
  #hasIdleRoom(pool: FunctionPool): boolean {
    return this.#hasRoom(pool) && pool.tenant?.cells.hasIdleRoom !== false;
  }

  #keep(pool: FunctionPool, sandbox: Sandbox): void {
    const { tenant } = pool;
    pool.ready.push(sandbox);
    this.#readyBy(pool, 1);
    tenant?.touch(pool);
    if (this.#newest !== pool) {
      this.#newest = pool;
      this.#warm.delete(pool);
      this.#warm.add(pool);
    }
    if (tenant?.cells.isOverIdle === true) this.#trim(tenant, pool);
  }

  /** Retires what the tenant has too many of, the coldest first. `used`: the function that has just been given one back. */
  #trim(tenant: TenantPool<FunctionPool>, used?: FunctionPool): void {
    while (tenant.cells.isOverIdle) {
      const pool = tenant.coldest();
      if (pool === undefined) return;
      if (pool === used) tenant.cells.press();
      this.#retireReady(pool, 1, false);
    }
  }

  #readyBy(pool: FunctionPool, by: number): void {
    pool.cells.ready = pool.ready.length;
    pool.tenant?.count(by);
  }

  /** `forGood`: nobody will want its memories either. */
  #forget(sandbox: Sandbox, pool: FunctionPool | undefined, forGood: boolean): void {
    sandbox.state = STATE.COMPLETE;
    this.#count--;
    this.retired++;
    pool?.cells.retired(sandbox.pages);
    sandbox.spec.memories.forEach((spec, at) => {
      const memory = sandbox.memories[at] as WebAssembly.Memory;
      if (forGood) this.memories.drop(spec, memory);
      else this.memories.give(spec, memory);
    });
  }

  #make(pool: FunctionPool): Sandbox {
    const { spec } = pool.image;
    const $luge: Record<string, unknown> = { ...this.#intrinsics };
    const memories: WebAssembly.Memory[] = [];
    try {
      for (const memory of spec.memories) {
        const made = this.memories.take(memory);
        memories.push(made);
        $luge[memory.name] = made;
      }
      const imports = { ...pool.imports, $luge };
      const sandbox = new Sandbox(pool.image, imports, memories, this.#addon, this.#more);
      if (!sandbox.reset()) throw new Error(`a new sandbox of ${spec.name} could not be reset`);
      this.#count++;
      this.made++;
      pool.cells.made(sandbox.countPages());
      return sandbox;
    } catch (error) {
      memories.forEach((memory, at) => {
        this.memories.give(spec.memories[at] as MemorySpec, memory);
      });
      throw error;
    }
  }

  /** Retires the coldest ready sandbox of the function that was used longest ago. */
  #evict(): boolean {
    for (const pool of this.#warm) {
      if (pool.ready.length > 0) {
        this.#retireReady(pool, 1, false);
        return true;
      }
      this.#cool(pool);
    }
    return false;
  }

  /** It has no ready one any more. */
  #cool(pool: FunctionPool): void {
    this.#warm.delete(pool);
    if (this.#newest === pool) this.#newest = undefined;
  }

  #retireReady(pool: FunctionPool, count: number, forGood = true): void {
    const retired = pool.ready.splice(0, count);
    for (const sandbox of retired) this.#forget(sandbox, pool, forGood);
    this.#readyBy(pool, -retired.length);
    // The coldest went: they lay there all the time.
    pool.readyLeast = Math.max(0, pool.readyLeast - count);
  }
}
