/** Racers that finish the same slots, and the reader that opens them again. */
import {
  attachRing,
  CompletionRing,
  EMPTY,
  RETRY,
  type RingFunctions,
} from '../../../src/ring/index.ts';
import type { Numbers, Role, RoleContext } from './role.ts';

const DONE = 0;
const OPEN = 1;

/** Tries to finish slots until the reader has ended. */
function racer(context: RoleContext): Numbers {
  const ring = CompletionRing.attach(context.memory, context.at('completion'));
  const { random, patience, signals } = context;
  const slots = context.option('slots');
  let won = 0;
  while (signals.ended === 0) {
    random.dawdle();
    const slot = random.below(slots);
    if (ring.finish(slot, context.at('states', slot), OPEN, DONE)) won++;
    else patience.wait();
  }
  return { won };
}

/** The reader's side: whichever slot comes is open, and comes once. */
class Slots {
  readonly #context: RoleContext;
  readonly #ring: CompletionRing;
  readonly #fn: RingFunctions;
  readonly #isOpen: boolean[] = [];

  constructor(context: RoleContext) {
    this.#context = context;
    this.#ring = CompletionRing.attach(context.memory, context.at('completion'));
    this.#fn = attachRing(context.memory).fn;
  }

  open(slot: number): void {
    this.#isOpen[slot] = true;
    this.#fn.store32(this.#context.at('states', slot), OPEN);
  }

  openAll(): void {
    for (let slot = 0; slot < this.#context.option('slots'); slot++) this.open(slot);
  }

  /** A slot that was finished, EMPTY, or RETRY. */
  next(): number {
    const slot = this.#ring.pop();
    if (slot === EMPTY || slot === RETRY) return slot;
    if (this.#isOpen[slot] !== true) throw new Error(`slot ${slot} came, which is not open`);
    if (this.#state(slot) !== DONE) throw new Error(`slot ${slot} came before it was done`);
    this.#isOpen[slot] = false;
    return slot;
  }

  expectAllOpen(): void {
    for (let slot = 0; slot < this.#context.option('slots'); slot++) {
      if (this.#state(slot) !== OPEN) throw new Error(`slot ${slot} is done and did not come`);
    }
  }

  #state(slot: number): number {
    return this.#fn.load32(this.#context.at('states', slot));
  }
}

/** Opens all slots, and each one that it reads. */
function reader(context: RoleContext): Numbers {
  const slots = new Slots(context);
  const { patience, signals } = context;
  const least = context.option('least');
  let read = 0;
  slots.openAll();
  for (let left = context.option('slots'); left > 0; ) {
    const slot = slots.next();
    if (slot < 0) {
      patience.wait();
      continue;
    }
    read++;
    if (read >= least && signals.isStopped) left--;
    else slots.open(slot);
  }
  signals.end();
  return { read };
}

/** The reader of racers that are killed. When they all are, each slot is open or comes, and none is on its way for ever. */
function survivor(context: RoleContext): Numbers {
  const slots = new Slots(context);
  const { patience, signals } = context;
  slots.openAll();
  for (let read = 0; ; ) {
    const isOver = signals.isStopped;
    const slot = slots.next();
    if (slot >= 0) {
      read++;
      slots.open(slot);
    } else if (!isOver) {
      patience.wait();
    } else if (slot === RETRY) {
      throw new Error('RETRY: a racer died behind its claim');
    } else {
      slots.expectAllOpen();
      signals.end();
      return { read };
    }
  }
}

export const roles: Readonly<Record<string, Role>> = { racer, reader, survivor };
