/** A registered function: what a worker needs to make sandboxes of it. */
import type { FolderSpec, ScratchSpec } from './wasi/preopens.ts';

export interface MemorySpec {
  /** What it is imported as from `$luge`. */
  readonly name: string;
  readonly minPages: number;
  readonly maxPages: number;
  /** Addresses are i64. */
  readonly wide: boolean;
}

/** How the running time of a request is told from what it brings: `biasNs + body bytes * byteNs + parameter * parameterNs`. */
export interface ModelSpec {
  /** The coefficients are found out from the runs; those below are not used. */
  readonly fits: boolean;
  readonly biasNs: number;
  readonly byteNs: number;
  readonly parameterNs: number;
  /** Where a request has it: 'query:name', 'query' (the first that has no name), 'header:name'; '' = there is none. */
  readonly parameter: string;
}

/** Limits and settings of one function. Bytes are bytes, `…Ns` are nanoseconds, Infinity = none. */
export interface FunctionSpec {
  readonly id: number;
  readonly name: string;
  /** Whose it is: its functions share limits and a key-value store, and may call each other. */
  readonly tenant: string;
  readonly tenantId: number;
  /** The route it answers, as the guest sees it (argv[0]), and whose parameters it asks for. */
  readonly route: string;
  readonly iface: 'wasi' | 'luge';
  /** What each sandbox needs of its own; the first is memory 0, if there is one. */
  readonly memories: readonly MemorySpec[];
  /** It passes i64 to host functions where the interface has i32. */
  readonly hasWideCalls: boolean;
  readonly contentType: string;
  readonly response: 'raw' | 'cgi';
  /** An exit code other than 0 is a failure. */
  readonly failsOnExit: boolean;
  readonly deadlineNs: number;
  readonly cpuLimitNs: number;
  readonly queueTimeoutNs: number;
  readonly maxOutputBytes: number;
  /** What a WASI guest may print on stderr in one request; the rest is dropped. */
  readonly maxLogBytes: number;
  /** Which percentile of the last runs the next one is expected to take. */
  readonly admissionPercentile: number;
  /** What a run is expected to take before the first one was measured; 0 = nobody said. */
  readonly expectedNs: number;
  /** Undefined: what a request brings tells nothing. */
  readonly model: ModelSpec | undefined;
  /** Sandboxes that may be in use at once, of all workers. */
  readonly maxConcurrency: number;
  /** Sandboxes that each worker makes when the function is loaded, and keeps. */
  readonly prewarm: number;
  /** Of a response whose client takes it in parts: how much may wait for the client before the guest is stopped. */
  readonly streamHighWaterBytes: number;
  /** 'stream': it is run as soon as the head of a request is there, and its reads of the body wait for what has not come. */
  readonly requestBody: 'whole' | 'stream';
  /** Of such a body: so much may wait for the guest before no more is taken from its client. */
  readonly requestHighWaterBytes: number;
  /** How many functions may stand in a chain of calls that this one adds to; 0 = it may call none. */
  readonly maxCallDepth: number;
  /** Arguments behind argv[0] and before the query's; here and below a character is a byte. */
  readonly args: readonly string[];
  /** WASI guests find the request's CGI variables in their environment. */
  readonly hasCgiVariables: boolean;
  /** Environment of WASI guests, `NAME=value`, behind the CGI variables. */
  readonly env: readonly string[];
  /** Folders of the host that WASI guests read, and one of each request's own. */
  readonly folders: readonly FolderSpec[];
  readonly scratch: ScratchSpec | undefined;
  /** Descriptors that a guest may have at once, streams and folders included. */
  readonly maxOpenFiles: number;
  /** What the clocks of WASI are rounded down to. */
  readonly clockResolutionNs: number;
}

export interface FunctionImage {
  readonly spec: FunctionSpec;
  readonly module: WebAssembly.Module;
}
