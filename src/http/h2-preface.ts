/**
 * A connection of a port without TLS on which both versions are spoken, until its first bytes say which: an HTTP/2 client that knows it may begin with HTTP/2 (RFC 9113
 * section 3.3) sends 24 bytes that are no request of HTTP/1. All but "PRI * HTTP/2.0 …" is told by its first bytes, as a rule by the first.
 * It may be silent as long as a head may take; then it is HTTP/1's, which says so.
 */
import type { Socket } from 'node:net';
import type { ConnectionHost, OpenConnection } from './connection-host.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export class H2Preface implements OpenConnection {
  readonly socket: Socket;
  readonly #host: ConnectionHost;
  readonly #decide: (isH2: boolean, bytes: Buffer) => void;
  readonly #expiresMs: number;
  #bytes: Buffer = Buffer.alloc(0);
  readonly #onData = (bytes: Buffer): void => this.#read(bytes);
  readonly #onEnd = (): void => this.#settle(false);
  readonly #onClose = (): void => this.#host.onClose(this);

  /** `decide` gets the socket, paused, in place of this connection, and what was read from it. */
  constructor(
    socket: Socket,
    host: ConnectionHost,
    decide: (isH2: boolean, bytes: Buffer) => void,
  ) {
    this.socket = socket;
    this.#host = host;
    this.#decide = decide;
    this.#expiresMs = host.nowMs + host.limits.headTimeoutMs;
    socket.on('error', () => {});
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onClose);
    socket.resume();
  }

  #read(bytes: Buffer): void {
    const all = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    this.#bytes = all;
    const length = Math.min(all.length, PREFACE.length);
    const isPrefix = PREFACE.compare(all, 0, length, 0, length) === 0;
    if (!isPrefix) this.#settle(false);
    else if (length === PREFACE.length) this.#settle(true);
  }

  #settle(isH2: boolean): void {
    const { socket } = this;
    socket.pause();
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('close', this.#onClose);
    this.#decide(isH2, this.#bytes);
  }

  sweep(): void {
    if (this.#host.nowMs >= this.#expiresMs) this.#settle(false);
  }

  /** Nobody has asked for anything yet. */
  drain(): void {
    this.socket.destroy();
  }
}
