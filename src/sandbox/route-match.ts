/**
 * What the parts of a route's pattern stand for in the path of a request: `/users/:id/*` and `/users/7/a/b` make id 7 and * a/b.
 *
 * Found out where a guest asks, from the route that its function was loaded with, and not handed on by who has routed the request: so calls and `invoke`
 * have them too, and a guest that asks for none costs nothing. Text is as it was sent, not decoded; a character is a byte.
 */

export interface RouteMatch {
  /** By name; `*` is what the wildcard stands for. Empty where the path is none of the pattern's. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Up to here the path is the function's own (SCRIPT_NAME); what follows is for it to read (PATH_INFO), and begins with a slash. */
  readonly ownChars: number;
}

const WILDCARD = '*';
const NONE: ReadonlyMap<string, string> = new Map();

/** Both begin with a slash. */
export function matchRoute(route: string, path: string): RouteMatch {
  const parameters = new Map<string, string>();
  const segments = route.slice(1).split('/');
  let at = 1;
  for (const [index, segment] of segments.entries()) {
    if (at > path.length) return prefixOf(route, path);
    if (segment === WILDCARD && index === segments.length - 1) {
      parameters.set(WILDCARD, path.slice(at));
      return { parameters, ownChars: at - 1 };
    }
    const end = segmentEnd(path, at);
    const text = path.slice(at, end);
    if (segment.startsWith(':') && text !== '') parameters.set(segment.slice(1), text);
    else if (segment !== text) return prefixOf(route, path);
    at = end + 1;
  }
  return at > path.length ? { parameters, ownChars: path.length } : prefixOf(route, path);
}

/** A route may be a prefix (of a spec of SLEdge), and a function may be called with any path: own is what begins as the route, whole segments of it. */
function prefixOf(route: string, path: string): RouteMatch {
  const isPrefix = path.startsWith(route);
  return { parameters: NONE, ownChars: isPrefix ? segmentEnd(path, route.length) : 0 };
}

function segmentEnd(path: string, from: number): number {
  const slash = path.indexOf('/', from);
  return slash < 0 ? path.length : slash;
}
