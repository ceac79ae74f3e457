/** `luge serve`: from a file to a listening server, and back to nothing at a signal. Resolves to the exit code. */
import { relative } from 'node:path';
import {
  type CorePlan,
  chooseTimer,
  createRuntime,
  describePlan,
  estimateSettings,
  planProcessCores,
  type Runtime,
  type SandboxLimits,
  sandboxLimits,
  type TenantLimits,
  workerCount,
} from '../core/index.ts';
import {
  addressText,
  type HttpServer,
  type HttpSite,
  type ListenAddress,
  ListenError,
  listen,
  listenerCount,
  PortRoutes,
  type TlsOptions,
} from '../http/index.ts';
import { compileFunction, nativeAddon, preopensOf } from '../sandbox/index.ts';
import { loadConfig, type RouteConfig, type ServeConfig, type TenantConfig } from './config.ts';
import { boundEntries, entryText, sharedName } from './listen-entry.ts';
import { readModule } from './module-file.ts';
import { DEFAULTS, resolveSettings, type ServeSettings } from './settings.ts';

const OK = 0;
const FAILED = 1;
const BAD_INPUT = 2;
const NS_PER_MS = 1e6;
/** Beside two for each listener: the seat of one that died is free again when its last request has come back. */
const PRODUCERS_SPARE = 6;

type Environment = Readonly<Record<string, string | undefined>>;

/** What is wrong with what the user gave: one line each, no stack. */
class InputError extends Error {}

export async function serve(
  file: string,
  flags: Readonly<Record<string, unknown>>,
  env: Environment,
): Promise<number> {
  try {
    const settings = resolveSettings(flags, env);
    const config = loadConfig(file, settings.overrides);
    for (const warning of [...settings.warnings, ...config.warnings]) {
      if (!settings.quiet) complain(`warning: ${warning}`);
    }
    checkRouters(config);
    const machine = machineOf(config);
    return settings.check ? await check(config, machine) : await run(config, settings, env);
  } catch (error) {
    complain(`error: ${messageOf(error)}`);
    return isBadInput(error) ? BAD_INPUT : FAILED;
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function complain(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Errors with these names carry a message that says all. */
const INPUT_ERRORS = new Set(['ConfigError', 'SettingsError', 'ModuleFileError', 'RouteError']);

function isBadInput(error: unknown): boolean {
  return error instanceof InputError || (error instanceof Error && INPUT_ERRORS.has(error.name));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Of each tenant alone, and of those together that share an address. */
function checkRouters(config: ServeConfig): void {
  const sites = config.tenants.map((tenant) =>
    siteOf(
      tenant,
      tenant.routes.map(() => 0),
      tenant.routes.map(() => ''),
    ),
  );
  const shared = new Map<string, HttpSite[]>();
  for (const [i, { listen }] of config.tenants.entries()) {
    for (const text of listen.map(sharedName)) {
      if (text === undefined) continue;
      const group = shared.get(text) ?? [];
      group.push(sites[i] as HttpSite);
      shared.set(text, group);
    }
  }
  for (const [address, group] of shared) {
    try {
      new PortRoutes(group);
    } catch (error) {
      throw new InputError(`tenants on ${address}: ${messageOf(error)}`, { cause: error });
    }
  }
}

/** What the settings come to here. */
interface Machine {
  readonly limits: SandboxLimits;
  readonly cores: CorePlan | undefined;
}

/** Before any thread is started: what this machine does not have is a fault of the settings. */
function machineOf(config: ServeConfig): Machine {
  const { workers, maxSandboxesPerWorker, native, timer, pin } = config;
  const hasAddon = native !== 'off' && nativeAddon() !== undefined;
  try {
    chooseTimer(timer, hasAddon);
    return {
      limits: sandboxLimits(maxSandboxesPerWorker, workerCount(workers)),
      cores: planProcessCores(pin, workerCount(workers), hasAddon),
    };
  } catch (error) {
    throw new InputError(`${messageOf(error)} [${(error as { code?: string }).code}]`, {
      cause: error,
    });
  }
}

function describeLimits(limits: SandboxLimits): string {
  const { sandboxesPerWorker, memoriesPerWorker, memoriesPerProcess, boundBy } = limits;
  return `up to ${sandboxesPerWorker} sandboxes and ${memoriesPerWorker} memories a worker; this process has room for ${memoriesPerProcess} (${boundBy})`;
}

/** Of the runtime, where they are not the default. */
function describeSettings({ maxHeapMbPerWorker, kv, listeners }: ServeConfig): string {
  const threads = listenerCount(listeners);
  const store = Object.entries(kv).map(([key, value]) => `kv ${key} ${value}`);
  return [
    ...(maxHeapMbPerWorker === DEFAULTS.maxHeapMbPerWorker
      ? []
      : [`heap ${maxHeapMbPerWorker} MB a worker`]),
    ...(threads === 1 ? [] : [`${threads} listeners`]),
    ...store,
  ]
    .map((text) => `, ${text}`)
    .join('');
}

function tenantLimit(tenant: TenantConfig): string {
  const { maxConcurrency, maxIdleSandboxes, kvMaxBytes, utilization } = tenant;
  const { maxBudgetNs, replenishmentPeriodNs } = tenant;
  return [
    Number.isFinite(maxConcurrency) ? `, at most ${maxConcurrency} sandboxes in use` : '',
    Number.isFinite(maxIdleSandboxes) ? `, at most ${maxIdleSandboxes} ready` : '',
    Number.isFinite(utilization) ? `, ${utilization} of the workers with admission` : '',
    kvMaxBytes === undefined ? '' : `, kv ${kvMaxBytes} B`,
    maxBudgetNs === 0
      ? ''
      : `, budget ${maxBudgetNs / NS_PER_MS} ms in ${replenishmentPeriodNs / NS_PER_MS} ms`,
  ].join('');
}

/** The limits as they are, wherever they come from. */
function routeLimits(route: RouteConfig): string {
  const { deadlineNs, queueTimeoutNs, cpuLimitNs, maxPages, maxConcurrency, prewarm } = route;
  return [
    `deadline ${deadlineNs / NS_PER_MS} ms`,
    ...(queueTimeoutNs < deadlineNs ? [`queue ${queueTimeoutNs / NS_PER_MS} ms`] : []),
    `cpu ${cpuLimitNs / NS_PER_MS} ms`,
    `${maxPages} pages`,
    `body ${route.maxBodyBytes} B`,
    `output ${route.maxOutputBytes} B`,
    ...(Number.isFinite(maxConcurrency) ? [`concurrency ${maxConcurrency}`] : []),
    ...(prewarm > 0 ? [`prewarm ${prewarm}`] : []),
    ...unusual('module', route.maxModuleBytes, DEFAULTS.route.maxModuleBytes, 'B'),
    ...unusual('tables', route.maxTableElements, DEFAULTS.route.maxTableElements, 'elements'),
    ...unusual('array', route.maxArrayBytes, DEFAULTS.route.maxArrayBytes, 'B'),
  ].join(', ');
}

function unusual(name: string, value: number, usual: number, unit: string): string[] {
  return value === usual ? [] : [`${name} ${value} ${unit}`];
}

/** Its routes, and (`listen`) where they are served: none while they are only checked. */
function siteOf(
  tenant: TenantConfig,
  ids: readonly number[],
  types: readonly string[],
  listen: readonly ListenAddress[] = [],
): HttpSite {
  const mode = tenant.routes.some(({ match }) => match === 'prefix') ? 'sledge' : 'luge';
  const routes = tenant.routes.map((route, i) => ({
    pattern: route.route,
    hosts: route.hosts,
    methods: route.methods,
    fn: ids[i] as number,
    deadlineNs: route.deadlineNs,
    maxBodyBytes: route.maxBodyBytes,
    contentType: types[i] as string,
    adds: route.adds,
  }));
  try {
    new PortRoutes([{ mode, routes }]);
  } catch (error) {
    throw new InputError(`tenant ${tenant.name}: ${messageOf(error)}`, { cause: error });
  }
  return { listen, tls: tenant.tls, mode, routes };
}

/** Compiles every module as `run` would, and says what would be served. */
async function check(config: ServeConfig, { limits, cores }: Machine): Promise<number> {
  const modules = new ModuleCache();
  print(`ok: ${describeLimits(limits)}${describeSettings(config)}`);
  if (cores !== undefined) print(`ok: ${describePlan(cores)}`);
  for (const tenant of config.tenants) {
    for (const route of tenant.routes) {
      const wasm = await modules.read(route);
      const { maxPages, growth, maxModuleBytes } = route;
      await atRoute(route, async () => {
        compileFunction(wasm, {
          ...specOf(route),
          ...{ id: 0, name: route.route, tenant: tenant.name, tenantId: 0, maxPages, growth },
          limits: { tableElements: route.maxTableElements, arrayBytes: route.maxArrayBytes },
          maxModuleBytes,
        });
      });
    }
    print(
      `ok: ${tenant.name} on ${tenant.listen.map(entryText).join(', ')}, ${tenant.routes.length} route(s)${tenantLimit(tenant)}`,
    );
    for (const route of tenant.routes) print(`  ${route.route}: ${routeLimits(route)}`);
  }
  return OK;
}

function specOf(route: RouteConfig) {
  return {
    route: route.route,
    contentType: route.contentType,
    response: route.response,
    failsOnExit: true,
    deadlineNs: route.deadlineNs,
    cpuLimitNs: route.cpuLimitNs,
    queueTimeoutNs: route.queueTimeoutNs,
    maxOutputBytes: route.maxOutputBytes,
    maxLogBytes: route.maxLogBytes,
    streamHighWaterBytes: route.streamHighWaterBytes,
    requestBody: route.requestBody,
    requestHighWaterBytes: route.requestHighWaterBytes,
    maxCallDepth: route.maxCallDepth,
    maxConcurrency: route.maxConcurrency,
    prewarm: route.prewarm,
    ...estimateSettings(estimateOptions(route)),
    args: route.args,
    hasCgiVariables: route.cgiVariables,
    env: Object.entries(route.env).map(([key, value]) => `${key}=${value}`),
    ...preopensOf(route),
  };
}

function estimateOptions({ admissionPercentile, expectedNs, model }: RouteConfig) {
  const expectedMs = expectedNs / NS_PER_MS;
  return { admissionPercentile, expectedMs, ...(model === undefined ? {} : { model }) };
}

/** A module that several routes name is read once. */
class ModuleCache {
  readonly #bytes = new Map<string, Uint8Array>();

  async read(route: RouteConfig): Promise<Uint8Array> {
    let bytes = this.#bytes.get(route.module);
    if (bytes === undefined) {
      bytes = await readModule(route.module);
      this.#bytes.set(route.module, bytes);
    }
    return bytes;
  }
}

/** Adds the place to what is wrong with a module. */
async function atRoute<T>(route: RouteConfig, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    const file = relative(process.cwd(), route.module) || route.module;
    const text = `${file} (route ${route.route}): ${messageOf(error)}${typeof code === 'string' ? ` [${code}]` : ''}`;
    throw new InputError(text, { cause: error });
  }
}

/** What each tenant listens at. */
function placesOf(config: ServeConfig, env: Environment): ListenAddress[][] {
  return config.tenants.map(({ name, listen }) => {
    try {
      return boundEntries(listen, env);
    } catch (error) {
      throw new InputError(`tenant ${name}: ${messageOf(error)}`, { cause: error });
    }
  });
}

async function run(
  config: ServeConfig,
  settings: ServeSettings,
  env: Environment,
): Promise<number> {
  const places = placesOf(config, env);
  const { maxSandboxesPerWorker } = config;
  const budgets = config.tenants.filter(({ maxBudgetNs }) => maxBudgetNs > 0);
  if (budgets.length > 0 && config.scheduler !== 'mtds' && !settings.quiet) {
    complain(`warning: budgets are for the scheduler mtds, this is ${String(config.scheduler)}`);
  }
  const runtime = await createRuntime({
    admission: config.admission,
    workers: config.workers,
    maxProducers: 2 * listenerCount(config.listeners) + PRODUCERS_SPARE,
    ...(config.scheduler === 'mtds' && { maxReservations: Math.max(1, budgets.length) }),
    scheduler: config.scheduler,
    native: config.native,
    timer: config.timer,
    pin: config.pin,
    quantumUs: config.quantumNs / 1e3,
    maxQueue: config.maxQueue,
    kv: config.kv,
    maxHeapMbPerWorker: config.maxHeapMbPerWorker,
    ...(config.spinNs === 'auto' ? {} : { spinUs: config.spinNs / 1e3 }),
    ...(maxSandboxesPerWorker === undefined ? {} : { maxSandboxesPerWorker }),
    onLog: ({ fn, text }) => {
      for (const line of text.replace(/\n$/, '').split('\n')) complain(`[${fn}] ${line}`);
    },
  });
  let failure: Error | undefined;
  let stop = (): void => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      // A second signal ends the process at once, as the system's default is.
      if (!settings.quiet) {
        complain(`${signal}: answering what is under way; once more to stop now`);
      }
      stop();
    });
  }
  try {
    const sites: HttpSite[] = [];
    for (const [i, tenant] of config.tenants.entries()) {
      sites.push(await loadTenant(runtime, tenant, places[i] ?? []));
    }
    const server = await listenAll(runtime, config, sites, settings, (error) => {
      failure = error;
      stop();
    });
    if (!settings.quiet) announce(config, runtime, server);
    if (config.tenants.some(({ tls }) => tls !== undefined)) reloadOnHangup(server, settings.quiet);
    await stopped;
    // Other listeners than the one that failed go on until then.
    await server.close(failure === undefined ? config.http.drainTimeoutMs : 0);
    if (failure !== undefined) throw failure;
    if (!settings.quiet) complain('stopped');
  } finally {
    await runtime.close({ force: true, timeoutMs: 2000 });
  }
  return OK;
}

/** What is broken changes nothing; the next signal may find it repaired. Without TLS the signal ends the process, as the system has it. */
function reloadOnHangup(server: HttpServer, isQuiet: boolean): void {
  process.on('SIGHUP', () => {
    server.reload().then(
      () => {
        if (!isQuiet) complain('SIGHUP: certificates were read again');
      },
      (error: unknown) => complain(`SIGHUP: certificates stay as they were: ${messageOf(error)}`),
    );
  });
}

function tenantLimits(runtime: Runtime, tenant: TenantConfig): TenantLimits {
  const { name, maxConcurrency, maxIdleSandboxes, utilization } = tenant;
  const limits = { maxConcurrency, maxIdleSandboxes, utilization };
  if (tenant.maxBudgetNs === 0 || runtime.scheduler !== 'mtds') return limits;
  const budgetMs = tenant.maxBudgetNs / NS_PER_MS;
  const periodMs = tenant.replenishmentPeriodNs / NS_PER_MS;
  if (budgetMs > periodMs * runtime.workers) {
    throw new InputError(
      `tenant ${name}: a budget of ${budgetMs} ms in ${periodMs} ms is more than ${runtime.workers} worker(s) have`,
    );
  }
  return { ...limits, budgetMs, periodMs };
}

async function loadTenant(
  runtime: Runtime,
  tenant: TenantConfig,
  listen: readonly ListenAddress[],
): Promise<HttpSite> {
  const modules = new ModuleCache();
  runtime.setTenantLimits(tenant.name, tenantLimits(runtime, tenant));
  const ids: number[] = [];
  const types: string[] = [];
  if (tenant.kvMaxBytes !== undefined) runtime.setKvQuota(tenant.name, tenant.kvMaxBytes);
  for (const route of tenant.routes) {
    const wasm = await modules.read(route);
    const methods = route.methods === undefined ? '' : ` ${route.methods.join(',')}`;
    const hosts = route.hosts.length === 0 ? '' : ` ${route.hosts.join(',')}`;
    const loaded = await atRoute(route, () =>
      runtime.load(`${tenant.name}${route.route}${methods}${hosts}`, {
        wasm,
        route: route.route,
        maxCallDepth: route.maxCallDepth,
        deadlineMs: route.deadlineNs / NS_PER_MS,
        cpuLimitMs: route.cpuLimitNs / NS_PER_MS,
        queueTimeoutMs: route.queueTimeoutNs / NS_PER_MS,
        memory: { maxPages: route.maxPages, growth: route.growth },
        maxModuleBytes: route.maxModuleBytes,
        maxTableElements: route.maxTableElements,
        maxArrayBytes: route.maxArrayBytes,
        maxOutputBytes: route.maxOutputBytes,
        maxLogBytes: route.maxLogBytes,
        streamHighWaterBytes: route.streamHighWaterBytes,
        requestBody: route.requestBody,
        requestHighWaterBytes: route.requestHighWaterBytes,
        tenant: tenant.name,
        maxConcurrency: route.maxConcurrency,
        prewarm: route.prewarm,
        ...estimateOptions(route),
        contentType: route.contentType,
        response: route.response,
        args: route.args,
        env: route.env,
        cgiVariables: route.cgiVariables,
        folders: route.folders,
        ...(route.scratch && { scratch: route.scratch }),
        maxOpenFiles: route.maxOpenFiles,
        clockResolutionNs: route.clockResolutionNs,
      }),
    );
    ids.push(loaded.spec.id);
    types.push(route.contentType);
  }
  return siteOf(tenant, ids, types, listen);
}

async function listenAll(
  runtime: Runtime,
  config: ServeConfig,
  sites: readonly HttpSite[],
  settings: ServeSettings,
  onFailure: (error: Error) => void,
): Promise<HttpServer> {
  const { drainTimeoutMs: _, ...limits } = config.http;
  try {
    return await listen(runtime, {
      sites,
      limits,
      listeners: config.listeners,
      onFailure,
      ...(config.logRequests && !settings.quiet ? { onAccess: print } : {}),
    });
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    const hint = error.address === undefined ? '' : '; another one: --port, --host or --listen';
    throw new Error(`${error.message} [${error.code}]${hint}`, { cause: error });
  }
}

function announce(config: ServeConfig, runtime: Runtime, server: HttpServer): void {
  const { quantumNs, maxQueue } = config;
  const { scheduler } = runtime;
  const quantum = quantumNs === 0 ? 'no preemption' : `quantum ${quantumNs / 1e3} µs`;
  print(
    `luge: ${runtime.workers} worker(s), ${scheduler}, ${quantum}, queue ${maxQueue}, ${runtime.timer} timer, ${runtime.native ? 'native' : 'no native'} addon`,
  );
  print(`luge: ${describeLimits(runtime.limits)}${describeSettings(config)}`);
  if (runtime.cores !== undefined) print(`luge: ${describePlan(runtime.cores)}`);
  const { admission } = runtime.stats();
  if (admission !== undefined) {
    print(`luge: admission up to ${admission.capacity} of ${runtime.workers} worker(s), then 429`);
  }
  config.tenants.forEach((tenant, i) => {
    const name = config.tenants.length > 1 ? `  (${tenant.name})` : '';
    const addresses = server.addresses[i] ?? [];
    print('');
    for (const address of addresses) {
      print(`listening on ${baseUrl(address, tenant.tls)}${name}${tenantLimit(tenant)}`);
    }
    for (const route of tenant.routes) {
      const file = relative(process.cwd(), route.module) || route.module;
      print(`  ${(route.methods?.join(',') ?? 'ANY').padEnd(8)} ${route.route.padEnd(16)} ${file}`);
      if (route.hosts.length > 0) print(`           hosts ${route.hosts.join(', ')}`);
      print(`           ${routeLimits(route)}`);
      for (const line of curlLines(addresses[0], tenant.tls, route)) print(`           ${line}`);
    }
  });
  print('\nCtrl-C drains and stops');
}

function baseUrl(address: ListenAddress, tls: TlsOptions | undefined): string {
  const scheme = tls === undefined ? 'http' : 'https';
  if (address.kind === 'tcp') return `${scheme}://${addressText(address)}`;
  return `${addressText(address)}${tls === undefined ? '' : ' (https)'}`;
}

/** None where curl cannot get there. */
function curlLines(
  address: ListenAddress | undefined,
  tls: TlsOptions | undefined,
  route: RouteConfig,
): string[] {
  if (address === undefined || address.kind === 'fd') return [];
  if (address.kind === 'tcp') return [`curl ${curlUrl(baseUrl(address, tls), route)}`];
  const [flag, path] = address.path.startsWith('@')
    ? ['--abstract-unix-socket', address.path.slice(1)]
    : ['--unix-socket', address.path];
  return [
    `curl ${flag} ${path} ${curlUrl(`${tls === undefined ? 'http' : 'https'}://localhost`, route)}`,
  ];
}

/** With what the route's `try` says: a part of the URL, or arguments before it. */
function curlUrl(base: string, route: RouteConfig): string {
  const path = route.route.replace(/\*$/, '');
  const { tryArgs, hosts } = route;
  const [host] = hosts;
  const asked = host === undefined ? '' : `-H 'Host: ${host.replace('*', 'www')}' `;
  if (tryArgs === undefined) return `${asked}${base}${path}`;
  const [first = '', ...rest] = tryArgs.split(' ');
  return first.startsWith('-')
    ? `${asked}${tryArgs} '${base}${path}'`
    : [`${asked}'${base}${path}${first}'`, ...rest].join(' ');
}
