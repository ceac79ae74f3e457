/** The head of a request that did not come through HTTP, checked: what HTTP could not carry is refused here too. */
import type { Exchange, FunctionSpec } from '../sandbox/index.ts';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const TARGET = /^\/[\x21-\x7e\x80-\xff]*$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

export interface RequestText {
  readonly method: string;
  readonly target: string;
  /** `Name: value CRLF` lines. */
  readonly headers: string;
}

/** What is asked for when nothing is said: POST on the function's route. */
export const METHOD_DEFAULT = 'POST';

export function targetOf({ route }: FunctionSpec): string {
  return route.endsWith('/*') ? route.slice(0, -1) : route;
}

/** The route with values in the place of its parameters. Throws a RangeError that says which is missing, empty or too many. */
export function pathOf(route: string, params: Readonly<Record<string, string>>): string {
  const left = new Set(Object.keys(params));
  const segments = route.split('/');
  const filled = segments.map((segment, index) => {
    const isWildcard = segment === '*' && index === segments.length - 1;
    if (!isWildcard && !segment.startsWith(':')) return segment;
    const name = isWildcard ? segment : segment.slice(1);
    left.delete(name);
    const value = Object.hasOwn(params, name) ? (params[name] as string) : '';
    if (isWildcard) return value.split('/').map(encodeURIComponent).join('/');
    if (value === '')
      throw new RangeError(`params.${name} is missing or empty: the route is ${route}`);
    return encodeURIComponent(value);
  });
  const [unknown] = left;
  if (unknown !== undefined) throw new RangeError(`the route ${route} has no parameter ${unknown}`);
  return filled.join('/');
}

/** What is wrong with a request line's parts and fields, or undefined. */
export function requestFault(
  method: string,
  target: string,
  fields: readonly (readonly [string, string])[],
): string | undefined {
  if (!TOKEN.test(method)) return `method ${JSON.stringify(method)} is no token`;
  if (!TARGET.test(target)) {
    return `target ${JSON.stringify(target)} must begin with '/' and hold no blanks or control characters`;
  }
  for (const [name, value] of fields) {
    if (!TOKEN.test(name)) return `header name ${JSON.stringify(name)} is no token`;
    if (!FIELD_VALUE.test(value)) return `header ${name} has a control character in its value`;
  }
  return undefined;
}

export function fieldLines(fields: readonly (readonly [string, string])[]): string {
  return fields.map(([name, value]) => `${name}: ${value.trim()}\r\n`).join('');
}

/** Reads `METHOD target`, then header lines; undefined when it is not that. */
export function parseRequest(text: string, spec: FunctionSpec): RequestText | undefined {
  const [line = '', ...rest] = text.split(/\r?\n/);
  const [method = METHOD_DEFAULT, target = targetOf(spec), ...more] =
    line === '' ? [] : line.split(' ');
  const fields: [string, string][] = [];
  for (const field of rest) {
    if (field === '') continue;
    const colon = field.indexOf(':');
    if (colon < 0) return undefined;
    fields.push([field.slice(0, colon), field.slice(colon + 1)]);
  }
  if (more.length > 0 || requestFault(method, target, fields) !== undefined) return undefined;
  return { method, target, headers: fieldLines(fields) };
}

/** Writes head, and body bytes from … to of `source`, into a slot that was opened; false when there is no memory for it. */
export function writeRequest(
  exchange: Exchange,
  { method, target, headers }: RequestText,
  peer: string,
  source: Uint8Array,
  from: number,
  to: number,
): boolean {
  const question = target.indexOf('?');
  const head = Buffer.from(method + target + headers + peer, 'latin1');
  exchange.setHead(
    method.length,
    target.length,
    question < 0 ? target.length : question,
    headers.length,
    peer.length,
  );
  return exchange.request.append(head, 0, head.length) && exchange.request.append(source, from, to);
}
