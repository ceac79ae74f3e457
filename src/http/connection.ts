/**
 * One HTTP/1.1 connection: bytes in, requests into the deque, answers out in the order of the requests.
 *
 *            +-> HEAD --head complete, no body--------------------+
 *   bytes -->|     |                                              +--> intake, or an error --> answers (a queue) --> socket
 *            |     +-- body --> BODY --complete-------------------+
 *            |     +-- body that streams --> intake, STREAM --complete--> HEAD
 *            +-> CLOSING (an answer with `close` is queued: what comes in is thrown away)
 *
 * What bounds it: connection-clock.ts (times), answer-queue.ts (what is not taken), maxPipelined (requests under way), maxRequestsPerConnection, and for bytes that are not
 * consumed a head or what one read brought. While it is full (#isFull) it does not read, so the client's end is noticed when there is something to write.
 * It ends with: a final answer (#finish: half-closed, read on for a while) · the client's end, when all is answered · a time that is over · a reset, or an answer that fails
 * halfway. All but the first two cancel what is under way (#onClose).
 *
 * A request takes its slot only when it is complete, unless its function takes bodies as streams: then it is submitted with its head, and the body follows as the guest reads
 * (fed-body.ts). So in STREAM the last answer in the queue is that of the body which is being read, or it is out already and the rest of the body is thrown away. What reads heads is parser.ts,
 * bodies body-reader.ts; requests go to intake.ts, and answers out by answer-queue.ts.
 *
 * A body that breaks while its function runs (a time that is over, malformed chunks, too long, no memory, the client's end): the function is cancelled, and the error answered in its
 * place; if the head of its answer is out, the connection ends without the rest of it.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { type Exchange, LENGTH_UNKNOWN } from '../sandbox/index.ts';
import { Answer } from './answer.ts';
import { type AnswerListener, AnswerQueue } from './answer-queue.ts';
import { type HttpRoute, parserLimits } from './api.ts';
import { BodyReader } from './body-reader.ts';
import { ConnectionClock } from './connection-clock.ts';
import type { ConnectionHost, OpenConnection } from './connection-host.ts';
import { FedBody } from './fed-body.ts';
import { linesOf, withHost } from './header-lines.ts';
import { bodyTooLarge, HTTP_ERRORS, type HttpErrorKind } from './http-error.ts';
import { HEAD } from './method.ts';
import { BAD, NEED_MORE, RequestParser, TARGET_ABSOLUTE, TARGET_ASTERISK } from './parser.ts';
import { type OwnAnswer, type PortRoute, type PortRoutes, SERVER_OPTIONS } from './port-routes.ts';
import type { AnswerFields } from './route-fields.ts';
import { readInto } from './socket-reader.ts';

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

const STATE = { HEAD: 0, BODY: 1, CLOSING: 2, STREAM: 3 } as const;
type State = (typeof STATE)[keyof typeof STATE];

export class Connection implements AnswerListener, OpenConnection {
  readonly socket: Socket;
  readonly #host: ConnectionHost;
  readonly #port: PortRoutes;
  readonly #parser: RequestParser;
  readonly #answers: AnswerQueue;
  readonly #clock: ConnectionClock;
  /** TLS is spoken. */
  readonly #isSecure: boolean;
  #state: State = STATE.HEAD;
  /** Bytes that were read and not consumed. */
  #input: Buffer | undefined = undefined;
  #inputEnded = false;
  #isPaused = false;
  #peer: Buffer | undefined = undefined;
  #requestsLeft: number;
  #servedOne = false;

  /** What the route adds for the request that is being read, until it has an answer. */
  #added: AnswerFields | undefined = undefined;
  /** Of the request whose body is being read. */
  #body: BodyReader | undefined = undefined;
  #owesContinue = false;
  /** Of the request that was submitted before its body. */
  #fed: FedBody | undefined = undefined;

  /** `accepted` is a paused socket; `read` is what was read from it before. */
  constructor(accepted: Socket, host: ConnectionHost, port: PortRoutes, read?: Buffer) {
    const socket = readInto(host.scratch, accepted, (bytes) => this.#onBytes(bytes));
    this.socket = socket;
    this.#host = host;
    this.#port = port;
    this.#clock = new ConnectionClock(host.limits, host.nowMs);
    this.#isSecure = accepted instanceof TLSSocket;
    this.#requestsLeft = host.limits.maxRequestsPerConnection;
    this.#parser = new RequestParser(parserLimits(host.limits, port.maxBodyBytes));
    this.#answers = new AnswerQueue(socket, host, this);
    socket.on('drain', () => this.#resume());
    socket.on('end', () => this.#onEnd());
    socket.on('close', () => this.#onClose());
    // An error is followed by close, and there is nobody to tell.
    socket.on('error', () => {});
    if (read !== undefined && read.length > 0) this.#onBytes(read);
  }

  get isIdle(): boolean {
    return this.#answers.length === 0 && this.#state === STATE.HEAD && this.#input === undefined;
  }

  get isBetween(): boolean {
    return this.#state === STATE.HEAD;
  }

  /** Called by the sweep: closes what is past its time. */
  sweep(): void {
    const { nowMs } = this.#host;
    const clock = this.#clock;
    if (clock.isReaderLate(this.socket, nowMs)) this.socket.destroy();
    else if (clock.isExpired(nowMs)) this.#expire();
  }

  #expire(): void {
    // What a client has not taken yet comes first: it can be meant to be silent as long as it reads.
    if (this.#state === STATE.STREAM) this.#breakBody(HTTP_ERRORS.BODY_TIMEOUT);
    else if (this.socket.writableLength > 0 && this.#state !== STATE.BODY) this.#rearm();
    else if (this.#state === STATE.CLOSING) this.socket.destroy();
    else if (this.#answers.length > 0) this.#clock.stop();
    else if (this.#state === STATE.BODY) this.#refuse(HTTP_ERRORS.BODY_TIMEOUT);
    else if (this.#input !== undefined || !this.#servedOne) this.#refuse(HTTP_ERRORS.HEAD_TIMEOUT);
    else this.#finish();
  }

  /** Graceful end: an idle connection is closed, another one behind its next answer. */
  drain(): void {
    if (this.isIdle) this.#finish();
  }

  // Reading

  /** The bytes are the thread's common buffer: what is not consumed at once has to be copied. */
  #onBytes(bytes: Buffer): void {
    if (this.#state === STATE.CLOSING) return;
    if (this.#input === undefined) {
      this.#input = bytes;
      if (this.#state === STATE.HEAD) this.#clock.awaitHead(this.#host.nowMs);
    } else {
      // Only heads that come in pieces get here; the parser goes on where it stopped.
      this.#input = Buffer.concat([this.#input, bytes]);
    }
    this.#consume();
    if (this.#input?.buffer === bytes.buffer) this.#input = Buffer.from(this.#input);
  }

  /** No more requests are taken: as many as may be are under way, or the client does not take what it is sent. */
  #isFull(): boolean {
    if (this.#state === STATE.STREAM) return this.#fed?.isFull === true;
    return (
      this.#answers.length >= this.#host.limits.maxPipelined ||
      (this.socket.writableNeedDrain && this.#state === STATE.HEAD)
    );
  }

  /** Takes requests out of the input, as long as there are whole ones and there is room for more. */
  #consume(): void {
    const answers = this.#answers;
    if (answers.isHeld) return;
    answers.isHeld = true;
    while (this.#input !== undefined && this.#state !== STATE.CLOSING) {
      if (this.#isFull()) {
        this.#pause();
        break;
      }
      const input: Buffer = this.#input;
      const consumed = this.#state === STATE.HEAD ? this.#readHead(input) : this.#readBody(input);
      if (consumed === 0) break;
      this.#input = consumed < input.length ? input.subarray(consumed) : undefined;
    }
    answers.isHeld = false;
    answers.flush();
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
    const port = this.#port;
    if (parser.targetForm === TARGET_ASTERISK) return void this.#answerOwn(SERVER_OPTIONS, hasBody);
    const target = port.routeOf(input, parser);
    if (target < 0) return void this.#answerOwn(port.ownAnswer(target), hasBody);
    const route = port.routes[target] as PortRoute;
    if (route.fields !== undefined) {
      this.#added = route.fields.begin(input, parser.headersStart, parser.headersEnd);
    }
    if (hasBody) this.#beginBody(input, end, route);
    else this.#submit(input, route, undefined);
  }

  #beginBody(input: Buffer, end: number, route: HttpRoute): void {
    const parser = this.#parser;
    if (parser.contentLength > route.maxBodyBytes) {
      return void this.#answerAtOnce(bodyTooLarge(parser.contentLength, route.maxBodyBytes), true);
    }
    const highWaterBytes = this.#host.intake.highWaterBytes(route.fn);
    if (highWaterBytes !== undefined) {
      return void this.#beginStream(input, end, route, highWaterBytes);
    }
    const head = Buffer.from(input.subarray(0, end));
    const { chunked, contentLength } = parser;
    this.#body = new BodyReader(this.#host.blocks, head, route, chunked, contentLength);
    this.#state = STATE.BODY;
    this.#clock.awaitBody(this.#host.nowMs);
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
    if (this.#state === STATE.STREAM) return this.#readStream(input, this.#fed as FedBody);
    const body = this.#body as BodyReader;
    const count = body.read(input);
    if (count === BAD) {
      this.#refuse(body.error as HttpErrorKind, body.errorMessage());
      return input.length;
    }
    if (body.isComplete) this.#bodyDone(body);
    else this.#clock.bodyCame(count, this.#host.nowMs);
    return count;
  }

  #bodyDone(body: BodyReader): void {
    this.#state = STATE.HEAD;
    this.#submit(body.head, body.route, body);
    this.#body = undefined;
    this.#owesContinue = false;
    this.#parser.reset();
    this.#clock.stop();
  }

  /** Into a slot and into the deque. The parser still holds the offsets of this head. */
  #submit(head: Buffer, route: HttpRoute, body: BodyReader | undefined): void {
    const { intake } = this.#host;
    const exchange = this.#open(head, route, false);
    if (exchange === undefined) return;
    if (body !== undefined && !body.moveTo(exchange)) {
      exchange.free();
      return void this.#answerAtOnce(HTTP_ERRORS.BODY_MEMORY, false);
    }
    const answer = this.#answerFor(head, route);
    this.#push(answer);
    intake.submit(exchange, answer);
  }

  /** A slot with the head; undefined when there was none, which has been answered then. */
  #open(head: Buffer, route: HttpRoute, hasBody: boolean): Exchange | undefined {
    const { intake } = this.#host;
    this.#peer ??= Buffer.from(this.socket.remoteAddress ?? '', 'latin1');
    const lines = this.#linesFor(head);
    const exchange = intake.open(route, head, this.#parser, this.#peer, this.#isSecure, lines);
    if (exchange === undefined) this.#answerAtOnce(intake.refusal, hasBody);
    return exchange;
  }

  /** What the function gets in the place of the field lines; undefined: those. */
  #linesFor(head: Buffer): Uint8Array | undefined {
    const lines = this.#added?.requestLines;
    const { targetForm, headersStart, headersEnd, hostStart, hostEnd } = this.#parser;
    if (targetForm !== TARGET_ABSOLUTE) return lines;
    const sent = lines ?? head.subarray(headersStart, headersEnd);
    const host = head.toString('latin1', hostStart, hostEnd);
    return Buffer.from(withHost(linesOf(sent, 0, sent.length), host), 'latin1');
  }

  #answerFor(head: Buffer, route: HttpRoute): Answer {
    const parser = this.#parser;
    const answer = this.#answerOf(parser.keepAlive, route);
    if (this.#host.log !== undefined) answer.label = labelOf(parser, head);
    return answer;
  }

  // A body that streams

  /** What is held of it goes along with the head (fed-body.ts): it is submitted behind that. */
  #beginStream(input: Buffer, end: number, route: HttpRoute, highWaterBytes: number): void {
    const parser = this.#parser;
    const exchange = this.#open(input, route, true);
    if (exchange === undefined) return;
    const answer = this.#answerFor(input, route);
    const { chunked, contentLength } = parser;
    const { blocks } = this.#host;
    const own = { exchange, answer, highWaterBytes };
    const fed = new FedBody({ ...own, blocks, route, isChunked: chunked, contentLength });
    this.#fed = fed;
    this.#state = STATE.STREAM;
    this.#clock.awaitBody(this.#host.nowMs);
    this.#owesContinue = parser.expectContinue && input.length === end;
    // Its client is not late before it was told to go on: the function's own times bound that.
    if (this.#owesContinue) this.#clock.stop();
    if (!fed.isHeld(input.length - end)) this.#submitStream(fed);
  }

  #submitStream(fed: FedBody): void {
    const { intake } = this.#host;
    const { exchange, answer, highWaterBytes } = fed;
    const { chunked, contentLength } = this.#parser;
    if (!fed.isComplete) {
      fed.feed = intake.producer.feed(exchange, {
        highWaterBytes,
        lengthBytes: chunked ? LENGTH_UNKNOWN : contentLength,
        onRoom: () => this.#resume(),
        onStop: () => this.#dropRest(fed),
        onAsked: this.#owesContinue ? () => this.#asked(fed) : undefined,
      });
    }
    fed.isSubmitted = true;
    this.#answers.push(answer);
    intake.submit(exchange, answer);
  }

  #readStream(input: Buffer, fed: FedBody): number {
    if (this.#owesContinue) this.#clock.awaitBody(this.#host.nowMs);
    this.#owesContinue = false;
    const count = fed.take(input);
    if (count === BAD) this.#breakBody(fed.error as HttpErrorKind, fed.errorMessage());
    else if (fed.hasNoMemory) this.#breakBody(HTTP_ERRORS.BODY_MEMORY);
    else if (fed.isDropped && fed.isTooLongToDrop) this.#endBehind(fed);
    else if (fed.isComplete) this.#streamDone(fed, count < input.length);
    else {
      if (!fed.isSubmitted) this.#submitStream(fed);
      this.#clock.bodyCame(count, this.#host.nowMs);
    }
    // What comes behind a body that ends the connection is nobody's.
    return this.#state === STATE.CLOSING ? input.length : count;
  }

  #streamDone(fed: FedBody, hasMore: boolean): void {
    if (fed.isSubmitted) fed.feed?.end();
    else this.#submitStream(fed);
    this.#fed = undefined;
    this.#parser.reset();
    this.#state = STATE.HEAD;
    if (!fed.answer.keepsAlive) this.#beginClosing();
    else if (!fed.isAnswered) this.#clock.stop();
    else if (this.#host.isDraining) this.#finish();
    else if (hasMore) this.#clock.awaitHead(this.#host.nowMs);
    else this.#clock.awaitNext(this.#host.nowMs);
  }

  /** The guest waits for a body that its client sends when it is told to. */
  #asked(fed: FedBody): void {
    fed.isAsked = true;
    this.#continueStream();
  }

  /** Writes the 100, once the answers before are out, and where the answer itself has not begun. */
  #continueStream(): void {
    const fed = this.#fed;
    if (fed === undefined || !fed.isAsked || !this.#owesContinue) return;
    if (this.#answers.length > 1) return;
    if (!this.#clock.isRunning) this.#clock.awaitBody(this.#host.nowMs);
    if (fed.answer.stream !== undefined) return;
    this.#owesContinue = false;
    this.socket.write(CONTINUE, 'latin1');
  }

  /** The function has ended before its body. Whether the connection goes on is settled before the head of the answer goes out, if that is not out yet. */
  #dropRest(fed: FedBody): void {
    fed.drop();
    if (this.#fed !== fed) return;
    // Whether a client sends its body that was not told to is not to be known.
    if (this.#owesContinue || fed.isTooLongToDrop) this.#endBehind(fed);
    else this.#resume();
  }

  /** No more of it is read: the connection ends behind its answer. */
  #endBehind(fed: FedBody): void {
    fed.answer.keepsAlive = false;
    if (fed.isAnswered) this.#finish();
    else this.#beginClosing();
  }

  /** It will not come to its end as a body. */
  #breakBody(kind: HttpErrorKind, detail?: string): void {
    const fed = this.#fed as FedBody;
    const { answer, exchange } = fed;
    if (!fed.isSubmitted) {
      exchange.free();
      this.#added = answer.added;
      return void this.#refuse(kind, detail);
    }
    if (fed.isAnswered || answer.isReady || answer.stream !== undefined) {
      if (!answer.isReady) this.#host.intake.producer.cancel(exchange);
      return void this.#endBehind(fed);
    }
    this.#added = answer.added;
    const error = this.#answerOf(false);
    error.error = detail === undefined ? kind : { ...kind, message: detail };
    error.label = answer.label;
    error.isReady = true;
    this.#answers.replace(answer, error);
    this.#beginClosing();
    this.#answers.flush();
  }

  // Answering

  #push(answer: Answer): void {
    this.#answers.push(answer);
    if (!answer.keepsAlive) this.#beginClosing();
    else this.#clock.stop();
  }

  #beginClosing(): void {
    this.#state = STATE.CLOSING;
    this.#input = undefined;
    this.#body = undefined;
    this.#fed = undefined;
    this.#clock.stop();
  }

  /** To the request whose head, or what is there of it, the parser holds. */
  #answerOf(keepsAlive: boolean, route?: HttpRoute): Answer {
    const { minorVersion, method } = this.#parser;
    const isKept = --this.#requestsLeft > 0 && keepsAlive && !this.#host.isDraining;
    const answer = new Answer(this.#answers, route, isKept, minorVersion, method === HEAD);
    if (this.#added !== undefined) {
      answer.added = this.#added;
      this.#added = undefined;
    }
    return answer;
  }

  /** A final answer to bytes that cannot be understood, or will not be waited for. */
  #refuse(kind: HttpErrorKind, detail?: string): void {
    const answer = this.#answerOf(false);
    this.#pushError(answer, detail === undefined ? kind : { ...kind, message: detail }, '-');
    this.#answers.flush();
  }

  /** An answer without a function: an error, or (no kind) 204. A body that nobody wants is not waited for. */
  #answerOwn({ error, fields }: OwnAnswer, hasBody: boolean): void {
    this.#answerAtOnce(error, hasBody, fields);
  }

  #answerAtOnce(kind: HttpErrorKind | undefined, hasBody: boolean, fields = ''): void {
    const answer = this.#answerOf(this.#parser.keepAlive && !hasBody && kind?.close !== true);
    answer.fields = fields;
    this.#pushError(answer, kind, kind?.code ?? '-');
  }

  #pushError(answer: Answer, kind: HttpErrorKind | undefined, label: string): void {
    answer.error = kind;
    answer.label = label;
    answer.isReady = true;
    this.#push(answer);
  }

  onAnswered(answer: Answer): void {
    this.#servedOne = true;
    if (this.#fed?.answer === answer) this.#fed.isAnswered = true;
    const id = answer.added === undefined || answer.added.id === '' ? '' : ` ${answer.added.id}`;
    this.#host.log?.(`${this.#peer?.toString('latin1') ?? '-'} ${answer.label}${id}`);
  }

  onFlushed(): void {
    if (this.#answers.length === 0) {
      if (this.#host.isDraining && this.isIdle) this.#finish();
      else this.#continue();
      if (!this.#clock.isRunning && this.#state !== STATE.CLOSING) this.#rearm();
      if (this.#inputEnded) this.#endIfDone();
    } else if (this.#state === STATE.STREAM) {
      this.#continueStream();
    }
    this.#resume();
  }

  onCut(): void {
    // The answer that begins is that of the body which is being read: that is read on.
    if (this.#state === STATE.STREAM && this.#answers.length === 1) return;
    this.#beginClosing();
  }

  onLast(): void {
    this.#finish();
  }

  /** All answers are out: the clock of what the connection waits for runs again. */
  #rearm(): void {
    const { nowMs } = this.#host;
    if (this.#state === STATE.CLOSING) this.#clock.awaitEnd(nowMs);
    else if (this.#state === STATE.BODY || this.#state === STATE.STREAM)
      this.#clock.awaitBody(nowMs);
    else if (this.#input !== undefined) this.#clock.awaitHead(nowMs);
    else this.#clock.awaitNext(nowMs);
  }

  // The end

  /** The last answer is written: half-close, and let the client read it. */
  #finish(): void {
    this.#beginClosing();
    this.#clock.awaitEnd(this.#host.nowMs);
    this.socket.end();
    this.#resume();
  }

  #onEnd(): void {
    this.#inputEnded = true;
    this.#endIfDone();
  }

  /** The client sends nothing more: answer what it asked, then close. */
  #endIfDone(): void {
    if (this.#state === STATE.STREAM) {
      if (this.#input === undefined) this.#breakBody(HTTP_ERRORS.BODY_INCOMPLETE);
      return;
    }
    if (this.#answers.length > 0) return;
    if (this.#input !== undefined && this.#isPaused) return;
    // Where a final answer has ended it (#finish), a second end would make an Error that nobody sees, with its stack.
    if (!this.socket.writableEnded) this.socket.end();
  }

  #onClose(): void {
    this.#state = STATE.CLOSING;
    this.#input = undefined;
    this.#fed = undefined;
    this.#answers.abandon();
    this.#host.onClose(this);
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    // A client that is not read is not late.
    if (this.#state === STATE.STREAM) this.#clock.stop();
    this.socket.pause();
  }

  #resume(): void {
    if (!this.#isPaused || this.#isFull()) return;
    this.#isPaused = false;
    if (this.#state === STATE.STREAM) this.#clock.awaitBody(this.#host.nowMs);
    this.socket.resume();
    this.#consume();
  }
}

function labelOf(parser: RequestParser, head: Buffer): string {
  return head.toString('latin1', parser.methodStart, parser.targetEnd);
}
