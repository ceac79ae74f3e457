/**
 * Where a front end listens, and how that is written:
 *
 *   8080 · 127.0.0.1:8080 · localhost:8080 · [::1]:8080    TCP; port 0 = any free one
 *   *:8080                                                 every address of the machine, IPv6 and IPv4
 *   unix:/run/luge.sock · unix:@luge                       a Unix socket by its path, or (Linux) by a name without a file
 *   fd:3                                                   a socket that whoever started the process has bound (socket-activation.ts)
 *
 * An IPv6 address stands in brackets, as in a URL: without them the port could not be told from its last group.
 */

export type ListenAddress =
  | {
      readonly kind: 'tcp';
      /** A name or an IP address; '*': every one. */
      readonly host: string;
      /** 0 = any free one. */
      readonly port: number;
      /** Of an IPv6 address that means all of them: IPv4 does not get in. */
      readonly ipv6Only: boolean;
    }
  | {
      readonly kind: 'unix';
      /** Of its file; with '@' in front a name without one. */
      readonly path: string;
      /** Of its file; undefined: what the umask leaves of 0777. */
      readonly mode: number | undefined;
    }
  | { readonly kind: 'fd'; readonly fd: number };

/** What the text does not say. */
export interface AddressDefaults {
  readonly host?: string;
  readonly ipv6Only?: boolean;
  readonly socketMode?: number | undefined;
}

const HOST = '127.0.0.1';
/** `sun_path` of Linux is 108 bytes with its NUL; others have 104. */
const PATH_BYTES_MAX = process.platform === 'linux' ? 107 : 103;
const FIRST_FD = 3;
const PORT_MAX = 65_535;

/** For messages. */
export const ADDRESS_FORMS = '"host:port", "[IPv6]:port", "*:port", a port, "unix:/path" or "fd:3"';

/** The address, or what is wrong with its text. */
export function parseAddress(text: string, defaults: AddressDefaults = {}): ListenAddress | string {
  const { ipv6Only = false, socketMode: mode } = defaults;
  if (text.startsWith('unix:')) {
    const path = text.slice(5);
    return unixProblem(path) ?? { kind: 'unix', path, mode };
  }
  if (text.startsWith('fd:')) {
    const fd = numberOf(text.slice(3));
    if (fd >= FIRST_FD) return { kind: 'fd', fd };
    return `a file descriptor is a whole number from ${FIRST_FD}`;
  }
  const [, bracketed, plain, digits = ''] =
    /^(?:(?:\[([0-9A-Fa-f:.]{2,45}(?:%[\w.-]{1,16})?)\]|(\*|[\w.-]{1,253})):)?(\d+)$/.exec(text) ??
    [];
  const port = numberOf(digits);
  if (port <= PORT_MAX) {
    return { kind: 'tcp', host: bracketed ?? plain ?? defaults.host ?? HOST, port, ipv6Only };
  }
  if (digits !== '') return `a port is a whole number from 0 to ${PORT_MAX}`;
  return /^[0-9A-Fa-f:]*::?[0-9A-Fa-f.:]*$/.test(text)
    ? `an IPv6 address stands in brackets, with a port behind it: [::1]:8080`
    : `is none of ${ADDRESS_FORMS}`;
}

/** Infinity where it is none. */
function numberOf(digits: string): number {
  return /^\d{1,9}$/.test(digits) ? Number(digits) : Number.POSITIVE_INFINITY;
}

function unixProblem(path: string): string | undefined {
  if (path === '' || path === '@') return 'a Unix socket has a path: unix:/run/luge.sock';
  if (path.includes('\0')) return 'a path has no NUL';
  const bytes = Buffer.byteLength(path);
  if (bytes <= PATH_BYTES_MAX) return undefined;
  return `the path of a Unix socket is at most ${PATH_BYTES_MAX} bytes long, this is ${bytes}`;
}

/** As it is written. */
export function addressText(address: ListenAddress): string {
  switch (address.kind) {
    case 'unix':
      return `unix:${address.path}`;
    case 'fd':
      return `fd:${address.fd}`;
    case 'tcp':
      return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
  }
}

/** Whether the second of them could not be bound beside the first. Any free port meets none. */
export function addressesMeet(a: ListenAddress, b: ListenAddress): boolean {
  if (a.kind !== 'tcp' || b.kind !== 'tcp') return addressText(a) === addressText(b);
  if (a.port === 0 || a.port !== b.port) return false;
  return a.host === b.host || [a, b].some(meansAll);
}

/** `0.0.0.0` beside an address of IPv6 would do, but hosts may be names. */
function meansAll({ host }: { readonly host: string }): boolean {
  return host === '*' || host === '0.0.0.0' || host === '::';
}

/** Of `unix:@name`, and of a path: as Node takes it. */
export function systemPath(path: string): string {
  return path.startsWith('@') ? `\0${path.slice(1)}` : path;
}
