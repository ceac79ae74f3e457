/**
 * SLEdge's spec.json as it stands (SLEDGE.md 1.2): an array of tenants, kebab-case keys, a port for each tenant, routes that are
 * prefixes of which the first in the file wins.
 *
 * What was mended: an empty array and a duplicate key are errors, a missing deadline no longer stops the server, a route that an
 * earlier one hides is named, and `.so` builds of aWsm are replaced by the Wasm that they were made from.
 * What is different on purpose: a deadline is a hard limit here (SLEdge only sorts by it and lets late work run), and that is said.
 */
import { cpus } from 'node:os';
import { isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import { type ModelOptions, PERCENTILE_MAX, PERCENTILE_MIN } from '../core/index.ts';
import { checkAddresses, listenEntries } from './config-listen.ts';
import {
  CONTENT_TYPE,
  type ConfigDocument,
  checkTenants,
  formatPath,
  type JsonPath,
  listField,
  mustBe,
  numberField,
  ROUTE_TEXT,
  type RouteConfig,
  rawField,
  rawItems,
  type TenantConfig,
  textField,
} from './config-schema.ts';
import { tlsOptions } from './config-tls.ts';
import { moduleFileProblem } from './module-file.ts';
import { DEFAULTS, LIMITS, type NumberRange, type ServeOverrides } from './settings.ts';

const NS_PER_US = 1e3;
const NS_PER_MS = 1e6;

/** SLEdge binds all interfaces, and its load generators run elsewhere. */
const SLEDGE_HOST = '0.0.0.0';
const SLEDGE_CONTENT_TYPE = 'text/plain';
/** SLEdge has no limit and the spec no key for one. Out of thin air: more than any image of its experiments has. */
const SLEDGE_BODY_BYTES = 16_777_216;

const uint = (min: number, max: number): NumberRange => ({ min, max, whole: true });
const uint32 = numberField(uint(0, 0xffff_ffff)).optional();
const nonZero = numberField(uint(1, 0xffff_ffff)).optional();
const microseconds = numberField(LIMITS.budgetUs).optional();

const routeSchema = z.strictObject(
  {
    route: textField('a prefix that begins with "/", without blanks', ROUTE_TEXT),
    path: textField('the path of a module', /^[^\0]+$/),
    'admissions-percentile': numberField(uint(0, 255)).optional(),
    'relative-deadline-us': microseconds,
    'http-resp-content-type': textField(
      'a media type such as "text/plain"',
      CONTENT_TYPE,
    ).optional(),
    'stack-size': uint32,
    'expected-execution-us': z
      .number({ error: mustBe('a number from 0') })
      .min(0, { error: mustBe('a number from 0') })
      .optional(),
    path_preprocess: z.string({ error: mustBe('a path, or "0" for none') }).optional(),
    'model-bias': uint32,
    'model-scale': nonZero,
    'model-num-of-param': numberField(uint(1, 2)).optional(),
    'model-beta1': nonZero,
    'model-beta2': uint32,
  },
  { error: mustBe('an object') },
);

const tenantSchema = z.strictObject(
  {
    name: textField('a non-empty name without control characters', /^[^\p{Cc}]{1,128}$/u),
    port: numberField(LIMITS.port),
    'replenishment-period-us': microseconds,
    'max-budget-us': microseconds,
    routes: listField(routeSchema, 'routes', 1, LIMITS.routesMax),
  },
  { error: mustBe('an object') },
);

const specSchema = listField(tenantSchema, 'tenants', 1, LIMITS.tenantsMax);

type SpecTenant = z.infer<typeof tenantSchema>;
type SpecRoute = z.infer<typeof routeSchema>;

/** What someone who comes from Luge's form would write. */
const LUGE_NAMES: Readonly<Record<string, string>> = {
  module: 'path',
  deadlineMs: 'relative-deadline-us',
  contentType: 'http-resp-content-type',
  'path-preprocess': 'path_preprocess',
};

/** What stands in path_preprocess for none. */
const NO_PREPROCESS = '0';
const MODEL_KEYS = [
  'model-bias',
  'model-scale',
  'model-num-of-param',
  'model-beta1',
  'model-beta2',
] as const;

/** `folders`: where relative module paths may start, the first that has the file wins. Throws ConfigError. */
export function readSledgeSpec(
  document: ConfigDocument,
  folders: readonly string[],
  overrides: ServeOverrides,
): { tenants: TenantConfig[]; warnings: string[] } {
  const spec = document.read(specSchema, LUGE_NAMES);
  const rawTenants = rawItems(document.value, []);
  checkTenants(document, rawTenants);
  checkAddresses(document, rawTenants, '.', SLEDGE_HOST);
  const modules = findModules(document, rawTenants, folders);
  const routes = rawTenants.flatMap(({ path, value }) =>
    rawItems(rawField(value, 'routes'), [...path, 'routes']),
  );
  for (const { path, value } of routes) checkSecondBeta(document, path, value);
  document.settle();

  // settle() has thrown if the shape was wrong: zod never fails without an issue.
  const tenants = spec!.map((tenant, index) =>
    specTenant(document.file, tenant, [index], modules, overrides),
  );
  const warnings = specWarnings(spec!, overrides).map((warning) => `${document.file}: ${warning}`);
  return { tenants, warnings };
}

/** Absolute module path by the formatted path of its route. */
function findModules(
  document: ConfigDocument,
  tenants: readonly { path: JsonPath; value: unknown }[],
  folders: readonly string[],
): Map<string, string> {
  const modules = new Map<string, string>();
  for (const tenant of tenants) {
    for (const { path, value } of rawItems(rawField(tenant.value, 'routes'), [
      ...tenant.path,
      'routes',
    ])) {
      const named = rawField(value, 'path');
      if (typeof named !== 'string' || named === '') continue;
      const found = findModule(named, [...new Set(folders)]);
      if (found.problem === undefined) modules.set(formatPath(path), found.file);
      else document.report([...path, 'path'], found.problem);
    }
  }
  return modules;
}

type FoundModule = { file: string; problem?: undefined } | { problem: string };

function findModule(named: string, folders: readonly string[]): FoundModule {
  const names = moduleNames(named);
  for (const folder of folders) {
    for (const name of names) {
      const file = resolve(folder, name);
      const problem = moduleFileProblem(file);
      if (problem === undefined) return { file };
      if (!problem.startsWith('no such file')) return { problem: `${file}: ${problem}` };
    }
  }
  const wanted = names.map((name) => `"${name}"`).join(' or ');
  const where = isAbsolute(named) ? '' : ` in ${folders.join(' or ')}`;
  const why = named.endsWith('.so')
    ? `: "${named}" is a native build of aWsm, which Luge cannot run; give the .wasm that it was built from, or put it there`
    : '';
  return { problem: `there is no ${wanted}${where}${why}` };
}

/** `fib.wasm.so` -> `fib.wasm`, `fib.wat`; `fib.so` likewise; anything else as it is. */
function moduleNames(named: string): string[] {
  if (!named.endsWith('.so')) return [named];
  const stem = named.slice(0, -'.so'.length).replace(/\.(wasm|wat)$/, '');
  return [`${stem}.wasm`, `${stem}.wat`];
}

function checkSecondBeta(document: ConfigDocument, path: JsonPath, route: unknown): void {
  if (rawField(route, 'model-num-of-param') === 2 && rawField(route, 'model-beta2') === 0) {
    document.report([...path, 'model-beta2'], 'must not be 0 with two parameters');
  }
}

function specTenant(
  source: string,
  tenant: SpecTenant,
  path: JsonPath,
  modules: ReadonlyMap<string, string>,
  overrides: ServeOverrides,
): TenantConfig {
  return {
    name: tenant.name,
    listen: listenEntries({ host: SLEDGE_HOST, port: tenant.port }, {}, '.', overrides),
    tls: tlsOptions(source, undefined, '.', overrides),
    replenishmentPeriodNs: (tenant['replenishment-period-us'] ?? 0) * NS_PER_US,
    maxBudgetNs: (tenant['max-budget-us'] ?? 0) * NS_PER_US,
    kvMaxBytes: undefined,
    maxConcurrency: Number.POSITIVE_INFINITY,
    utilization: Number.POSITIVE_INFINITY,
    maxIdleSandboxes: Number.POSITIVE_INFINITY,
    routes: tenant.routes.map((route, index) =>
      specRoute(route, modules.get(formatPath([...path, 'routes', index]))!, overrides),
    ),
  };
}

function specRoute(route: SpecRoute, module: string, overrides: ServeOverrides): RouteConfig {
  const deadlineUs = route['relative-deadline-us'] ?? 0;
  const specNs = deadlineUs === 0 ? DEFAULTS.route.deadlineMs * NS_PER_MS : deadlineUs * NS_PER_US;
  const deadlineNs = overrides.deadlineNs ?? specNs;
  return {
    route: route.route,
    match: 'prefix',
    module,
    methods: undefined,
    hosts: [],
    adds: {},
    contentType: route['http-resp-content-type'] ?? SLEDGE_CONTENT_TYPE,
    response: 'raw',
    deadlineNs,
    // The spec knows one clock: a second limit that its writer never set must not end a request earlier.
    cpuLimitNs: overrides.cpuLimitNs ?? deadlineNs,
    queueTimeoutNs: deadlineNs,
    maxPages: overrides.maxPages ?? DEFAULTS.route.maxPages,
    growth: DEFAULTS.route.growth,
    maxModuleBytes: DEFAULTS.route.maxModuleBytes,
    maxTableElements: DEFAULTS.route.maxTableElements,
    maxArrayBytes: DEFAULTS.route.maxArrayBytes,
    maxBodyBytes: SLEDGE_BODY_BYTES,
    maxOutputBytes: SLEDGE_BODY_BYTES,
    maxLogBytes: DEFAULTS.route.maxLogBytes,
    // SLEdge answers with a Content-Length: nothing goes out in parts unless the guest asks for it.
    streamHighWaterBytes: SLEDGE_BODY_BYTES,
    // There a request is run when its body is complete.
    requestBody: 'whole',
    requestHighWaterBytes: DEFAULTS.route.requestHighWaterBytes,
    maxCallDepth: DEFAULTS.route.maxCallDepth,
    maxConcurrency: overrides.maxConcurrency ?? DEFAULTS.route.maxConcurrency,
    prewarm: overrides.prewarm ?? DEFAULTS.route.prewarm,
    env: {},
    cgiVariables: true,
    args: [],
    folders: {},
    scratch: undefined,
    maxOpenFiles: DEFAULTS.route.maxOpenFiles,
    clockResolutionNs: DEFAULTS.route.clockResolutionNs,
    tryArgs: undefined,
    admissionPercentile: percentile(route['admissions-percentile']),
    expectedNs: Math.round((route['expected-execution-us'] ?? 0) * NS_PER_US),
    model: specModel(route, overrides.procMhz ?? machineMhz()),
  };
}

function percentile(given: number | undefined): number {
  const usable = given !== undefined && given >= PERCENTILE_MIN && given <= PERCENTILE_MAX;
  return usable ? given : DEFAULTS.route.admissionPercentile;
}

/** What SLEdge's compile flag EXECUTION_REGRESSION predicts a request's cycles with, in thousandths. */
interface Regression {
  readonly bias: number;
  readonly scale: number;
  readonly beta1: number;
  readonly paramCount: number;
}

/** Undefined unless the spec has the whole of it. */
function regressionOf(route: SpecRoute): Regression | undefined {
  const paramCount = route['model-num-of-param'];
  const bias = route['model-bias'];
  const scale = route['model-scale'];
  const beta1 = route['model-beta1'];
  if (bias === undefined || scale === undefined || beta1 === undefined) return undefined;
  return paramCount === undefined ? undefined : { bias, scale, beta1, paramCount };
}

/**
 * `payload / scale * beta1 + bias` cycles, in nanoseconds. The second parameter comes from a module that is not run here (docs/SCHEDULING.md): without it the
 * coefficients of the first are wrong, too, and the line is found from the runs.
 */
function specModel(route: SpecRoute, procMhz: number): ModelOptions | undefined {
  const regression = regressionOf(route);
  if (regression === undefined) return undefined;
  if (regression.paramCount !== 1) return 'fit';
  const { bias, scale, beta1 } = regression;
  const nsPerCycle = 1000 / procMhz;
  return { biasNs: (bias / 1000) * nsPerCycle, byteNs: (beta1 / scale) * nsPerCycle };
}

/** SLEdge calibrates the clock of the machine; its models were made on one. */
function machineMhz(): number {
  return cpus()[0]?.speed || 1000;
}

// ---- warnings --------------------------------------------------------------------------------------------------

function specWarnings(spec: readonly SpecTenant[], { procMhz }: ServeOverrides): string[] {
  const unused = new Map<string, string[]>();
  const deadlines: string[] = [];
  const warnings: string[] = [];
  for (const [tenantIndex, tenant] of spec.entries()) {
    for (const [index, route] of tenant.routes.entries()) {
      const path = formatPath([tenantIndex, 'routes', index]);
      if (route['stack-size'] !== undefined) note(unused, 'stack-size', path);
      if (isPreprocessUnused(route)) note(unused, 'path_preprocess', path);
      if (route['relative-deadline-us']) deadlines.push(path);
      warnings.push(...routeWarnings(route, path));
      const model = modelWarning(route, procMhz);
      if (model !== undefined) warnings.push(`${path}: ${model}`);
      const before = tenant.routes
        .slice(0, index)
        .find((other) => route.route.startsWith(other.route));
      if (before !== undefined) {
        warnings.push(
          `${path}: "${route.route}" is never reached: "${before.route}" stands before it and matches first`,
        );
      }
    }
  }
  for (const [key, places] of unused)
    warnings.push(`${key} has no effect in this version (${list(places)})`);
  if (deadlines.length > 0) {
    warnings.push(
      `relative-deadline-us is a hard limit in Luge: a request that is not answered by then gets 504 (${list(deadlines)})`,
    );
  }
  return warnings;
}

function routeWarnings(route: SpecRoute, path: string): string[] {
  const warnings: string[] = [];
  const given = route['admissions-percentile'];
  const used = percentile(given);
  if (given === undefined)
    warnings.push(`${path}: admissions-percentile is missing, ${used} is used`);
  else if (given !== used) {
    warnings.push(
      `${path}: admissions-percentile ${given} is not from ${PERCENTILE_MIN} to ${PERCENTILE_MAX}, ${used} is used`,
    );
  }
  if (!route['relative-deadline-us']) {
    warnings.push(
      `${path}: relative-deadline-us is missing or 0, ${DEFAULTS.route.deadlineMs * 1000} is used`,
    );
  }
  return warnings;
}

/** It names a module, and no model that would take its number. One that would is warned of as a whole. */
function isPreprocessUnused(route: SpecRoute): boolean {
  const { path_preprocess: module = NO_PREPROCESS } = route;
  return module !== NO_PREPROCESS && regressionOf(route)?.paramCount !== 2;
}

function modelWarning(route: SpecRoute, procMhz: number | undefined): string | undefined {
  if (MODEL_KEYS.every((key) => route[key] === undefined)) return undefined;
  const regression = regressionOf(route);
  if (regression === undefined) {
    return 'the model is not complete (bias, scale, num-of-param, beta1), the percentile is used instead';
  }
  if (regression.paramCount !== 1) {
    return 'a model of two parameters takes one from path_preprocess, which is not run: a line over the size of the body is fitted to the runs instead, "model": "fit" (docs/SCHEDULING.md)';
  }
  if (procMhz !== undefined) return undefined;
  return `the model is taken in cycles of ${machineMhz()} MHz, as this machine says; SLEDGE_PROC_MHZ is that of the one it was made on`;
}

function note(places: Map<string, string[]>, key: string, place: string): void {
  const known = places.get(key);
  if (known === undefined) places.set(key, [place]);
  else known.push(place);
}

/** A spec of fifty routes must not fill the screen. */
function list(places: readonly string[]): string {
  const shown = places.slice(0, 3).join(', ');
  return places.length > 3 ? `${shown} and ${places.length - 3} more` : shown;
}
