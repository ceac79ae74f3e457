/** An answer that a connection owes: its requests are answered in their order, whichever function is done first. */
import type { Exchange } from '../sandbox/index.ts';
import type { AnswerStream } from './answer-stream.ts';
import type { HttpRoute } from './api.ts';
import type { Connection } from './connection.ts';

export class Answer {
  readonly connection: Connection;
  readonly route: HttpRoute | undefined;
  readonly minorVersion: number;
  readonly isHead: boolean;
  keepsAlive: boolean;
  exchange: Exchange | undefined = undefined;
  /** Complete head and body where no function answers. */
  text: string | undefined = undefined;
  isReady = false;
  /** The connection was told of a part, and has not given it back. */
  hasPart = false;
  /** Its head has gone out, and parts of its body. */
  stream: AnswerStream | undefined = undefined;
  /** The connection ends before its turn. */
  isDropped = false;
  label = '';

  constructor(
    connection: Connection,
    route: HttpRoute | undefined,
    keepsAlive: boolean,
    minorVersion: number,
    isHead: boolean,
  ) {
    this.connection = connection;
    this.route = route;
    this.keepsAlive = keepsAlive;
    this.minorVersion = minorVersion;
    this.isHead = isHead;
  }
}
