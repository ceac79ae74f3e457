/**
 * The body of an answer that goes out while its function runs, part by part (sandbox/parts.ts), on one socket.
 *
 *   advance: part that is out --framed--> socket --the kernel has it--> drained: the guest may go on --> advance …
 *            complete, and no part out --> what is left and the end of the body --> socket
 *
 * One part is with the socket at a time, and the guest learns that it was taken when the kernel has it: so a slow reader fills no queue
 * of ours, it stops its guest. A slot is given back behind the last write that reads from it, also where that fails because the socket is gone.
 */
import type { Socket } from 'node:net';
import type { Arena } from '../ring/index.ts';
import type { Exchange, Payload } from '../sandbox/index.ts';

export const FRAMING = {
  /** There is no body: HEAD, 204, 304. */
  NONE: 0,
  CHUNKED: 1,
  /** HTTP/1.0: the connection's end is the body's. */
  CLOSE: 2,
} as const;
export type Framing = (typeof FRAMING)[keyof typeof FRAMING];

/** Up to here a part is copied into the text that is written with its frame. */
const TEXT_BYTES_MAX = 4096;
const LAST_CHUNK = '0\r\n\r\n';

export interface AnswerStreamOptions {
  readonly socket: Socket;
  readonly arena: Arena;
  readonly exchange: Exchange;
  readonly framing: Framing;
  readonly head: string;
  /** Gives a part back. */
  readonly drained: () => void;
  /** A part was written, or could not be: there may be more. */
  readonly onWritten: () => void;
  /** Behind the last write: the slot is not needed any more. */
  readonly onEnd: () => void;
}

export class AnswerStream {
  readonly #options: AnswerStreamOptions;
  /** The socket reads from the slot. */
  isWriting = false;
  readonly framing: Framing;
  /** Bytes of earlier answers may still be with the socket. */
  isBehind: boolean;
  #before: string;

  constructor(options: AnswerStreamOptions) {
    this.#options = options;
    this.framing = options.framing;
    this.isBehind = options.socket.writableLength > 0;
    this.#before = options.head;
  }

  /**
   * Writes what there is. True when that was the rest. `hasPart`: we were told of a part and have not given it back; `isComplete`: the function has ended, and
   * what is out counts whether we were told or not (S3, S4).
   */
  advance(hasPart: boolean, isComplete: boolean): boolean {
    if (this.isWriting) return false;
    const { exchange, framing, drained, onWritten } = this.#options;
    const { parts } = exchange;
    if (isComplete ? parts.isOut : hasPart) {
      if (framing !== FRAMING.NONE) {
        this.#write(parts.part, '', () => {
          drained();
          onWritten();
        });
        return false;
      }
      drained();
    }
    if (!isComplete) {
      if (this.#before !== '') this.#writeText('');
      return false;
    }
    if (framing === FRAMING.NONE) {
      if (this.#before !== '') this.#writeText('');
      this.#options.onEnd();
    } else {
      const end = framing === FRAMING.CHUNKED ? LAST_CHUNK : '';
      this.#write(parts.filling, end, this.#options.onEnd);
    }
    return true;
  }

  /** The head first, if it is not out yet; `then` runs when the kernel has all, or the socket is gone. */
  #write(body: Payload, end: string, then: () => void): void {
    const { socket, arena, framing } = this.#options;
    const { length } = body;
    const isFramed = framing === FRAMING.CHUNKED && length > 0;
    const open = isFramed ? `${length.toString(16)}\r\n` : '';
    const close = isFramed ? `\r\n${end}` : end;
    this.isWriting = true;
    const written = (): void => {
      this.isWriting = false;
      this.isBehind = false;
      then();
    };
    if (length <= TEXT_BYTES_MAX) {
      this.#writeText(open + body.latin1(0, length) + close, written);
      return;
    }
    socket.cork();
    this.#writeText(open);
    body.pieces(0, (address, bytes) => {
      socket.write(arena.bytes.subarray(address, address + bytes));
    });
    socket.write(close, 'latin1', written);
    socket.uncork();
  }

  #writeText(text: string, then?: () => void): void {
    this.#options.socket.write(this.#before + text, 'latin1', then);
    this.#before = '';
  }
}
