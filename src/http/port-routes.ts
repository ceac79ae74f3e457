/**
 * What a port knows of its routes, whichever protocol is spoken on it: which host and path lead where, and what is answered without a function.
 *
 *   host --> its own routes --no route for the path--> those of `*.example` --> those of `*.com` … --> those for any host --> 404
 *
 * A route without hosts is for all of them, so that a rule for one host need not repeat what holds for each; a route for fewer hosts wins over one for more,
 * and only then the more specific path. As in one router, the path decides before the method: a host's own path is not passed on because of its method.
 * A port whose routes name no hosts does not look at the request's.
 */
import type { HttpRoute, SiteTable } from './api.ts';
import { ABSENT, ByteTable } from './byte-table.ts';
import { fieldValues, linesOf, soleValue } from './header-lines.ts';
import { coversHost, foldHost, HOST_BYTES_MAX, isWildcard, normalHost } from './host-pattern.ts';
import { HTTP_ERRORS, type HttpErrorKind } from './http-error.ts';
import type { HeadRanges } from './intake.ts';
import { methodId, OPTIONS } from './method.ts';
import { RouteError } from './pattern.ts';
import { RouteFields } from './route-fields.ts';
import { METHOD_NOT_ALLOWED, NOT_FOUND, Router } from './router.ts';

/** Of a head, what a route is found by. The host may have a port, and is empty where there is none. */
export interface RoutedHead extends HeadRanges {
  /** As method.ts numbers them. */
  readonly method: number;
  readonly hostStart: number;
  readonly hostEnd: number;
}

/** An answer without a function: an error, or (no kind) 204. */
export interface OwnAnswer {
  readonly error: HttpErrorKind | undefined;
  /** Lines of its head that are its own. */
  readonly fields: string;
}

/** `OPTIONS *` asks for nothing that a route has. */
export const SERVER_OPTIONS: OwnAnswer = { error: undefined, fields: '' };
const NO_ROUTE: OwnAnswer = { error: HTTP_ERRORS.NOT_FOUND, fields: '' };
const DOT = 0x2e;

/** Where the method stands that a preflight asks for. */
const REQUEST_METHOD =
  /^access-control-request-method:[ \t]*([!#$%&'*+\-.^_`|~0-9a-z]+)[ \t]*\r$/dim;
/** A preflight (cors.ts), which is answered without a function. */
const PREFLIGHT = -3;

/** A route as a port has it. */
export interface PortRoute extends HttpRoute {
  /** Undefined: it adds nothing to its requests and answers. */
  readonly fields: RouteFields | undefined;
}

/** The routes of one host, or of any. */
interface HostRoutes {
  readonly router: Router;
  /** Those that are asked where this one has no route for a path. */
  readonly next: HostRoutes | undefined;
}

export class PortRoutes {
  /** Of all hosts. */
  readonly routes: readonly PortRoute[];
  readonly maxBodyBytes: number;
  readonly #any: HostRoutes;
  readonly #named: readonly HostRoutes[];
  readonly #hosts: ByteTable;
  /** Keys are the names with the dot in front of them. */
  readonly #suffixes: ByteTable;
  readonly #host = new Uint8Array(HOST_BYTES_MAX + 1);
  readonly #hasCors: boolean;
  #matched: Router;
  #preflight: OwnAnswer = NO_ROUTE;

  /** The sites of one port. Throws a RouteError where two routes take the same requests, or one takes none. */
  constructor(sites: readonly SiteTable[]) {
    const mode = sites[0]?.mode ?? 'luge';
    if (sites.some((site) => site.mode !== mode)) {
      throw new RouteError('ERR_ROUTE_MODE', 'sites of one port are of one mode');
    }
    const routes: PortRoute[] = sites.flatMap((site) =>
      site.routes.map((route) => ({ ...route, fields: RouteFields.of(route.adds) })),
    );
    this.routes = routes;
    this.#hasCors = routes.some(({ fields }) => fields?.cors !== undefined);
    this.maxBodyBytes = Math.max(0, ...routes.map((route) => route.maxBodyBytes));
    const targets = targetsByHost(routes);
    const routerOf = (own: readonly number[]): Router =>
      new Router(
        own.map((target) => {
          const { pattern, methods } = routes[target] as HttpRoute;
          return methods === undefined ? { pattern, target } : { pattern, target, methods };
        }),
        mode,
      );
    this.#any = { router: routerOf(targets.get('') ?? []), next: undefined };
    targets.delete('');
    const made = new Map<string, HostRoutes>();
    // From the widest to the narrowest, each of which may lead on to one that is there.
    for (const host of [...targets.keys()].sort(byWidth)) {
      const next = [...made].findLast(([wide]) => isWildcard(wide) && coversHost(wide, host));
      const router = routerOf(targets.get(host) as number[]);
      made.set(host, { router, next: next?.[1] ?? this.#any });
    }
    this.#named = [...made.values()];
    const keys = [...made.keys()].map((host, index) => [host, index] as const);
    const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'latin1');
    this.#hosts = new ByteTable(
      keys.filter(([host]) => !isWildcard(host)).map(([host, i]) => [bytesOf(host), i]),
    );
    this.#suffixes = new ByteTable(
      keys.filter(([host]) => isWildcard(host)).map(([host, i]) => [bytesOf(host.slice(1)), i]),
    );
    this.#matched = this.#any.router;
  }

  /** Index of the route in `routes`, or a negative number that `ownAnswer` takes. */
  routeOf(bytes: Uint8Array, head: RoutedHead): number {
    const { method, methodStart, methodEnd } = head;
    if (this.#hasCors && method === OPTIONS && this.#isPreflight(bytes, head)) return PREFLIGHT;
    return this.#find(bytes, head, method, methodStart, methodEnd);
  }

  #find(
    bytes: Uint8Array,
    head: RoutedHead,
    method: number,
    methodStart: number,
    methodEnd: number,
  ): number {
    const { pathStart, pathEnd } = head;
    let at = this.#named.length === 0 ? this.#any : this.#ofHost(bytes, head);
    for (;;) {
      const { router, next } = at;
      const target = router.lookup(bytes, pathStart, pathEnd, method, methodStart, methodEnd);
      if (target !== NOT_FOUND || next === undefined) {
        this.#matched = router;
        return target;
      }
      at = next;
    }
  }

  /** To what `routeOf` has just found no route for. */
  ownAnswer(target: number): OwnAnswer {
    if (target === PREFLIGHT) return this.#preflight;
    if (target !== METHOD_NOT_ALLOWED) return NO_ROUTE;
    return { error: HTTP_ERRORS.METHOD_NOT_ALLOWED, fields: `Allow: ${this.#matched.allow}\r\n` };
  }

  /** Whether it asks what a page of its origin may do with a route that says so. The methods of a route need not have OPTIONS for that. */
  #isPreflight(bytes: Uint8Array, head: RoutedHead): boolean {
    const { headersStart, headersEnd } = head;
    const lines = linesOf(bytes, headersStart, headersEnd);
    const origin = soleValue(lines, 'origin');
    const method = soleValue(lines, 'access-control-request-method');
    const place = REQUEST_METHOD.exec(lines)?.indices?.[1];
    if (origin === undefined || method === undefined || place === undefined) return false;
    const [from, to] = [headersStart + place[0], headersStart + place[1]];
    const target = this.#find(bytes, head, methodId(bytes, from, to), from, to);
    if (target < 0) return false;
    const { fields, methods } = this.routes[target] as PortRoute;
    if (fields?.cors === undefined) return false;
    const asked = fieldValues(lines, 'access-control-request-headers').join(', ');
    this.#preflight = {
      error: undefined,
      fields: fields.cors.preflight(origin, method, asked, methods),
    };
    return true;
  }

  #ofHost(bytes: Uint8Array, { hostStart, hostEnd }: RoutedHead): HostRoutes {
    const host = this.#host;
    const length = foldHost(bytes, hostStart, hostEnd, host);
    let index = length < 0 ? ABSENT : this.#hosts.find(host, 0, length);
    // A name begins in front of its first dot. What is longer than every key costs no hash.
    for (let at = 1; index === ABSENT && at < length; at++) {
      if (host[at] === DOT) index = this.#suffixes.find(host, at, length);
    }
    return index === ABSENT ? this.#any : (this.#named[index] as HostRoutes);
  }
}

/** Indices of the routes by their hosts, as those are normal; '' has those for any. */
function targetsByHost(routes: readonly HttpRoute[]): Map<string, number[]> {
  const targets = new Map<string, number[]>();
  for (const [target, { hosts = [] }] of routes.entries()) {
    const names = hosts.length === 0 ? [''] : new Set(hosts.map(normalHost));
    for (const host of names) {
      const known = targets.get(host);
      if (known === undefined) targets.set(host, [target]);
      else known.push(target);
    }
  }
  return targets;
}

/** Wildcards before names, short ones before long ones: what covers a host comes before it, the narrowest as the last. */
function byWidth(a: string, b: string): number {
  return Number(isWildcard(b)) - Number(isWildcard(a)) || a.length - b.length;
}
