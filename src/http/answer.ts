/** An answer that a client is owed. Those of one HTTP/1 connection go out in the order of their requests, whichever function is done first. */
import type { Exchange } from '../sandbox/index.ts';
import type { AnswerStream } from './answer-stream.ts';
import type { HttpRoute } from './api.ts';
import type { HttpErrorKind } from './http-error.ts';
import type { AnswerFields } from './route-fields.ts';

/** Who writes it: the queue of an HTTP/1 connection, or whatever else a protocol has for that. */
export interface AnswerOwner {
  /** The function has answered: the exchange is the owner's, which frees it. */
  complete(answer: Answer): void;
  /** The function has written a part of its answer, and goes on; `Producer.drained` gives the part back. */
  part(answer: Answer): void;
}

export class Answer {
  readonly owner: AnswerOwner;
  readonly route: HttpRoute | undefined;
  readonly minorVersion: number;
  readonly isHead: boolean;
  keepsAlive: boolean;
  exchange: Exchange | undefined = undefined;
  /** Where no function answers: the error, or none for 204. Its text is made when it goes out, as only then it is known whether the connection ends. */
  error: HttpErrorKind | undefined = undefined;
  /** Field lines of such an answer alone. */
  fields = '';
  /** What its route adds to it; most add nothing. */
  added: AnswerFields | undefined = undefined;
  isReady = false;
  /** The owner was told of a part, and has not given it back. */
  hasPart = false;
  /** Its head has gone out, and parts of its body. */
  stream: AnswerStream | undefined = undefined;
  /** The connection ends before its turn, or in the middle of it. */
  isDropped = false;
  label = '';

  constructor(
    owner: AnswerOwner,
    route: HttpRoute | undefined,
    keepsAlive: boolean,
    minorVersion: number,
    isHead: boolean,
  ) {
    this.owner = owner;
    this.route = route;
    this.keepsAlive = keepsAlive;
    this.minorVersion = minorVersion;
    this.isHead = isHead;
  }
}
