/**
 * The body of a request whose function runs while it comes in (core/body-feed.ts), on one HTTP/1 connection.
 *
 *   take --> HELD: into the slot, behind the head --submitted--> FED: to the guest, as far as there is room --the function has ended--> DROPPED: thrown away
 *              complete by then: it is submitted as a whole
 *
 * HELD is what came along with the head: of a known length all or nothing, in chunks the first of it, as only the end tells that it is all. It stays in the slot for as long as that lives.
 *
 * What is dropped is bounded: a client that sends a long body to a function which has answered would be read for nothing. Up to DROP_BYTES_MAX the connection goes on behind
 * the body; beyond it the answer is its last.
 */
import type { BodyFeed } from '../core/index.ts';
import type { Exchange } from '../sandbox/index.ts';
import type { Answer } from './answer.ts';
import type { HttpRoute } from './api.ts';
import type { BodyBlocks } from './body-blocks.ts';
import { BodyReader } from './body-reader.ts';
import { BAD } from './parser.ts';

/** A few reads of a socket; a new connection costs a client about as much. */
export const DROP_BYTES_MAX = 262_144;
/** Of a chunked body: the short ones are complete with it. */
const HELD_BYTES_MAX = 4096;
const NO_HEAD = Buffer.alloc(0);

export interface FedBodyOptions {
  /** It has the head, and is not submitted. */
  readonly exchange: Exchange;
  readonly answer: Answer;
  readonly highWaterBytes: number;
  /** For a BodyReader; nothing is collected in them here. */
  readonly blocks: BodyBlocks;
  readonly route: HttpRoute;
  readonly isChunked: boolean;
  readonly contentLength: number;
}

export class FedBody extends BodyReader {
  readonly exchange: Exchange;
  /** What its function will answer; in the connection's queue once it is submitted. */
  readonly answer: Answer;
  readonly highWaterBytes: number;
  readonly #isChunked: boolean;
  feed: BodyFeed | undefined = undefined;
  isSubmitted = false;
  /** There was no memory for some of it. */
  hasNoMemory = false;
  /** Its guest waits for it. */
  isAsked = false;
  /** Its answer is out. */
  isAnswered = false;
  #isDropped = false;
  #droppedBytes = 0;

  constructor({ exchange, answer, highWaterBytes, ...body }: FedBodyOptions) {
    super(body.blocks, NO_HEAD, body.route, body.isChunked, body.contentLength);
    this.exchange = exchange;
    this.answer = answer;
    this.highWaterBytes = highWaterBytes;
    this.#isChunked = body.isChunked;
  }

  /** Whether some of it is held before it is submitted; `bytes` came along with the head. */
  isHeld(bytes: number): boolean {
    if (this.#isChunked) return bytes > 0;
    return this.bytesLeft <= Math.min(bytes, this.highWaterBytes);
  }

  /** So much waits for the guest that nothing may be taken. */
  get isFull(): boolean {
    return this.feed?.isFull === true && !this.#isDropped;
  }

  /** It is longer than what is dropped to keep a connection. */
  get isTooLongToDrop(): boolean {
    return this.#droppedBytes + this.bytesLeft > DROP_BYTES_MAX;
  }

  get isDropped(): boolean {
    return this.#isDropped;
  }

  /** Nobody reads the rest. */
  drop(): void {
    this.#isDropped = true;
  }

  /** As `read`, of no more than there is room for; `isFull` was looked at. */
  take(input: Buffer): number {
    const room = this.#isDropped ? input.length : this.#roomBytes();
    const count = this.read(room < input.length ? input.subarray(0, room) : input);
    // The last of it goes with the end.
    if (count !== BAD && !this.isComplete) this.feed?.publish();
    return count;
  }

  #roomBytes(): number {
    if (this.feed !== undefined) return this.feed.roomBytes;
    return this.#isChunked ? HELD_BYTES_MAX : this.bytesLeft;
  }

  override write(buffer: Uint8Array, from: number, to: number): boolean {
    if (this.#isDropped) this.#droppedBytes += to - from;
    else if (!this.#store(buffer, from, to)) this.hasNoMemory = true;
    return true;
  }

  #store(buffer: Uint8Array, from: number, to: number): boolean {
    if (this.feed !== undefined) return this.feed.write(buffer, from, to);
    return this.exchange.request.append(buffer, from, to);
  }
}
