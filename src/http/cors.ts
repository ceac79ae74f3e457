/**
 * What pages of other origins may do with a route (the CORS protocol of the Fetch standard), answered by the front end: a preflight runs no function.
 *
 * An origin that is not allowed gets an answer without the fields that would allow it, and the browser keeps it from the page: nothing is refused here, as
 * the request may as well come from something that is no browser. What an answer says depends on the origin unless all are allowed alike; then, and only
 * then, there is no `Vary`. `Access-Control-Allow-Credentials` never goes with `*`, which browsers refuse and which would mean everybody's cookies.
 */
import { RouteError } from './pattern.ts';

export interface CorsSettings {
  /** `https://app.example`, `https://*.example` (any depth of names), or `*` alone for all. */
  readonly origins: readonly string[];
  /** Missing: those of the route. */
  readonly methods?: readonly string[];
  /** Request fields beyond those that every page may send; missing: whichever the page asks for. */
  readonly headers?: readonly string[];
  /** Response fields that the page may read. */
  readonly exposeHeaders?: readonly string[];
  readonly credentials?: boolean;
  /** How long a browser may go by a preflight's answer. */
  readonly maxAgeSeconds?: number;
}

const TOKENS = /^[!#$%&'*+\-.^_`|~0-9A-Za-z, \t]*$/;
const ALL = '*';
const VARY_ORIGIN = 'Vary: Origin\r\n';
const VARY_PREFLIGHT =
  'Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n';

/** What is wrong with an origin of the settings, or undefined. Browsers send origins in one spelling, and one that they never send would allow nobody. */
export function originProblem(origin: string): string | undefined {
  if (origin === ALL) return undefined;
  const text = origin.replace('://*.', '://any.');
  try {
    if (!text.includes('*') && new URL(text).origin === text) return undefined;
  } catch {
    // Said below.
  }
  return 'must be "*", or an origin as browsers send it: "https://app.example", "http://localhost:3000" or "https://*.example"';
}

/** What cannot be allowed together, or undefined. */
export function corsProblem(settings: CorsSettings): string | undefined {
  const { origins, methods = [], headers = [], exposeHeaders = [], credentials } = settings;
  const isAll = origins.includes(ALL);
  if (isAll && origins.length > 1) return '"*" is all origins: there is nothing to add';
  const wild = [origins, methods, headers, exposeHeaders].some((list) => list.includes(ALL));
  return wild && credentials === true
    ? 'with credentials, "*" would be everybody: name what is meant'
    : undefined;
}

export class Cors {
  readonly #settings: CorsSettings;
  readonly #isOpen: boolean;
  /** Of each answer, whatever its origin. */
  readonly vary: string;
  readonly #suffix: string;

  constructor(settings: CorsSettings) {
    const problem =
      settings.origins.map(originProblem).find((text) => text !== undefined) ??
      corsProblem(settings);
    if (problem !== undefined) throw new RouteError('ERR_ROUTE_CORS', `cors: ${problem}`);
    this.#settings = settings;
    this.#isOpen = settings.origins.includes(ALL);
    this.vary = this.#isOpen ? '' : VARY_ORIGIN;
    const { credentials, exposeHeaders = [] } = settings;
    this.#suffix =
      (credentials === true ? 'Access-Control-Allow-Credentials: true\r\n' : '') +
      listLine('Expose-Headers', exposeHeaders);
  }

  /** Lines of an answer to a request from this origin, `vary` apart; empty where it is not allowed. */
  lines(origin: string | undefined): string {
    const allowed = this.#allowed(origin);
    return allowed === '' ? '' : allowed + this.#suffix;
  }

  /** Lines of the answer to a preflight for a route that takes `routeMethods` (undefined: any); all of it came with the request. */
  preflight(
    origin: string,
    method: string,
    headers: string,
    routeMethods: readonly string[] | undefined,
  ): string {
    const settings = this.#settings;
    const allowed = this.#allowed(origin);
    if (allowed === '') return VARY_PREFLIGHT;
    const asked = settings.headers ?? (TOKENS.test(headers) && headers !== '' ? [headers] : []);
    const { credentials, maxAgeSeconds } = settings;
    return (
      VARY_PREFLIGHT +
      allowed +
      listLine('Allow-Methods', settings.methods ?? routeMethods ?? [method]) +
      listLine('Allow-Headers', asked) +
      (credentials === true ? 'Access-Control-Allow-Credentials: true\r\n' : '') +
      (maxAgeSeconds === undefined ? '' : `Access-Control-Max-Age: ${maxAgeSeconds}\r\n`)
    );
  }

  /** The line that allows the origin, or nothing. */
  #allowed(origin: string | undefined): string {
    if (this.#isOpen) return 'Access-Control-Allow-Origin: *\r\n';
    if (origin === undefined || !this.#settings.origins.some((known) => covers(known, origin))) {
      return '';
    }
    return `Access-Control-Allow-Origin: ${origin}\r\n`;
  }
}

function listLine(name: string, values: readonly string[]): string {
  return values.length === 0 ? '' : `Access-Control-${name}: ${values.join(', ')}\r\n`;
}

/** `https://*.example` covers what has this scheme, this end, and a name between them. */
function covers(known: string, origin: string): boolean {
  const star = known.indexOf('*');
  if (star < 0) return known === origin;
  const [scheme, end] = [known.slice(0, star), known.slice(star + 1)];
  if (!origin.startsWith(scheme) || !origin.endsWith(end)) return false;
  return /^[a-z0-9_.-]+$/.test(origin.slice(scheme.length, origin.length - end.length));
}
