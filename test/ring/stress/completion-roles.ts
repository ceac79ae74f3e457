/** Racers that finish the same slots, and the reader that opens them again. */
import { attachRing, CompletionRing, EMPTY, RETRY } from '../../../src/ring/index.ts';
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

/** Opens all slots, and each one that it reads; whichever comes is open and comes once. */
function reader(context: RoleContext): Numbers {
  const ring = CompletionRing.attach(context.memory, context.at('completion'));
  const { fn } = attachRing(context.memory);
  const { patience, signals } = context;
  const slots = context.option('slots');
  const least = context.option('least');
  const isOpen: boolean[] = [];
  const open = (slot: number): void => {
    isOpen[slot] = true;
    fn.store32(context.at('states', slot), OPEN);
  };
  for (let slot = 0; slot < slots; slot++) open(slot);
  let read = 0;
  for (let left = slots; left > 0; ) {
    const slot = ring.pop();
    if (slot === EMPTY || slot === RETRY) {
      patience.wait();
      continue;
    }
    if (isOpen[slot] !== true) throw new Error(`slot ${slot} came, which is not open`);
    if (fn.load32(context.at('states', slot)) !== DONE) {
      throw new Error(`slot ${slot} came before it was done`);
    }
    isOpen[slot] = false;
    read++;
    if (read >= least && signals.isStopped) left--;
    else open(slot);
  }
  signals.end();
  return { read };
}

export const roles: Readonly<Record<string, Role>> = { racer, reader };
