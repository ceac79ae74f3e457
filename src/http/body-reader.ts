/**
 * The body of one request while it comes in, of a known length or chunked. What is read is copied out of the read buffer, and once more into the
 * arena when it is complete: a client that sends slowly holds Buffers of its own, never a slot.
 */
import type { Exchange } from '../sandbox/index.ts';
import type { HttpRoute } from './api.ts';
import { BLOCK_BYTES, type BodyBlocks } from './body-blocks.ts';
import { type BodySink, ChunkedDecoder, DEFAULT_CHUNKED_LIMITS } from './chunked.ts';
import type { HttpErrorKind } from './http-error.ts';

/** From here on a piece gets a block: so a client holds no more than four times what it sent. */
const BLOCK_PIECE_BYTES_MIN = BLOCK_BYTES / 4;

export class BodyReader implements BodySink {
  /** The head is needed once more when the body is there, and the read buffer is not kept for that long: a copy. */
  readonly head: Buffer;
  readonly route: HttpRoute;
  readonly #chunked: ChunkedDecoder | undefined;
  readonly #blocks: BodyBlocks;
  /** Blocks and, shorter, Buffers of single pieces; all of them are full, but for the last. */
  #parts: Buffer[] = [];
  /** Bytes at the end of the last part that are not written yet. */
  #room = 0;
  #bytesLeft: number;

  /** `contentLength` counts where the body is not chunked, and is then > 0. */
  constructor(
    blocks: BodyBlocks,
    head: Buffer,
    route: HttpRoute,
    isChunked: boolean,
    contentLength: number,
  ) {
    this.#blocks = blocks;
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

  /** As far as that is known: 0 of one that is chunked. */
  get bytesLeft(): number {
    return this.#bytesLeft;
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
    let at = from;
    while (at < to) {
      if (this.#room > 0) at += this.#fill(buffer, at, to);
      else if (to - at >= BLOCK_PIECE_BYTES_MIN) {
        this.#parts.push(this.#blocks.take());
        this.#room = BLOCK_BYTES;
      } else {
        this.#parts.push(Buffer.from(buffer.subarray(at, to)));
        at = to;
      }
    }
    return true;
  }

  #fill(buffer: Uint8Array, from: number, to: number): number {
    const block = this.#parts.at(-1) as Buffer;
    const count = Math.min(this.#room, to - from);
    block.set(buffer.subarray(from, from + count), BLOCK_BYTES - this.#room);
    this.#room -= count;
    return count;
  }

  /** Into the slot, to be called once. False when there is no chunk left for it. */
  moveTo(exchange: Exchange): boolean {
    const parts = this.#parts;
    this.#parts = [];
    let hasRoom = true;
    parts.forEach((part, i) => {
      const bytes = part.length - (i === parts.length - 1 ? this.#room : 0);
      hasRoom &&= exchange.request.append(part, 0, bytes);
      if (part.length === BLOCK_BYTES) this.#blocks.give(part);
    });
    return hasRoom;
  }
}
