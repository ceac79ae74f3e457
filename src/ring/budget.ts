/** Running time that somebody may use in each period; contract and invariants (G1-G3) stand in budget.wat. */
import { PADDING_BYTES, type RingFunctions } from './api.ts';
import { expectIdentity, expectRoom, identify } from './identity.ts';
import { attachRing } from './ring-module.ts';

const PERIOD_NS = 8;
const MOST_NS = 16;
const USED = PADDING_BYTES;
const BYTES = 2 * PADDING_BYTES;
/** What is charged is counted in units of it: 73 minutes of running time fit into a period. */
const UNIT_NS = 1024;

/** Any thread charges and asks; one, the owner, sets what there is. */
export class Budget {
  readonly address: number;
  readonly #fn: RingFunctions;
  readonly #used: BigUint64Array<SharedArrayBuffer>;
  readonly #left: RingFunctions['budgetLeft'];
  /** Charged by this handle and less than a unit, so far. */
  #remainderNs = 0;

  private constructor(memory: WebAssembly.Memory, address: number) {
    const ring = attachRing(memory);
    expectIdentity(ring, address, 'budget');
    expectRoom(ring, address, BYTES);
    this.address = address;
    this.#fn = ring.fn;
    this.#used = new BigUint64Array(ring.i32.buffer, address + USED, 1);
    this.#left = ring.fn.budgetLeft;
  }

  static bytes(): number {
    return BYTES;
  }

  /** A budget of nothing, until it is `set`. */
  static create(memory: WebAssembly.Memory, address: number): Budget {
    const ring = attachRing(memory);
    expectRoom(ring, address, BYTES);
    ring.i32.fill(0, address >> 2, (address + BYTES) >> 2);
    identify(ring, address, 'budget');
    return new Budget(memory, address);
  }

  /** The budget that `create` made at this address, on any thread. Throws a RingError when it is none. */
  static attach(memory: WebAssembly.Memory, address: number): Budget {
    return new Budget(memory, address);
  }

  /** The owner: from now on. What was used so far is forgotten: the periods are numbered anew. */
  set(mostNs: number, periodNs: number, now: number): void {
    const number = BigInt(Math.floor(now / periodNs)) & 0xffff_ffffn;
    this.#fn.storeF64(this.address + PERIOD_NS, periodNs);
    this.#fn.storeF64(this.address + MOST_NS, mostNs);
    Atomics.store(this.#used, 0, number << 32n);
  }

  get periodNs(): number {
    return this.#fn.loadF64(this.address + PERIOD_NS);
  }

  get mostNs(): number {
    return this.#fn.loadF64(this.address + MOST_NS);
  }

  /** Nanoseconds that are left in the period of `now`; not above 0 when it is used up, or when there is no budget. */
  leftNs(now: number): number {
    return this.#left(this.address, now);
  }

  /** `ns` of running time, which ended at `now`. */
  charge(now: number, ns: number): void {
    const sum = ns + this.#remainderNs;
    const units = Math.floor(sum / UNIT_NS);
    this.#remainderNs = sum - units * UNIT_NS;
    if (units > 0) this.#fn.budgetCharge(this.address, now, Math.min(units, 0xffff_ffff) | 0);
  }
}
