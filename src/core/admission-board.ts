/** Admission control as the main thread sees it: the blocks of the runtime and of its tenants, their capacities, and what they show. */

import { AdmissionCells, MILLION } from './admission-cells.ts';
import type { AdmissionOptions, AdmissionStats } from './api.ts';
import { LugeError } from './errors.ts';

/** SLEdge's: a fifth of the workers, for what an estimate does not hold. */
export const RESERVE_DEFAULT = 0.2;
export const RESERVE_MAX = 0.99;

export class AdmissionBoard {
  readonly #workers: number;
  readonly #producers: number;
  readonly #runtime: AdmissionCells;
  readonly #tenants = new Map<number, { readonly name: string; readonly cells: AdmissionCells }>();

  constructor(options: AdmissionOptions, workers: number, producers: number) {
    const { reserve = RESERVE_DEFAULT } = options;
    if (!(reserve >= 0 && reserve <= RESERVE_MAX)) {
      const text = `createRuntime: admission.reserve must be a number from 0 to ${RESERVE_MAX}, not ${reserve}`;
      throw new LugeError('ERR_INVALID_ARGUMENT', 400, text);
    }
    this.#workers = workers;
    this.#producers = producers;
    this.#runtime = AdmissionCells.create(producers, workers * MILLION * (1 - reserve));
  }

  get buffer(): SharedArrayBuffer {
    return this.#runtime.buffer;
  }

  tenant(id: number, name: string): SharedArrayBuffer {
    let tenant = this.#tenants.get(id);
    if (tenant === undefined) {
      tenant = { name, cells: AdmissionCells.create(this.#producers) };
      this.#tenants.set(id, tenant);
    }
    return tenant.cells.buffer;
  }

  /** `share` of the workers, from 0 to 1; Infinity: as much as the runtime has. */
  limitTenant(id: number, name: string, share: number): void {
    new AdmissionCells(this.tenant(id, name)).capacity = this.#workers * MILLION * share;
  }

  /** What a producer's thread had admitted when it died. */
  clear(producer: number): void {
    this.#runtime.clear(producer);
    for (const { cells } of this.#tenants.values()) cells.clear(producer);
  }

  stats(): AdmissionStats {
    return {
      ...statsOf(this.#runtime),
      tenants: [...this.#tenants.values()].map(({ name, cells }) => ({
        tenant: name,
        ...statsOf(cells),
      })),
    };
  }
}

function statsOf(cells: AdmissionCells) {
  const { utilization, requests, refused } = cells.total();
  return {
    capacity: cells.capacity / MILLION,
    admitted: utilization / MILLION,
    requests,
    refusals: refused,
  };
}
