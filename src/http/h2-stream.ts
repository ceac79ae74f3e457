/**
 * One request of an HTTP/2 session and its answer.
 *
 *   head --no body---------------------------------------> intake --> complete, or parts --> stream --finished--> closed
 *    |  +--body, piece by piece --its end--> intake -^         an error at once ---------------^
 *    |  +--body that streams --> intake, and the pieces behind it as the guest reads (core/body-feed.ts); while it is full the stream is paused
 *    +--reset, or the session is gone, at any time: the function is cancelled, and the slot is free when that has ended
 *
 * What a function wrote is copied on its way out, a piece at a time, and the next piece waits until that one is taken: a slow reader costs a piece and its
 * function's slot, and stops the function. It is not handed to node:http2 as it lies in the arena, as HTTP/1 does: when a stream is reset, its write is told to be over
 * while the session may still be about to send from it, and the chunk might be another tenant's by then.
 * Bounds: a piece that is not taken in writeTimeoutMs (which makes no less than minBytesPerSecond, as there is a clock for that, too) resets the stream; a body
 * that does not come in time is answered 408.
 */
import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { BodyFeed } from '../core/index.ts';
import { type Exchange, LENGTH_UNKNOWN, OUTCOME, type Payload } from '../sandbox/index.ts';
import { Answer, type AnswerOwner } from './answer.ts';
import type { HttpRoute } from './api.ts';
import { BodyReader } from './body-reader.ts';
import { ConnectionClock } from './connection-clock.ts';
import { exchangeError } from './error-answer.ts';
import { addLines, endsWithHead, ownHeaders, partsHeaders, wholeHeaders } from './h2-answer.ts';
import type { H2Head } from './h2-head.ts';
import type { H2Session } from './h2-session.ts';
import { bodyTooLarge, errorBody, HTTP_ERRORS, type HttpErrorKind } from './http-error.ts';
import type { HeadRanges } from './intake.ts';
import { HEAD } from './method.ts';
import { TARGET_ASTERISK } from './parser.ts';
import { type PortRoute, SERVER_OPTIONS } from './port-routes.ts';
import type { AnswerFields } from './route-fields.ts';

/** node:http2 makes INTERNAL_ERROR of it. */
const CUT = new Error('the answer is cut off');

/** Up to here a body is written as text, without a Buffer. */
const TEXT_BYTES_MAX = 4096;
/** A DATA frame's, where the client has not asked for more. */
const PIECE_BYTES = 16_384;

export class H2Stream implements AnswerOwner {
  readonly #session: H2Session;
  readonly #stream: ServerHttp2Stream;
  #isHead = false;
  #label = '-';
  /** What its route adds; most add nothing. */
  #added: AnswerFields | undefined = undefined;
  /** From the submission until the slot is back. */
  #answer: Answer | undefined = undefined;
  #isGone = false;

  #body: BodyReader | undefined = undefined;
  #bodyHead: HeadRanges | undefined = undefined;
  /** Of a request that was submitted before its body. */
  #feed: BodyFeed | undefined = undefined;
  #owesContinue = false;
  bodyBytes = 0;
  /** Of a body that comes, then of an answer that is to be taken. */
  #clock: ConnectionClock | undefined = undefined;

  #hasBegun = false;
  /** What is being written, and how much of it is. */
  #source: Payload | undefined = undefined;
  #sourceOffset = 0;
  #isWriting = false;
  #takenBytes = 0;
  #hasFailed = false;
  readonly #onWritten = (error?: Error | null): void => this.#written(error);

  constructor(session: H2Session, stream: ServerHttp2Stream) {
    this.#session = session;
    this.#stream = stream;
    stream.on('aborted', () => this.#onGone());
    stream.on('close', () => this.#onClose());
  }

  // The request

  /** `fields` are names and values in turn. */
  begin(fields: readonly string[], endsStream: boolean): void {
    const { port, head } = this.#session;
    const { parser } = head;
    const fault = head.read(fields, endsStream);
    this.#isHead = parser.method === HEAD;
    if (fault !== undefined) {
      const message = head.errorMessage;
      this.#answerOwn(message === '' ? fault : { ...fault, message }, '', '-');
      return;
    }
    const isAsterisk = parser.targetForm === TARGET_ASTERISK;
    const target = isAsterisk ? -1 : port.routeOf(head.bytes, parser);
    if (target < 0) {
      const { error, fields: own } = isAsterisk ? SERVER_OPTIONS : port.ownAnswer(target);
      this.#answerOwn(error, own);
      return;
    }
    const route = port.routes[target] as PortRoute;
    this.#added = route.fields?.begin(head.bytes, parser.headersStart, parser.headersEnd);
    if (this.#session.host.log !== undefined) this.#label = head.label();
    if (parser.chunked || parser.contentLength > 0) this.#beginBody(head, route);
    else this.#submit(route, head.bytes, parser, undefined);
  }

  #beginBody({ parser, bytes, bytesUsed }: H2Head, route: HttpRoute): void {
    if (parser.contentLength > route.maxBodyBytes) {
      this.#answerOwn(bodyTooLarge(parser.contentLength, route.maxBodyBytes));
      return;
    }
    const highWaterBytes = this.#session.host.intake.highWaterBytes(route.fn);
    if (highWaterBytes !== undefined) {
      this.#beginFeed(route, bytes, parser, highWaterBytes);
      return;
    }
    const { methodStart, methodEnd, pathStart, pathEnd, targetEnd, headersStart, headersEnd } =
      parser;
    // The session's other streams bring heads of their own before the body is there.
    this.#bodyHead = {
      methodStart,
      methodEnd,
      pathStart,
      pathEnd,
      targetEnd,
      headersStart,
      headersEnd,
    };
    const head = Buffer.from(bytes.subarray(0, bytesUsed));
    // Nobody frames it but the stream: its end is the body's, and nghttp2 holds it to its Content-Length.
    const { limits, nowMs, blocks } = this.#session.host;
    this.#body = new BodyReader(blocks, head, route, false, Number.POSITIVE_INFINITY);
    this.#clock = new ConnectionClock(limits, nowMs);
    this.#clock.awaitBody(nowMs);
    if (parser.expectContinue) this.#continue();
    this.#session.bodies.add(this);
    this.#stream.on('data', (bytes: Buffer) => this.#onBody(bytes));
    this.#stream.on('end', () => this.#onBodyEnd());
  }

  #onBody(bytes: Buffer): void {
    const body = this.#body;
    if (body === undefined || this.#isGone) return;
    this.#clock?.bodyCame(bytes.length, this.#session.host.nowMs);
    this.bodyBytes += bytes.length;
    this.#session.bodies.grew(bytes.length);
    if (this.bodyBytes > body.route.maxBodyBytes) {
      this.#answerOwn(bodyTooLarge(this.bodyBytes, body.route.maxBodyBytes));
      return;
    }
    body.read(bytes);
  }

  #onBodyEnd(): void {
    const body = this.#body;
    // A reset without an error ends a body, too.
    if (body === undefined || this.#isGone || this.#stream.closed) return;
    const head = this.#bodyHead as HeadRanges;
    this.#submit(body.route, body.head, head, body);
    this.#endBody();
  }

  #endBody(): void {
    if (this.#body === undefined) return;
    this.#body = undefined;
    this.#bodyHead = undefined;
    this.#clock = undefined;
    this.#session.bodies.remove(this);
  }

  #continue(): void {
    if (!this.#hasBegun && !this.#stream.closed) this.#stream.additionalHeaders({ ':status': 100 });
  }

  // A body that streams

  #beginFeed(
    route: HttpRoute,
    bytes: Uint8Array,
    parser: H2Head['parser'],
    highWaterBytes: number,
  ): void {
    const exchange = this.#open(route, bytes, parser);
    if (exchange === undefined) return;
    const { intake, limits, nowMs } = this.#session.host;
    this.#clock = new ConnectionClock(limits, nowMs);
    this.#clock.awaitBody(nowMs);
    this.#feed = intake.producer.feed(exchange, {
      highWaterBytes,
      lengthBytes: parser.chunked ? LENGTH_UNKNOWN : parser.contentLength,
      onRoom: () => this.resume(),
      onStop: () => this.#endFeed(),
      onAsked: parser.expectContinue ? () => this.#asked() : undefined,
    });
    // Its client is not late before it was told to go on: the function's own times bound that.
    this.#owesContinue = parser.expectContinue;
    if (this.#owesContinue) this.#clock.stop();
    this.#submitted(route, exchange);
    this.#stream.on('data', (piece: Buffer) => this.#onFed(piece, route.maxBodyBytes));
    this.#stream.on('end', () => this.#onFedEnd());
  }

  /** The guest waits for a body that its client sends when it is told to. */
  #asked(): void {
    if (!this.#owesContinue || this.#feed === undefined) return;
    this.#mayCome();
    this.#continue();
  }

  /** The client's time begins. */
  #mayCome(): void {
    this.#owesContinue = false;
    this.#clock?.awaitBody(this.#session.host.nowMs);
  }

  #onFed(piece: Buffer, maxBodyBytes: number): void {
    const feed = this.#feed;
    if (feed === undefined || this.#isGone) return;
    if (this.#owesContinue) this.#mayCome();
    this.#clock?.bodyCame(piece.length, this.#session.host.nowMs);
    this.bodyBytes += piece.length;
    if (this.bodyBytes > maxBodyBytes) {
      return void this.#breakFeed(bodyTooLarge(this.bodyBytes, maxBodyBytes));
    }
    if (!feed.write(piece, 0, piece.length)) return void this.#breakFeed(HTTP_ERRORS.BODY_MEMORY);
    feed.publish();
    if (feed.isFull) this.pause();
  }

  #onFedEnd(): void {
    if (this.#isGone || this.#stream.closed) return;
    this.#feed?.end();
    this.#endFeed();
  }

  /** Its end has come, or its function's: what comes from here on is thrown away. */
  #endFeed(): void {
    this.#feed = undefined;
    this.#clock?.stop();
  }

  #cancel(exchange: Exchange): void {
    this.#session.host.intake.producer.cancel(exchange);
  }

  /** The body will not come to its end: the function is cancelled, and the error answered in its place, if the head of its answer is not out. */
  #breakFeed(kind: HttpErrorKind): void {
    const answer = this.#answer;
    this.#endFeed();
    if (this.#hasBegun || answer === undefined) return void this.#cut();
    this.#answer = undefined;
    answer.isDropped = true;
    if (answer.exchange !== undefined) this.#cancel(answer.exchange);
    this.#answerOwn(kind);
  }

  /** No more of its body is taken for now. */
  pause(): void {
    if (this.#stream.isPaused()) return;
    this.#stream.pause();
    this.#clock?.stop();
  }

  resume(): void {
    if (!this.#stream.isPaused()) return;
    this.#stream.resume();
    this.#clock?.awaitBody(this.#session.host.nowMs);
  }

  #submit(
    route: HttpRoute,
    bytes: Uint8Array,
    head: HeadRanges,
    body: BodyReader | undefined,
  ): void {
    const exchange = this.#open(route, bytes, head);
    if (exchange === undefined) return;
    if (body !== undefined && !body.moveTo(exchange)) {
      exchange.free();
      return void this.#answerOwn(HTTP_ERRORS.BODY_MEMORY);
    }
    this.#submitted(route, exchange);
  }

  /** A slot with the head; undefined when there was none, which has been answered then. */
  #open(route: HttpRoute, bytes: Uint8Array, head: HeadRanges): Exchange | undefined {
    const { host, peer, isSecure } = this.#session;
    const { intake } = host;
    const lines = this.#added?.requestLines;
    const exchange = intake.open(route, bytes, head, peer, isSecure, lines);
    if (exchange === undefined) this.#answerOwn(intake.refusal);
    return exchange;
  }

  #submitted(route: HttpRoute, exchange: Exchange): void {
    const answer = new Answer(this, route, true, 1, this.#isHead);
    this.#answer = answer;
    this.#session.slotsHeld++;
    this.#session.host.intake.submit(exchange, answer);
  }

  // The answer

  /** Without a function: an error, or (no kind) 204. What still comes of a body is thrown away. */
  #answerOwn(kind: HttpErrorKind | undefined, fields = '', label = kind?.code ?? '-'): void {
    this.#endBody();
    this.#label = label;
    this.#respondOwn(kind, fields + (this.#added?.ofError(undefined) ?? ''));
  }

  #respondOwn(kind: HttpErrorKind | undefined, fields: string): void {
    const body =
      kind === undefined ? '' : Buffer.from(errorBody(kind, kind.message, this.#added?.id), 'utf8');
    const head = ownHeaders(kind, fields, body.length, this.#session.host.date);
    const isEmpty = kind === undefined || this.#isHead;
    this.#respond(head, isEmpty);
    if (!isEmpty) this.#stream.end(body);
    this.#answered();
  }

  complete(answer: Answer): void {
    answer.isReady = true;
    if (this.#isGone || answer.isDropped) this.#free(answer);
    else this.#advance(answer);
  }

  part(answer: Answer): void {
    answer.hasPart = true;
    if (this.#isGone || answer.isDropped) this.#drained(answer);
    else this.#advance(answer);
  }

  /** Writes what there is of the answer, and may be written now. */
  #advance(answer: Answer): void {
    const exchange = answer.exchange as Exchange;
    if (!this.#hasBegun) {
      if (answer.isReady && (exchange.outcome !== OUTCOME.OK || !exchange.parts.hasBegun)) {
        this.#whole(answer, exchange);
        return;
      }
      this.#beginParts(answer, exchange);
    }
    const hasContent = !this.#isHead && !endsWithHead(exchange.status);
    if (answer.isReady && exchange.outcome !== OUTCOME.OK && hasContent) return void this.#fail();
    if (this.#isWriting) return;
    if (answer.isReady ? exchange.parts.isOut : answer.hasPart) {
      if (hasContent) return void this.#write(exchange.parts.part);
      this.#drained(answer);
    }
    if (!answer.isReady) return;
    if (hasContent) this.#write(exchange.parts.filling);
    else this.#done();
  }

  #whole(answer: Answer, exchange: Exchange): void {
    if (exchange.outcome !== OUTCOME.OK) {
      const kind = exchangeError(exchange);
      const fields = this.#added?.ofError(exchange) ?? '';
      this.#release();
      return void this.#respondOwn(kind, fields);
    }
    const { body, status } = exchange;
    const { length } = body;
    const isEmpty = length === 0 || this.#isHead || endsWithHead(status);
    const route = answer.route as HttpRoute;
    const headers = wholeHeaders(route, exchange, this.#session.host.date);
    if (this.#added !== undefined) addLines(headers, this.#added.beside(exchange, true));
    this.#respond(headers, isEmpty);
    if (isEmpty) return void this.#done();
    if (length > TEXT_BYTES_MAX) return void this.#write(body);
    const text = body.latin1(0, length);
    this.#stream.end(text, 'latin1');
    this.#done();
  }

  #beginParts(answer: Answer, exchange: Exchange): void {
    const route = answer.route as HttpRoute;
    const isEmpty = this.#isHead || endsWithHead(exchange.status);
    const headers = partsHeaders(route, exchange, this.#session.host.date);
    if (this.#added !== undefined) addLines(headers, this.#added.beside(exchange, false));
    this.#respond(headers, isEmpty);
  }

  #respond(headers: OutgoingHttpHeaders, endStream: boolean): void {
    this.#hasBegun = true;
    // The word of a reset comes later where node:http2 has ended the stream itself, as for HEAD.
    if (this.#stream.closed) return;
    this.#stream.respond(headers, { endStream });
  }

  /** A part of the answer, or its rest. */
  #write(source: Payload): void {
    this.#source = source;
    this.#sourceOffset = 0;
    this.#writePiece(source);
  }

  #writePiece(source: Payload): void {
    const answer = this.#answer as Answer;
    const from = this.#sourceOffset;
    const bytes = Math.min(PIECE_BYTES, source.length - from);
    const piece = Buffer.allocUnsafe(bytes);
    source.read(from, piece, 0, bytes);
    this.#sourceOffset = from + bytes;
    const isRest = answer.isReady && !(answer.exchange as Exchange).parts.isOut;
    if (isRest && this.#sourceOffset === source.length) {
      this.#source = undefined;
      if (bytes === 0) this.#stream.end();
      else this.#stream.end(piece);
      this.#done();
      return;
    }
    this.#isWriting = true;
    this.#stream.write(piece, this.#onWritten);
  }

  /** A piece is taken, or will never be. */
  #written(error: Error | null | undefined): void {
    this.#isWriting = false;
    if (this.#hasFailed && !this.#isGone) return void this.#fail();
    const answer = this.#answer;
    const source = this.#source;
    if (error || this.#isGone || answer === undefined || source === undefined) return;
    const isPartOut = source === (answer.exchange as Exchange).parts.part;
    this.#takenBytes += PIECE_BYTES;
    if (this.#sourceOffset < source.length) return void this.#writePiece(source);
    this.#source = undefined;
    if (isPartOut) this.#drained(answer);
    this.#advance(answer);
  }

  #drained(answer: Answer): void {
    answer.hasPart = false;
    this.#session.host.intake.producer.drained(answer.exchange as Exchange);
  }

  /**
   * The function failed with the head out: without the end of the stream, the client does not take what it has for the whole. The piece that is on its way comes
   * first; its reader has the time for it that it has for any.
   */
  #fail(): void {
    this.#release();
    this.#source = undefined;
    this.#hasFailed = true;
    if (this.#isWriting) return;
    this.#cut();
    this.#answered();
  }

  /** A reset. Not by `close`, which ends the stream first, as if that were all. */
  #cut(): void {
    this.#stream.destroy(CUT);
  }

  /** All of it is written, or copied to be. */
  #done(): void {
    this.#release();
    this.#answered();
  }

  #answered(): void {
    const id = this.#added === undefined || this.#added.id === '' ? '' : ` ${this.#added.id}`;
    this.#session.onAnswered(this.#label + id);
    // Of a request that has not ended, no more is wanted (RFC 9113 section 8.1): a reset without an error, behind the answer.
    // Where nothing of a body was asked for, node:http2 does it.
    const { readableEnded, readableFlowing } = this.#stream;
    if (readableEnded || readableFlowing === null) return;
    this.#stream.close();
    // One that is paused would never come to its end.
    this.#stream.resume();
  }

  // The end

  /** Called by the session's sweep. */
  sweep(nowMs: number): void {
    if (this.#clock?.isExpired(nowMs) === true) {
      if (this.#feed !== undefined) return void this.#breakFeed(HTTP_ERRORS.BODY_TIMEOUT);
      if (this.#body !== undefined) return void this.#answerOwn(HTTP_ERRORS.BODY_TIMEOUT);
    }
    if (this.#body !== undefined) return;
    if (this.#isUntaken()) {
      this.#clock ??= new ConnectionClock(this.#session.host.limits, nowMs);
      if (this.#clock.isTakerLate(this.#takenBytes, nowMs)) this.#cut();
    }
  }

  /** Something is written that the client has not taken. */
  #isUntaken(): boolean {
    return this.#isWriting || (this.#stream.writableEnded && !this.#stream.writableFinished);
  }

  /** It is closed before its answer is out. */
  #onGone(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#feed = undefined;
    this.#endBody();
    const answer = this.#answer;
    if (answer === undefined) return;
    if (answer.isReady) this.#release();
    else {
      const { exchange, hasPart } = answer;
      if (exchange !== undefined) this.#cancel(exchange);
      if (hasPart) this.#drained(answer);
    }
  }

  #onClose(): void {
    this.#onGone();
    this.#session.onStreamClose(this);
  }

  #release(): void {
    if (this.#answer !== undefined) this.#free(this.#answer);
  }

  #free(answer: Answer): void {
    if (answer === this.#answer) this.#answer = undefined;
    answer.exchange?.free();
    answer.exchange = undefined;
    this.#session.slotsHeld--;
  }
}
