/** Connections beyond the limit: each gets a 503 without being read, and is closed. */
import type { Socket } from 'node:net';
import { Answer, type AnswerOwner } from './answer.ts';
import { errorText } from './answer-text.ts';
import { HTTP_ERRORS } from './http-error.ts';
import type { DateLine } from './response-head.ts';

/** So many of them may still be open; what comes beyond is closed without a word. */
const OPEN_MAX = 64;
/** A client that closes when it has read, or is reset by then. */
const LINGER_MS = 1000;

const NOBODY: AnswerOwner = { complete: () => {}, part: () => {} };

export class Refusals {
  readonly #date: DateLine;
  readonly #answer: Answer = new Answer(NOBODY, undefined, false, 1, false);
  readonly #sockets = new Set<Socket>();

  constructor(date: DateLine) {
    this.#date = date;
  }

  /** `socket` was accepted and is not read from. */
  refuse(socket: Socket): void {
    if (this.#sockets.size >= OPEN_MAX) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.setTimeout(LINGER_MS, () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
    // What the client has sent is read and thrown away: bytes that lie unread at the end would make a reset of it, and that may overtake the answer.
    socket.resume();
    socket.end(errorText(this.#answer, HTTP_ERRORS.TOO_MANY_CONNECTIONS, this.#date), 'latin1');
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
