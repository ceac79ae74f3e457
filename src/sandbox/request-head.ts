/** Reads the head of a request for guests: header fields and CGI variables. The listener has checked its syntax. */
import type { Exchange } from './exchange.ts';
import type { FunctionSpec } from './function-image.ts';
import { matchRoute } from './route-match.ts';

const SOFTWARE = 'luge';

/** Value of the field, case-insensitive; several of one name are joined by ", " (RFC 9110 section 5.3). */
export function headerValue(exchange: Exchange, name: string): string | undefined {
  const wanted = name.toLowerCase();
  let value: string | undefined;
  eachHeader(exchange, (key, v) => {
    if (key.toLowerCase() === wanted) value = value === undefined ? v : `${value}, ${v}`;
  });
  return value;
}

/** Calls `visit` with each field in the order of the request. */
export function eachHeader(exchange: Exchange, visit: (name: string, value: string) => void): void {
  const lines = exchange.headerLines();
  for (let at = 0; at < lines.length; ) {
    const end = lines.indexOf('\r\n', at);
    const colon = lines.indexOf(':', at);
    visit(lines.slice(at, colon), lines.slice(colon + 1, end).trim());
    at = end + 2;
  }
}

/** argv of a WASI guest: the route, the configured arguments, then the query split at '&', not decoded (as SLEdge does). */
export function argumentsOf(exchange: Exchange, spec: FunctionSpec): string[] {
  const query = exchange.query();
  const parameters = query === '' ? [] : query.split('&').filter((p) => p !== '');
  return [spec.route, ...spec.args, ...parameters];
}

/** What `name` of the route's pattern, or `*`, stands for in the path, as it was sent; undefined: there is none of that name. */
export function parameterValue(
  exchange: Exchange,
  spec: FunctionSpec,
  name: string,
): string | undefined {
  return matchRoute(spec.route, exchange.path()).parameters.get(name);
}

/** The CGI/1.1 meta-variables (RFC 3875), one HTTP_ variable a field, the route's parameters, then its own; text is latin1 = bytes. */
export function environmentOf(exchange: Exchange, spec: FunctionSpec): string[] {
  if (!spec.hasCgiVariables) return [...spec.env];
  const fields = new Map<string, string>();
  eachHeader(exchange, (name, value) => {
    const key = name.toUpperCase().replaceAll('-', '_');
    const seen = fields.get(key);
    const separator = key === 'COOKIE' ? '; ' : ', ';
    fields.set(key, seen === undefined ? value : `${seen}${separator}${value}`);
  });
  const host = fields.get('HOST') ?? '';
  const port = /:(\d+)$/.exec(host);
  const path = exchange.path();
  const { parameters, ownChars } = matchRoute(spec.route, path);
  const variables = [
    'GATEWAY_INTERFACE=CGI/1.1',
    `SERVER_SOFTWARE=${SOFTWARE}`,
    'SERVER_PROTOCOL=HTTP/1.1',
    `SERVER_NAME=${port === null ? host : host.slice(0, port.index)}`,
    `SERVER_PORT=${port?.[1] ?? (exchange.isSecure ? '443' : '80')}`,
    `REQUEST_METHOD=${exchange.method()}`,
    `REQUEST_URI=${exchange.query() === '' ? path : `${path}?${exchange.query()}`}`,
    `SCRIPT_NAME=${percentDecoded(path.slice(0, ownChars))}`,
    `PATH_INFO=${percentDecoded(path.slice(ownChars))}`,
    `QUERY_STRING=${exchange.query()}`,
    `REMOTE_ADDR=${exchange.peer()}`,
  ];
  // No meta-variable of RFC 3875, but what every server and framework has for it.
  if (exchange.isSecure) variables.push('HTTPS=on');
  if (exchange.bodyBytes > 0) variables.push(`CONTENT_LENGTH=${exchange.bodyBytes}`);
  const type = fields.get('CONTENT_TYPE');
  if (type !== undefined) variables.push(`CONTENT_TYPE=${type}`);
  for (const [key, value] of fields) {
    // HTTP_PROXY would steer the clients inside a guest through a proxy of the requester's choice ("httpoxy").
    if (key === 'CONTENT_TYPE' || key === 'CONTENT_LENGTH' || key === 'PROXY') continue;
    variables.push(`HTTP_${key}=${value}`);
  }
  for (const [name, value] of parameters) {
    variables.push(name === '*' ? `LUGE_WILDCARD=${value}` : `LUGE_PARAM_${name}=${value}`);
  }
  return [...variables, ...spec.env];
}

/** Percent-decoded as bytes; as it came when that would give a NUL or a triplet is broken. */
function percentDecoded(path: string): string {
  if (!path.includes('%')) return path;
  let broken = false;
  const decoded = path.replace(/%(..)?/g, (triplet, hex: string | undefined) => {
    if (hex === undefined || !/^[0-9A-Fa-f]{2}$/.test(hex) || hex === '00') {
      broken = true;
      return triplet;
    }
    return String.fromCharCode(Number.parseInt(hex, 16));
  });
  return broken ? path : decoded;
}
