/**
 * One HTTP/2 connection, by node:http2: what is on one is on the path of requests of HTTP/1 from its head on (h2-head.ts, intake.ts), and each stream
 * answers by itself (h2-stream.ts).
 *
 * What bounds it
 *   streams            maxStreams at a time, by SETTINGS_MAX_CONCURRENT_STREAMS (nghttp2). A stream that is reset counts no more for nghttp2, and its function may still
 *                      run: as many slots as that are given to one session, what is beyond is refused with REFUSED_STREAM ("rapid reset", CVE-2023-44487)
 *   resets             RESETS_BURST, and RESETS_PER_SECOND from there on; then the session ends (nghttp2)
 *   heads              maxHeadBytes and maxHeaders (431); beyond HEAD_BYTES_MAX, or so many fields, the stream is reset while it is read (node:http2). More than
 *                      eight CONTINUATION frames end the session (nghttp2)
 *   bodies             maxBodyBytes each; all of them together by h2-bodies.ts, and a window of 64 KiB for each that is paused
 *   answers            a piece each (h2-stream.ts)
 *   control frames     1,000 acknowledgements that are not taken end the session (nghttp2), as do INVALID_FRAMES_MAX frames that are out of place, or empty DATA
 *                      frames (node:http2)
 *   times              a body, a reader: h2-stream.ts. Between two requests, however many PINGs come: idleTimeoutMs; until the first: headTimeoutMs
 *
 * It ends with GOAWAY: idle, after maxRequestsPerConnection, or when the server drains. What is under way is answered first. (A first GOAWAY
 * that refuses nothing, as RFC 9113 section 6.8 would have it, is not to be had of node:http2: behind any GOAWAY nghttp2 takes no more streams, and a client would
 * wait for what that one seemed to promise. By the number in ours it knows what it may send elsewhere.)
 */
import {
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { HttpLimits } from './api.ts';
import { ConnectionClock } from './connection-clock.ts';
import type { ConnectionHost, OpenConnection } from './connection-host.ts';
import { H2Bodies } from './h2-bodies.ts';
import type { H2Head } from './h2-head.ts';
import { H2Stream } from './h2-stream.ts';
import type { PortRoutes } from './port-routes.ts';

const END_STREAM = 1;
const REFUSED_STREAM = 7;
/** nghttp2's defaults, said here as they are part of what is promised. */
const RESETS_BURST = 1000;
const RESETS_PER_SECOND = 33;
const INVALID_FRAMES_MAX = 100;
/** So much more than is allowed is read, in order to be answered. */
const HEAD_BYTES_MAX = 65_536;
const BODIES_BYTES_MIN = 2 ** 20;

export class H2Session implements OpenConnection {
  readonly socket: Socket;
  readonly host: ConnectionHost;
  readonly port: PortRoutes;
  readonly head: H2Head;
  readonly peer: Buffer;
  readonly isSecure: boolean;
  readonly bodies: H2Bodies;
  readonly #session: ServerHttp2Session;
  readonly #streams = new Set<H2Stream>();
  readonly #clock: ConnectionClock;
  #requestsLeft: number;
  /** Of its streams, and of those that are gone. */
  slotsHeld = 0;

  /** `socket` may hold bytes that were read and put back. */
  constructor(socket: Socket, host: ConnectionHost, port: PortRoutes, head: H2Head) {
    this.socket = socket;
    this.host = host;
    this.port = port;
    this.head = head;
    this.peer = Buffer.from(socket.remoteAddress ?? '', 'latin1');
    this.isSecure = socket instanceof TLSSocket;
    this.bodies = new H2Bodies(Math.max(BODIES_BYTES_MIN, port.maxBodyBytes));
    this.#clock = new ConnectionClock(host.limits, host.nowMs);
    this.#requestsLeft = host.limits.maxRequestsPerConnection;
    const session = performServerHandshake(socket, sessionOptions(host.limits));
    this.#session = session;
    session.on('stream', (stream, _headers, flags, fields) =>
      this.#onStream(stream, flags, fields as unknown as string[]),
    );
    // An error is followed by close, and there is nobody to tell.
    session.on('error', () => {});
    socket.on('error', () => {});
    // Who has ended its side can take no more than its windows hold: it is gone, and its functions with it.
    socket.on('end', () => session.destroy());
    socket.on('close', () => host.onClose(this));
    // Behind what is put back, which node:http2 takes at the next tick: before it, that comes to nothing.
    process.nextTick(() => socket.resume());
  }

  #onStream(stream: ServerHttp2Stream, flags: number, fields: readonly string[]): void {
    stream.on('error', () => {});
    // Reset by what came in the same read.
    if (stream.destroyed || stream.closed) return;
    if (this.slotsHeld >= this.host.limits.maxStreams) {
      stream.close(REFUSED_STREAM);
      return;
    }
    if (--this.#requestsLeft <= 0) this.#close();
    this.#clock.stop();
    const owner = new H2Stream(this, stream);
    this.#streams.add(owner);
    owner.begin(fields, (flags & END_STREAM) !== 0);
  }

  onStreamClose(stream: H2Stream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    const { nowMs } = this.host;
    if (this.#session.closed) this.#clock.awaitEnd(nowMs);
    else this.#clock.awaitNext(nowMs);
  }

  onAnswered(label: string): void {
    this.host.log?.(`${this.peer.toString('latin1')} ${label}`);
  }

  /** Called by the sweep. */
  sweep(): void {
    const { nowMs } = this.host;
    for (const stream of this.#streams) stream.sweep(nowMs);
    if (!this.#clock.isExpired(nowMs)) return;
    if (this.#session.closed) this.socket.destroy();
    else this.#close();
  }

  drain(): void {
    this.#close();
  }

  /** No more streams; those that are open go on. */
  #close(): void {
    if (this.#session.closed || this.#session.destroyed) return;
    if (this.#streams.size === 0) this.#clock.awaitEnd(this.host.nowMs);
    this.#session.close();
  }
}

function sessionOptions({
  maxHeaders,
  maxHeadBytes,
  maxStreams,
}: HttpLimits): Parameters<typeof performServerHandshake>[1] {
  return {
    maxHeaderListPairs: 2 * maxHeaders + 8,
    maxSessionInvalidFrames: INVALID_FRAMES_MAX,
    streamResetBurst: RESETS_BURST,
    streamResetRate: RESETS_PER_SECOND,
    // What a function says twice is said twice, as in HTTP/1.
    strictSingleValueFields: false,
    settings: {
      enablePush: false,
      maxConcurrentStreams: maxStreams,
      maxHeaderListSize: Math.max(HEAD_BYTES_MAX, 2 * maxHeadBytes),
    },
  };
}
