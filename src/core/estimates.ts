/** The estimates of all functions that a thread knows, by function: one who submits predicts, a worker records. */
import { type Exchange, type FunctionSpec, OUTCOME } from '../sandbox/index.ts';
import { Estimate } from './estimate.ts';

export class Estimates {
  readonly #worker: number;
  readonly #byFunction: (Estimate | undefined)[] = [];
  // A run between `note` and `record`
  #noted: Estimate | undefined = undefined;
  #ns = 0;
  #bytes = 0;
  #parameter = 0;

  /** `worker`: whose thread this is, if it records. */
  constructor(worker = -1) {
    this.#worker = worker;
  }

  add(spec: FunctionSpec, buffer: SharedArrayBuffer): void {
    this.#byFunction[spec.id] = new Estimate(spec, buffer, this.#worker);
  }

  remove(id: number): void {
    this.#byFunction[id] = undefined;
  }

  /** Before it is submitted. A function that this thread was not told of has none. */
  predict(exchange: Exchange): void {
    this.#byFunction[exchange.fn]?.predict(exchange);
  }

  /** A run has ended: keeps what it tells, while the exchange is this worker's. */
  note(exchange: Exchange, ranNs: number): void {
    this.#noted = exchange.outcome === OUTCOME.OK ? this.#byFunction[exchange.fn] : undefined;
    if (this.#noted === undefined) return;
    this.#ns = ranNs;
    this.#bytes = exchange.bodyBytes;
    this.#parameter = exchange.parameter;
  }

  /** Adds what was noted; behind the delivery, as nobody waits for it there. */
  record(): void {
    this.#noted?.record(this.#ns, this.#bytes, this.#parameter);
    this.#noted = undefined;
  }
}
