/**
 * The body of an answer that the embedder reads while its function runs: the consumer of sandbox/parts.ts on the embedder's own thread.
 *
 *   told of a part --> asked for more? --yes--> copied, given back: the guest may go on
 *                            no: the part stays where it is, and stops the guest when it has written enough
 *   complete --> what is left is copied, so that the slot comes back though nobody reads
 */
import type { Exchange, Payload } from '../sandbox/index.ts';

export class ResultStream {
  readonly body: ReadableStream<Uint8Array>;
  readonly #drained: () => void;
  readonly #parts: Exchange['parts'];
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined = undefined;
  /** What the slot held at its completion; undefined = it is not complete. */
  #rest: Uint8Array[] | undefined = undefined;
  #hasPart = false;
  /** Somebody reads, and has nothing. */
  #isAsked = false;
  #isClosed = false;

  /** `drained` gives a part back; `cancelled` is called once the reader wants no more. */
  constructor({ parts }: Exchange, drained: () => void, cancelled: () => void) {
    this.#parts = parts;
    this.#drained = drained;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          this.#isAsked = true;
          this.#serve();
        },
        cancel: () => {
          this.#isClosed = true;
          this.#giveBack();
          if (this.#rest === undefined) cancelled();
          this.#rest = undefined;
        },
      },
      // Nothing is copied before it is asked for: the arena is the buffer.
      { highWaterMark: 0 },
    );
  }

  /** There is a part. */
  told(): void {
    this.#hasPart = true;
    if (this.#isClosed) this.#giveBack();
    else this.#serve();
  }

  /** The function has ended; the slot may be freed behind this. */
  complete(): void {
    this.#hasPart = false;
    if (this.#isClosed) return;
    this.#rest = this.#parts.isOut ? [copyOf(this.#parts.part)] : [];
    this.#rest.push(copyOf(this.#parts.filling));
    this.#serve();
  }

  /** Whoever reads gets `reason`, and nothing more. */
  fail(reason: unknown): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#controller?.error(reason);
    this.#giveBack();
  }

  #serve(): void {
    if (this.#hasPart && this.#isAsked) {
      const bytes = copyOf(this.#parts.part);
      this.#giveBack();
      this.#enqueue(bytes);
    }
    const rest = this.#rest;
    if (rest === undefined || this.#isClosed) return;
    while (rest.length > 0 && (this.#isAsked || rest[0]?.length === 0)) {
      this.#enqueue(rest.shift() as Uint8Array);
    }
    if (rest.length > 0 || this.#isClosed) return;
    this.#isClosed = true;
    this.#controller?.close();
  }

  /** Behind it the reader may have asked again already. */
  #enqueue(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#isAsked = false;
    this.#controller?.enqueue(bytes);
  }

  #giveBack(): void {
    if (!this.#hasPart) return;
    this.#hasPart = false;
    this.#drained();
  }
}

function copyOf(payload: Payload): Uint8Array {
  const bytes = new Uint8Array(payload.length);
  payload.read(0, bytes, 0, bytes.length);
  return bytes;
}
