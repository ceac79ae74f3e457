/** What the scenarios share: places in the memory, names of cells, programs. */
import type { Call, OperationName } from '../scenario.ts';

/** Where the structure under test begins; its first 128 bytes never change. */
export const AT = 0;
/** Batches of the threads, 128 bytes each, and behind them whatever else a scenario needs. */
export const BATCHES = 4096;
export const STATES = 4096 + 512;
export const BYTES = 4096 + 1024;

/** Counters begin at zero, just below the change of sign, and just below the wrap. */
export const STARTS: readonly number[] = [0, 2 ** 31 - 2, 2 ** 32 - 3];

export function batchOf(thread: number): number {
  return BATCHES + 128 * thread;
}

/** Constants, and batches, which belong to one thread. */
export function isQuiet(address: number): boolean {
  return address < AT + 128 || (address >= BATCHES && address < STATES);
}

/** Names of cells for traces: `cells` are offsets in the structure, `array` what repeats behind them. */
export function cellNames(
  cells: Readonly<Record<number, string>>,
  array?: { readonly from: number; readonly bytes: number; readonly name: string },
): (at: number) => string {
  return (at) => {
    const offset = at - AT;
    const known = cells[offset];
    if (known !== undefined) return known;
    if (offset >= STATES) return `state[${(offset - STATES) >> 2}]`;
    if (array === undefined || offset < array.from) return `+${offset}`;
    const index = Math.floor((offset - array.from) / array.bytes);
    const rest = (offset - array.from) % array.bytes;
    return `${array.name}[${index}]${rest === 0 ? '' : `+${rest}`}`;
  };
}

export type Program = (call: Call) => Promise<void>;

/** `[name, ...args]`, one behind the other. */
export function sequence(
  ...operations: readonly (readonly [OperationName, ...number[]])[]
): Program {
  return async (call) => {
    for (const [name, ...args] of operations) await call(name, ...args);
  };
}

/** Asks until there is something, or `tries` are used up: what a consumer does with RETRY and EMPTY. */
export function until(tries: number, name: OperationName, ...args: number[]): Program {
  return async (call) => {
    for (let i = 0; i < tries; i++) if ((await call(name, ...args)) >= 0) return;
  };
}

/** Each case at each capacity and start. */
export function variants<T>(
  capacities: readonly number[],
  starts: readonly number[],
  make: (capacity: number, start: number) => T | readonly T[],
): T[] {
  return capacities.flatMap((capacity) => starts.flatMap((start) => make(capacity, start)));
}
