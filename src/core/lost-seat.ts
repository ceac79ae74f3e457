/**
 * What a front end's thread held when it died: its requests are cancelled, and their slots come back as they end, as there is nobody left who would free them.
 *
 * Read is STATE first, then PRODUCER, which whoever opens a slot writes in the opposite order: so a slot that names the dead thread, and is not free, was its own. Lost is at most the slot
 * that it had in its hands between the free list and that mark.
 */
import type { Arena } from '../ring/index.ts';
import { ExchangeTable, SLOT_STATE } from '../sandbox/index.ts';
import { isUnderWay } from './guest-calls.ts';

const LOOK_MS = 10;

/** Resolves when all have come back; until then it looks now and then. */
export async function recoverSeat(arena: Arena, producer: number): Promise<void> {
  const exchanges = new ExchangeTable(arena);
  while (recover(arena, exchanges, producer) > 0) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS).unref());
  }
}

/** How many are still under way. */
function recover(arena: Arena, exchanges: ExchangeTable, producer: number): number {
  let left = 0;
  for (let slot = 0; slot < arena.constraints.slots; slot++) {
    const exchange = exchanges.at(slot);
    const { state } = exchange;
    if (state === SLOT_STATE.FREE || exchange.producer !== producer) continue;
    if (isUnderWay(state)) {
      exchange.cancel();
      left++;
    } else if (state === SLOT_STATE.FILLING || state === SLOT_STATE.DONE) {
      exchange.attach();
      exchange.free();
    }
  }
  return left;
}
