/**
 * Admission control, the side of a thread that submits: SLEdge's rule (SLEdge, R/src/admissions_control.c), for the runtime and for each tenant.
 *
 *   utilization of a request = estimated running time / time that it has from now to its deadline, in millionths of a worker
 *   refused <=> admitted + utilization >= capacity,  capacity = workers x (1 - reserve), of a tenant its share of the workers
 *
 * In the sense of real-time scheduling: while the sum of runtime over relative deadline stays below what the workers have, they can meet all
 * deadlines, but for what a request's estimate, a blocking host call and the packing of guests onto workers take off; that is the reserve's part.
 *
 * B1  One request counts as at most one worker, since it runs on one at a time: an estimate beyond the deadline says that it will be late,
 *     not that it needs two. And as at least a millionth: nothing is free.
 * B2  Charged in `Producer.submit` and nowhere else, given back where the producer takes its completion and nowhere else. Each request that was submitted
 *     has one completion (exchange.ts, E2), whatever becomes of it: answered, ended, cancelled, refused in the queue, lost with its worker. So
 *     nothing can be given back twice, or not at all. What was charged, and to whom, stands in the slot.
 * B3  A refused request completes like any other, with the outcome NOT_ADMITTED: those who submit have one way to hear of an end.
 * Calls of functions by functions are not admitted themselves: a refusal in the middle would throw away what their caller has had already, and
 * a caller that waits for its turn would hold what it waits for. Their running time counts as their caller's (GuestCalls), whose estimate so has it.
 */
import type { Exchange } from '../sandbox/index.ts';
import { AdmissionCells, MILLION } from './admission-cells.ts';

const NS_PER_US = 1e3;
const RETRY_MS_MAX = 3_600_000;

/** In millionths of a worker, a whole number from 1 (B1). */
export function utilizationOf(estimateNs: number, relativeDeadlineNs: number): number {
  if (!(relativeDeadlineNs > estimateNs)) return MILLION;
  return Math.max(1, Math.round((estimateNs / relativeDeadlineNs) * MILLION));
}

export class Admission {
  readonly #runtime: AdmissionCells;
  readonly #producer: number;
  /** By number of the tenant. */
  readonly #tenants: (AdmissionCells | undefined)[] = [];
  readonly #tenantOf: number[] = [];
  /** When the one that was refused last may try again. */
  retryAfterMs = 0;
  /** Whose limit it met. */
  isTenantFull = false;

  constructor(runtime: SharedArrayBuffer, producer: number) {
    this.#runtime = new AdmissionCells(runtime, producer);
    this.#producer = producer;
  }

  /** A function whose requests come from this thread. */
  add(fn: number, tenant: number, cells: SharedArrayBuffer): void {
    this.#tenantOf[fn] = tenant;
    this.#tenants[tenant] ??= new AdmissionCells(cells, this.#producer);
  }

  /** A request with its estimate, about to be pushed. */
  admit(exchange: Exchange): boolean {
    const tenant = this.#tenantOf[exchange.fn] as number;
    const cells = this.#tenants[tenant] as AdmissionCells;
    const { estimateNs, arrivalNs, deadlineNs } = exchange;
    const utilization = utilizationOf(estimateNs, deadlineNs - arrivalNs);
    const workUs = workOf(estimateNs);
    if (!cells.tryAdmit(utilization, workUs)) {
      return this.#refuse(exchange, cells, cells, utilization);
    }
    if (!this.#runtime.tryAdmit(utilization, workUs)) {
      cells.giveBack(utilization, workUs);
      return this.#refuse(exchange, cells, this.#runtime, utilization);
    }
    exchange.charge(utilization, tenant);
    return true;
  }

  #refuse(
    exchange: Exchange,
    tenant: AdmissionCells,
    met: AdmissionCells,
    utilization: number,
  ): false {
    exchange.charge(0, 0);
    tenant.refused();
    this.#runtime.refused();
    this.isTenantFull = met === tenant;
    const waitMs = Math.ceil(met.waitUs(utilization) / 1e3);
    this.retryAfterMs = Math.min(Math.max(1, waitMs), RETRY_MS_MAX);
    return false;
  }

  /** A completion was taken: its request does not run any more. */
  giveBack(exchange: Exchange): void {
    const { charged } = exchange;
    if (charged === 0) return;
    const workUs = workOf(exchange.estimateNs);
    (this.#tenants[exchange.chargedTenant] as AdmissionCells).giveBack(charged, workUs);
    this.#runtime.giveBack(charged, workUs);
    exchange.charge(0, 0);
  }
}

/** Whole, so that sums of it are exact. */
function workOf(estimateNs: number): number {
  return Math.ceil(estimateNs / NS_PER_US);
}
