/** What is explored: a few threads on one structure, and what has to hold. */
import type { RingFunctions } from '../../src/ring/index.ts';
import type { Operation, SequentialModel } from './linearizability.ts';

export type OperationName = keyof RingFunctions;

/** Calls a function of the module under test as one operation of the calling thread; those without a result answer 0. */
export type Call = (name: OperationName, ...args: number[]) => Promise<number>;
/** The same behind the end, alone, in one go. */
export type DirectCall = (name: OperationName, ...args: number[]) => number;

export interface Bounds {
  /** Switches away from a thread that could go on; Infinity = every interleaving, less those that only swap independent steps. */
  readonly preemptions: number;
  /** Plain stores that are held back until their thread's next atomic write (what the memory model allows). */
  readonly delays?: number;
  /** Threads that die at a stack check. */
  readonly kills?: number;
}

/** One run's memory, for `setup`, invariants and the end. */
export interface Cells {
  readonly memory: WebAssembly.Memory;
  readonly i32: Int32Array<SharedArrayBuffer>;
  readonly i64: BigInt64Array<SharedArrayBuffer>;
  /** Addresses that were notified, in order. */
  readonly notified: number[];
}

export interface Scenario {
  readonly name: string;
  readonly bounds: Bounds;
  /** Makes the structures, before anything runs; only the first `bytes` of the memory are in use. */
  setup(cells: Cells): void;
  readonly bytes: number;
  /** Programs share nothing but the memory. */
  readonly threads: readonly ((call: Call) => Promise<void>)[];
  /** Threads that may be killed; all by default. */
  readonly killable?: readonly number[];
  /** What a supervisor does when a thread has died, in one go. */
  onDeath?(call: DirectCall, thread: number): void;
  /** Whether all that are left may sleep for ever: there is nothing to do. Never by default. */
  mayRest?(cells: Cells): boolean;
  /** Behind the end of all threads: takes out what is left. Its operations belong to the history. */
  after?(call: DirectCall, cells: Cells, died: readonly number[]): void;
  /** What the answers have to agree with. */
  readonly model?: SequentialModel;
  /** Looked at behind each step: what is wrong, or undefined. */
  invariant?(cells: Cells): string | undefined;
  /** Looked at behind `after`: what is wrong, or undefined. */
  final?(cells: Cells, history: readonly Operation[], died: readonly number[]): string | undefined;
  /** Names of cells, for the trace. */
  cell(address: number): string;
  /** Cells that never change behind `setup`, or belong to one thread: accesses to them are no steps. */
  isQuiet(address: number): boolean;
  /** Cells that may be accessed both atomically and plainly; none by default. */
  mayMix?(address: number): boolean;
}
