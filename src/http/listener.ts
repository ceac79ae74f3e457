/** Entry of a listener thread: accepts, and hands sockets to connections; gets completions and hands them back. */
import type { Server, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { parentPort, workerData } from 'node:worker_threads';
import { pinThread } from '../core/index.ts';
import { Arena } from '../ring/index.ts';
import type { FromListener, ListenerData, ListenPlace, SiteTable, ToListener } from './api.ts';
import { BodyBlocks } from './body-blocks.ts';
import { Connection } from './connection.ts';
import type { ConnectionHost, OpenConnection } from './connection-host.ts';
import { H2Head } from './h2-head.ts';
import { H2Preface } from './h2-preface.ts';
import { H2Session } from './h2-session.ts';
import { HTTP_ERRORS } from './http-error.ts';
import { Intake } from './intake.ts';
import type { ListenAddress } from './listen-address.ts';
import { Occupancy } from './occupancy.ts';
import { connectionsMax } from './open-files.ts';
import { openServer } from './open-server.ts';
import { PortRoutes } from './port-routes.ts';
import { Refusals } from './refusal.ts';
import { DateLine } from './response-head.ts';
import { decodeSites } from './site-record.ts';
import { SCRATCH_BYTES } from './socket-reader.ts';
import type { TlsMaterial } from './tls-options.ts';
import { TlsPort } from './tls-port.ts';

/** One timer for all connections, not one each; it also moves the coarse clock and the Date line. */
const SWEEP_MS_MAX = 500;
const SWEEP_MS_MIN = 20;

const data = workerData as ListenerData;
const port = parentPort as NonNullable<typeof parentPort>;
pinThread(data.seat.cores);
const arena = Arena.attach(data.seat.memory);
const connections = new Set<OpenConnection>();
const occupancy = new Occupancy(data.occupancy);
// Others, and those that come instead of a dead one, would find fewer files left for the same limit.
occupancy.max ||= connectionsMax(data.limits.maxConnections, data.listeners - 1);
const intake = new Intake(arena, data.seat, data.limits.timeoutHeader);
for (const submitted of data.functions) intake.add(submitted);
const host: ConnectionHost = {
  arena,
  intake,
  limits: data.limits,
  date: new DateLine(),
  scratch: Buffer.allocUnsafeSlow(SCRATCH_BYTES),
  blocks: new BodyBlocks(),
  nowMs: performance.now(),
  isDraining: false,
  onClose: (connection) => {
    connections.delete(connection);
    occupancy.set(data.index, connections.size);
    if (host.isDraining) finishIfDrained();
  },
  log: data.logsRequests ? (line) => post({ type: 'access', line }) : undefined,
};
const servers: Server[] = [];
/** By place, those that are not open yet included: a reload may come before them. */
let materials = data.places.map(({ tls }) => tls);
/** By place. */
const tlsPorts: (TlsPort | undefined)[] = [];
const refusals = new Refusals(host.date, data.listeners);
const { idleTimeoutMs, headTimeoutMs, bodyTimeoutMs, writeTimeoutMs } = data.limits;
const sweepMs = Math.max(
  SWEEP_MS_MIN,
  Math.min(SWEEP_MS_MAX, Math.min(idleTimeoutMs, headTimeoutMs, bodyTimeoutMs, writeTimeoutMs) / 4),
);
const sweeper = setInterval(sweep, sweepMs);

port.on('message', (message: ToListener) => {
  if (message.type === 'reload') reload(message.tls);
  else drain(message.timeoutMs);
});
await listenAll();

async function listenAll(): Promise<void> {
  const addresses: ListenAddress[] = [];
  let place: ListenPlace | undefined;
  try {
    const sites = decodeSites(data.sites);
    const tables = data.places.map(
      ({ sites: own }) => new PortRoutes(own.map((site) => sites[site] as SiteTable)),
    );
    // One after the other: the first that cannot be bound is the one that is told of.
    for (const [i, routes] of tables.entries()) {
      place = data.places[i] as ListenPlace;
      addresses.push(await open(place, routes));
    }
    post({ type: 'listening', addresses });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    post({ type: 'failed', code: code ?? 'ERR_LISTEN', message, address: place?.address });
    close();
  }
}

function post(message: FromListener): void {
  port.postMessage(message);
}

async function open(place: ListenPlace, routes: PortRoutes): Promise<ListenAddress> {
  const head = new H2Head(data.limits, routes.maxBodyBytes);
  const material = materials[tlsPorts.length];
  const tls = material && tlsPort(material, routes, head);
  tlsPorts.push(tls);
  const opened = await openServer(place.address, data.sharing, (socket) => {
    // Counted here and not by the server: it would go on counting sockets whose handles have moved.
    if (tls === undefined) take(socket, routes, head);
    else if (isCrowded()) socket.destroy();
    else tls.accept(socket, host.nowMs);
  });
  servers.push(opened.server);
  return opened.address;
}

/** Of either version of HTTP: with TLS as was agreed on in the handshake, else as the connection begins, where it may begin with both. */
function connect(socket: Socket, routes: PortRoutes, head: H2Head): OpenConnection {
  if (socket instanceof TLSSocket) {
    // False where the client offered none.
    return socket.alpnProtocol === 'h2'
      ? new H2Session(socket, host, routes, head)
      : new Connection(socket, host, routes);
  }
  if (data.limits.http2 !== 'h2c') return new Connection(socket, host, routes);
  const preface = new H2Preface(socket, host, (isH2, bytes) => {
    connections.delete(preface);
    if (isH2) socket.unshift(bytes);
    connections.add(
      isH2
        ? new H2Session(socket, host, routes, head)
        : new Connection(socket, host, routes, bytes),
    );
  });
  return preface;
}

function tlsPort(material: TlsMaterial, routes: PortRoutes, head: H2Head): TlsPort {
  return new TlsPort({
    material,
    ticketKeys: data.ticketKeys,
    timeoutMs: headTimeoutMs,
    protocols: data.limits.http2 === false ? ['http/1.1'] : ['h2', 'http/1.1'],
    onSecure: (socket) => take(socket, routes, head),
    onPlain: (socket) => refusals.refuse(socket, HTTP_ERRORS.PLAIN_ON_TLS),
    onWaiting: (change) => occupancy.addWaiting(data.index, change),
  });
}

function take(socket: Socket, routes: PortRoutes, head: H2Head): void {
  if (host.isDraining) socket.destroy();
  else if (!occupancy.enter(data.index, connections.size)) refusals.refuse(socket);
  else connections.add(connect(socket, routes, head));
}

/** A client beyond the limit is told so behind its handshake, as long as not too many of them are at that. */
function isCrowded(): boolean {
  return occupancy.total + refusals.size >= occupancy.max + refusals.max;
}

function reload(tls: readonly (TlsMaterial | undefined)[]): void {
  materials = [...tls];
  for (const [i, port] of tlsPorts.entries()) port?.replace(materials[i] as TlsMaterial);
  post({ type: 'reloaded' });
}

function sweep(): void {
  host.nowMs = performance.now();
  host.date.update();
  for (const connection of connections) connection.sweep();
  for (const tls of tlsPorts) tls?.sweep(host.nowMs);
}

/** No new connections; each open one is closed behind what it is owed; past the deadline they are cut. */
function drain(timeoutMs: number): void {
  if (host.isDraining) return;
  host.isDraining = true;
  for (const server of servers) server.close();
  for (const tls of tlsPorts) tls?.close();
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

/** What could not start may have let some in already. */
function close(): void {
  clearInterval(sweeper);
  for (const connection of connections) connection.socket.destroy();
  for (const tls of tlsPorts) tls?.close();
  refusals.close();
  for (const server of servers) server.close();
  port.close();
}
