/**
 * From the bytes of a path and a method to the number of a target.
 *
 * Which route a path belongs to
 *   - 'luge': the most specific one. A route without parameters or wildcard wins over all; then routes with parameters, where a
 *     literal segment beats a parameter, compared from the left; then the wildcard with the most segments in front of it.
 *   - 'sledge': every pattern is a plain prefix and the first in file order wins (`/fib` takes `/fibx` too), as in SLEdge.
 * The path decides first and the method afterwards: a path that has a route, but not for this method, is a 405 and is not
 * passed on to a less specific route. A rule "only GET on /admin" would otherwise be undone by a `/*` below it.
 * GET routes take HEAD, unless a route names HEAD for that pattern. A route without methods takes any (CONNECT never arrives).
 *
 * Cost: a route without parameters and wildcard is one hash over the path and one comparison; others walk a tree of segments.
 * Nothing is allocated. Measured with 100 routes and a path of 12 bytes (2-core EPYC VM, Node 26.10): hash over the bytes 29 ns,
 * `Map.get(buffer.latin1Slice(…))` 105 ns; in the same router a parameter 65 ns, a wildcard 55 ns.
 * 'sledge' compares the prefixes one by one, since the order is the meaning; its files have a handful.
 */
import { equalsBytes, SLASH } from './byte-class.ts';
import { ABSENT, ByteTable } from './byte-table.ts';
import { Endpoint, NO_TARGET } from './endpoint.ts';
import { literalBytes, parsePattern, RouteError } from './pattern.ts';
import { SegmentTree } from './segment-tree.ts';

/** No route takes the path. */
export const NOT_FOUND: number = -1;
/** A route takes the path but not the method; `allow` says which. */
export const METHOD_NOT_ALLOWED: number = -2;

export interface Route {
  /** In 'luge': `/a`, `/a/:b`, `/a/*`. In 'sledge': a prefix without any special character. */
  pattern: string;
  /** Upper case, or whatever the client sends. Missing: any method. */
  methods?: readonly string[];
  /** What `lookup` returns; >= 0. Several routes may have the same. */
  target: number;
}

export type RouterMode = 'luge' | 'sledge';

/** A route of 'sledge' that no request can reach, since an earlier one takes all its paths. */
export interface ShadowedRoute {
  pattern: string;
  by: string;
}

const TOKEN_PATTERN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

export class Router {
  readonly #sledge: boolean;
  readonly #endpoints: readonly Endpoint[];
  readonly #prefixes: readonly Uint8Array[];
  readonly #exact: ByteTable;
  readonly #tree: SegmentTree;
  readonly #hasTree: boolean;
  readonly #shadowed: readonly ShadowedRoute[];
  #matched: Endpoint | null = null;
  #byTree: boolean = false;

  constructor(routes: readonly Route[], mode: RouterMode = 'luge') {
    for (const route of routes) checkRoute(route);
    this.#sledge = mode === 'sledge';
    this.#tree = new SegmentTree();
    const endpoints: Endpoint[] = [];
    const exact: [Uint8Array, number][] = [];
    if (this.#sledge) {
      this.#prefixes = routes.map((route) => literalBytes(route.pattern));
      for (const route of routes) {
        const endpoint = new Endpoint([]);
        endpoint.add(route.methods, route.target);
        endpoints.push(endpoint);
      }
      this.#shadowed = findShadowed(routes);
    } else {
      this.#prefixes = [];
      this.#shadowed = [];
      for (const group of groupByShape(routes)) {
        const pattern = parsePattern(group[0]!.pattern);
        const index = endpoints.push(buildEndpoint(group, pattern.paramNames)) - 1;
        if (pattern.wildcard || pattern.paramNames.length > 0) this.#tree.add(pattern, index);
        else exact.push([literalBytes(group[0]!.pattern), index]);
      }
    }
    this.#tree.seal();
    this.#endpoints = endpoints;
    this.#exact = new ByteTable(exact);
    this.#hasTree = !this.#sledge && exact.length < endpoints.length;
  }

  /** After `METHOD_NOT_ALLOWED` or a match: the methods of the path, for the `Allow` field. */
  get allow(): string {
    return this.#matched === null ? '' : this.#matched.allow;
  }

  /** After a match: names of the parameters, in the order of the pattern. */
  get paramNames(): readonly string[] {
    return this.#matched === null ? [] : this.#matched.paramNames;
  }

  /** 'sledge' only: routes that an earlier prefix hides. SLEdge starts with them, so this is for a warning. */
  get shadowed(): readonly ShadowedRoute[] {
    return this.#shadowed;
  }

  /** After a match: where parameter `index` begins in the buffer. */
  paramStart(index: number): number {
    return this.#byTree ? this.#tree.paramStart(index) : -1;
  }

  /** After a match: where parameter `index` ends in the buffer. */
  paramEnd(index: number): number {
    return this.#byTree ? this.#tree.paramEnd(index) : -1;
  }

  /** After a match: where the part begins that the wildcard stands for (it goes on to the path's end), or -1. */
  get wildcardStart(): number {
    return this.#byTree ? this.#tree.wildcardStart : -1;
  }

  /**
   * Target for the path `buffer[pathStart..pathEnd)` (without query; empty means `/`) and the method with this id, or
   * `NOT_FOUND`, or `METHOD_NOT_ALLOWED`. The method's bytes are looked at only if its id is `OTHER`.
   */
  lookup(
    buffer: Uint8Array,
    pathStart: number,
    pathEnd: number,
    method: number,
    methodStart: number = 0,
    methodEnd: number = 0,
  ): number {
    const index =
      pathStart === pathEnd ? this.#find(ROOT, 0, 1) : this.#find(buffer, pathStart, pathEnd);
    if (index === ABSENT) {
      this.#matched = null;
      return NOT_FOUND;
    }
    const endpoint = this.#endpoints[index]!;
    this.#matched = endpoint;
    const target = endpoint.target(method, buffer, methodStart, methodEnd);
    return target === NO_TARGET ? METHOD_NOT_ALLOWED : target;
  }

  #find(buffer: Uint8Array, from: number, to: number): number {
    this.#byTree = false;
    if (this.#sledge) return this.#findPrefix(buffer, from, to);
    const index = this.#exact.find(buffer, from, to);
    if (index !== ABSENT || !this.#hasTree || buffer[from] !== SLASH) return index;
    this.#byTree = true;
    return this.#tree.find(buffer, from, to);
  }

  #findPrefix(buffer: Uint8Array, from: number, to: number): number {
    for (let i = 0; i < this.#prefixes.length; i++) {
      const prefix = this.#prefixes[i]!;
      const end = from + prefix.length;
      if (end <= to && equalsBytes(buffer, from, end, prefix)) return i;
    }
    return ABSENT;
  }
}

const ROOT: Uint8Array = literalBytes('/');

function checkRoute(route: Route): void {
  const name = JSON.stringify(route.pattern);
  if (!Number.isInteger(route.target) || route.target < 0 || route.target > 0x7fffffff) {
    throw new RouteError('ERR_ROUTE_TARGET', `route ${name} has the target ${route.target}`);
  }
  if (route.methods === undefined) return;
  if (route.methods.length === 0) {
    throw new RouteError('ERR_ROUTE_METHOD', `route ${name} has an empty list of methods`);
  }
  for (const [index, method] of route.methods.entries()) {
    if (!TOKEN_PATTERN.test(method)) {
      throw new RouteError(
        'ERR_ROUTE_METHOD',
        `route ${name} has a method ${JSON.stringify(method)}, which is no token`,
      );
    }
    if (method === 'CONNECT') {
      throw new RouteError('ERR_ROUTE_METHOD', `route ${name}: CONNECT is never passed on`);
    }
    if (route.methods.indexOf(method) !== index) {
      throw new RouteError('ERR_ROUTE_METHOD', `route ${name} lists the method ${method} twice`);
    }
  }
}

/** Routes that differ at most in methods and in the names of parameters, in the order of their first. */
function groupByShape(routes: readonly Route[]): Route[][] {
  const groups = new Map<string, Route[]>();
  for (const route of routes) {
    const shape = route.pattern.replaceAll(/\/:[^/]*/g, '/:');
    const group = groups.get(shape);
    if (group === undefined) groups.set(shape, [route]);
    else group.push(route);
  }
  return [...groups.values()];
}

function buildEndpoint(group: readonly Route[], paramNames: readonly string[]): Endpoint {
  const endpoint = new Endpoint(paramNames);
  for (const [index, route] of group.entries()) {
    const same = group.slice(0, index).find((other) => overlap(other, route));
    if (same !== undefined) throw duplicate(same, route);
    const names = parsePattern(route.pattern).paramNames;
    if (names.join() !== paramNames.join()) throw renamed(group[0]!, route);
    endpoint.add(route.methods, route.target);
  }
  return endpoint;
}

function overlap(a: Route, b: Route): boolean {
  if (a.methods === undefined || b.methods === undefined) return true;
  return a.methods.some((method) => b.methods?.includes(method));
}

function renamed(first: Route, second: Route): RouteError {
  return new RouteError(
    'ERR_ROUTE_PATTERN',
    `one path pattern with two sets of parameter names: ${first.pattern} and ${second.pattern}`,
  );
}

function duplicate(first: Route, second: Route): RouteError {
  const describe = (route: Route): string =>
    `${route.methods?.join('|') ?? 'any method'} ${route.pattern} (target ${route.target})`;
  return new RouteError(
    'ERR_ROUTE_DUPLICATE',
    `two routes take the same requests: ${describe(first)} and ${describe(second)}`,
  );
}

function findShadowed(routes: readonly Route[]): ShadowedRoute[] {
  const shadowed: ShadowedRoute[] = [];
  for (const [index, route] of routes.entries()) {
    const by = routes.slice(0, index).find((earlier) => route.pattern.startsWith(earlier.pattern));
    if (by !== undefined) shadowed.push({ pattern: route.pattern, by: by.pattern });
  }
  return shadowed;
}
