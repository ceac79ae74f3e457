/** The rings that the bench compares, by name, behind one shape. One process opens rings of one name only (candidate.ts). */
import { type Batch, MpmcRing, type RingFunctions, SpscRing } from '../../src/ring/index.ts';
import type { Ablation } from './ablations.ts';
import { TsMpmc } from './ts-mpmc.ts';
import { TsSpsc } from './ts-spsc.ts';

export type QueueName =
  | 'mpmc-wasm'
  | 'mpmc-ts'
  | 'mpmc-vyukov'
  | 'mpmc-plain-publish'
  | 'spsc-wasm'
  | 'spsc-ts'
  | 'spsc-indices'
  | 'spsc-no-padding'
  | 'spsc-no-cached-index';

export interface Queue {
  push(value: number): number;
  pop(): number;
  pushMany(batch: Batch, count: number): number;
  popMany(batch: Batch, max: number): number;
}

/** What another thread needs to open the same queue; it lies at byte 0. */
export interface SharedQueue {
  readonly name: QueueName;
  readonly memory: WebAssembly.Memory;
  /** Of the ablations. */
  readonly module: WebAssembly.Module | undefined;
}

/** Power of two; a lap is some microseconds. */
export const CAPACITY = 1024;
/** Behind any queue of CAPACITY. */
export const BATCHES_ADDRESS: number = 32_768;
const ABLATIONS: Readonly<Partial<Record<QueueName, Ablation>>> = {
  'mpmc-vyukov': 'vyukov',
  'mpmc-plain-publish': 'plain-publish',
  'spsc-indices': 'indices',
  'spsc-no-padding': 'no-padding',
  'spsc-no-cached-index': 'no-cached-index',
};

type Take = RingFunctions['mpmcPop'];
type Put = RingFunctions['mpmcPush'];

export async function createQueue(name: QueueName): Promise<SharedQueue> {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const { create } = name.startsWith('mpmc') ? MpmcRing : SpscRing;
  create(memory, 0, { capacity: CAPACITY });
  if (name === 'mpmc-vyukov') {
    const i32 = new Int32Array(memory.buffer);
    for (let i = 0; i < CAPACITY; i++) i32[96 + 2 * i] = i;
  }
  const change = ABLATIONS[name];
  // Not imported above: the threads would load the assembler with it.
  const { ablation } = await import('./ablations.ts');
  return { name, memory, module: change === undefined ? undefined : await ablation(change) };
}

export function openQueue({ name, memory, module }: SharedQueue): Queue {
  if (name === 'mpmc-ts') return new TsMpmc(memory);
  if (name === 'spsc-ts') return new TsSpsc(memory);
  if (module === undefined) {
    return name === 'mpmc-wasm' ? MpmcRing.attach(memory, 0) : SpscRing.attach(memory, 0);
  }
  const instance = new WebAssembly.Instance(module, { luge: { arena: memory } });
  const prefix = { 'mpmc-vyukov': 'vyukov', 'spsc-indices': 'indices' }[name as string];
  const names = prefix ?? name.slice(0, 4);
  const { [`${names}Push`]: push, [`${names}Pop`]: pop } = instance.exports;
  return new AblatedQueue(push as Put, pop as Take);
}

/** The same few lines around the functions as in MpmcRing and SpscRing. */
class AblatedQueue implements Queue {
  readonly address: number = 0;
  readonly #push: Put;
  readonly #pop: Take;

  constructor(push: Put, pop: Take) {
    this.#push = push;
    this.#pop = pop;
  }

  push(value: number): number {
    return this.#push(this.address, value);
  }

  pop(): number {
    return this.#pop(this.address);
  }

  pushMany(): number {
    throw new Error('no batches here');
  }

  popMany(): number {
    throw new Error('no batches here');
  }
}
