/**
 * Reads what `luge serve` is given: a file in Luge's form, a spec of SLEdge, or a bare module.
 *
 * Everything is checked before anything runs, and all that is wrong is reported at once: a server that comes up with half of its
 * routes, or stops at the first of five slips, costs more time than it saves. Nothing here compiles a module.
 */
import { readFileSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import {
  type AdmissionOptions,
  estimateSettings,
  type KvOptions,
  SCHEDULERS,
  type SchedulerName,
} from '../core/index.ts';
import type { HttpLimits, TlsOptions } from '../http/index.ts';
import { FILE_DEFAULTS, guestPathProblem } from '../sandbox/index.ts';
import { checkSpan } from './config-checks.ts';
import { listenEntries, listenFields, placeTenants } from './config-listen.ts';
import {
  CONTENT_TYPE,
  ConfigDocument,
  ConfigError,
  choiceField,
  HEADER_NAME,
  listField,
  mustBe,
  numberField,
  type RouteConfig,
  type ScratchConfig,
  type TenantConfig,
  textField,
  WITHOUT_NUL,
} from './config-schema.ts';
import { tlsField, tlsOptions } from './config-tls.ts';
import type { ListenEntry } from './listen-entry.ts';
import { isBinaryModule, moduleFileProblem } from './module-file.ts';
import { addsOf, hostsField, routeKeys } from './route-keys.ts';
import {
  DEFAULTS,
  describeRange,
  isHost,
  isScheduler,
  LIMITS,
  NATIVES,
  type Native,
  type Pin,
  SCHEDULER_ACCEPTS,
  type Scheduler,
  type ServeOverrides,
  TIMERS,
  type Timer,
} from './settings.ts';
import { readSledgeSpec } from './sledge-spec.ts';

export type { ConfigProblem, RouteConfig, TenantConfig } from './config-schema.ts';
export { ConfigError } from './config-schema.ts';

export interface HttpConfig extends HttpLimits {
  readonly drainTimeoutMs: number;
}

export interface ServeConfig {
  /** The file, as it was named. */
  readonly source: string;
  readonly dialect: 'luge' | 'sledge' | 'module';
  readonly workers: number | 'auto';
  readonly listeners: number | 'auto';
  /** A name, or the URL of a module. */
  readonly scheduler: SchedulerName | URL;
  readonly native: Native;
  readonly timer: Timer;
  readonly pin: Pin;
  /** 0: preemption off. */
  readonly quantumNs: number;
  readonly maxQueue: number;
  /** 'auto': the runtime decides by the cores that are spare. */
  readonly spinNs: number | 'auto';
  /** Undefined: by the address space. */
  readonly maxSandboxesPerWorker: number | undefined;
  readonly maxHeapMbPerWorker: number;
  readonly http: HttpConfig;
  readonly logRequests: boolean;
  /** False: everything is admitted. */
  readonly admission: AdmissionOptions | false;
  /** What the file says of the key-value store; its own file as an absolute path. */
  readonly kv: KvOptions;
  readonly tenants: readonly TenantConfig[];
  /** What was accepted and may not mean what its writer thinks. */
  readonly warnings: readonly string[];
}

export interface LoadConfigOptions {
  /** Where SLEdge's module paths are looked for beside the spec's own folder. */
  readonly cwd?: string;
}

const NS_PER_US = 1e3;
const NS_PER_MS = 1e6;

// ---- the shape -------------------------------------------------------------------------------------------

const milliseconds = numberField(LIMITS.durationMs).optional();

const GUEST_PATH_ERROR = 'a folder has an absolute path in the guest, without "//", "." and ".."';
const guestPath = z
  .string({ error: mustBe('an absolute path') })
  .refine((path) => guestPathProblem(path) === undefined, { error: GUEST_PATH_ERROR });

const MODEL = '"fit", { "fit": true, … } or an object of biasNs, byteNs, parameterNs and parameter';
const coefficient = z.number().optional();
const modelField = z
  .union(
    [
      z.literal('fit'),
      z.strictObject({ fit: z.literal(true), parameter: z.string().optional() }),
      z.strictObject({
        biasNs: coefficient,
        byteNs: coefficient,
        parameterNs: coefficient,
        parameter: z.string().optional(),
      }),
    ],
    { error: mustBe(MODEL) },
  )
  .superRefine((model, context) => {
    try {
      estimateSettings({ model });
    } catch (error) {
      const message = (error as Error).message.replace('load: ', '');
      context.addIssue({ code: 'custom', message });
    }
  });

/** What `defaults` may hold, and each route too. */
const limitFields = {
  ...routeKeys,
  contentType: textField('a media type such as "application/json"', CONTENT_TYPE).optional(),
  response: choiceField(['raw', 'cgi']).optional(),
  deadlineMs: milliseconds,
  cpuLimitMs: milliseconds,
  queueTimeoutMs: milliseconds,
  memory: z
    .strictObject(
      {
        maxPages: numberField(LIMITS.maxPages).optional(),
        growth: choiceField(['retire', 'keep']).optional(),
      },
      { error: mustBe('an object') },
    )
    .optional(),
  maxModuleBytes: numberField(LIMITS.moduleBytes).optional(),
  maxTableElements: numberField(LIMITS.tableElements).optional(),
  maxArrayBytes: numberField(LIMITS.arrayBytes).optional(),
  maxBodyBytes: numberField(LIMITS.bodyBytes).optional(),
  maxOutputBytes: numberField(LIMITS.outputBytes).optional(),
  maxLogBytes: numberField(LIMITS.logBytes).optional(),
  streamHighWaterBytes: numberField(LIMITS.highWaterBytes).optional(),
  requestBody: choiceField(['whole', 'stream']).optional(),
  requestHighWaterBytes: numberField(LIMITS.highWaterBytes).optional(),
  maxCallDepth: numberField(LIMITS.callDepth).optional(),
  maxConcurrency: numberField(LIMITS.concurrency).optional(),
  prewarm: numberField(LIMITS.prewarm).optional(),
  admissionPercentile: numberField(LIMITS.percentile).optional(),
  expectedMs: milliseconds,
  model: modelField.optional(),
  env: z
    .record(z.string().regex(/^[^=\0]+$/), textField('a string without NUL', WITHOUT_NUL), {
      error: (issue) =>
        issue.code === 'invalid_key'
          ? 'a variable has a name without "=" and NUL'
          : mustBe('an object of strings')(issue),
    })
    .optional(),
  cgiVariables: z.boolean({ error: mustBe('true or false') }).optional(),
  folders: z
    .record(guestPath, textField('the path of a folder', /^[^\0]+$/), {
      error: (issue) =>
        issue.code === 'invalid_key' ? GUEST_PATH_ERROR : mustBe('an object of paths')(issue),
    })
    .refine((folders) => Object.keys(folders).length <= LIMITS.foldersMax, {
      error: `must be at most ${LIMITS.foldersMax} folders`,
    })
    .optional(),
  scratch: z
    .strictObject(
      {
        path: guestPath.optional(),
        from: textField('the path of a folder', /^[^\0]+$/).optional(),
        maxBytes: numberField(LIMITS.scratchBytes).optional(),
        maxFiles: numberField(LIMITS.scratchFiles).optional(),
      },
      { error: mustBe('an object') },
    )
    .optional(),
  maxOpenFiles: numberField(LIMITS.openFiles).optional(),
  clockResolutionNs: numberField(LIMITS.clockResolutionNs).optional(),
};

const routeSchema = z.strictObject(
  {
    route: textField(
      'a pattern that begins with "/", without blanks, "?" and "#"',
      /^\/[\x21\x22\x24-\x3e\x40-\x7e]*$/,
    ),
    module: textField('the path of a .wasm or .wat file', /^[^\0]+$/),
    methods: listField(
      textField('a method in capitals, such as "GET"', /^[A-Z][A-Z0-9-]{0,31}$/),
      'methods',
      1,
      32,
    ).optional(),
    hosts: hostsField,
    args: listField(textField('a string without NUL', WITHOUT_NUL), 'strings', 0, 256).optional(),
    try: textField('printable text on one line', /^[\x20-\x7e]+$/).optional(),
    ...limitFields,
  },
  { error: mustBe('an object') },
);

const routesSchema = listField(routeSchema, 'routes', 1, LIMITS.routesMax);
const hostSchema = z
  .string({ error: mustBe('a host name or an IP address') })
  .refine(isHost, { error: mustBe('a host name or an IP address') });

const tenantSchema = z.strictObject(
  {
    name: textField('a non-empty name without control characters', /^[^\p{Cc}]{1,128}$/u),
    host: hostSchema.optional(),
    port: numberField(LIMITS.port).optional(),
    ...listenFields,
    hosts: hostsField,
    tls: tlsField,
    replenishmentPeriodUs: numberField(LIMITS.budgetUs).optional(),
    maxBudgetUs: numberField(LIMITS.budgetUs).optional(),
    kv: z
      .strictObject(
        { maxBytes: numberField(LIMITS.kvBytes).optional() },
        { error: mustBe('an object') },
      )
      .optional(),
    limits: z
      .strictObject(
        {
          maxConcurrency: numberField(LIMITS.concurrency).optional(),
          utilization: numberField(LIMITS.share).optional(),
          maxIdleSandboxes: numberField(LIMITS.idleSandboxes).optional(),
        },
        { error: mustBe('an object') },
      )
      .optional(),
    routes: routesSchema,
  },
  { error: mustBe('an object') },
);

// zod answers a wrong number with the number's own message and anything else with the union's: both say the same.
const WORKERS = `"auto" or ${describeRange(LIMITS.workers)}`;
const LISTENERS = `"auto" or ${describeRange(LIMITS.listeners)}`;
const PIN = `true, false or an array of cores (each ${describeRange(LIMITS.core)})`;
const timeout = numberField(LIMITS.timeoutMs).optional();
const ADMISSION = 'true, false or { "reserve": a number from 0 to 0.99 }';
const TIMEOUT_HEADER = 'the name of a header field, or false for none';

/** The whole file. That exactly one of `routes` and `tenants` is there is `checkSpan`'s part. */
const lugeSchema = z.strictObject(
  {
    // For editors; not read.
    $schema: z.string({ error: mustBe('a string') }).optional(),
    host: hostSchema.optional(),
    port: numberField(LIMITS.port).optional(),
    ...listenFields,
    tls: tlsField,
    workers: z
      .union([z.literal('auto'), numberField(LIMITS.workers, WORKERS)], { error: mustBe(WORKERS) })
      .optional(),
    listeners: z
      .union([z.literal('auto'), numberField(LIMITS.listeners, LISTENERS)], {
        error: mustBe(LISTENERS),
      })
      .optional(),
    scheduler: z
      .string({ error: mustBe(SCHEDULER_ACCEPTS) })
      .refine(isScheduler, { error: mustBe(SCHEDULER_ACCEPTS) })
      .optional(),
    native: choiceField(NATIVES).optional(),
    timer: choiceField(TIMERS).optional(),
    pin: z
      .union([z.boolean(), z.array(numberField(LIMITS.core)).min(1).max(LIMITS.workers.max)], {
        error: mustBe(PIN),
      })
      .optional(),
    quantumUs: numberField(LIMITS.quantumUs).optional(),
    maxQueue: numberField(LIMITS.maxQueue).optional(),
    spinUs: numberField(LIMITS.spinUs).optional(),
    maxSandboxesPerWorker: numberField(LIMITS.sandboxes).optional(),
    maxHeapMbPerWorker: numberField(LIMITS.heapMb).optional(),
    logRequests: z.boolean({ error: mustBe('true or false') }).optional(),
    admission: z
      .union([z.boolean(), z.strictObject({ reserve: numberField(LIMITS.reserve).optional() })], {
        error: mustBe(ADMISSION),
      })
      .optional(),
    http: z
      .strictObject(
        {
          maxHeadBytes: numberField(LIMITS.headBytes).optional(),
          maxHeaders: numberField(LIMITS.headers).optional(),
          idleTimeoutMs: timeout,
          headTimeoutMs: timeout,
          bodyTimeoutMs: timeout,
          writeTimeoutMs: timeout,
          minBytesPerSecond: numberField(LIMITS.bytesPerSecond).optional(),
          maxConnections: numberField(LIMITS.connections).optional(),
          maxRequestsPerConnection: numberField(LIMITS.requestsPerConnection).optional(),
          maxPipelined: numberField(LIMITS.pipelined).optional(),
          maxStreams: numberField(LIMITS.pipelined).optional(),
          http2: z
            .union([z.boolean(), z.literal('h2c')], { error: mustBe('true, false or "h2c"') })
            .optional(),
          drainTimeoutMs: numberField(LIMITS.drainMs).optional(),
          timeoutHeader: z
            .union([z.literal(false), z.string().regex(HEADER_NAME)], {
              error: mustBe(TIMEOUT_HEADER),
            })
            .optional(),
        },
        { error: mustBe('an object') },
      )
      .optional(),
    kv: z
      .strictObject(
        {
          maxBytes: numberField(LIMITS.kvBytes).optional(),
          maxTenantBytes: numberField(LIMITS.kvBytes).optional(),
          maxKeyBytes: numberField(LIMITS.kvKeyBytes).optional(),
          maxValueBytes: numberField(LIMITS.kvValueBytes).optional(),
          file: textField('the path of a file', /^[^\0]+$/).optional(),
        },
        { error: mustBe('an object') },
      )
      .optional(),
    defaults: z.strictObject(limitFields, { error: mustBe('an object') }).optional(),
    routes: routesSchema.optional(),
    tenants: listField(tenantSchema, 'tenants', 1, LIMITS.tenantsMax).optional(),
  },
  { error: mustBe('an object') },
);

type LugeFile = z.infer<typeof lugeSchema>;
type LugeRoute = z.infer<typeof routeSchema>;
type LugeTenant = z.infer<typeof tenantSchema>;

/** What someone who comes from a spec of SLEdge would write. */
const SLEDGE_NAMES: Readonly<Record<string, string>> = {
  path: 'module',
  'relative-deadline-us': 'deadlineMs',
  'http-resp-content-type': 'contentType',
};

// ---- loading ---------------------------------------------------------------------------------------------------

/** Throws ConfigError with every problem of the file. Relative module paths start at the file's folder. */
export function loadConfig(
  path: string,
  overrides: ServeOverrides = {},
  options: LoadConfigOptions = {},
): ServeConfig {
  const bytes = readSource(path);
  if (looksLikeModule(path, bytes)) return moduleConfig(path, overrides);
  const document = new ConfigDocument(path, decode(path, bytes));
  if (Array.isArray(document.value)) {
    const folders = [dirname(resolve(path)), resolve(options.cwd ?? '.')];
    const { tenants, warnings } = readSledgeSpec(document, folders, overrides);
    return serveConfig(path, 'sledge', {}, tenants, warnings, overrides);
  }
  return lugeConfig(path, document, overrides);
}

function readSource(path: string): Uint8Array {
  const problem = moduleFileProblem(path)?.replace(', not a module', '');
  try {
    if (problem === undefined) return readFileSync(path);
  } catch (error) {
    throw new ConfigError(path, [{ path: '', message: (error as Error).message }]);
  }
  throw new ConfigError(path, [{ path: '', message: problem }]);
}

function looksLikeModule(path: string, bytes: Uint8Array): boolean {
  if (['.wasm', '.wat'].includes(extname(path)) || isBinaryModule(bytes)) return true;
  return (
    extname(path) !== '.json' && /^\s*(\(|;;)/.test(Buffer.from(bytes.subarray(0, 4096)).toString())
  );
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    // Drops a byte order mark, which Windows editors write and RFC 8259, 8.1 lets a reader ignore.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ConfigError(path, [
      { path: '', message: 'is neither JSON in UTF-8 nor a WebAssembly module' },
    ]);
  }
}

/** `luge serve a.wasm`: the module gets every path. */
function moduleConfig(path: string, overrides: ServeOverrides): ServeConfig {
  const route: RouteConfig = {
    ...routeLimits({}, {}, overrides),
    folders: {},
    scratch: undefined,
    route: '/*',
    match: 'luge',
    module: resolve(path),
    methods: undefined,
    hosts: [],
    adds: {},
    // This form has no place to say a type, and whoever uses it looks at the answer in a browser or a terminal.
    contentType: 'text/plain; charset=utf-8',
    args: [],
    tryArgs: undefined,
  };
  const listen = listenEntries({}, {}, '.', overrides);
  const tls = tlsOptions(path, undefined, '.', overrides);
  const tenant = lugeTenant({ name: 'default', routes: [] }, listen, tls, [route]);
  return serveConfig(path, 'module', {}, [tenant], [], overrides);
}

// ---- Luge's form -----------------------------------------------------------------------------------------------

function lugeConfig(
  path: string,
  document: ConfigDocument,
  overrides: ServeOverrides,
): ServeConfig {
  const folder = dirname(resolve(path));
  const warnings: string[] = [];
  const file = document.read(lugeSchema, SLEDGE_NAMES);
  checkSpan(document, folder);
  document.settle();
  // settle() has thrown if the shape was wrong: zod never fails without an issue.
  const { defaults = {}, tenants, routes = [], ...rest } = file!;
  const { port, listen } = rest;
  const listed: LugeTenant[] = tenants ?? [{ name: 'default', port, listen, routes }];
  const built = listed.map((tenant) =>
    lugeTenant(
      tenant,
      listenEntries(tenant, rest, folder, overrides),
      tlsOptions(path, tenant.tls ?? rest.tls, folder, overrides),
      tenant.routes.map((route) =>
        lugeRoute({ hosts: tenant.hosts, ...route }, defaults, folder, overrides),
      ),
    ),
  );
  return serveConfig(path, 'luge', rest, built, warnings, overrides);
}

function lugeTenant(
  tenant: LugeTenant,
  listen: readonly ListenEntry[],
  tls: TlsOptions | undefined,
  routes: readonly RouteConfig[],
): TenantConfig {
  return {
    name: tenant.name,
    listen,
    tls,
    replenishmentPeriodNs: (tenant.replenishmentPeriodUs ?? 0) * NS_PER_US,
    maxBudgetNs: (tenant.maxBudgetUs ?? 0) * NS_PER_US,
    kvMaxBytes: tenant.kv?.maxBytes,
    maxConcurrency: tenant.limits?.maxConcurrency ?? Number.POSITIVE_INFINITY,
    utilization: tenant.limits?.utilization ?? Number.POSITIVE_INFINITY,
    maxIdleSandboxes: tenant.limits?.maxIdleSandboxes ?? Number.POSITIVE_INFINITY,
    routes,
  };
}

function lugeRoute(
  raw: LugeRoute,
  defaults: RouteLimits,
  folder: string,
  overrides: ServeOverrides,
): RouteConfig {
  return {
    ...routeLimits(raw, defaults, overrides),
    folders: hostPaths({ ...defaults.folders, ...raw.folders }, folder),
    scratch: scratchOf(raw.scratch ?? defaults.scratch, folder),
    route: raw.route,
    match: 'luge',
    module: resolve(folder, raw.module),
    methods: raw.methods,
    hosts: raw.hosts ?? [],
    adds: addsOf(raw, defaults),
    contentType: raw.contentType ?? defaults.contentType ?? DEFAULTS.route.contentType,
    args: raw.args ?? [],
    tryArgs: raw.try,
  };
}

function hostPaths(
  folders: Readonly<Record<string, string>>,
  folder: string,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(folders).map(([guest, host]) => [guest, resolve(folder, host)]),
  );
}

type RouteLimits = NonNullable<LugeFile['defaults']>;
type RouteLimitConfig = Pick<
  RouteConfig,
  | 'response'
  | 'deadlineNs'
  | 'cpuLimitNs'
  | 'queueTimeoutNs'
  | 'maxPages'
  | 'growth'
  | 'maxModuleBytes'
  | 'maxTableElements'
  | 'maxArrayBytes'
  | 'maxBodyBytes'
  | 'maxOutputBytes'
  | 'maxLogBytes'
  | 'streamHighWaterBytes'
  | 'requestBody'
  | 'requestHighWaterBytes'
  | 'maxCallDepth'
  | 'maxConcurrency'
  | 'prewarm'
  | 'env'
  | 'cgiVariables'
  | 'maxOpenFiles'
  | 'clockResolutionNs'
  | 'admissionPercentile'
  | 'expectedNs'
  | 'model'
>;

/** Flag or variable, then the route, then the file's `defaults`, then the built-in value. */
function routeLimits(
  route: RouteLimits,
  defaults: RouteLimits,
  overrides: ServeOverrides,
): RouteLimitConfig {
  const builtIn = DEFAULTS.route;
  const ns = (
    key: 'deadlineMs' | 'cpuLimitMs' | 'queueTimeoutMs' | 'expectedMs',
  ): number | undefined => {
    const ms = route[key] ?? defaults[key];
    return ms === undefined ? undefined : Math.round(ms * NS_PER_MS);
  };
  const deadlineNs = overrides.deadlineNs ?? ns('deadlineMs') ?? builtIn.deadlineMs * NS_PER_MS;
  return {
    response: route.response ?? defaults.response ?? builtIn.response,
    deadlineNs,
    cpuLimitNs: overrides.cpuLimitNs ?? ns('cpuLimitMs') ?? builtIn.cpuLimitMs * NS_PER_MS,
    // The deadline bounds the waiting anyway; a shorter bound is a choice that only the writer can make.
    queueTimeoutNs: ns('queueTimeoutMs') ?? deadlineNs,
    maxPages:
      overrides.maxPages ?? route.memory?.maxPages ?? defaults.memory?.maxPages ?? builtIn.maxPages,
    growth: route.memory?.growth ?? defaults.memory?.growth ?? builtIn.growth,
    maxModuleBytes: route.maxModuleBytes ?? defaults.maxModuleBytes ?? builtIn.maxModuleBytes,
    maxTableElements:
      route.maxTableElements ?? defaults.maxTableElements ?? builtIn.maxTableElements,
    maxArrayBytes: route.maxArrayBytes ?? defaults.maxArrayBytes ?? builtIn.maxArrayBytes,
    maxBodyBytes: route.maxBodyBytes ?? defaults.maxBodyBytes ?? builtIn.maxBodyBytes,
    maxOutputBytes: route.maxOutputBytes ?? defaults.maxOutputBytes ?? builtIn.maxOutputBytes,
    maxLogBytes: route.maxLogBytes ?? defaults.maxLogBytes ?? builtIn.maxLogBytes,
    streamHighWaterBytes:
      route.streamHighWaterBytes ?? defaults.streamHighWaterBytes ?? builtIn.streamHighWaterBytes,
    requestBody: route.requestBody ?? defaults.requestBody ?? builtIn.requestBody,
    requestHighWaterBytes:
      route.requestHighWaterBytes ??
      defaults.requestHighWaterBytes ??
      builtIn.requestHighWaterBytes,
    maxCallDepth: route.maxCallDepth ?? defaults.maxCallDepth ?? builtIn.maxCallDepth,
    maxConcurrency:
      overrides.maxConcurrency ??
      route.maxConcurrency ??
      defaults.maxConcurrency ??
      builtIn.maxConcurrency,
    prewarm: overrides.prewarm ?? route.prewarm ?? defaults.prewarm ?? builtIn.prewarm,
    env: { ...defaults.env, ...route.env },
    cgiVariables: route.cgiVariables ?? defaults.cgiVariables ?? true,
    maxOpenFiles: route.maxOpenFiles ?? defaults.maxOpenFiles ?? builtIn.maxOpenFiles,
    clockResolutionNs:
      route.clockResolutionNs ?? defaults.clockResolutionNs ?? builtIn.clockResolutionNs,
    admissionPercentile:
      route.admissionPercentile ?? defaults.admissionPercentile ?? builtIn.admissionPercentile,
    expectedNs: ns('expectedMs') ?? 0,
    model: route.model ?? defaults.model,
  };
}

function scratchOf(given: RouteLimits['scratch'], folder: string): ScratchConfig | undefined {
  return (
    given && {
      path: given.path ?? FILE_DEFAULTS.scratchPath,
      from: given.from === undefined ? undefined : resolve(folder, given.from),
      maxBytes: given.maxBytes ?? FILE_DEFAULTS.scratchBytes,
      maxFiles: given.maxFiles ?? FILE_DEFAULTS.scratchFiles,
    }
  );
}

// ---- the server's part ------------------------------------------------------------------------------------------

function serveConfig(
  source: string,
  dialect: ServeConfig['dialect'],
  file: Partial<LugeFile>,
  tenants: readonly TenantConfig[],
  warnings: string[],
  overrides: ServeOverrides,
): ServeConfig {
  const drainTimeoutMs = overrides.drainTimeoutMs ?? file.http?.drainTimeoutMs;
  return {
    source,
    dialect,
    workers: overrides.workers ?? file.workers ?? DEFAULTS.workers,
    listeners: overrides.listeners ?? file.listeners ?? DEFAULTS.listeners,
    scheduler: schedulerOf(overrides.scheduler, file.scheduler, source),
    native: overrides.native ?? file.native ?? DEFAULTS.native,
    timer: overrides.timer ?? file.timer ?? DEFAULTS.timer,
    pin: overrides.pin ?? file.pin ?? DEFAULTS.pin,
    quantumNs: overrides.quantumNs ?? (file.quantumUs ?? DEFAULTS.quantumUs) * NS_PER_US,
    maxQueue: overrides.maxQueue ?? file.maxQueue ?? DEFAULTS.maxQueue,
    spinNs: overrides.spinNs ?? (file.spinUs === undefined ? 'auto' : file.spinUs * NS_PER_US),
    maxSandboxesPerWorker: overrides.maxSandboxesPerWorker ?? file.maxSandboxesPerWorker,
    maxHeapMbPerWorker:
      overrides.maxHeapMbPerWorker ?? file.maxHeapMbPerWorker ?? DEFAULTS.maxHeapMbPerWorker,
    http: {
      ...DEFAULTS.http,
      ...file.http,
      http2: overrides.http2 ?? file.http?.http2 ?? DEFAULTS.http.http2,
      drainTimeoutMs: drainTimeoutMs ?? DEFAULTS.http.drainTimeoutMs,
      timeoutHeader: (file.http?.timeoutHeader ?? DEFAULTS.http.timeoutHeader) || '',
    } as HttpConfig,
    logRequests: overrides.logRequests ?? file.logRequests ?? DEFAULTS.logRequests,
    admission: admissionOf(file.admission, overrides.admission),
    kv: kvOptions(source, file.kv, overrides),
    tenants: placeTenants(source, tenants, overrides, warnings),
    warnings,
  };
}

/** A flag's module is looked for in the working directory, the file's beside the file. */
function schedulerOf(
  flag: Scheduler | undefined,
  own: Scheduler | undefined,
  source: string,
): SchedulerName | URL {
  const name = flag ?? own ?? DEFAULTS.scheduler;
  if (SCHEDULERS.includes(name as SchedulerName)) return name as SchedulerName;
  return pathToFileURL(resolve(flag === undefined ? dirname(resolve(source)) : '.', name));
}

/** Its file is looked for beside the configuration, or where the flag was typed. */
function kvOptions(source: string, kv: LugeFile['kv'], overrides: ServeOverrides): KvOptions {
  const { kvFile } = overrides;
  const file = kv?.file && resolve(dirname(resolve(source)), kv.file);
  const given = {
    maxBytes: overrides.kvMaxBytes ?? kv?.maxBytes,
    maxTenantBytes: overrides.kvMaxTenantBytes ?? kv?.maxTenantBytes,
    maxKeyBytes: overrides.kvMaxKeyBytes ?? kv?.maxKeyBytes,
    maxValueBytes: overrides.kvMaxValueBytes ?? kv?.maxValueBytes,
    file: kvFile === undefined ? file : resolve(kvFile),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** A flag switches; how much is kept back is the file's to say. */
function admissionOf(
  file: LugeFile['admission'] = DEFAULTS.admission,
  flag: boolean | undefined,
): AdmissionOptions | false {
  const isOn = flag ?? file !== false;
  if (!isOn) return false;
  const { reserve } = typeof file === 'object' ? file : {};
  return reserve === undefined ? {} : { reserve };
}
