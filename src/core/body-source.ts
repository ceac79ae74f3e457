/**
 * A request body that the embedder hands over piece by piece, and its way into the feed of a request.
 *
 *   next piece --as there is room--> written, published --> next piece … --done--> the guest sees the end
 *                no room: nothing is asked of the source until the guest has read
 *   the source fails --> the request does        the request has ended --> the source is cancelled
 *
 * The source is cancelled once nobody will read it to its end: a ReadableStream at once, an iterator by its `return`, which may have to wait for what it is doing.
 */
import type { BodyStream } from './api.ts';
import type { BodyFeed } from './body-feed.ts';
import { LugeError } from './errors.ts';

/** What the consumer of a stream does with it, however it is made. */
interface Source {
  read(): Promise<{ readonly done?: boolean | undefined; readonly value?: unknown }>;
  cancel(reason: unknown): Promise<unknown>;
}

const PIECES_A_TURN = 64;

export class BodySource {
  readonly #source: Source;
  #isOver = false;

  /** Throws ERR_BODY_SOURCE where the stream is somebody else's already. */
  constructor(stream: BodyStream) {
    try {
      this.#source = 'getReader' in stream ? stream.getReader() : iterated(stream);
    } catch (error) {
      throw failure(error);
    }
  }

  /** Undefined at the end. Rejects with ERR_BODY_SOURCE. */
  async next(): Promise<Uint8Array | undefined> {
    let result: Awaited<ReturnType<Source['read']>>;
    try {
      result = await this.#source.read();
    } catch (error) {
      this.#isOver = true;
      throw failure(error);
    }
    const { done = false, value } = result;
    if (done) {
      this.#isOver = true;
      return undefined;
    }
    if (value instanceof Uint8Array) return value;
    throw failure(new TypeError(`it gave a ${typeof value}, and not a Uint8Array`));
  }

  /** Nobody wants the rest. */
  cancel(reason: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // What it makes of that is its own affair.
    this.#source.cancel(reason).catch(() => {});
  }
}

export function isBodyStream(body: unknown): body is BodyStream {
  if (typeof body !== 'object' || body === null || body instanceof Uint8Array) return false;
  return 'getReader' in body || Symbol.asyncIterator in body;
}

function iterated(stream: AsyncIterable<Uint8Array>): Source {
  const iterator = stream[Symbol.asyncIterator]();
  return {
    read: async () => iterator.next(),
    cancel: async () => iterator.return?.(),
  };
}

function failure(cause: unknown): LugeError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new LugeError('ERR_BODY_SOURCE', 400, `the source of the request body failed: ${why}`, {
    cause,
  });
}

/** All of it, in one piece. Rejects with ERR_BODY_MEMORY when there is more than `bytesMax`: a source need not have an end. */
export async function collect(source: BodySource, bytesMax: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (let piece = await source.next(); piece !== undefined; piece = await source.next()) {
      bytes += piece.length;
      if (bytes > bytesMax) {
        const text = `the request body has more than the ${bytesMax} bytes that there are for bodies (bodyMemoryBytes)`;
        throw new LugeError('ERR_BODY_MEMORY', 503, text);
      }
      pieces.push(piece);
      // A source that has all at once would not let anybody else run, the signal's owner among them.
      if (pieces.length % PIECES_A_TURN === 0)
        await new Promise((resolve) => setImmediate(resolve));
    }
  } catch (error) {
    source.cancel(error);
    throw error;
  }
  return Buffer.concat(pieces);
}

/** Takes from a source what a feed has room for. */
export class BodyPump {
  readonly #source: BodySource;
  readonly #onFailure: (error: unknown) => void;
  #onRoom: (() => void) | undefined = undefined;
  #isOver = false;

  /** `onFailure`: the source failed, or there is no memory for what it gave; the feed will not come to its end. */
  constructor(source: BodySource, onFailure: (error: unknown) => void) {
    this.#source = source;
    this.#onFailure = onFailure;
  }

  start(feed: BodyFeed): void {
    this.#run(feed).catch((error: unknown) => {
      this.stop(error);
      this.#onFailure(error);
    });
  }

  /** The feed has room. */
  room(): void {
    this.#onRoom?.();
    this.#onRoom = undefined;
  }

  /** The feed takes nothing more. */
  stop(reason?: unknown): void {
    this.#isOver = true;
    this.#source.cancel(reason);
    this.room();
  }

  async #run(feed: BodyFeed): Promise<void> {
    for (;;) {
      const piece = await this.#source.next();
      if (this.#isOver) return;
      if (piece === undefined) {
        feed.end();
        return;
      }
      let at = 0;
      do {
        const to = Math.min(piece.length, at + feed.roomBytes);
        if (!feed.write(piece, at, to)) throw noMemory(feed);
        feed.publish();
        at = to;
        if (feed.isFull) await this.#whenRoom();
        if (this.#isOver) return;
      } while (at < piece.length);
    }
  }

  #whenRoom(): Promise<void> {
    return new Promise((resolve) => {
      this.#onRoom = resolve;
    });
  }
}

function noMemory({ exchange }: BodyFeed): LugeError {
  const text = `no memory left for the request: all ${exchange.bodyMemoryBytes} bytes for bodies are in use (bodyMemoryBytes)`;
  return new LugeError('ERR_BODY_MEMORY', 503, text);
}
