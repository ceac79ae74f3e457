/** The two steps of a push to a ring whose cells carry a TURN (mpmc.wat, completion.wat), each by hand. */
import { attachRing } from '../../src/ring/index.ts';

const MASK = 4;
const TAIL = 128;
const CELLS = 384;

/** Takes the next ticket, as a producer does that then stops. */
export function claimTicket(memory: WebAssembly.Memory, ring: number): number {
  return Atomics.add(attachRing(memory).i32, (ring + TAIL) >> 2, 1);
}

export function publishTicket(
  memory: WebAssembly.Memory,
  ring: number,
  ticket: number,
  value: number,
): void {
  const { i32 } = attachRing(memory);
  const [low, high] = cellsOf(memory, ring, ticket);
  i32[(low as number) >> 2] = value;
  i32[(high as number) >> 2] = ticket + 1;
}

/** Byte addresses of the value and the TURN of a ticket's cell. */
export function cellsOf(memory: WebAssembly.Memory, ring: number, ticket: number): number[] {
  const mask = attachRing(memory).i32[(ring + MASK) >> 2] as number;
  const cell = ring + CELLS + 8 * (ticket & mask);
  return [cell, cell + 4];
}
