/** Records that cross a thread off the hot path, as bytes. One schema each; `typed-binary` gives types and code. */
import bin from 'typed-binary';
import type { FunctionSpec } from '../sandbox/index.ts';

/** The doubles of a FunctionSpec, in the order in which they lie in the record: typed-binary has f64 only in arrays. */
const SPEC_DOUBLES = [
  'deadlineNs',
  'cpuLimitNs',
  'queueTimeoutNs',
  'maxOutputBytes',
  'streamHighWaterBytes',
  'maxConcurrency',
] as const;

const memoryRecord = bin.object({
  name: bin.string,
  minPages: bin.u32,
  maxPages: bin.u32,
  wide: bin.bool,
});

const folderRecord = bin.object({ guestPath: bin.string, hostPath: bin.string });
const scratchRecord = bin.object({ guestPath: bin.string, maxBytes: bin.u32, maxFiles: bin.u32 });

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
  maxCallDepth: bin.u32,
  prewarm: bin.u32,
  doubles: bin.f64Array(SPEC_DOUBLES.length),
  args: bin.dynamicArrayOf(bin.string),
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
  };
  const buffer = new ArrayBuffer(functionRecord.measure(record).size);
  functionRecord.write(new bin.BufferWriter(buffer), record);
  return new Uint8Array(buffer);
}

export function decodeSpec(bytes: Uint8Array<ArrayBuffer>): FunctionSpec {
  const { doubles, ...rest } = functionRecord.read(new bin.BufferReader(bytes.buffer));
  const limits = Object.fromEntries(SPEC_DOUBLES.map((name, i) => [name, doubles[i]]));
  return { ...rest, ...limits } as unknown as FunctionSpec;
}
