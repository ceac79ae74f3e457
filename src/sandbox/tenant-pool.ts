/**
 * What a tenant has ready in one worker: how many, and of which functions, the longest unused first. Its limit is for all workers together
 * (pool-cells.ts, L3): whoever makes it too many retires the coldest that it has itself. Where that is the one which it has just used, the others'
 * are likely to be colder, and it says so: at the end of their window they keep of the tenant only what that window used.
 */
import type { PoolCells } from './pool-cells.ts';

/** A function's sandboxes. */
interface Member {
  readonly ready: readonly unknown[];
}

export class TenantPool<M extends Member> {
  readonly cells: PoolCells;
  /** As of the last window's end: some worker had to retire what it would have used again. */
  isPressed = false;
  readonly #warm = new Set<M>();
  #newest: M | undefined = undefined;
  #ready = 0;
  #pressed: number;

  constructor(cells: PoolCells) {
    this.cells = cells;
    this.#pressed = cells.pressed;
  }

  /** So many more of its sandboxes are ready, or fewer. */
  count(by: number): void {
    this.#ready += by;
    this.cells.ready = this.#ready;
  }

  /** One of this function's was given back. */
  touch(member: M): void {
    if (this.#newest === member) return;
    this.#newest = member;
    this.#warm.delete(member);
    this.#warm.add(member);
  }

  /** The function that was used longest ago and has some. */
  coldest(): M | undefined {
    for (const member of this.#warm) {
      if (member.ready.length > 0) return member;
      this.cool(member);
    }
    return undefined;
  }

  /** It has none any more. */
  cool(member: M): void {
    this.#warm.delete(member);
    if (this.#newest === member) this.#newest = undefined;
  }

  /** A window ends. */
  look(): void {
    const { pressed } = this.cells;
    this.isPressed = pressed !== this.#pressed;
    this.#pressed = pressed;
  }
}
