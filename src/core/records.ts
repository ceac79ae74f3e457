/** Records that cross a thread off the hot path, as bytes. One schema each; `typed-binary` gives types and code. */
import bin from 'typed-binary';
import type { FunctionSpec, ModelSpec } from '../sandbox/index.ts';

/** The doubles of a FunctionSpec, in the order in which they lie in the record: typed-binary has f64 only in arrays. */
const SPEC_DOUBLES = [
  'deadlineNs',
  'cpuLimitNs',
  'queueTimeoutNs',
  'maxOutputBytes',
  'maxLogBytes',
  'streamHighWaterBytes',
  'requestHighWaterBytes',
  'maxConcurrency',
  'expectedNs',
] as const;

const memoryRecord = bin.object({
  name: bin.string,
  minPages: bin.u32,
  maxPages: bin.u32,
  wide: bin.bool,
});

const folderRecord = bin.object({ guestPath: bin.string, hostPath: bin.string });
const scratchRecord = bin.object({
  guestPath: bin.string,
  hostPath: bin.string,
  maxBytes: bin.u32,
  maxFiles: bin.u32,
});

/** Its doubles are biasNs, byteNs, parameterNs. */
const modelRecord = bin.object({
  fits: bin.bool,
  parameter: bin.string,
  coefficients: bin.f64Array(3),
});

const functionRecord = bin.object({
  id: bin.u32,
  name: bin.string,
  tenant: bin.string,
  tenantId: bin.u32,
  route: bin.string,
  iface: bin.string,
  memories: bin.dynamicArrayOf(memoryRecord),
  hasWideCalls: bin.bool,
  contentType: bin.string,
  response: bin.string,
  failsOnExit: bin.bool,
  requestBody: bin.string,
  maxCallDepth: bin.u32,
  prewarm: bin.u32,
  admissionPercentile: bin.u32,
  model: bin.optional(modelRecord),
  doubles: bin.f64Array(SPEC_DOUBLES.length),
  args: bin.dynamicArrayOf(bin.string),
  hasCgiVariables: bin.bool,
  env: bin.dynamicArrayOf(bin.string),
  folders: bin.dynamicArrayOf(folderRecord),
  scratch: bin.optional(scratchRecord),
  maxOpenFiles: bin.u32,
  clockResolutionNs: bin.u32,
});

export function encodeSpec(spec: FunctionSpec): Uint8Array<ArrayBuffer> {
  const record = {
    ...spec,
    memories: [...spec.memories],
    args: [...spec.args],
    env: [...spec.env],
    folders: [...spec.folders],
    doubles: Float64Array.from(SPEC_DOUBLES, (name) => spec[name]),
    model: spec.model && modelOut(spec.model),
  };
  const buffer = new ArrayBuffer(functionRecord.measure(record).size);
  functionRecord.write(new bin.BufferWriter(buffer), record);
  return new Uint8Array(buffer);
}

export function decodeSpec(bytes: Uint8Array<ArrayBuffer>): FunctionSpec {
  const { doubles, model, ...rest } = functionRecord.read(new bin.BufferReader(bytes.buffer));
  const limits = Object.fromEntries(SPEC_DOUBLES.map((name, i) => [name, doubles[i]]));
  return { ...rest, ...limits, model: model && modelIn(model) } as unknown as FunctionSpec;
}

function modelOut({ fits, parameter, biasNs, byteNs, parameterNs }: ModelSpec) {
  return { fits, parameter, coefficients: Float64Array.of(biasNs, byteNs, parameterNs) };
}

function modelIn({
  fits,
  parameter,
  coefficients,
}: {
  readonly fits: boolean;
  readonly parameter: string;
  readonly coefficients: Float64Array;
}): ModelSpec {
  const [biasNs, byteNs, parameterNs] = coefficients as unknown as [number, number, number];
  return { fits, parameter, biasNs, byteNs, parameterNs };
}
