/** What an embedder says of a function's running time, checked. */
import type { FunctionSpec, ModelSpec } from '../sandbox/index.ts';
import type { LoadOptions, ModelOptions } from './api.ts';
import { LugeError } from './errors.ts';
import { isParameterSource, PARAMETER_TEXT } from './request-parameter.ts';

export const PERCENTILE_MIN = 50;
export const PERCENTILE_MAX = 99;
export const PERCENTILE_DEFAULT = 70;

export function estimateSettings({
  admissionPercentile = PERCENTILE_DEFAULT,
  expectedMs = 0,
  model,
}: Pick<LoadOptions, 'admissionPercentile' | 'expectedMs' | 'model'>): Pick<
  FunctionSpec,
  'admissionPercentile' | 'expectedNs' | 'model'
> {
  const isWhole = Number.isInteger(admissionPercentile);
  if (!isWhole || admissionPercentile < PERCENTILE_MIN || admissionPercentile > PERCENTILE_MAX) {
    throw invalid(
      `admissionPercentile must be a whole number from ${PERCENTILE_MIN} to ${PERCENTILE_MAX}, not ${admissionPercentile}`,
    );
  }
  if (!(expectedMs >= 0 && expectedMs < Number.POSITIVE_INFINITY)) {
    throw invalid(`expectedMs must be a number of milliseconds, not ${expectedMs}`);
  }
  return { admissionPercentile, expectedNs: expectedMs * 1e6, model: model && modelSpec(model) };
}

function modelSpec(model: ModelOptions): ModelSpec {
  const given = model === 'fit' ? { fit: true as const } : model;
  const { parameter = '' } = given;
  if (parameter !== '' && !isParameterSource(parameter)) {
    throw invalid(`model.parameter must be ${PARAMETER_TEXT}, not ${JSON.stringify(parameter)}`);
  }
  if ('fit' in given) return { fits: true, biasNs: 0, byteNs: 0, parameterNs: 0, parameter };
  const { biasNs = 0, byteNs = 0, parameterNs = 0 } = given;
  for (const [name, value] of Object.entries({ biasNs, byteNs, parameterNs })) {
    if (!Number.isFinite(value)) throw invalid(`model.${name} must be a number, not ${value}`);
  }
  if (parameterNs !== 0 && parameter === '') {
    throw invalid('model.parameterNs needs model.parameter');
  }
  return { fits: false, biasNs, byteNs, parameterNs, parameter };
}

function invalid(text: string): LugeError {
  return new LugeError('ERR_INVALID_ARGUMENT', 400, `load: ${text}`);
}
