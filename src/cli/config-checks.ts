/** What keys of a configuration mean for each other: what the shape of each (config.ts) cannot say. */
import { resolve } from 'node:path';
import { hostFolderProblem } from '../sandbox/index.ts';
import { checkAddresses } from './config-listen.ts';
import {
  type ConfigDocument,
  checkTenants,
  formatPath,
  type JsonPath,
  rawField,
  rawItems,
} from './config-schema.ts';
import { moduleFileProblem } from './module-file.ts';
import { DEFAULTS } from './settings.ts';

/** What zod cannot see from one field. On the raw tree, so that a wrong field elsewhere hides nothing. */
export function checkSpan(document: ConfigDocument, folder: string): void {
  const root = document.value;
  const tenants = rawItems(rawField(root, 'tenants'), ['tenants']);
  checkTenants(document, tenants);
  checkAddresses(document, tenants.length > 0 ? tenants : [{ path: [], value: root }], folder);
  checkForm(document);
  checkFolders(document, ['defaults'], rawField(root, 'defaults'), folder);
  checkRoutes(document, rawItems(rawField(root, 'routes'), ['routes']), folder);
  for (const { path, value } of tenants) {
    checkRoutes(document, rawItems(rawField(value, 'routes'), [...path, 'routes']), folder);
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

function checkRoutes(
  document: ConfigDocument,
  routes: readonly { path: JsonPath; value: unknown }[],
  folder: string,
): void {
  const seen: { route: string; methods: unknown[] | undefined; path: JsonPath }[] = [];
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
    const entry = { route, methods: Array.isArray(methods) ? methods : undefined, path };
    const first = seen.find(
      (other) => other.route === route && overlap(other.methods, entry.methods),
    );
    if (first === undefined) seen.push(entry);
    else {
      document.report(
        [...path, 'route'],
        `"${route}" is already the route of ${formatPath(first.path)}, for the same methods`,
      );
    }
  }
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
