/** What an embedder gives and gets. Names of the Node ecosystem where they exist; units last. */

/** How requests share the workers. `scheduling/policy.ts` says where the contract of each stands. */
export type SchedulerName = 'fifo' | 'rr' | 'edf' | 'sjf' | 'mtds';

/**
 * One of ours, or the URL of a module that exports `createPolicy(context: PolicyContext): Policy`, which every worker imports; `options`, which
 * must be cloneable, are the context's.
 */
export type SchedulerOption =
  | SchedulerName
  | URL
  | { readonly module: URL; readonly options?: unknown };

/** Who looks once a quantum whether a guest must yield: a JavaScript thread, or a thread of the native addon. */
export type TimerName = 'js' | 'native';

export interface RuntimeOptions {
  /** Worker threads; 'auto' (default) = one less than the cores, at least 1. At most 64. */
  readonly workers?: number | 'auto';
  /** Default 'edf': the earliest deadline first. */
  readonly scheduler?: SchedulerOption;
  /** Tenants that may have a budget (`setTenantLimits`), for 'mtds' or a policy of your own. At most 64; default 16 for 'mtds', else 0. */
  readonly maxReservations?: number;
  /** How long a guest runs before others get their turn; 0 = it is never preempted for others. Default 1000 µs. */
  readonly quantumUs?: number;
  /**
   * What measures the quantum: 'auto' (default) = 'native' where the addon is in use, else 'js'. 'native' without it is refused with ERR_NO_ADDON.
   * Both do the same; the native one is less late.
   */
  readonly timer?: 'auto' | TimerName;
  /** Requests in the system at once; one more is refused with ERR_QUEUE_FULL. Default 1024. */
  readonly maxQueue?: number;
  /** How long a worker, or who waits for a single short answer, polls before it sleeps (spin.ts). Default: 100 µs where the workers leave a core, else 0. */
  readonly spinUs?: number;
  /** Memory for bodies that do not fit into their slot (1.4 KB in, 1.5 KB out), in bytes. Default 64 MiB; committed when used. */
  readonly bodyMemoryBytes?: number;
  /** Threads that submit besides the embedder's own: an HTTP front end takes one for each of its listeners. Default 8. */
  readonly maxProducers?: number;
  /**
   * Sandboxes that a worker may have at once, in use and ready. Default: a quarter of the memories that the process has address space
   * for, shared among the workers; more than all of it is refused with ERR_ADDRESS_SPACE.
   */
  readonly maxSandboxesPerWorker?: number;
  /** 'auto' (default): the native addon is used where it was built. 'off': it is not. */
  readonly native?: 'auto' | 'off';
  /**
   * Gives worker and listener threads cores of their own: true, or which ones, workers first (pinning.ts has the rules). Needs the native addon
   * (ERR_NO_ADDON) and a core for each worker (ERR_PIN). Default false.
   */
  readonly pin?: boolean | readonly number[];
  /** The guests' key-value store. */
  readonly kv?: KvOptions;
  /**
   * Of a worker's JavaScript heap, which has the garbage-collected objects of its guests. The worker whose heap is full is lost, with
   * 502 for what it holds, and replaced. Default 512 MiB, at least 64.
   */
  readonly maxHeapMbPerWorker?: number;
  /**
   * Refuse requests (ERR_ADMISSION, 429) that would not meet their deadlines, or would make others miss theirs: admission.ts has the rule.
   * Calls of functions by functions are not refused. Default: off.
   */
  readonly admission?: boolean | AdmissionOptions;
  /** Gets each line that guests log. Default: dropped. */
  readonly onLog?: (line: LogLine) => void;
}

export interface AdmissionOptions {
  /** Part of the workers that is not given away, for what estimates do not hold. From 0 to 0.99, default 0.2. */
  readonly reserve?: number;
}

/** One store a runtime, apart for each tenant. An entry takes 32 bytes, its key and its value, rounded up to 256. */
export interface KvOptions {
  /** Of all tenants together; 0 = no store. Default 16 MiB; committed when used. */
  readonly maxBytes?: number;
  /** Of a tenant that has no limit of its own. Default: maxBytes. */
  readonly maxTenantBytes?: number;
  /** At most, and by default, 224. */
  readonly maxKeyBytes?: number;
  /** Default 65,536; at most 1 MiB. */
  readonly maxValueBytes?: number;
  /** An SQLite database (node:sqlite) that the store is loaded from and saved to, 0.1 s behind. Default: none, it lives as long as the runtime. */
  readonly file?: string;
}

export interface LogLine {
  readonly fn: string;
  readonly worker: number;
  readonly text: string;
}

/** Settings of one function. Durations are in milliseconds; Infinity or undefined = the default given. */
export interface LoadOptions {
  /** The module's bytes (binary format). */
  readonly wasm: Uint8Array;
  /** Of the module; a larger one is refused with ERR_MODULE_LIMIT. At most 1 GiB, default 64 MiB. */
  readonly maxModuleBytes?: number;
  /** What the guest sees as its route. Default: '/' + name. */
  readonly route?: string;
  /** Functions of one tenant share its limits and its part of the key-value store, and may call each other. Default 'default'. */
  readonly tenant?: string;
  /** From arrival; queue, run and host calls together. Default 30,000. */
  readonly deadlineMs?: number;
  /** Of running time alone. Default 10,000. */
  readonly cpuLimitMs?: number;
  /** From arrival to the start. Default: the deadline. */
  readonly queueTimeoutMs?: number;
  /** Pages of 64 KiB, of all memories together. `growth`: what becomes of a sandbox whose memory grew: 'retire' (default) or 'keep'. */
  readonly memory?: { readonly maxPages?: number; readonly growth?: 'retire' | 'keep' };
  /** Of all tables together, at most 1,000,000. Default 100,000; none grows beyond 8,192 unless it begins with more. */
  readonly maxTableElements?: number;
  /** Of one array of garbage-collected kinds, at most 4 MiB; a longer one traps. Default 1 MiB. */
  readonly maxArrayBytes?: number;
  /** Of the whole response, also of one that is streamed; Infinity = no limit. Default 4 MiB. */
  readonly maxOutputBytes?: number;
  /** What a WASI guest may print on stderr in one request; the rest is dropped. Infinity = no limit. Default 65,536. */
  readonly maxLogBytes?: number;
  /**
   * A response that is longer goes out while its guest runs, which is stopped while so much waits for the client. From 4096; Infinity: only what the
   * guest flushes goes out early, and it never waits. Default 262,144.
   */
  readonly streamHighWaterBytes?: number;
  /**
   * 'whole' (default): a request is run when its body is complete. 'stream': as soon as its head is; reads of the body then wait for what has not come, and go forward only
   * (docs/ABI.md).
   */
  readonly requestBody?: 'whole' | 'stream';
  /** Of such a body: while so much waits for the guest, no more is taken from its client. From 4096, Infinity = no limit. Default 65,536. */
  readonly requestHighWaterBytes?: number;
  /** How many functions may stand in a chain of calls that this one adds to; 0 = it may call none. Default 8. */
  readonly maxCallDepth?: number;
  /**
   * Sandboxes of the function that may be in use at once, of all workers: running, suspended or waiting for a worker. A request beyond
   * it is refused with ERR_FUNCTION_BUSY (503) when a worker takes it. It does not wait: a caller that waits for itself would never
   * end, and a request that is held back would hold back those behind it. Default: no limit.
   */
  readonly maxConcurrency?: number;
  /**
   * Sandboxes that each worker makes when the function is loaded, before `load` resolves, and keeps ready. At most 256; fewer where
   * maxSandboxesPerWorker, or its tenant's maxIdleSandboxes, leaves no room. Default 0: the first request pays for the first one.
   */
  readonly prewarm?: number;
  /**
   * How long a run takes is estimated as this percentile of the last 256 that ended well. A whole number from 50 to 99, default 70.
   */
  readonly admissionPercentile?: number;
  /** What to expect before the first run was measured. Default: half the deadline, at most cpuLimitMs. */
  readonly expectedMs?: number;
  /** Tells the running time of a request from what it brings. Default: from the percentile alone. */
  readonly model?: ModelOptions;
  readonly contentType?: string;
  readonly response?: 'raw' | 'cgi';
  /**
   * What a guest ends with, by `proc_exit` or as the result of `handle`: other than 0 is an error, ERR_GUEST_EXIT, and what it has written is thrown away (default). False: it is
   * a result like any other, with its `exitCode`.
   */
  readonly failOnExit?: boolean;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The request, as CGI variables, in the environment of a WASI guest; false: it has `env` alone. Default true. */
  readonly cgiVariables?: boolean;
  /** Folders that a WASI guest may read: its path, absolute, to the host's, from the working directory on. Default: none. */
  readonly folders?: Readonly<Record<string, string>>;
  /** Gives each request an empty folder in memory that goes with it. Default: none. */
  readonly scratch?: ScratchOptions;
  /** Descriptors that a WASI guest may have at once, its streams and folders included; EMFILE beyond. 3 to 1024, default 64. */
  readonly maxOpenFiles?: number;
  /** What the clocks of a WASI guest are rounded down to, in nanoseconds. 1 to 1e9, default 1000. */
  readonly clockResolutionNs?: number;
}

/**
 * `biasNs + body bytes * byteNs + parameter * parameterNs`, with coefficients that are given, or fitted to the runs ('fit') and then used while they
 * predict better than the percentile. `parameter`: where a request has it, 'query:name', 'query' (the first parameter that has no name, as in
 * `/fib?20`) or 'header:name'; a request without it, or with what is no number, is estimated by the percentile.
 */
export type ModelOptions =
  | 'fit'
  | { readonly fit: true; readonly parameter?: string | undefined }
  | {
      readonly biasNs?: number | undefined;
      readonly byteNs?: number | undefined;
      readonly parameterNs?: number | undefined;
      readonly parameter?: string | undefined;
    };

export interface TenantLimits {
  /** Running time that is the tenant's own in each period, of all workers together, under the scheduler 'mtds'; at most periodMs x workers. Default: none. */
  readonly budgetMs?: number;
  /** From 1 ms to an hour. Default 100. */
  readonly periodMs?: number;
  /** Sandboxes of all its functions that may be in use at once; ERR_TENANT_BUSY (503) beyond. Infinity or undefined: no limit. */
  readonly maxConcurrency?: number;
  /** Its share of the workers, where there is admission control: above 0, up to 1. Infinity or undefined: no limit of its own. */
  readonly utilization?: number;
  /**
   * Sandboxes of all its functions that may be ready for the next request at once, of all workers; past it the ones that were longest unused go.
   * 0: each request pays for a new one. Infinity or undefined: no limit.
   */
  readonly maxIdleSandboxes?: number;
}

export interface ScratchOptions {
  /** The guest's path of it. Default '/tmp'. */
  readonly path?: string;
  /** A folder of the host, from the working directory on, that it begins as a copy of, for each request anew; tried when the function is loaded, and read by each worker when the first request needs it. Default: empty. */
  readonly from?: string | undefined;
  /** Of files and links together; ENOSPC beyond. At most 256 MiB, default 1 MiB. */
  readonly maxBytes?: number;
  /** Names of files, folders and links; ENOSPC beyond. At most 65,536, default 1024. */
  readonly maxFiles?: number;
}

/** A body that comes in pieces. */
export type BodyStream = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

export interface InvokeOptions {
  /**
   * Of a stream no more is taken than the function reads, if that takes its bodies as streams (`LoadOptions.requestBody`); otherwise it is collected first. A stream that
   * fails ends the call with ERR_BODY_SOURCE, and one that nobody reads any more is cancelled.
   */
  readonly body?: Uint8Array | string | BodyStream;
  /** Default 'POST'. */
  readonly method?: string;
  /** Path and query. Default: the function's route. */
  readonly target?: string;
  /** Makes the path from the function's route instead: what its parameters are, by name, and `*` for its wildcard (default ''). Values are encoded, but for the slashes of `*`. */
  readonly params?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Shortens the function's deadline. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  /** Resolve as soon as the function hands over a part of its response; the body is a stream then. Default false. */
  readonly stream?: boolean;
}

export interface InvokeResult {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
  /** Other than 0 only without `failOnExit`. */
  readonly exitCode: number;
  readonly timing: RequestTiming;
}

/** In nanoseconds, by state (sandbox/lifecycle.ts). All but the total add up to it, which ends when the guest has. */
export interface RequestTiming {
  /** From arrival until a worker took it. */
  readonly queuedNs: number;
  /** It waited for the worker, new (the making of its sandbox included, where none was ready) or woken. */
  readonly runnableNs: number;
  /** The guest held the worker, its host calls included. */
  readonly runNs: number;
  /** Suspended at a poll: others ran. */
  readonly preemptedNs: number;
  /** Suspended in a host call. */
  readonly asleepNs: number;
  readonly totalNs: number;
}

/** What the address space leaves; found out at start. */
export interface SandboxLimits {
  /** Memories with 32-bit addresses; one with 64-bit addresses counts twice. */
  readonly memoriesPerProcess: number;
  readonly memoriesPerWorker: number;
  /** `maxSandboxesPerWorker`, or its default. */
  readonly sandboxesPerWorker: number;
  /** Which limit of the system that is, in words. */
  readonly boundBy: string;
}

/** The response of a function that may still run. Who does not read stops it, up to its deadline; who cancels the body ends it. */
export interface StreamResult {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  /** Also an async iterable. It fails with a LugeError when the function does, or with the signal's reason. */
  readonly body: ReadableStream<Uint8Array>;
  /** Undefined until the function has ended, as `timing`. */
  readonly exitCode: number | undefined;
  readonly timing: RequestTiming | undefined;
}

/** What `invoke` resolves with. */
export type ResultOf<O extends InvokeOptions> = O extends { readonly stream: true }
  ? StreamResult
  : O extends { readonly stream: boolean }
    ? InvokeResult | StreamResult
    : InvokeResult;

export interface EstimateStats {
  /** The percentile of the last runs' time on their workers, or what was expected before the first. */
  readonly estimateNs: number;
  /** Runs that it is from, at most 256; 0 = none was measured yet. */
  readonly measuredRuns: number;
  /** The fitted model; undefined: there is none. */
  readonly fit:
    | {
        readonly biasNs: number;
        readonly byteNs: number;
        readonly parameterNs: number;
        /** It predicts better than the percentile, and is gone by. */
        readonly isUsed: boolean;
      }
    | undefined;
}

export interface FunctionStats extends EstimateStats {
  readonly name: string;
  readonly id: number;
}

export interface WorkerStats {
  readonly worker: number;
  readonly completed: number;
  readonly failed: number;
  readonly preemptions: number;
  readonly kills: number;
  /** How often a guest was stopped because its client took its response too slowly. */
  readonly streamStops: number;
  readonly parks: number;
  readonly sandboxes: number;
  readonly sandboxesMade: number;
  readonly sandboxesRetired: number;
  /** Guests that this worker holds now: running, suspended or runnable. */
  readonly held: number;
  /** Places in the address space that its memories take: of sandboxes, kept for the next, and dropped but not collected yet. */
  readonly memories: number;
  /** Of these, kept for the next sandbox of their class. */
  readonly memoriesIdle: number;
  /** Sandboxes' memories that had served another one before. */
  readonly memoriesReused: number;
}

/** The sandboxes of a function in one worker. Workers that never had any of it are left out. */
export interface PoolStats {
  readonly fn: string;
  readonly worker: number;
  readonly ready: number;
  readonly inUse: number;
  readonly made: number;
  readonly retired: number;
  /** Of their memories, an upper bound: what no guest touches takes nothing. */
  readonly residentBytes: number;
}

export interface KvStats {
  readonly usedBytes: number;
  readonly maxBytes: number;
  readonly tenants: readonly {
    readonly tenant: string;
    readonly usedBytes: number;
    readonly entries: number;
  }[];
}

export interface BudgetStats {
  readonly tenant: string;
  readonly budgetMs: number;
  readonly periodMs: number;
  /** Of this period; below 0 when the last run took more. */
  readonly leftMs: number;
}

/** In workers: 0.5 is half of what one can do. */
export interface AdmittedStats {
  /** Up to which sum requests are admitted; Infinity: no limit. */
  readonly capacity: number;
  /** The sum of estimate over relative deadline of the requests under way. */
  readonly admitted: number;
  readonly requests: number;
  /** Requests that were not admitted, ever. */
  readonly refusals: number;
}

export interface AdmissionStats extends AdmittedStats {
  readonly tenants: readonly (AdmittedStats & { readonly tenant: string })[];
}

export interface RuntimeStats {
  /** Undefined: there is no admission control. */
  readonly admission: AdmissionStats | undefined;
  readonly workers: readonly WorkerStats[];
  readonly functions: readonly FunctionStats[];
  readonly pools: readonly PoolStats[];
  readonly limits: SandboxLimits;
  /** Requests that wait in the global queue. */
  readonly queued: number;
  /** Requests that ended there without a worker: late, or cancelled. None of them counts as a worker's `failed`. */
  readonly endedInQueue: number;
  readonly slotsFree: number;
  readonly slots: number;
  readonly chunksFree: number;
  readonly chunks: number;
  /** Worker threads that died and were replaced. */
  readonly workersLost: number;
  readonly timer: TimerName;
  readonly ticks: number;
  readonly scheduler: string;
  /** Tenants that have a budget. */
  readonly budgets: readonly BudgetStats[];
  /** The native addon is in use. */
  readonly native: boolean;
  /** Undefined: there is no key-value store. */
  readonly kv: KvStats | undefined;
  /** Flags that the ticker raised. */
  readonly interrupts: number;
}
