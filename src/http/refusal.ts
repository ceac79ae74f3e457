/** Connections beyond the limit get a 503, others that cannot be served what is wrong with them, without being read, and are closed. */
import type { Socket } from 'node:net';
import { Answer, type AnswerOwner } from './answer.ts';
import { errorText } from './answer-text.ts';
import { HTTP_ERRORS, type HttpErrorKind } from './http-error.ts';
import type { DateLine } from './response-head.ts';

/** So many of them may still be open, of all listeners together; what comes beyond is closed without a word. */
const REFUSALS_MAX = 64;
/** A client that closes when it has read, or is reset by then. */
const LINGER_MS = 1000;

const NOBODY: AnswerOwner = { complete: () => {}, part: () => {} };

export class Refusals {
  readonly #date: DateLine;
  readonly #answer: Answer = new Answer(NOBODY, undefined, false, 1, false);
  readonly #sockets = new Set<Socket>();
  readonly max: number;

  /** Of one of so many listeners. */
  constructor(date: DateLine, listeners: number) {
    this.#date = date;
    this.max = Math.floor(REFUSALS_MAX / listeners);
  }

  get size(): number {
    return this.#sockets.size;
  }

  /** `socket` was accepted, TLS is done where it is spoken, and nothing was read. */
  refuse(socket: Socket, kind: HttpErrorKind = HTTP_ERRORS.TOO_MANY_CONNECTIONS): void {
    if (this.#sockets.size >= this.max) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.setTimeout(LINGER_MS, () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
    // What the client has sent is read and thrown away: bytes that lie unread at the end would make a reset of it, and that may overtake the answer.
    socket.resume();
    socket.end(errorText(this.#answer, kind, this.#date), 'latin1');
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
