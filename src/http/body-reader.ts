/**
 * The body of one request while it comes in, of a known length or chunked. What is read is copied out of the read buffer, and once more into the
 * arena when it is complete: a client that sends slowly holds Buffers of its own, never a slot.
 */
import type { Exchange } from '../sandbox/index.ts';
import type { HttpRoute } from './api.ts';
import { type BodySink, ChunkedDecoder, DEFAULT_CHUNKED_LIMITS } from './chunked.ts';
import type { HttpErrorKind } from './http-error.ts';

export class BodyReader implements BodySink {
  /** The head is needed once more when the body is there, and the read buffer is not kept for that long: a copy. */
  readonly head: Buffer;
  readonly route: HttpRoute;
  readonly #chunked: ChunkedDecoder | undefined;
  readonly #parts: Buffer[] = [];
  #bytesLeft: number;

  /** `contentLength` counts where the body is not chunked, and is then > 0. */
  constructor(head: Buffer, route: HttpRoute, isChunked: boolean, contentLength: number) {
    this.head = head;
    this.route = route;
    this.#bytesLeft = contentLength;
    this.#chunked = isChunked
      ? new ChunkedDecoder({ ...DEFAULT_CHUNKED_LIMITS, maxBodyBytes: route.maxBodyBytes })
      : undefined;
  }

  get isComplete(): boolean {
    return this.#chunked === undefined ? this.#bytesLeft === 0 : this.#chunked.done;
  }

  get error(): HttpErrorKind | null {
    return this.#chunked === undefined ? null : this.#chunked.error;
  }

  errorMessage(): string {
    return this.#chunked === undefined ? '' : this.#chunked.errorMessage();
  }

  /** How many bytes of the input are the body's, or `BAD`. */
  read(input: Buffer): number {
    if (this.#chunked !== undefined) return this.#chunked.decode(input, 0, input.length, this);
    const count = Math.min(this.#bytesLeft, input.length);
    this.write(input, 0, count);
    this.#bytesLeft -= count;
    return count;
  }

  /** The decoder's sink. */
  write(buffer: Uint8Array, from: number, to: number): boolean {
    this.#parts.push(Buffer.from(buffer.subarray(from, to)));
    return true;
  }

  /** Into the slot. False when there is no chunk left for it. */
  moveTo(exchange: Exchange): boolean {
    for (const part of this.#parts) {
      if (!exchange.request.append(part, 0, part.length)) return false;
    }
    return true;
  }
}
