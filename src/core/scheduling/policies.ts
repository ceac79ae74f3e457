/** Policies by name, and those that an embedder brings along. */
import type { Arena } from '../../ring/index.ts';
import type { SchedulerName, SchedulerOption } from '../api.ts';
import { LugeError } from '../errors.ts';
import { Fifo } from './fifo.ts';
import { EDF, keyedPolicy, SJF } from './keyed.ts';
import type { Guest, Policy, PolicyContext } from './policy.ts';
import { Reserved } from './reserved.ts';
import { RoundRobin } from './round-robin.ts';

type PolicyMaker = <G extends Guest>(context: PolicyContext) => Policy<G>;

export const SCHEDULERS: readonly SchedulerName[] = ['fifo', 'rr', 'edf', 'sjf', 'mtds'];

const MAKERS: Readonly<Record<SchedulerName, PolicyMaker>> = {
  fifo: <G extends Guest>() => new Fifo<G>(),
  rr: <G extends Guest>(context: PolicyContext) => new RoundRobin<G>(context),
  edf: keyedPolicy(EDF),
  sjf: keyedPolicy(SJF),
  mtds: <G extends Guest>(context: PolicyContext) => new Reserved<G>(context),
};

/** As it crosses to a thread: a name, or the URL of a module and what its `createPolicy` gets. */
export type SchedulerData = SchedulerName | { readonly module: string; readonly options: unknown };

/** Throws a LugeError unless it is a name or a module. */
export function schedulerData(option: SchedulerOption = 'edf'): SchedulerData {
  if (typeof option === 'string' && SCHEDULERS.includes(option)) return option;
  if (option instanceof URL) return { module: option.href, options: undefined };
  if (typeof option === 'object' && (option as { module?: unknown }).module instanceof URL) {
    return { module: option.module.href, options: option.options };
  }
  throw new LugeError(
    'ERR_INVALID_ARGUMENT',
    500,
    `createRuntime: scheduler must be one of ${SCHEDULERS.join(', ')}, the URL of a module that exports createPolicy, or {module, options}, not '${String(option)}'`,
  );
}

export function policyContext(arena: Arena, worker: number, quantumNs: number): PolicyContext {
  const budgets = Array.from({ length: arena.constraints.budgets }, (_, b) => arena.budget(b));
  return { worker, quantumNs, budgets, options: undefined };
}

/** The same on every thread: the supervisor makes one, too, for what it says of the global queue. Rejects with a LugeError. */
export async function createPolicy<G extends Guest>(
  data: SchedulerData,
  context: PolicyContext,
): Promise<Policy<G>> {
  if (typeof data === 'string') return MAKERS[data]<G>(context);
  const { createPolicy: make } = await importModule(data.module);
  if (typeof make !== 'function') throw broken(data.module, 'exports no function createPolicy');
  const policy = (make as (context: PolicyContext) => unknown)({
    ...context,
    options: data.options,
  });
  const fault = faultOf(policy);
  if (fault !== undefined) throw broken(data.module, `createPolicy made no policy: ${fault}`);
  return policy as Policy<G>;
}

async function importModule(url: string): Promise<Record<string, unknown>> {
  try {
    return (await import(url)) as Record<string, unknown>;
  } catch (cause) {
    throw broken(url, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function broken(url: string, why: string, cause?: unknown): LugeError {
  return new LugeError('ERR_SCHEDULER', 500, `the scheduler ${url}: ${why}`, { cause });
}

const METHODS = ['add', 'next', 'bound', 'yields', 'runningRank', 'waitingRank', 'ran'] as const;
const ORDER_METHODS = ['heapOf', 'keyOf', 'offset'] as const;
const HEAPS_MAX = 65;

function faultOf(policy: unknown): string | undefined {
  if (typeof policy !== 'object' || policy === null) return 'it is no object';
  const { order, name, preempts } = policy as Record<string, unknown>;
  for (const method of METHODS) {
    if (typeof (policy as Record<string, unknown>)[method] !== 'function') {
      return `it has no method ${method}`;
    }
  }
  if (typeof name !== 'string') return 'its name is no string';
  if (typeof preempts !== 'boolean') return 'preempts is neither true nor false';
  if (typeof order !== 'object' || order === null) return 'it has no order';
  for (const method of ORDER_METHODS) {
    if (typeof (order as Record<string, unknown>)[method] !== 'function') {
      return `its order has no method ${method}`;
    }
  }
  const { heaps } = order as { heaps?: unknown };
  if (!Number.isInteger(heaps) || (heaps as number) < 0 || (heaps as number) > HEAPS_MAX) {
    return `order.heaps must be a whole number from 0 to ${HEAPS_MAX}`;
  }
  return undefined;
}
