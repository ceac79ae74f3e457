/**
 * The answers that one HTTP/1 connection owes, in the order of their requests, and how they go out.
 *
 *   push --> [ first | … ] --first is ready: flush--> socket --the kernel has it--> slot free
 *                          --first has a part-------> AnswerStream, until its function has ended
 *
 * One write per turn and connection: short answers are collected as latin1 text, long ones go out as views of the arena, whose slot is freed when
 * the kernel has them. A function that hands over parts before it ends is answered by an AnswerStream when its turn has come.
 *
 * Q1  Answers go out whole and in order, or the connection ends: behind the first that cannot be completed nothing is written, and what was written before
 *     is not destroyed by that end, as long as it is with us. (HTTP/1.0 can tell a part from the whole only by a reset, which also destroys what the kernel holds.)
 * Q2  Whoever leaves the queue without having gone out is cancelled, or freed; a slot that a write reads from is freed behind that write.
 * Q3  While the server drains, the answer that leaves the queue empty says `Connection: close`, unless its head is out already.
 * Bounds: the connection pushes no more than maxPipelined, and none while the socket holds more than its high-water mark (64 KiB): so a client that reads nothing
 * costs that, the text of maxPipelined short answers, and their slots.
 */
import type { Socket } from 'node:net';
import { type Exchange, OUTCOME } from '../sandbox/index.ts';
import type { Answer, AnswerOwner } from './answer.ts';
import { AnswerStream, FRAMING, type Framing } from './answer-stream.ts';
import { emptyText, errorText, partsHead, wholeHead } from './answer-text.ts';
import type { ConnectionHost } from './connection-host.ts';
import { exchangeError } from './error-answer.ts';
import { resetSocket } from './reset-socket.ts';
import { hasNoContent } from './response-head.ts';

/** Up to here an answer's body is written as text with its head, and its slot is free at once. */
const TEXT_BYTES_MAX = 4096;

/** What the connection is told. */
export interface AnswerListener {
  /** It has gone out, or was cut off. */
  onAnswered(answer: Answer): void;
  /** All went out that was ready, and no answer among it was the connection's last. */
  onFlushed(): void;
  /** The connection's last answer went out. */
  onLast(): void;
  /** The connection will end with the answer that begins: no request behind it counts. */
  onCut(): void;
  /** Whether no request is being read whose answer would come behind those in the queue. */
  readonly isBetween: boolean;
}

export class AnswerQueue implements AnswerOwner {
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #listener: AnswerListener;
  readonly #answers: Answer[] = [];
  #isGone = false;
  /** Requests are being taken out of the input: what they can be answered at once goes out together. */
  isHeld = false;

  constructor(socket: Socket, host: ConnectionHost, listener: AnswerListener) {
    this.#socket = socket;
    this.#host = host;
    this.#listener = listener;
  }

  get length(): number {
    return this.#answers.length;
  }

  push(answer: Answer): void {
    this.#answers.push(answer);
  }

  complete(answer: Answer): void {
    answer.isReady = true;
    if (this.#isGone || answer.isDropped) {
      this.#release(answer);
      return;
    }
    if (this.#answers[0] === answer) this.flush();
  }

  part(answer: Answer): void {
    answer.hasPart = true;
    if (this.#isGone || answer.isDropped) this.#drained(answer);
    else if (this.#answers[0] === answer) this.flush();
  }

  /** `by` goes out in the place of one whose head is not out: its function is ended. */
  replace(answer: Answer, by: Answer): void {
    this.#answers[this.#answers.indexOf(answer)] = by;
    this.#discard(answer);
  }

  /** The socket is closed: nobody wants the answers that are not out yet. */
  abandon(): void {
    this.#isGone = true;
    this.#drop();
  }

  /** Writes the answers that are ready, in order, up to the first that is not. */
  flush(): void {
    if (this.isHeld || this.#isGone) return;
    const socket = this.#socket;
    let text = '';
    while (this.#answers.length > 0) {
      const answer = this.#answers[0] as Answer;
      if (this.#host.isDraining) this.#endWith(answer);
      const isStreamed = this.#isStreamed(answer);
      if (isStreamed && hasFailedHalfway(answer)) {
        if (text !== '') socket.write(text, 'latin1');
        this.#abort(answer);
        return;
      }
      if (isStreamed) {
        if (text !== '') socket.write(text, 'latin1');
        text = '';
        if (!this.#stream(answer)) break;
      } else if (!answer.isReady) {
        break;
      }
      this.#answers.shift();
      const { exchange } = answer;
      if (isStreamed) {
        // It is out, but for what the socket still holds.
      } else if (exchange === undefined) {
        text += this.#ownText(answer);
      } else if (exchange.outcome !== OUTCOME.OK || exchange.body.length <= TEXT_BYTES_MAX) {
        text += this.#exchangeText(answer, exchange);
        this.#release(answer);
      } else {
        this.#writeLong(answer, exchange, text);
        text = '';
      }
      this.#listener.onAnswered(answer);
      if (!answer.keepsAlive) {
        if (text !== '') socket.write(text, 'latin1');
        this.#listener.onLast();
        return;
      }
    }
    if (text !== '') socket.write(text, 'latin1');
    this.#listener.onFlushed();
  }

  /** Q3. */
  #endWith(answer: Answer): void {
    const isOnly = this.#answers.length === 1 && this.#listener.isBetween;
    if (!isOnly || !answer.keepsAlive || answer.stream !== undefined) return;
    answer.keepsAlive = false;
    this.#listener.onCut();
  }

  #ownText(answer: Answer): string {
    const { date } = this.#host;
    const { error } = answer;
    return error === undefined ? emptyText(answer, 204, date) : errorText(answer, error, date);
  }

  #exchangeText(answer: Answer, exchange: Exchange): string {
    const { date } = this.#host;
    if (exchange.outcome !== OUTCOME.OK) return errorText(answer, exchangeError(exchange), date);
    const head = wholeHead(answer, exchange, date);
    if (answer.isHead || hasNoContent(exchange.status)) return head;
    const { length } = exchange.body;
    return length === 0 ? head : head + exchange.body.latin1(0, length);
  }

  /** Views of the arena go to the kernel as they lie; the slot is freed when it has them all, or the socket is gone. */
  #writeLong(answer: Answer, exchange: Exchange, before: string): void {
    const socket = this.#socket;
    socket.cork();
    socket.write(before + wholeHead(answer, exchange, this.#host.date), 'latin1');
    if (!answer.isHead && !hasNoContent(exchange.status)) {
      exchange.body.pieces(0, (address, bytes) => {
        socket.write(this.#host.arena.bytes.subarray(address, address + bytes));
      });
    }
    socket.write('', 'latin1', () => this.#release(answer));
    socket.uncork();
  }

  // An answer in parts

  /** One that failed before its head was out gets an error like any other. */
  #isStreamed(answer: Answer): boolean {
    if (answer.stream !== undefined) return true;
    if (!answer.isReady) return answer.hasPart;
    const { exchange } = answer;
    return exchange?.outcome === OUTCOME.OK && exchange.parts.hasBegun;
  }

  /** Writes what there is of it. True when that was the rest. */
  #stream(answer: Answer): boolean {
    answer.stream ??= this.#beginStream(answer, answer.exchange as Exchange);
    return answer.stream.advance(answer.hasPart, answer.isReady);
  }

  #beginStream(answer: Answer, exchange: Exchange): AnswerStream {
    const framing = framingOf(answer, exchange);
    if (framing === FRAMING.CLOSE && answer.keepsAlive) {
      answer.keepsAlive = false;
      this.#listener.onCut();
      this.#drop(1);
    }
    return new AnswerStream({
      socket: this.#socket,
      arena: this.#host.arena,
      exchange,
      framing,
      head: partsHead(answer, exchange, this.#host.date),
      drained: () => this.#drained(answer),
      onWritten: () => this.#onWritten(answer),
      onEnd: () => this.#release(answer),
    });
  }

  #drained(answer: Answer): void {
    answer.hasPart = false;
    this.#host.intake.producer.drained(answer.exchange as Exchange);
  }

  #onWritten(answer: Answer): void {
    if (!this.#isGone && !answer.isDropped) this.flush();
    else if (answer.isReady) this.#release(answer);
  }

  /**
   * The function failed with its head out: the client must not take what it has for the whole. Without a last chunk it cannot; where the end of the connection
   * is that of the body, it takes a reset. Both come when the kernel has what was written before, but for a part that its reader does not take: that one would hold
   * the slot for as long as a write may take.
   */
  #abort(answer: Answer): void {
    const socket = this.#socket;
    const { framing, isWriting, isBehind } = answer.stream as AnswerStream;
    const isStuck = isWriting && !isBehind;
    this.#listener.onAnswered(answer);
    this.#drop();
    if (framing === FRAMING.CLOSE) {
      this.#listener.onCut();
      if (isStuck) resetSocket(socket);
      else socket.write('', 'latin1', () => resetSocket(socket));
    } else if (isStuck) {
      socket.destroy();
    } else {
      this.#listener.onLast();
    }
  }

  /** Q2, from this place in the queue on. */
  #drop(from = 0): void {
    for (const answer of this.#answers.splice(from)) this.#discard(answer);
  }

  #discard(answer: Answer): void {
    answer.isDropped = true;
    if (answer.isReady) this.#release(answer);
    else if (answer.exchange !== undefined) this.#host.intake.producer.cancel(answer.exchange);
  }

  /** Not while a socket reads from the slot: then it is released behind that. */
  #release(answer: Answer): void {
    if (answer.stream?.isWriting === true) return;
    answer.exchange?.free();
    answer.exchange = undefined;
  }
}

/** Its head is out, and the rest of its body will not come. Without a body there is nothing that could be missed. */
function hasFailedHalfway({ stream, isReady, exchange }: Answer): boolean {
  if (stream === undefined || !isReady || stream.framing === FRAMING.NONE) return false;
  return exchange?.outcome !== OUTCOME.OK;
}

function framingOf(answer: Answer, exchange: Exchange): Framing {
  if (answer.isHead || hasNoContent(exchange.status)) return FRAMING.NONE;
  return answer.minorVersion > 0 ? FRAMING.CHUNKED : FRAMING.CLOSE;
}
