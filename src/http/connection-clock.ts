/**
 * The times of one connection, in the listener's coarse clock (milliseconds, moved by the sweep): no timer and no system call a connection.
 *
 *   waits for       from                      until                                              then
 *   a head          its first byte            headTimeoutMs                                      408
 *   a body          its last piece            bodyTimeoutMs, and minBytesPerSecond from there    408
 *   a next request  the last answer is taken  idleTimeoutMs                                      closed
 *   a reader        it took something         writeTimeoutMs, and minBytesPerSecond from there   reset; its functions are cancelled
 *   a client's end  ours was taken            LINGER_MS                                          reset
 *
 * A rate, as a pause alone can be met with a byte at a time for ever. It is an average over the whole body, or as long as something waits to be taken, and
 * counts from the timeout on: bodies and answers that fit into buffers never meet it. What a reader took is what the kernel took: with large buffers a
 * slow one is seen late, and in steps of half of its receive buffer.
 */
import type { Socket } from 'node:net';
import type { HttpLimits } from './api.ts';

/** How long what a client still sends is read and thrown away behind a final answer, lest a reset destroy that. */
const LINGER_MS = 1000;
const NEVER = Number.POSITIVE_INFINITY;

export class ConnectionClock {
  readonly #limits: HttpLimits;
  #expiresMs: number;
  #bodyBeganMs = 0;
  #bodyBytes = 0;
  /** Since when there is something to be taken. */
  #writeBeganMs = NEVER;
  #takenBefore = 0;
  #taken = 0;
  #tookMs = 0;

  constructor(limits: HttpLimits, nowMs: number) {
    this.#limits = limits;
    this.#expiresMs = nowMs + limits.headTimeoutMs;
  }

  /** Whether it waits for something of its client. */
  get isRunning(): boolean {
    return this.#expiresMs !== NEVER;
  }

  isExpired(nowMs: number): boolean {
    return nowMs >= this.#expiresMs;
  }

  /** It waits for nothing of its client: for functions, or until what is written is taken. */
  stop(): void {
    this.#expiresMs = NEVER;
  }

  awaitHead(nowMs: number): void {
    this.#expiresMs = nowMs + this.#limits.headTimeoutMs;
  }

  awaitNext(nowMs: number): void {
    this.#expiresMs = nowMs + this.#limits.idleTimeoutMs;
  }

  awaitEnd(nowMs: number): void {
    this.#expiresMs = nowMs + LINGER_MS;
  }

  awaitBody(nowMs: number): void {
    this.#bodyBeganMs = nowMs;
    this.#bodyBytes = 0;
    this.#expiresMs = nowMs + this.#limits.bodyTimeoutMs;
  }

  /** A piece of the body came. */
  bodyCame(bytes: number, nowMs: number): void {
    const { bodyTimeoutMs } = this.#limits;
    this.#bodyBytes += bytes;
    const allowedMs = bodyTimeoutMs + this.#msFor(this.#bodyBytes);
    this.#expiresMs = Math.min(nowMs + bodyTimeoutMs, this.#bodyBeganMs + allowedMs);
  }

  /** Whether the client takes too long to take what is written. To be asked at each sweep. */
  isReaderLate(socket: Socket, nowMs: number): boolean {
    if (socket.writableLength > 0) return this.isTakerLate(takenBytes(socket), nowMs);
    this.#writeBeganMs = NEVER;
    return false;
  }

  /** The same, where something waits and `taken` is what was taken before, since any time. */
  isTakerLate(taken: number, nowMs: number): boolean {
    if (this.#writeBeganMs === NEVER) {
      this.#writeBeganMs = nowMs;
      this.#takenBefore = taken;
      this.#tookMs = nowMs;
    } else if (taken !== this.#taken) {
      this.#tookMs = nowMs;
    }
    this.#taken = taken;
    const { writeTimeoutMs } = this.#limits;
    const allowedMs = writeTimeoutMs + this.#msFor(taken - this.#takenBefore);
    return nowMs >= Math.min(this.#tookMs + writeTimeoutMs, this.#writeBeganMs + allowedMs);
  }

  #msFor(bytes: number): number {
    return (bytes * 1000) / this.#limits.minBytesPerSecond;
  }
}

/**
 * What the kernel has. `bytesWritten` would count what waits in the handle as well: a write of a megabyte would seem to stand still until its last byte.
 * Neither of the two is documented; without them a write counts when it is done.
 */
function takenBytes(socket: Socket): number {
  const { _handle, _bytesDispatched } = socket as unknown as {
    _handle: { writeQueueSize?: number } | null;
    _bytesDispatched?: number;
  };
  const waiting = _handle?.writeQueueSize;
  if (waiting === undefined || _bytesDispatched === undefined) {
    return socket.bytesWritten - socket.writableLength;
  }
  return _bytesDispatched - waiting;
}
