import { PERCENTILE_DEFAULT, PERCENTILE_MAX, PERCENTILE_MIN, RESERVE_MAX } from '../core/index.ts';
import { DEFAULT_HTTP_LIMITS, type HttpLimits, LISTENERS_MAX } from '../http/index.ts';
import { WORKERS_MAX } from '../ring/index.ts';
import {
  ALLOCATION_LIMITS,
  FILE_DEFAULTS,
  FILE_LIMITS,
  LOG_BYTES,
  MODULE_BYTES,
  MODULE_BYTES_MAX,
} from '../sandbox/index.ts';

export interface NumberRange {
  readonly min: number;
  readonly max: number;
  readonly whole: boolean;
}

export const whole = (min: number, max: number): NumberRange => ({ min, max, whole: true });

/** A millionth of a millisecond is a nanosecond, but nothing here reacts faster than a microsecond. One hour is SLEdge's bound. */
const DURATION_MS: NumberRange = { min: 0.001, max: 3_600_000, whole: false };

/** The same ranges hold in a file, in a flag and in a variable. */
export const LIMITS: {
  readonly port: NumberRange;
  readonly workers: NumberRange;
  readonly listeners: NumberRange;
  readonly quantumUs: NumberRange;
  readonly core: NumberRange;
  readonly maxQueue: NumberRange;
  readonly spinUs: NumberRange;
  readonly sandboxes: NumberRange;
  readonly durationMs: NumberRange;
  readonly timeoutMs: NumberRange;
  readonly drainMs: NumberRange;
  readonly maxPages: NumberRange;
  readonly moduleBytes: NumberRange;
  readonly tableElements: NumberRange;
  readonly arrayBytes: NumberRange;
  readonly heapMb: NumberRange;
  readonly bodyBytes: NumberRange;
  readonly outputBytes: NumberRange;
  readonly logBytes: NumberRange;
  readonly highWaterBytes: NumberRange;
  readonly concurrency: NumberRange;
  readonly idleSandboxes: NumberRange;
  readonly prewarm: NumberRange;
  readonly percentile: NumberRange;
  readonly reserve: NumberRange;
  readonly share: NumberRange;
  readonly headBytes: NumberRange;
  readonly headers: NumberRange;
  readonly connections: NumberRange;
  readonly bytesPerSecond: NumberRange;
  readonly requestsPerConnection: NumberRange;
  readonly pipelined: NumberRange;
  readonly callDepth: NumberRange;
  readonly kvBytes: NumberRange;
  readonly kvKeyBytes: NumberRange;
  readonly kvValueBytes: NumberRange;
  readonly budgetUs: NumberRange;
  readonly scratchBytes: NumberRange;
  readonly scratchFiles: NumberRange;
  readonly openFiles: NumberRange;
  readonly clockResolutionNs: NumberRange;
  readonly foldersMax: number;
  readonly addressesMax: number;
  readonly tenantsMax: number;
  readonly routesMax: number;
} = {
  // 0 asks the system for a free port: tests and tools that read the port from the log need it.
  port: whole(0, 65_535),
  workers: whole(1, WORKERS_MAX),
  listeners: whole(1, LISTENERS_MAX),
  // 0 = preemption off. The upper end is SLEdge's (setitimer's tv_usec).
  quantumUs: whole(0, 999_999),
  // Which there are is found out at start.
  core: whole(0, 65_535),
  // A slot is allocated at start for each place in the queue.
  maxQueue: whole(1, 65_536),
  spinUs: whole(0, 100_000),
  // What the address space holds is found out at start, and less.
  sandboxes: whole(1, 65_536),
  durationMs: DURATION_MS,
  // Socket timeouts cannot be switched off: a server without them is a slow-loris victim (SLEDGE.md 6, A4).
  timeoutMs: whole(1, 3_600_000),
  drainMs: whole(0, 3_600_000),
  maxPages: whole(1, 65_536),
  moduleBytes: whole(1, MODULE_BYTES_MAX),
  // Beyond these two a worker's full heap may be the end of the process (sandbox/rewriter/allocation.ts).
  tableElements: whole(0, 1_000_000),
  arrayBytes: whole(0, 1 << 22),
  // Node itself does not start in much less.
  heapMb: whole(64, 1 << 20),
  bodyBytes: whole(0, 1 << 30),
  outputBytes: whole(1, 1 << 30),
  logBytes: whole(0, 1 << 30),
  highWaterBytes: whole(4096, 1 << 30),
  concurrency: whole(1, 65_536),
  idleSandboxes: whole(0, 65_536),
  // The most that a worker keeps of a function.
  prewarm: whole(0, 256),
  percentile: whole(PERCENTILE_MIN, PERCENTILE_MAX),
  reserve: { min: 0, max: RESERVE_MAX, whole: false },
  share: { min: 0.001, max: 1, whole: false },
  headBytes: whole(1024, 1 << 20),
  headers: whole(1, 10_000),
  connections: whole(1, 1_000_000),
  bytesPerSecond: whole(1, 1 << 30),
  requestsPerConnection: whole(1, 1 << 30),
  // Each has a slot, and an answer that waits for its turn. Streams of HTTP/2, too.
  pipelined: whole(1, 1024),
  callDepth: whole(0, 64),
  kvBytes: whole(0, 1 << 30),
  // A key fits into the first block of its entry (ring/table.wat).
  kvKeyBytes: whole(1, 224),
  kvValueBytes: whole(8, 1 << 20),
  budgetUs: whole(0, 3_600_000_000),
  scratchBytes: { ...FILE_LIMITS.scratchBytes, whole: true },
  scratchFiles: { ...FILE_LIMITS.scratchFiles, whole: true },
  openFiles: { ...FILE_LIMITS.maxOpenFiles, whole: true },
  clockResolutionNs: { ...FILE_LIMITS.clockResolutionNs, whole: true },
  // Out of thin air; a descriptor each.
  foldersMax: 64,
  addressesMax: 64,
  tenantsMax: 1024,
  routesMax: 4096,
};

/** Used where neither flag, variable nor file says anything. */
export const DEFAULTS = {
  // The first try of a server must not expose it; containers set LUGE_HOST=0.0.0.0.
  host: '127.0.0.1',
  port: 8080,
  workers: 'auto',
  // One below eight cores, else two (http/listener-count.ts).
  listeners: 'auto',
  // As SLEdge: routes say what is urgent. With the same deadline everywhere it is the order of arrival, and rr is the better one.
  scheduler: 'edf' as string,
  native: 'auto',
  timer: 'auto',
  // A pinned thread cannot be moved out of another program's way.
  pin: false,
  // SLEdge's quantum: long against the 0.25 µs of a suspend and resume, short against what a person notices.
  quantumUs: 1000,
  // Above this a client waits longer than it would for a retry; 429/503 is the better answer.
  maxQueue: 1024,
  // Guests' garbage-collected objects; the runtime's own are a few megabytes (core/supervisor.ts).
  maxHeapMbPerWorker: 512,
  logRequests: false,
  // It refuses what some would rather have late.
  admission: false as boolean,
  http: {
    ...DEFAULT_HTTP_LIMITS,
    // Orchestrators kill 30 s after they ask; this leaves time to report.
    drainTimeoutMs: 10_000,
  } as HttpLimits & { readonly drainTimeoutMs: number },
  route: {
    // Front ends give up at 30 to 60 s: later answers reach nobody.
    deadlineMs: 30_000,
    // Two stuck guests must not own a two-core machine for longer than this.
    cpuLimitMs: 10_000,
    // 64 MiB: what a C or Rust function of some size asks for, and 12 of them fit 1 GB.
    maxPages: 1024,
    // Exact traps at the old bound; a grown memory cannot shrink (DESIGN.md 5.6).
    growth: 'retire',
    maxModuleBytes: MODULE_BYTES as number,
    maxTableElements: ALLOCATION_LIMITS.tableElements as number,
    maxArrayBytes: ALLOCATION_LIMITS.arrayBytes as number,
    maxBodyBytes: 1_048_576,
    maxOutputBytes: 4_194_304,
    maxLogBytes: LOG_BYTES as number,
    // Sixteen chunks: between a socket's buffer and what a slow client may hold of the memory for bodies.
    streamHighWaterBytes: 262_144,
    // A slow client holds its own buffers so, and no sandbox.
    requestBody: 'whole',
    // What one read of a socket brings.
    requestHighWaterBytes: 65_536,
    // Deeper than programs call each other on purpose; a circle ends there.
    maxCallDepth: 8,
    // The queue and the workers' sandboxes bound it anyway.
    maxConcurrency: Number.POSITIVE_INFINITY as number,
    // A sandbox takes memory, and the first request of a function tells soon enough that it is wanted.
    prewarm: 0,
    response: 'raw',
    // A guest's stdout is bytes of an unknown kind: with this type no browser renders or sniffs them (RFC 9110, 8.3).
    contentType: 'application/octet-stream',
    maxOpenFiles: FILE_DEFAULTS.maxOpenFiles as number,
    // Fine enough to time a function, too coarse to time a cache.
    clockResolutionNs: FILE_DEFAULTS.clockResolutionNs as number,
    admissionPercentile: PERCENTILE_DEFAULT as number,
  },
} as const;
