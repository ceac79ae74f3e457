/** Hands an answer over to whoever submitted the request: a thread with an event loop and a bell, or a worker, which sleeps in the lot. */
import type { Arena } from '../ring/index.ts';
import { type Exchange, SLOT_STATE } from '../sandbox/index.ts';

/** Workers are the last producers, in the order of their numbers. */
export function firstWorkerProducer({ constraints }: Arena): number {
  return constraints.producers - constraints.workers;
}

/** The producer of a response that goes out in parts is told of one: its number in the completion ring is the slot's plus this. */
export function partMark({ layout }: Arena): number {
  return layout.ringCapacity;
}

/** Hands over what the guest has written so far (parts.ts, S3). No part may be out. */
export function deliverPart(arena: Arena, exchange: Exchange): void {
  const { producer } = exchange;
  exchange.parts.seal();
  arena.completions(producer).push(exchange.slot + partMark(arena));
  arena.bell(producer).ring();
}

/** The exchange is somebody else's behind this. False when another thread has answered it: `mark` is not its state any more. */
export function deliver(arena: Arena, exchange: Exchange, mark: number): boolean {
  const { producer } = exchange;
  const { slot, address } = exchange;
  if (!arena.completions(producer).finish(slot, address, mark, SLOT_STATE.DONE)) return false;
  const worker = producer - firstWorkerProducer(arena);
  if (worker >= 0) arena.lot.wake(worker);
  else arena.bell(producer).ring();
  return true;
}

/**
 * For a worker that has died, perhaps between an answer, or a part of one, and the word of it: whoever may wait for one looks. Its slot does not tell, being
 * DONE. (The model checker found such an answer waiting for the next one.)
 */
export function announceAll(arena: Arena): void {
  const first = firstWorkerProducer(arena);
  for (let p = 0; p < first; p++) arena.bell(p).ring();
  for (let w = 0; w < arena.constraints.workers; w++) arena.lot.wake(w);
}
