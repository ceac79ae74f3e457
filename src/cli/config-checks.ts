/** What keys of a configuration mean for each other: what the shape of each (config.ts) cannot say. */
import { resolve } from 'node:path';
import { normalHost } from '../http/index.ts';
import { hostFolderProblem } from '../sandbox/index.ts';
import { checkAddresses, sharedNames } from './config-listen.ts';
import {
  type ConfigDocument,
  checkTenants,
  formatPath,
  type JsonPath,
  rawField,
  rawItems,
} from './config-schema.ts';
import { checkTls } from './config-tls.ts';
import { moduleFileProblem } from './module-file.ts';
import { DEFAULTS } from './settings.ts';

/** What zod cannot see from one field. On the raw tree, so that a wrong field elsewhere hides nothing. */
export function checkSpan(document: ConfigDocument, folder: string): void {
  const root = document.value;
  const tenants = rawItems(rawField(root, 'tenants'), ['tenants']);
  checkTenants(document, tenants);
  const owners = tenants.length > 0 ? tenants : [{ path: [], value: root }];
  checkAddresses(document, owners, folder, undefined, true);
  checkTls(document, [], root, folder);
  checkForm(document);
  checkFolders(document, ['defaults'], rawField(root, 'defaults'), folder);
  const taken: TakenRoutes = new Map();
  const own = { scopes: ['routes'], hosts: undefined, taken };
  checkRoutes(document, rawItems(rawField(root, 'routes'), ['routes']), folder, own);
  const fileHost = rawField(root, 'host');
  for (const { path, value } of tenants) {
    const names = sharedNames(value, folder, typeof fileHost === 'string' ? fileHost : undefined);
    const scope = { scopes: [formatPath(path), ...names], hosts: rawField(value, 'hosts'), taken };
    checkRoutes(document, rawItems(rawField(value, 'routes'), [...path, 'routes']), folder, scope);
    checkTls(document, path, value, folder);
    checkBudget(document, path, value);
  }
}

function checkForm(document: ConfigDocument): void {
  const root = document.value;
  if (typeof root !== 'object' || root === null) return;
  const routes = rawField(root, 'routes');
  const tenants = rawField(root, 'tenants');
  if (routes === undefined && tenants === undefined) {
    document.report([], 'missing: either "routes" or "tenants" must be there');
  }
  if (tenants === undefined) return;
  if (routes !== undefined) {
    document.report(['tenants'], 'either "routes" or "tenants", not both', 'key');
  }
  for (const key of ['port', 'listen']) {
    if (rawField(root, key) === undefined) continue;
    const what = key === 'port' ? 'a port' : 'addresses';
    document.report([key], `with "tenants", each tenant has ${what} of its own`, 'key');
  }
}

/** Routes by what they are found by: where they are served, host and pattern. */
type TakenRoutes = Map<string, { methods: unknown[] | undefined; path: JsonPath }[]>;

interface RouteScope {
  /** The tenant itself, and addresses that it may share with others. */
  readonly scopes: readonly string[];
  /** The tenant's, for routes that name none. */
  readonly hosts: unknown;
  readonly taken: TakenRoutes;
}

function checkRoutes(
  document: ConfigDocument,
  routes: readonly { path: JsonPath; value: unknown }[],
  folder: string,
  scope: RouteScope,
): void {
  for (const { path, value } of routes) {
    const module = rawField(value, 'module');
    if (typeof module === 'string' && module !== '') {
      const problem = moduleFileProblem(resolve(folder, module), moduleBytes(document, value));
      if (problem !== undefined) {
        document.report([...path, 'module'], `${resolve(folder, module)}: ${problem}`);
      }
    }
    checkFolders(document, path, value, folder);
    const methods = rawField(value, 'methods');
    if (Array.isArray(methods)) checkMethods(document, [...path, 'methods'], methods);
    const route = rawField(value, 'route');
    if (typeof route !== 'string') continue;
    const entry = { methods: Array.isArray(methods) ? methods : undefined, path };
    checkTaken(document, route, normalHosts(rawField(value, 'hosts') ?? scope.hosts), entry, scope);
  }
}

/** No two routes take the same requests: of one tenant, and of those that share an address. */
function checkTaken(
  document: ConfigDocument,
  route: string,
  hosts: readonly string[],
  entry: { readonly methods: unknown[] | undefined; readonly path: JsonPath },
  { scopes, taken }: RouteScope,
): void {
  // Names of parameters make no difference.
  const shape = route.replaceAll(/\/:[^/]*/g, '/:');
  for (const host of hosts) {
    const lists = scopes.map((scope) => {
      const key = `${scope}\n${host}\n${shape}`;
      const list = taken.get(key) ?? [];
      taken.set(key, list);
      return list;
    });
    const first = lists.flat().find(({ methods }) => overlap(methods, entry.methods));
    if (first !== undefined) {
      const whose = `${formatPath(first.path)}, for the same methods`;
      const text = `"${route}" is already the route of ${whose}${host === '' ? '' : ` of ${host}`}`;
      document.report([...entry.path, 'route'], text);
      return;
    }
    for (const list of lists) list.push(entry);
  }
}

/** '' is any; what is no host is told elsewhere. */
function normalHosts(hosts: unknown): string[] {
  if (!Array.isArray(hosts)) return [''];
  const normal = hosts.flatMap((host: unknown) => {
    try {
      return typeof host === 'string' ? [normalHost(host)] : [];
    } catch {
      return [];
    }
  });
  return [...new Set(normal)];
}

/** Of a route, as the raw tree has it; what is no number is told elsewhere. */
function moduleBytes(document: ConfigDocument, route: unknown): number {
  const key = 'maxModuleBytes';
  const given = rawField(route, key) ?? rawField(rawField(document.value, 'defaults'), key);
  return typeof given === 'number' ? given : DEFAULTS.route[key];
}

function checkFolders(
  document: ConfigDocument,
  path: JsonPath,
  owner: unknown,
  folder: string,
): void {
  const from = rawField(rawField(owner, 'scratch'), 'from');
  if (typeof from === 'string') {
    const problem = hostFolderProblem(resolve(folder, from));
    if (problem !== undefined) {
      document.report([...path, 'scratch', 'from'], `${resolve(folder, from)}: ${problem}`);
    }
  }
  const folders = rawField(owner, 'folders');
  if (typeof folders !== 'object' || folders === null || Array.isArray(folders)) return;
  for (const [guest, host] of Object.entries(folders)) {
    if (typeof host !== 'string' || host === '') continue;
    const problem = hostFolderProblem(resolve(folder, host));
    if (problem !== undefined) {
      document.report([...path, 'folders', guest], `${resolve(folder, host)}: ${problem}`);
    }
  }
}

function checkMethods(document: ConfigDocument, path: JsonPath, methods: unknown[]): void {
  for (const [index, method] of methods.entries()) {
    if (methods.indexOf(method) < index) {
      document.report([...path, index], `${JSON.stringify(method)} is already in the list`);
    }
  }
}

function overlap(a: unknown[] | undefined, b: unknown[] | undefined): boolean {
  return a === undefined || b === undefined || a.some((method) => b.includes(method));
}

function checkBudget(document: ConfigDocument, path: JsonPath, tenant: unknown): void {
  const period = rawField(tenant, 'replenishmentPeriodUs') ?? 0;
  const budget = rawField(tenant, 'maxBudgetUs') ?? 0;
  if ((period === 0) !== (budget === 0)) {
    const [missing, given] =
      period === 0
        ? ['replenishmentPeriodUs', 'maxBudgetUs']
        : ['maxBudgetUs', 'replenishmentPeriodUs'];
    document.report([...path, given!], `without "${missing}" it says nothing`);
  }
}
