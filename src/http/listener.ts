/** Entry of a listener thread: accepts, and hands sockets to connections; gets completions and hands them back. */
import { createServer, type Server } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { pinThread } from '../core/index.ts';
import { Arena } from '../ring/index.ts';
import type { FromListener, HttpSite, ListenerData, ToListener } from './api.ts';
import { Connection } from './connection.ts';
import type { ConnectionHost } from './connection-host.ts';
import { Intake } from './intake.ts';
import { connectionsMax } from './open-files.ts';
import { PortRoutes, portsOf } from './port-routes.ts';
import { Refusals } from './refusal.ts';
import { DateLine } from './response-head.ts';
import { decodeSites } from './site-record.ts';
import { SCRATCH_BYTES } from './socket-reader.ts';

/** One timer for all connections, not one each; it also moves the coarse clock and the Date line. */
const SWEEP_MS_MAX = 500;
const SWEEP_MS_MIN = 20;
const BACKLOG = 4096;

const data = workerData as ListenerData;
const port = parentPort as NonNullable<typeof parentPort>;
pinThread(data.seat.cores);
const arena = Arena.attach(data.seat.memory);
const connections = new Set<Connection>();
const intake = new Intake(arena, data.seat, data.limits.timeoutHeader);
for (const submitted of data.functions) intake.add(submitted);
const host: ConnectionHost = {
  arena,
  intake,
  limits: data.limits,
  date: new DateLine(),
  scratch: Buffer.allocUnsafeSlow(SCRATCH_BYTES),
  nowMs: performance.now(),
  isDraining: false,
  onClose: (connection) => {
    connections.delete(connection);
    if (host.isDraining) finishIfDrained();
  },
  log: data.logsRequests ? (line) => post({ type: 'access', line }) : undefined,
};
const servers: Server[] = [];
const maxConnections = connectionsMax(data.limits.maxConnections);
const refusals = new Refusals(host.date);
const { idleTimeoutMs, headTimeoutMs, bodyTimeoutMs, writeTimeoutMs } = data.limits;
const sweepMs = Math.max(
  SWEEP_MS_MIN,
  Math.min(SWEEP_MS_MAX, Math.min(idleTimeoutMs, headTimeoutMs, bodyTimeoutMs, writeTimeoutMs) / 4),
);
const sweeper = setInterval(sweep, sweepMs);

port.on('message', (message: ToListener) => drain(message.timeoutMs));
try {
  const sites = decodeSites(data.sites);
  const groups = portsOf(sites);
  const bound = await Promise.all(groups.map(listen));
  const ports = sites.map((site) => bound[groups.findIndex((group) => group.includes(site))] ?? 0);
  post({ type: 'listening', ports, maxConnections });
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  post({ type: 'failed', code: code ?? 'ERR_LISTEN', message });
  close();
}

function post(message: FromListener): void {
  port.postMessage(message);
}

function listen(sites: readonly HttpSite[]): Promise<number> {
  const routes = new PortRoutes(sites);
  const { host: address, port: number } = sites[0] as HttpSite;
  const options = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true };
  const server = createServer(options, (socket) => {
    // Counted here and not by the server: it would go on counting sockets whose handles have moved.
    if (connections.size >= maxConnections) refusals.refuse(socket);
    else connections.add(new Connection(socket, host, routes));
  });
  servers.push(server);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address, port: number, backlog: BACKLOG }, () => {
      // From here on an error is one of accept: the next attempt may do.
      server.removeListener('error', reject);
      server.on('error', () => {});
      const address = server.address();
      resolve(address !== null && typeof address === 'object' ? address.port : 0);
    });
  });
}

function sweep(): void {
  host.nowMs = performance.now();
  host.date.update();
  for (const connection of connections) connection.sweep();
}

/** No new connections; each open one is closed behind what it is owed; past the deadline they are cut. */
function drain(timeoutMs: number): void {
  if (host.isDraining) return;
  host.isDraining = true;
  for (const server of servers) server.close();
  for (const connection of connections) connection.drain();
  setTimeout(() => {
    for (const connection of connections) connection.socket.destroy();
  }, timeoutMs).unref();
  finishIfDrained();
}

/** Slots whose clients are gone come back a little later than their sockets. */
function finishIfDrained(): void {
  if (connections.size > 0) return;
  if (intake.producer.inFlight > 0) {
    setTimeout(finishIfDrained, 5);
    return;
  }
  post({ type: 'drained' });
  close();
}

function close(): void {
  clearInterval(sweeper);
  refusals.close();
  for (const server of servers) server.close();
  port.close();
}
