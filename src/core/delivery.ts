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
  exchange.parts.seal();
  tell(arena, exchange, partMark(arena));
}

/** As `partMark`, where a part of a request's body was used up (feed.ts, F4). */
export function drainedMark({ layout }: Arena): number {
  return 2 * layout.ringCapacity;
}

/** As `partMark`, where a guest waits for the body of its request, and its producer wants to know (F6). */
export function askedMark({ layout }: Arena): number {
  return 3 * layout.ringCapacity;
}

/** A part of the request's body was given back. */
export function deliverDrained(arena: Arena, exchange: Exchange): void {
  tell(arena, exchange, drainedMark(arena));
}

export function askForBody(arena: Arena, exchange: Exchange): void {
  tell(arena, exchange, askedMark(arena));
}

function tell(arena: Arena, { producer, slot }: Exchange, mark: number): void {
  arena.completions(producer).push(slot + mark);
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
