/** The rings by one interface, so that one set of roles drives them all. Which one it is, the stage's region tells. */
import {
  type Batch,
  CompletionRing,
  FULL,
  MpmcRing,
  type RingOptions,
  SpscRing,
} from '../../../src/ring/index.ts';
import type { RoleContext } from './role.ts';
import type { Signals } from './signals.ts';

/** How many values are in a completion ring, or about to be: its callers see to C1, as the slots do in earnest. */
const OUTSTANDING = 0;

export interface Channel {
  push(value: number): number;
  pop(): number;
  pushMany(batch: Batch, count: number): number;
  popMany(batch: Batch, max: number): number;
}

export function createChannel(context: RoleContext, options: RingOptions): void {
  const { memory } = context;
  if (context.has('mpmc')) MpmcRing.create(memory, context.at('mpmc'), options);
  else if (context.has('spsc')) SpscRing.create(memory, context.at('spsc'), options);
  else CompletionRing.create(memory, context.at('completion'), options);
}

export function attachChannel(context: RoleContext): Channel {
  const { memory } = context;
  if (context.has('mpmc')) return MpmcRing.attach(memory, context.at('mpmc'));
  if (context.has('spsc')) return SpscRing.attach(memory, context.at('spsc'));
  return new Completions(
    CompletionRing.attach(memory, context.at('completion')),
    context.signals,
    context.option('capacity'),
  );
}

class Completions implements Channel {
  readonly #ring: CompletionRing;
  readonly #signals: Signals;
  readonly #capacity: number;

  constructor(ring: CompletionRing, signals: Signals, capacity: number) {
    this.#ring = ring;
    this.#signals = signals;
    this.#capacity = capacity;
  }

  push(value: number): number {
    if (this.#signals.add(OUTSTANDING, 1) >= this.#capacity) {
      this.#signals.add(OUTSTANDING, -1);
      return FULL;
    }
    this.#ring.push(value);
    return 0;
  }

  pop(): number {
    const value = this.#ring.pop();
    if (value >= 0) this.#signals.add(OUTSTANDING, -1);
    return value;
  }

  pushMany(): number {
    throw new Error('a completion ring takes one value at a time');
  }

  popMany(): number {
    throw new Error('a completion ring gives one value at a time');
  }
}
