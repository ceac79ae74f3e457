/**
 * How long a request will run, before it has: per function, from the runs that ended well: their time on the worker, host calls included, and that of the
 * functions that they called, which are not admitted themselves.
 *
 *   model  none         the percentile of the last 256 runs (run-samples.ts)
 *          given        bias + bytes * byteNs + parameter * parameterNs, with the configured coefficients
 *          fitted       the same, found out from the runs (fit-cells.ts), where that is better than the percentile
 *
 * A request without the parameter that its model goes by gets the percentile. Before the first run that is what was configured (`expectedMs`), else half
 * the deadline, but not more than the limit of CPU time: not a measurement, and `measured` says so.
 * Whatever comes out is from 1 ns to the limit of CPU time: longer no run can be. Computed by whoever submits, and kept in the request's
 * slot: all who go by it, from the queue to the end, go by one number.
 * Shared: a buffer with the samples, and behind it the fit where there is one.
 */
import type { Exchange, FunctionSpec } from '../sandbox/index.ts';
import { FIT_BYTES, FitCells } from './fit-cells.ts';
import { parameterOf } from './request-parameter.ts';
import { RunSamples, SAMPLE_BYTES } from './run-samples.ts';

/** An hour: deadlines have no higher bound in a configuration. */
const NS_MAX = 3.6e12;

type EstimateSpec = Pick<
  FunctionSpec,
  'admissionPercentile' | 'expectedNs' | 'deadlineNs' | 'cpuLimitNs' | 'model'
>;

/** What a run is taken for before one was measured. */
export function unmeasuredNs({ expectedNs, deadlineNs, cpuLimitNs }: EstimateSpec): number {
  return Math.min(expectedNs > 0 ? expectedNs : deadlineNs / 2, cpuLimitNs, NS_MAX);
}

export class Estimate {
  readonly samples: RunSamples;
  readonly fit: FitCells | undefined;
  readonly #spec: EstimateSpec;
  readonly #mostNs: number;

  /** `worker`: whose thread this is, if it records runs. */
  constructor(spec: EstimateSpec, buffer: SharedArrayBuffer, worker = -1) {
    this.#spec = spec;
    this.#mostNs = Math.min(spec.cpuLimitNs, NS_MAX);
    this.samples = new RunSamples(buffer, spec.admissionPercentile);
    if (spec.model?.fits === true) this.fit = new FitCells(buffer, SAMPLE_BYTES, worker);
  }

  static createBuffer(spec: EstimateSpec): SharedArrayBuffer {
    const fitBytes = spec.model?.fits === true ? FIT_BYTES : 0;
    const buffer = new SharedArrayBuffer(SAMPLE_BYTES + fitBytes);
    new RunSamples(buffer, spec.admissionPercentile).expect(unmeasuredNs(spec));
    return buffer;
  }

  /** Writes it into a request whose head and body are there. */
  predict(exchange: Exchange): void {
    const { model } = this.#spec;
    if (model === undefined) {
      exchange.predicted(this.samples.estimateNs, Number.NaN);
      return;
    }
    const parameter = model.parameter === '' ? 0 : parameterOf(exchange, model.parameter);
    exchange.predicted(this.of(exchange.bodyBytes, parameter), parameter);
  }

  /** For a body of that size, and a parameter, NaN where it is missing. */
  of(bytes: number, parameter: number): number {
    const modelled = Number.isNaN(parameter) ? undefined : this.#modelled(bytes, parameter);
    if (modelled === undefined) return this.samples.estimateNs;
    return Math.min(Math.max(modelled, 1), this.#mostNs);
  }

  #modelled(bytes: number, parameter: number): number | undefined {
    const { model } = this.#spec;
    if (model === undefined) return undefined;
    if (this.fit !== undefined) return this.fit.predict(bytes, parameter);
    return model.biasNs + bytes * model.byteNs + parameter * model.parameterNs;
  }

  /** A run that ended well, and what it was predicted from. */
  record(ns: number, bytes: number, parameter: number): void {
    const { fit, samples } = this;
    if (fit !== undefined && !Number.isNaN(parameter)) {
      fit.record(bytes, parameter, ns, samples.estimateNs, this.#spec.admissionPercentile / 100);
    }
    samples.record(ns);
  }
}
