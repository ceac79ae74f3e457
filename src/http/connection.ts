/**
 * One HTTP/1.1 connection: bytes in, requests into the deque, answers out in the order of the requests.
 *
 *            +-> HEAD --head complete, no body--------------------+
 *   bytes -->|     |                                              +--> submit, or an error --> answers (a queue) --> socket
 *            |     +-- body --> LENGTH or CHUNKED --complete------+
 *            +-> CLOSING (an answer with `close` is queued: what comes in is thrown away)
 *
 * A request takes its slot only when it is complete: a client that sends slowly holds Buffers of its own, never a slot.
 * The pieces of a body are copied out of the read buffer, and once more into the arena.
 * One write per turn and connection: short answers are collected as latin1 text, long ones go out as views of the arena, whose
 * slot is freed when the kernel has them. A function that hands over parts before it ends is answered by an AnswerStream when its turn has come.
 */
import type { Socket } from 'node:net';
import { outcomeKind, type Producer } from '../core/index.ts';
import type { Arena } from '../ring/index.ts';
import { type Exchange, monotonicNs, OUTCOME } from '../sandbox/index.ts';
import { Answer } from './answer.ts';
import { AnswerStream, FRAMING, type Framing } from './answer-stream.ts';
import type { HttpLimits, HttpRoute } from './api.ts';
import { ChunkedDecoder, DEFAULT_CHUNKED_LIMITS } from './chunked.ts';
import { errorBody, HTTP_ERRORS, type HttpErrorKind } from './http-error.ts';
import { HEAD, OPTIONS } from './method.ts';
import { BAD, NEED_MORE, RequestParser, TARGET_ASTERISK } from './parser.ts';
import { connectionLine, type DateLine, hasNoContent, statusLine } from './response-head.ts';
import { METHOD_NOT_ALLOWED, NOT_FOUND, type Router } from './router.ts';
import { readInto } from './socket-reader.ts';

/** Up to here an answer's body is written as text with its head, and its slot is free at once. */
const TEXT_BYTES_MAX = 4096;
/** How long what a client still sends is read and thrown away behind a final answer, lest a reset destroy that. */
const LINGER_MS = 1000;
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
const ROOT_PATH = Buffer.from('/');

const STATE = { HEAD: 0, LENGTH: 1, CHUNKED: 2, CLOSING: 3 } as const;
type State = (typeof STATE)[keyof typeof STATE];

/** What connections of one listener thread share. */
export interface ConnectionHost {
  readonly arena: Arena;
  readonly producer: Producer;
  readonly limits: HttpLimits;
  readonly date: DateLine;
  /** What sockets are read into; see socket-reader.ts. */
  readonly scratch: Buffer;
  /** Coarse clock, milliseconds, moved by the sweep. */
  nowMs: number;
  isDraining: boolean;
  /** Whose answer a slot is. */
  readonly answers: (Answer | undefined)[];
  readonly onClose: (connection: Connection) => void;
  readonly log: ((line: string) => void) | undefined;
}

/** Where a site's requests go. */
export interface SiteRoutes {
  readonly router: Router;
  readonly routes: readonly HttpRoute[];
  readonly maxBodyBytes: number;
}

export class Connection {
  readonly socket: Socket;
  /** When the sweep has to act on it; Infinity = not. In `host.nowMs`. */
  expiresMs: number;
  readonly #host: ConnectionHost;
  readonly #site: SiteRoutes;
  readonly #parser: RequestParser;
  readonly #answers: Answer[] = [];
  #state: State = STATE.HEAD;
  /** Bytes that were read and not consumed. */
  #input: Buffer | undefined = undefined;
  #inputEnded = false;
  #isGone = false;
  #isPaused = false;
  #isConsuming = false;
  #peer: Buffer | undefined = undefined;
  #servedOne = false;

  // The request whose body is being read
  #head: Buffer | undefined = undefined;
  #route: HttpRoute | undefined = undefined;
  #bodyLeft = 0;
  #parts: Buffer[] = [];
  #chunked: ChunkedDecoder | undefined = undefined;
  #owesContinue = false;
  #writtenBytes = 0;
  #writeStalledMs = Number.POSITIVE_INFINITY;

  /** `accepted` is a socket that has not been read from. */
  constructor(accepted: Socket, host: ConnectionHost, site: SiteRoutes) {
    const socket = readInto(host.scratch, accepted, (bytes) => this.#onBytes(bytes));
    this.socket = socket;
    this.#host = host;
    this.#site = site;
    this.expiresMs = host.nowMs + host.limits.headTimeoutMs;
    this.#parser = new RequestParser({
      maxHeadBytes: host.limits.maxHeadBytes,
      maxHeaders: host.limits.maxHeaders,
      maxTargetBytes: Math.min(8192, host.limits.maxHeadBytes),
      maxBodyBytes: site.maxBodyBytes,
    });
    socket.on('end', () => this.#onEnd());
    socket.on('close', () => this.#onClose());
    // An error is followed by close, and there is nobody to tell.
    socket.on('error', () => {});
  }

  get isIdle(): boolean {
    return this.#answers.length === 0 && this.#state === STATE.HEAD && this.#input === undefined;
  }

  /** Called by the sweep: closes what is past its time. */
  sweep(): void {
    const { nowMs, limits } = this.#host;
    if (this.socket.writableLength > 0) {
      if (
        this.socket.bytesWritten !== this.#writtenBytes ||
        this.#writeStalledMs === Number.POSITIVE_INFINITY
      ) {
        this.#writtenBytes = this.socket.bytesWritten;
        this.#writeStalledMs = nowMs + limits.bodyTimeoutMs;
      } else if (nowMs >= this.#writeStalledMs) {
        this.socket.destroy();
        return;
      }
    } else {
      this.#writeStalledMs = Number.POSITIVE_INFINITY;
    }
    if (nowMs < this.expiresMs) return;
    if (this.#state === STATE.CLOSING) this.socket.destroy();
    else if (this.#answers.length > 0) this.expiresMs = Number.POSITIVE_INFINITY;
    else if (this.#state !== STATE.HEAD) this.#refuse(HTTP_ERRORS.BODY_TIMEOUT);
    else if (this.#input !== undefined) this.#refuse(HTTP_ERRORS.HEAD_TIMEOUT);
    else if (this.#servedOne) this.#finish();
    else this.#refuse(HTTP_ERRORS.HEAD_TIMEOUT);
  }

  /** Graceful end: an idle connection is closed, another one behind its next answer. */
  drain(): void {
    if (this.isIdle) this.#finish();
  }

  /** The function has answered. */
  complete(answer: Answer): void {
    answer.isReady = true;
    if (this.#isGone || answer.isDropped) {
      this.#release(answer);
      return;
    }
    if (this.#answers[0] === answer) this.#flush();
  }

  /** The function has written a part of its answer, and goes on. */
  part(answer: Answer): void {
    answer.hasPart = true;
    if (this.#isGone || answer.isDropped) this.#drained(answer);
    else if (this.#answers[0] === answer) this.#flush();
  }

  // Reading

  /** The bytes are the thread's common buffer: what is not consumed at once has to be copied. */
  #onBytes(bytes: Buffer): void {
    if (this.#state === STATE.CLOSING) return;
    if (this.#input === undefined) {
      this.#input = bytes;
      if (this.#state === STATE.HEAD) {
        this.expiresMs = this.#host.nowMs + this.#host.limits.headTimeoutMs;
      }
    } else {
      // Only heads that come in pieces get here; the parser goes on where it stopped.
      this.#input = Buffer.concat([this.#input, bytes]);
    }
    this.#consume();
    if (this.#input?.buffer === bytes.buffer) this.#input = Buffer.from(this.#input);
  }

  /** Takes requests out of the input, as long as there are whole ones and the pipeline has room. */
  #consume(): void {
    if (this.#isConsuming) return;
    this.#isConsuming = true;
    while (this.#input !== undefined && this.#state !== STATE.CLOSING) {
      if (this.#answers.length >= this.#host.limits.maxPipelined) {
        this.#pause();
        break;
      }
      const input: Buffer = this.#input;
      const consumed = this.#state === STATE.HEAD ? this.#readHead(input) : this.#readBody(input);
      if (consumed === 0) break;
      this.#input = consumed < input.length ? input.subarray(consumed) : undefined;
    }
    this.#isConsuming = false;
    this.#flush();
    if (this.#inputEnded) this.#endIfDone();
  }

  /** How many bytes were taken: 0 = the head is not complete. */
  #readHead(input: Buffer): number {
    const parser = this.#parser;
    const end = parser.parseHead(input, 0, input.length);
    if (end === NEED_MORE) return 0;
    if (end === BAD) {
      this.#refuse(parser.error as HttpErrorKind, parser.errorMessage());
      return input.length;
    }
    this.#acceptHead(input, end);
    if (this.#state === STATE.HEAD) parser.reset();
    return end;
  }

  #acceptHead(input: Buffer, end: number): void {
    const parser = this.#parser;
    const hasBody = parser.chunked || parser.contentLength > 0;
    if (parser.targetForm === TARGET_ASTERISK) {
      const kind = parser.method === OPTIONS ? undefined : HTTP_ERRORS.NOT_FOUND;
      this.#answerText(kind, hasBody, kind === undefined ? statusLine(204) : '');
      return;
    }
    const { router, routes } = this.#site;
    const target = router.lookup(
      input,
      parser.pathStart,
      parser.pathEnd,
      parser.method,
      parser.methodStart,
      parser.methodEnd,
    );
    if (target === NOT_FOUND) return void this.#answerText(HTTP_ERRORS.NOT_FOUND, hasBody);
    if (target === METHOD_NOT_ALLOWED) {
      return void this.#answerText(
        HTTP_ERRORS.METHOD_NOT_ALLOWED,
        hasBody,
        '',
        `Allow: ${router.allow}\r\n`,
      );
    }
    const route = routes[target] as HttpRoute;
    if (!hasBody) {
      this.#submit(input, route);
      return;
    }
    if (parser.contentLength > route.maxBodyBytes) {
      const message = `the body has ${parser.contentLength} bytes, and this route takes ${route.maxBodyBytes}`;
      this.#refuse(HTTP_ERRORS.BODY_TOO_LARGE, message);
      return;
    }
    this.#route = route;
    this.#parts = [];
    // The head is needed once more, when the body is there, and the read buffer is not kept for that long.
    this.#head = Buffer.from(input.subarray(0, end));
    this.expiresMs = this.#host.nowMs + this.#host.limits.bodyTimeoutMs;
    if (parser.chunked) {
      this.#chunked = new ChunkedDecoder({
        ...DEFAULT_CHUNKED_LIMITS,
        maxBodyBytes: route.maxBodyBytes,
      });
      this.#state = STATE.CHUNKED;
    } else {
      this.#bodyLeft = parser.contentLength;
      this.#state = STATE.LENGTH;
    }
    this.#owesContinue = parser.expectContinue && input.length === end;
    this.#continue();
  }

  /** Writes the 100, once every answer before it is out. */
  #continue(): void {
    if (!this.#owesContinue || this.#answers.length > 0) return;
    this.#owesContinue = false;
    this.socket.write(CONTINUE, 'latin1');
  }

  #readBody(input: Buffer): number {
    this.expiresMs = this.#host.nowMs + this.#host.limits.bodyTimeoutMs;
    if (this.#state === STATE.LENGTH) {
      const count = Math.min(this.#bodyLeft, input.length);
      this.#take(input, 0, count);
      this.#bodyLeft -= count;
      if (this.#bodyLeft === 0) this.#bodyDone();
      return count;
    }
    const decoder = this.#chunked as ChunkedDecoder;
    const end = decoder.decode(input, 0, input.length, {
      write: (buffer, from, to) => {
        this.#take(buffer as Buffer, from, to);
        return true;
      },
    });
    if (end === BAD) {
      this.#refuse(decoder.error as HttpErrorKind, decoder.errorMessage());
      return input.length;
    }
    if (decoder.done) this.#bodyDone();
    return end;
  }

  #take(buffer: Buffer, from: number, to: number): void {
    this.#parts.push(Buffer.from(buffer.subarray(from, to)));
  }

  #bodyDone(): void {
    const head = this.#head as Buffer;
    const route = this.#route as HttpRoute;
    this.#state = STATE.HEAD;
    this.#submit(head, route);
    this.#head = undefined;
    this.#route = undefined;
    this.#chunked = undefined;
    this.#parts = [];
    this.#owesContinue = false;
    this.#parser.reset();
    this.expiresMs = Number.POSITIVE_INFINITY;
  }

  /** Into a slot and into the deque. The parser still holds the offsets of this head. */
  #submit(head: Buffer, route: HttpRoute): void {
    const { producer, answers } = this.#host;
    const parser = this.#parser;
    const arrivalNs = monotonicNs();
    const exchange = producer.acquire(route.fn, arrivalNs, arrivalNs + route.deadlineNs);
    if (exchange === undefined) {
      return void this.#answerText(HTTP_ERRORS.QUEUE_FULL, false, '', 'Retry-After: 1\r\n');
    }
    if (!this.#write(exchange, head)) {
      exchange.free();
      const kind = {
        ...HTTP_ERRORS.QUEUE_FULL,
        code: 'ERR_BODY_MEMORY',
        message: 'no memory left for request bodies',
      };
      return void this.#answerText(kind, false, '', 'Retry-After: 1\r\n');
    }
    const answer = new Answer(
      this,
      route,
      parser.keepAlive && !this.#host.isDraining,
      parser.minorVersion,
      parser.method === HEAD,
    );
    if (this.#host.log !== undefined) answer.label = labelOf(parser, head);
    answer.exchange = exchange;
    exchange.parts.taken = true;
    answers[exchange.slot] = answer;
    this.#push(answer);
    producer.submit(exchange);
  }

  #write(exchange: Exchange, head: Buffer): boolean {
    const parser = this.#parser;
    const { request } = exchange;
    const isEmptyPath = parser.pathStart === parser.pathEnd;
    this.#peer ??= Buffer.from(this.socket.remoteAddress ?? '', 'latin1');
    const pathBytes = isEmptyPath ? 1 : parser.pathEnd - parser.pathStart;
    exchange.setHead(
      parser.methodEnd - parser.methodStart,
      pathBytes + (parser.targetEnd - parser.pathEnd),
      pathBytes,
      parser.headersEnd - parser.headersStart,
      this.#peer.length,
    );
    let ok = request.append(head, parser.methodStart, parser.methodEnd);
    if (isEmptyPath) ok &&= request.append(ROOT_PATH, 0, 1);
    ok &&= request.append(head, parser.pathStart, parser.targetEnd);
    ok &&= request.append(head, parser.headersStart, parser.headersEnd);
    ok &&= request.append(this.#peer, 0, this.#peer.length);
    for (const part of this.#parts) ok &&= request.append(part, 0, part.length);
    return ok;
  }

  // Answering

  #push(answer: Answer): void {
    this.#answers.push(answer);
    if (!answer.keepsAlive) this.#beginClosing();
    else this.expiresMs = Number.POSITIVE_INFINITY;
  }

  #beginClosing(): void {
    this.#state = STATE.CLOSING;
    this.#input = undefined;
    this.#parts = [];
    this.expiresMs = Number.POSITIVE_INFINITY;
  }

  /** A final answer to bytes that cannot be understood, or will not be waited for. */
  #refuse(kind: HttpErrorKind, detail?: string): void {
    const answer = new Answer(this, undefined, false, 1, false);
    answer.text = this.#errorText(kind, answer, '', detail);
    answer.label = '-';
    answer.isReady = true;
    this.#push(answer);
    if (!this.#isConsuming) this.#flush();
  }

  /** An answer without a function: an error, or (no kind) the given status line without content. */
  #answerText(kind: HttpErrorKind | undefined, hasBody: boolean, line = '', extra = ''): void {
    const parser = this.#parser;
    // A body that nobody wants is not waited for.
    const keepsAlive =
      parser.keepAlive && !this.#host.isDraining && !hasBody && kind?.close !== true;
    const answer = new Answer(
      this,
      undefined,
      keepsAlive,
      parser.minorVersion,
      parser.method === HEAD,
    );
    answer.text =
      kind === undefined
        ? `${line}${this.#host.date.text}${connectionLine(keepsAlive, parser.minorVersion)}\r\n`
        : this.#errorText(kind, answer, extra);
    answer.label = kind?.code ?? '-';
    answer.isReady = true;
    this.#push(answer);
  }

  #errorText(kind: HttpErrorKind, answer: Answer, extra: string, detail?: string): string {
    const body = Buffer.from(errorBody(kind, detail), 'utf8');
    return (
      `${statusLine(kind.status)}${this.#host.date.text}${extra}Content-Type: application/json\r\n` +
      `Content-Length: ${body.length}\r\n${connectionLine(answer.keepsAlive, answer.minorVersion)}\r\n` +
      (answer.isHead ? '' : body.toString('latin1'))
    );
  }

  /** Writes the answers that are ready, in order, up to the first that is not. */
  #flush(): void {
    if (this.#isConsuming || this.#isGone) return;
    let text = '';
    while (this.#answers.length > 0) {
      const answer = this.#answers[0] as Answer;
      const isStreamed = this.#isStreamed(answer);
      if (isStreamed) {
        if (text !== '') this.socket.write(text, 'latin1');
        text = '';
        if (!this.#stream(answer)) break;
      } else if (!answer.isReady) {
        break;
      }
      this.#answers.shift();
      this.#servedOne = true;
      const { exchange } = answer;
      if (isStreamed) {
        // It is out, but for what the socket still holds.
      } else if (exchange === undefined) {
        text += answer.text ?? '';
      } else if (exchange.outcome !== OUTCOME.OK || exchange.body.length <= TEXT_BYTES_MAX) {
        text += this.#exchangeText(answer, exchange);
        this.#release(answer);
      } else {
        this.#writeLong(answer, exchange, text);
        text = '';
      }
      this.#log(answer);
      if (!answer.keepsAlive) {
        if (text !== '') this.socket.write(text, 'latin1');
        this.#finish();
        return;
      }
    }
    if (text !== '') this.socket.write(text, 'latin1');
    if (this.#answers.length === 0) {
      if (this.#host.isDraining && this.isIdle) this.#finish();
      else this.#continue();
      if (this.expiresMs === Number.POSITIVE_INFINITY) this.#rearm();
      if (this.#inputEnded) this.#endIfDone();
    }
    this.#resume();
  }

  #log(answer: Answer): void {
    this.#host.log?.(`${this.#peer?.toString('latin1') ?? '-'} ${answer.label}`);
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
    const exchange = answer.exchange as Exchange;
    if (answer.stream !== undefined && answer.isReady && exchange.outcome !== OUTCOME.OK) {
      this.#abort(answer);
      return false;
    }
    answer.stream ??= this.#beginStream(answer, exchange);
    return answer.stream.advance(answer.hasPart, answer.isReady);
  }

  #beginStream(answer: Answer, exchange: Exchange): AnswerStream {
    const framing = framingOf(answer, exchange);
    if (framing === FRAMING.CLOSE && answer.keepsAlive) {
      answer.keepsAlive = false;
      this.#beginClosing();
      this.#dropBehind(answer);
    }
    return new AnswerStream({
      socket: this.socket,
      arena: this.#host.arena,
      exchange,
      framing,
      head: this.#headInParts(answer, exchange),
      drained: () => this.#drained(answer),
      onWritten: () => this.#onWritten(answer),
      onEnd: () => this.#release(answer),
    });
  }

  #headInParts(answer: Answer, exchange: Exchange): string {
    const { status } = exchange;
    const hasContent = !hasNoContent(status);
    return (
      statusLine(status) +
      this.#host.date.text +
      (hasContent && !exchange.isTyped ? `Content-Type: ${answer.route?.contentType}\r\n` : '') +
      (hasContent && answer.minorVersion > 0 ? 'Transfer-Encoding: chunked\r\n' : '') +
      connectionLine(answer.keepsAlive, answer.minorVersion) +
      `${exchange.headers.latin1(0, exchange.headers.length)}\r\n`
    );
  }

  #drained(answer: Answer): void {
    answer.hasPart = false;
    this.#host.producer.drained(answer.exchange as Exchange);
  }

  #onWritten(answer: Answer): void {
    if (!this.#isGone) this.#flush();
    else if (answer.isReady) this.#release(answer);
  }

  /** The function failed with its head out: the client must not take what it has for the whole. */
  #abort(answer: Answer): void {
    this.#log(answer);
    this.#isGone = true;
    if (answer.minorVersion === 0) this.socket.resetAndDestroy();
    else this.socket.destroy();
  }

  /** The connection will end with this answer. */
  #dropBehind(answer: Answer): void {
    for (const other of this.#answers.splice(this.#answers.indexOf(answer) + 1)) {
      other.isDropped = true;
      if (other.isReady) this.#release(other);
      else other.exchange?.cancel();
    }
  }

  /** All answers are out: the clock of what the connection waits for runs again. */
  #rearm(): void {
    const { limits, nowMs } = this.#host;
    if (this.#state === STATE.CLOSING) return;
    if (this.#state !== STATE.HEAD) this.expiresMs = nowMs + limits.bodyTimeoutMs;
    else if (this.#input !== undefined) this.expiresMs = nowMs + limits.headTimeoutMs;
    else this.expiresMs = nowMs + limits.idleTimeoutMs;
  }

  #exchangeText(answer: Answer, exchange: Exchange): string {
    if (exchange.outcome !== OUTCOME.OK) {
      const { code, status } = outcomeKind(exchange.outcome);
      const message = exchange.body.latin1(0, exchange.body.length);
      const extra = status === 503 ? 'Retry-After: 1\r\n' : '';
      const detail = Buffer.from(message, 'latin1').toString('utf8');
      return this.#errorText({ status, code, message: detail, close: false }, answer, extra);
    }
    const head = this.#head200(answer, exchange);
    if (answer.isHead || hasNoContent(exchange.status)) return head;
    const { length } = exchange.body;
    return length === 0 ? head : head + exchange.body.latin1(0, length);
  }

  #head200(answer: Answer, exchange: Exchange): string {
    const { status } = exchange;
    const { length } = exchange.body;
    const headers = exchange.headers.length;
    return (
      statusLine(status) +
      this.#host.date.text +
      (length === 0 || exchange.isTyped ? '' : `Content-Type: ${answer.route?.contentType}\r\n`) +
      (hasNoContent(status) ? '' : `Content-Length: ${length}\r\n`) +
      connectionLine(answer.keepsAlive, answer.minorVersion) +
      (headers === 0 ? '\r\n' : `${exchange.headers.latin1(0, headers)}\r\n`)
    );
  }

  /** Views of the arena go to the kernel as they lie; the slot is freed when it has them all, or the socket is gone. */
  #writeLong(answer: Answer, exchange: Exchange, before: string): void {
    const { socket } = this;
    socket.cork();
    socket.write(before + this.#head200(answer, exchange), 'latin1');
    if (!answer.isHead && !hasNoContent(exchange.status)) {
      exchange.body.pieces(0, (address, bytes) => {
        socket.write(this.#host.arena.bytes.subarray(address, address + bytes));
      });
    }
    socket.write('', 'latin1', () => this.#release(answer));
    socket.uncork();
  }

  /** Not while a socket reads from the slot: then it is released behind that. */
  #release(answer: Answer): void {
    if (answer.stream?.isWriting === true) return;
    answer.exchange?.free();
    answer.exchange = undefined;
  }

  // The end

  /** The last answer is written: half-close, and let the client read it. */
  #finish(): void {
    this.#beginClosing();
    this.expiresMs = this.#host.nowMs + LINGER_MS;
    this.socket.end();
    this.#resume();
  }

  #onEnd(): void {
    this.#inputEnded = true;
    this.#endIfDone();
  }

  /** The client sends nothing more: answer what it asked, then close. */
  #endIfDone(): void {
    if (this.#answers.length > 0) return;
    if (this.#input !== undefined && this.#isPaused) return;
    this.socket.end();
  }

  /** The socket is closed: nobody wants the answers that are not out yet. */
  #onClose(): void {
    this.#isGone = true;
    this.#state = STATE.CLOSING;
    this.#input = undefined;
    for (const answer of this.#answers) {
      if (answer.isReady) this.#release(answer);
      else answer.exchange?.cancel();
    }
    this.#answers.length = 0;
    this.#host.onClose(this);
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.socket.pause();
  }

  #resume(): void {
    if (!this.#isPaused || this.#answers.length >= this.#host.limits.maxPipelined) return;
    this.#isPaused = false;
    this.socket.resume();
    this.#consume();
  }
}

function framingOf(answer: Answer, exchange: Exchange): Framing {
  if (answer.isHead || hasNoContent(exchange.status)) return FRAMING.NONE;
  return answer.minorVersion > 0 ? FRAMING.CHUNKED : FRAMING.CLOSE;
}

function labelOf(parser: RequestParser, head: Buffer): string {
  return head.toString('latin1', parser.methodStart, parser.targetEnd);
}
