/**
 * TLS in front of one address: sockets go in as they were accepted, and come out when their handshake is done.
 *
 *   accepted --first byte--> 0x16: handshake --------> onSecure(socket), which looks at `alpnProtocol`
 *                        |-> a letter: plain HTTP ---> onPlain(socket), for an answer that such a client can read
 *                        +-> something else ---------> closed
 *
 * OpenSSL alone would close on plain HTTP without a word. Until a handshake is done a socket has cost no connection, but it counts as one (`onWaiting`), and it has
 * `timeoutMs` for all of it: Node's own timer begins anew with every byte that trickles in. Whatever goes wrong ends that socket alone.
 *
 * A reload changes the contexts for handshakes that begin behind it. Tickets are good at all listeners of the server, and over a reload.
 */
import type { Socket } from 'node:net';
import {
  createSecureContext,
  createServer,
  type SecureContext,
  type Server,
  type TLSSocket,
} from 'node:tls';
import { findName, type TlsMaterial } from './tls-options.ts';

/** TLS records that begin a handshake. */
const HANDSHAKE = 0x16;

export interface TlsPortOptions {
  readonly material: TlsMaterial;
  /** 48 secret bytes, the same for all listeners. */
  readonly ticketKeys: Uint8Array;
  /** For ALPN, the best first. A client that offers others only is refused (RFC 7301 section 3.2). */
  readonly protocols: readonly string[];
  readonly timeoutMs: number;
  /** Has its error and close handled by who gets it. */
  readonly onSecure: (socket: TLSSocket) => void;
  /** Nothing was read from it. */
  readonly onPlain: (socket: Socket) => void;
  /** There is one more, or one less, that has not come as far as a connection. */
  readonly onWaiting: (change: 1 | -1) => void;
}

export class TlsPort {
  readonly #options: TlsPortOptions;
  readonly #server: Server;
  #names: ReadonlyMap<string, SecureContext>;
  /** Sockets as they were accepted, the oldest first, and when that was. */
  readonly #waiting = new Map<Socket, number>();

  constructor(options: TlsPortOptions) {
    const { material, ticketKeys } = options;
    this.#options = options;
    this.#names = contextsOf(material);
    this.#server = createServer({
      ...material.main,
      requestCert: material.asksClients,
      rejectUnauthorized: material.asksClients,
      ALPNProtocols: [...options.protocols],
      ticketKeys: Buffer.from(ticketKeys),
      SNICallback: (name, done) => done(null, findName(this.#names, name)),
      // Its own timer stays behind ours.
      handshakeTimeout: 2 * options.timeoutMs,
    });
    this.#server.on('secureConnection', (socket) => this.#onSecure(socket));
    // The socket is closed by then, and there is nobody to tell.
    this.#server.on('tlsClientError', () => {});
  }

  /** `socket` was accepted paused. */
  accept(socket: Socket, nowMs: number): void {
    this.#waiting.set(socket, nowMs);
    this.#options.onWaiting(1);
    socket.on('error', () => {});
    socket.once('close', () => this.#leave(socket));
    socket.once('readable', () => this.#begin(socket));
  }

  #begin(socket: Socket): void {
    const first = socket.read() as Buffer | null;
    if (first === null) {
      socket.destroy();
      return;
    }
    socket.unshift(first);
    const byte = first[0] as number;
    if (byte === HANDSHAKE) {
      this.#server.emit('connection', socket);
      return;
    }
    if ((byte | 0x20) < 0x61 || (byte | 0x20) > 0x7a) {
      socket.destroy();
      return;
    }
    this.#leave(socket);
    this.#options.onPlain(socket);
  }

  #onSecure(socket: TLSSocket): void {
    // Not documented, as socket-reader.ts's handle is not; without it the socket's time would run out.
    const { _parent: accepted } = socket as unknown as { _parent: Socket };
    this.#leave(accepted);
    this.#options.onSecure(socket);
  }

  #leave(accepted: Socket): void {
    if (this.#waiting.delete(accepted)) this.#options.onWaiting(-1);
  }

  /** For handshakes to come. The material has been tried (tls-options.ts). */
  replace(material: TlsMaterial): void {
    this.#names = contextsOf(material);
    this.#server.setSecureContext(material.main);
  }

  /** Closes what is past its time. */
  sweep(nowMs: number): void {
    for (const [socket, sinceMs] of this.#waiting) {
      if (nowMs - sinceMs < this.#options.timeoutMs) return;
      socket.destroy();
    }
  }

  /** Nobody who waits has asked anything yet. */
  close(): void {
    for (const socket of this.#waiting.keys()) socket.destroy();
  }
}

function contextsOf({ names }: TlsMaterial): ReadonlyMap<string, SecureContext> {
  return new Map(names.map(([name, pair]) => [name, createSecureContext(pair)]));
}
