/** What a thread of a case has at hand. */
import type { Region } from '../../../src/ring/index.ts';
import { Barrier } from './barrier.ts';
import { Ledger } from './ledger.ts';
import { Patience } from './patience.ts';
import { Random } from './random.ts';
import { Signals } from './signals.ts';

/** Numbers only: they go to another thread. */
export type Numbers = Readonly<Record<string, number>>;

/** Everything that goes to the thread. */
export interface RoleData {
  /** URL of the file whose `roles` has the role. */
  readonly file: string;
  readonly role: string;
  /** Of its own in the whole case, from 0. */
  readonly number: number;
  /** Threads that start together. */
  readonly parties: number;
  /** Whether it starts alone, behind the others. */
  readonly isLate: boolean;
  readonly seed: number;
  readonly memory: WebAssembly.Memory;
  readonly regions: Readonly<Record<string, Region>>;
  readonly barrier: Int32Array<SharedArrayBuffer>;
  readonly signals: Int32Array<SharedArrayBuffer>;
  readonly hits: Int32Array<SharedArrayBuffer>;
  readonly options: Numbers;
}

/** Runs on a thread of its own; what it answers goes to the test. A fault is thrown. */
export type Role = (context: RoleContext) => Numbers | undefined | Promise<Numbers | undefined>;

export class RoleContext {
  readonly number: number;
  readonly memory: WebAssembly.Memory;
  readonly barrier: Barrier;
  readonly signals: Signals;
  readonly ledger: Ledger;
  readonly random: Random;
  readonly patience: Patience;
  readonly #data: RoleData;

  constructor(data: RoleData) {
    this.#data = data;
    this.number = data.number;
    this.memory = data.memory;
    this.barrier = new Barrier(data.barrier, data.parties);
    this.signals = new Signals(data.signals);
    this.ledger = new Ledger(data.hits);
    this.random = new Random(data.seed);
    this.patience = new Patience();
  }

  /** Whether the stage of the case has this region. */
  has(name: string): boolean {
    return name in this.#data.regions;
  }

  /** Byte address of structure `i` of a region. */
  at(name: string, i: number = 0): number {
    const region = this.#data.regions[name];
    if (region === undefined) throw new Error(`there is no region ${name}`);
    return region.address + i * region.strideBytes;
  }

  option(name: string): number {
    const value = this.#data.options[name];
    if (value === undefined) throw new Error(`role ${this.#data.role} needs the option ${name}`);
    return value;
  }
}
