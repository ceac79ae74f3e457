/**
 * The way of requests, whichever protocol they came by, into slots and to the workers, and of what comes back to whoever owes the answer.
 * One for a listener thread.
 *
 *   open (slot, head) --> body appended to `exchange.request` --> submit --> … --> owner.part … owner.complete --> exchange.free
 *                     |                                         +-- producer.feed, before it: the rest of the body comes in behind
 *                     +-> no room for it: exchange.free, and BODY_MEMORY is answered
 */
import { decodeSpec, Producer, type ProducerSeat, type SubmittedFunction } from '../core/index.ts';
import type { Arena } from '../ring/index.ts';
import { type Exchange, monotonicNs } from '../sandbox/index.ts';
import type { Answer } from './answer.ts';
import type { HttpRoute } from './api.ts';
import { HTTP_ERRORS, type HttpErrorKind } from './http-error.ts';
import { NO_TIMEOUT, TimeoutHeader } from './timeout-header.ts';

/**
 * Where the parts of a head lie in the bytes that hold it; a RequestParser is one. The target is the path and the query with its `?` behind
 * it, the headers are `Name: value CRLF` lines.
 */
export interface HeadRanges {
  readonly methodStart: number;
  readonly methodEnd: number;
  /** An empty path means `/`. */
  readonly pathStart: number;
  readonly pathEnd: number;
  readonly targetEnd: number;
  readonly headersStart: number;
  readonly headersEnd: number;
}

const ROOT_PATH = Buffer.from('/');

export class Intake {
  readonly producer: Producer;
  readonly #timeout: TimeoutHeader | undefined;
  /** Whose answer a slot is. */
  readonly #answers: (Answer | undefined)[];
  /** By the number of a function: what may wait for its guest of a body that comes in while it runs; none where bodies have to be whole. */
  readonly #highWaters: number[] = [];
  /** Why `open` had no slot to give. */
  refusal: HttpErrorKind = HTTP_ERRORS.QUEUE_FULL;

  /** `seat` is the thread's as a producer; `timeoutHeader` is the name of that field, '' where none shortens a deadline. */
  constructor(arena: Arena, { index, admission, spinNs }: ProducerSeat, timeoutHeader: string) {
    this.#timeout = timeoutHeader === '' ? undefined : new TimeoutHeader(timeoutHeader);
    const answers = new Array<Answer | undefined>(arena.constraints.slots).fill(undefined);
    this.#answers = answers;
    this.producer = new Producer(
      { arena, index, admission, spinNs },
      (exchange) => {
        const answer = answers[exchange.slot] as Answer;
        answers[exchange.slot] = undefined;
        answer.owner.complete(answer);
      },
      (exchange) => {
        const answer = answers[exchange.slot] as Answer;
        answer.owner.part(answer);
      },
    );
  }

  /** A function that routes lead to. */
  add({ spec, ...cells }: SubmittedFunction): void {
    const decoded = decodeSpec(spec);
    this.producer.add(decoded, cells);
    if (decoded.requestBody === 'stream') {
      this.#highWaters[decoded.id] = decoded.requestHighWaterBytes;
    }
  }

  /** Undefined: a request of the function is submitted when its body is complete; otherwise it may be before that, with a feed (`Producer.feed`). */
  highWaterBytes(fn: number): number | undefined {
    return this.#highWaters[fn];
  }

  /**
   * A slot with the request's head, which came over TLS or not, with `lines` in the place of its field lines if they are given; undefined where there is none to be
   * had: `refusal` is the answer then.
   */
  open(
    route: HttpRoute,
    bytes: Uint8Array,
    head: HeadRanges,
    peer: Uint8Array,
    isSecure: boolean,
    lines?: Uint8Array,
  ): Exchange | undefined {
    const arrivalNs = monotonicNs();
    const timeoutNs = this.#timeout?.read(bytes, head.headersStart, head.headersEnd) ?? NO_TIMEOUT;
    if (Number.isNaN(timeoutNs)) {
      this.refusal = HTTP_ERRORS.INVALID_TIMEOUT;
      return undefined;
    }
    const deadlineNs = arrivalNs + Math.min(route.deadlineNs, timeoutNs);
    const exchange = this.producer.acquire(route.fn, arrivalNs, deadlineNs);
    if (exchange === undefined) {
      this.refusal = HTTP_ERRORS.QUEUE_FULL;
      return undefined;
    }
    if (writeHead(exchange, bytes, head, peer, lines)) {
      exchange.isSecure = isSecure;
      return exchange;
    }
    exchange.free();
    this.refusal = HTTP_ERRORS.BODY_MEMORY;
    return undefined;
  }

  /** The request is complete, or has a feed, and `answer` is to have what comes back. */
  submit(exchange: Exchange, answer: Answer): void {
    answer.exchange = exchange;
    exchange.parts.taken = true;
    this.#answers[exchange.slot] = answer;
    this.producer.submit(exchange);
  }
}

/** False when there is no chunk left for it. */
function writeHead(
  exchange: Exchange,
  bytes: Uint8Array,
  head: HeadRanges,
  peer: Uint8Array,
  lines: Uint8Array | undefined,
): boolean {
  const { request } = exchange;
  const { methodStart, methodEnd, pathStart, pathEnd, targetEnd, headersStart, headersEnd } = head;
  const isEmptyPath = pathStart === pathEnd;
  const pathBytes = isEmptyPath ? 1 : pathEnd - pathStart;
  exchange.setHead(
    methodEnd - methodStart,
    pathBytes + (targetEnd - pathEnd),
    pathBytes,
    lines === undefined ? headersEnd - headersStart : lines.length,
    peer.length,
  );
  let ok = request.append(bytes, methodStart, methodEnd);
  if (isEmptyPath) ok &&= request.append(ROOT_PATH, 0, 1);
  ok &&= request.append(bytes, pathStart, targetEnd);
  ok &&=
    lines === undefined
      ? request.append(bytes, headersStart, headersEnd)
      : request.append(lines, 0, lines.length);
  return ok && request.append(peer, 0, peer.length);
}
