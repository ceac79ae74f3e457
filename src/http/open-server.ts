/**
 * Opens a server at an address. What differs between them:
 *
 *   TCP   `*` is left to Node: `::` with IPv4, or `0.0.0.0` where there is no IPv6.
 *         Several listeners share a port by SO_REUSEPORT, which another server with it could share as well: so the first binds without, which finds EADDRINUSE
 *         and fixes a free port, and then anew with it.
 *   unix  The file of a server that was killed is still there, and would be in the way for ever: a socket that nobody accepts at is removed, one that somebody
 *         does is EADDRINUSE, as is a file that is no socket. (Two servers that start at once at such a file may both find it dead; the later one wins.)
 *         The mode is set behind bind: until then the umask is what counts, and the usual one lets only the owner connect.
 *         When the server is closed, libuv removes the file.
 *   fd    Closed with the server: whoever bound it has a descriptor of its own.
 */
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { connect, createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import type { PortSharing } from './api.ts';
import { type ListenAddress, systemPath } from './listen-address.ts';

const BACKLOG = 4096;
/** Of a local socket: it answers at once, or its server is stuck, and alive. */
const PROBE_MS = 1000;

export interface OpenServer {
  readonly server: Server;
  /** As asked for, with what was chosen for it: the port, or what a descriptor is. */
  readonly address: ListenAddress;
}

/** Rejects with the system's error, and leaves nothing open. Sockets come paused. */
export async function openServer(
  asked: ListenAddress,
  sharing: PortSharing,
  onSocket: (socket: Socket) => void,
): Promise<OpenServer> {
  const isShared = asked.kind === 'tcp' && sharing !== 'alone';
  const address = isShared && sharing === 'first' ? await freeAddress(asked) : asked;
  const options = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true };
  const server = createServer(options, onSocket);
  try {
    await bind(server, address, isShared);
    if (address.kind === 'unix' && address.mode !== undefined && !address.path.startsWith('@')) {
      chmodSync(address.path, address.mode);
    }
  } catch (error) {
    server.close();
    throw error;
  }
  // From here on an error is one of accept: the next attempt may do.
  server.on('error', () => {});
  return { server, address: boundAddress(server, address) };
}

/** Of TCP, with a port: nobody else listened there a moment ago. */
async function freeAddress(asked: ListenAddress): Promise<ListenAddress> {
  const probe = createServer((socket) => socket.destroy());
  await attempt(probe, listenOptions(asked));
  const address = boundAddress(probe, asked);
  await new Promise((resolve) => probe.close(resolve));
  return address;
}

async function bind(server: Server, address: ListenAddress, isShared: boolean): Promise<void> {
  const options = { ...listenOptions(address), reusePort: isShared };
  try {
    await attempt(server, options);
  } catch (error) {
    if (address.kind !== 'unix' || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE')
      throw error;
    if (!(await isDead(address.path))) throw error;
    unlinkSync(address.path);
    await attempt(server, options);
  }
}

function listenOptions(address: ListenAddress): ListenOptions & { readonly fd?: number } {
  switch (address.kind) {
    case 'tcp': {
      const { host, port, ipv6Only } = address;
      // Without a host ipv6Only has to name one: Node would go on to 0.0.0.0.
      if (host === '*')
        return ipv6Only
          ? { host: '::', port, ipv6Only, backlog: BACKLOG }
          : { port, backlog: BACKLOG };
      return { host, port, ipv6Only, backlog: BACKLOG };
    }
    case 'unix':
      return { path: systemPath(address.path), backlog: BACKLOG };
    case 'fd':
      return { fd: address.fd, backlog: BACKLOG };
  }
}

function attempt(server: Server, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}

/** Whether the path is that of a socket at which nobody accepts. */
async function isDead(path: string): Promise<boolean> {
  if (path.startsWith('@') || lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) {
    return false;
  }
  return new Promise((resolve) => {
    const probe = connect(path);
    const answer = (isDead: boolean): void => {
      probe.destroy();
      resolve(isDead);
    };
    probe.setTimeout(PROBE_MS, () => answer(false));
    probe.once('connect', () => answer(false));
    probe.once('error', ({ code }: NodeJS.ErrnoException) =>
      answer(code === 'ECONNREFUSED' || code === 'ENOENT'),
    );
  });
}

function boundAddress(server: Server, asked: ListenAddress): ListenAddress {
  const found = server.address();
  // Node does not ask a Unix socket that came as a descriptor for its name.
  if (found === null || typeof found === 'string') return asked;
  const { address, port } = found;
  const isNamed = asked.kind === 'tcp' && asked.host !== '*';
  const ipv6Only = asked.kind === 'tcp' && asked.ipv6Only;
  return { kind: 'tcp', host: isNamed ? asked.host : address, port, ipv6Only };
}
