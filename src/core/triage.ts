/**
 * The rule of a tick: whose interrupt flag is raised, and why. A flag is raised only where yielding may change who runs:
 *
 *   - the guest reached its CPU limit or its deadline, or nobody wants its answer any more;
 *   - the supervisor has mail for the worker, or a part of a response that it streams was taken, or a body that a guest waits for has gone on;
 *   - it has run for a whole quantum (its EPOCH is the one of the last tick) and, by the mode,
 *       off      nothing else matters: preemption is off, or requests run to their end;
 *       waiters  somebody waits: in the worker's run queue, in a global deque, or asleep and due, or asleep in a call that has been answered;
 *       keys     somebody waits whose key is less than the running guest's, in the worker's run queue or in a heap; a global deque has
 *                requests, which nobody has sorted yet; or a sleeper is due, or a call has been answered: their keys are not looked at.
 *
 * Equal keys preempt nobody, and all keys that are too large for a heap (2^63 and Infinity) are equal.
 * A flag that is raised when the guest has just left is cleared at the next switch.
 */
import type { Arena, RingFunctions } from '../ring/index.ts';
import { CONTROL_FLAG_INDEX, ExchangeTable } from '../sandbox/index.ts';
import { firstWorkerProducer } from './delivery.ts';
import { TickerCells } from './ticker-cells.ts';
import { WorkerControl } from './worker-control.ts';

/** What else than limits and mail interrupts a guest that has run for a quantum. */
export type TriageMode = 'off' | 'waiters' | 'keys';

/** What a heap holds of a key that is larger than any it can hold, as a double (heap.wat, heapPeek). */
const UNBOUNDED = 2 ** 63;

export interface TriageOptions {
  /** The memories that guests poll, by worker. */
  readonly controls: readonly WebAssembly.Memory[];
  readonly mode: TriageMode;
  /** Heaps of the global queue (ring/heap.wat); of use to the mode `keys`. */
  readonly heapAddresses: readonly number[];
}

export class Triage {
  readonly #arena: Arena;
  readonly #fn: RingFunctions;
  readonly #mode: TriageMode;
  readonly #heaps: readonly number[];
  readonly #cells: TickerCells;
  readonly #exchanges: ExchangeTable;
  readonly #flags: readonly Int32Array<SharedArrayBuffer>[];
  readonly #workers: readonly WorkerControl[];
  readonly #calls: readonly { readonly isReady: boolean }[];
  /** EPOCH of each worker at the last tick. */
  readonly #seen: number[];

  constructor(arena: Arena, { controls, mode, heapAddresses }: TriageOptions) {
    this.#arena = arena;
    this.#fn = arena.ring.fn;
    this.#mode = mode;
    this.#heaps = heapAddresses;
    this.#cells = new TickerCells(arena);
    this.#exchanges = new ExchangeTable(arena);
    this.#flags = controls.map(({ buffer }) => new Int32Array(buffer as SharedArrayBuffer));
    this.#workers = controls.map((_, w) => new WorkerControl(arena, w));
    this.#calls = controls.map((_, w) => arena.completions(firstWorkerProducer(arena) + w));
    this.#seen = controls.map(() => 0);
  }

  /** Looks at each worker once. Whether a guest ran anywhere. */
  tick(nowNs: number): boolean {
    let isBusy = false;
    let isQueued: boolean | undefined;
    let leastKey: number | undefined;
    this.#cells.ticks++;
    for (let w = 0; w < this.#workers.length; w++) {
      const worker = this.#workers[w] as WorkerControl;
      const { epoch } = worker;
      const isOld = epoch === this.#seen[w];
      this.#seen[w] = epoch;
      if ((epoch & 1) === 0) continue;
      isBusy = true;
      let isDue = this.#mustLeave(worker, nowNs);
      if (!isDue && isOld && this.#mode !== 'off') {
        isQueued ??= this.#arena.deques.hasValues;
        isDue = isQueued || nowNs >= worker.wakeAtNs || this.#calls[w]?.isReady === true;
        if (!isDue && this.#mode === 'waiters') isDue = worker.waiters > 0;
        if (!isDue && this.#mode === 'keys') {
          leastKey ??= this.#leastKey();
          isDue = Math.min(leastKey, bounded(worker.waitKey)) < worker.runKey;
        }
      }
      if (isDue && worker.epoch === epoch) {
        Atomics.store(this.#flags[w] as Int32Array<SharedArrayBuffer>, CONTROL_FLAG_INDEX, 1);
        this.#cells.interrupts++;
      }
    }
    return isBusy;
  }

  #mustLeave(worker: WorkerControl, nowNs: number): boolean {
    return (
      worker.hasMail ||
      worker.hasStir ||
      nowNs >= worker.killAtNs ||
      this.#exchanges.isCancelled(this.#exchanges.at(worker.slot))
    );
  }

  /** Of all heaps; Infinity where nothing waits. */
  #leastKey(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const address of this.#heaps) {
      least = Math.min(least, bounded(this.#fn.heapPeek(address)));
    }
    return least;
  }
}

function bounded(key: number): number {
  return key < UNBOUNDED ? key : Number.POSITIVE_INFINITY;
}
