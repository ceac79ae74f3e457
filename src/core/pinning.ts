/**
 * Cores of their own for worker and listener threads: which, and that a thread sits down there. The kernel moves threads between cores, and a
 * moved one finds cold caches; a pinned one cannot be moved, but cannot go out of anybody's way either. So it is off by default.
 *
 *   pin: true    Workers take the last of the cores that this process may use, one each: the first ones have the interrupts and whatever else
 *                the machine does. Listeners take what is left, from the first on. On two cores that is a worker on the second and the listener on
 *                the first. (SLEdge puts both on the second there, and leaves the first one idle.)
 *   pin: [a, b]  Workers take them in this order, then listeners.
 *
 * A worker without a core of its own is refused: two on one core would each run half the time. A listener without one may go to any core that no
 * worker has, if there is such a core, and else to any. Other threads (timer, embedder, the engine's own) are not pinned.
 * The topology is not looked at: who wants one thread of each core with two says which.
 */
import { nativeAddon } from '../sandbox/index.ts';
import { LugeError } from './errors.ts';

/** Off, on, or the cores to use. */
export type PinOption = boolean | readonly number[];

export interface CorePlan {
  /** By worker. */
  readonly workers: readonly number[];
  /** In the order in which listeners come; those behind them go to `shared`. */
  readonly listeners: readonly number[];
  /** Cores that no worker has; none = a listener is not pinned. */
  readonly shared: readonly number[];
}

/** Undefined: nothing is pinned. `allowed`: the cores that this process may use. Throws ERR_PIN. */
export function planCores(
  pin: PinOption,
  workers: number,
  allowed: readonly number[],
): CorePlan | undefined {
  if (pin === false) return undefined;
  const own = pin === true ? allowed.slice(-workers) : pin;
  if (pin !== true) checkCores(pin, allowed);
  if (own.length < workers) {
    const have = pin === true ? `this process may use ${list(allowed)}` : `pin names ${list(own)}`;
    throw refusal(`${workers} workers need a core each, and ${have}`);
  }
  const taken = own.slice(0, workers);
  const shared = allowed.filter((core) => !taken.includes(core));
  return { workers: taken, listeners: pin === true ? shared : own.slice(workers), shared };
}

function checkCores(cores: readonly unknown[], allowed: readonly number[]): void {
  for (const [i, core] of cores.entries()) {
    if (!allowed.includes(core as number)) {
      throw refusal(`${String(core)} is no core that this process may use (${list(allowed)})`);
    }
    if (cores.indexOf(core) !== i) throw refusal(`core ${String(core)} is named twice`);
  }
}

/** Of the `n`-th listener, from 0 on; undefined = it is not pinned. */
export function listenerCores(plan: CorePlan, n: number): readonly number[] | undefined {
  const core = plan.listeners[n];
  if (core !== undefined) return [core];
  return plan.shared.length > 0 ? plan.shared : undefined;
}

/** What was validated, and by which cores: `planCores` for this process. Throws ERR_PIN, or ERR_NO_ADDON without the addon. */
export function planProcessCores(
  pin: unknown,
  workers: number,
  hasAddon: boolean,
): CorePlan | undefined {
  if (typeof pin !== 'boolean' && !Array.isArray(pin)) {
    throw refusal(`must be true, false or an array of numbers of cores, not ${String(pin)}`);
  }
  if (pin === false) return undefined;
  const addon = hasAddon ? nativeAddon() : undefined;
  if (addon === undefined) {
    throw new LugeError(
      'ERR_NO_ADDON',
      500,
      "pin needs the native addon, which was not built, does not load here, or is switched off (native: 'off')",
    );
  }
  return planCores(pin, workers, addon.cores());
}

/** The calling thread. The cores were the process's when the plan was made; where they are not any more, it goes on where it may. */
export function pinThread(cores: readonly number[] | undefined): void {
  if (cores === undefined) return;
  try {
    nativeAddon()?.pin(cores);
  } catch {
    // As above: a worker that came instead of a dead one must not die of it.
  }
}

export function describePlan({ workers, listeners, shared }: CorePlan): string {
  const first = listeners[0];
  let listener = 'no core of its own for the listener';
  if (first !== undefined) listener = `listener on core ${first}`;
  else if (shared.length > 0) listener = `listener on ${list(shared)}`;
  return `worker${workers.length > 1 ? 's' : ''} on ${list(workers)}, ${listener}`;
}

function list(cores: readonly number[]): string {
  return cores.length === 1 ? `core ${cores[0]}` : `cores ${cores.join(', ') || '(none)'}`;
}

function refusal(text: string): LugeError {
  return new LugeError('ERR_PIN', 500, `pin: ${text}`);
}
