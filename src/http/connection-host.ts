/** What connections need of the thread that they belong to. */
import type { Socket } from 'node:net';
import type { Arena } from '../ring/index.ts';
import type { HttpLimits } from './api.ts';
import type { BodyBlocks } from './body-blocks.ts';
import type { Intake } from './intake.ts';
import type { DateLine } from './response-head.ts';

/** What the thread knows of a connection, whichever protocol is spoken on it. */
export interface OpenConnection {
  readonly socket: Socket;
  /** Closes what is past its time. */
  sweep(): void;
  /** The server ends: what is under way is answered, and nothing more. */
  drain(): void;
}

/** What connections of one listener thread share. */
export interface ConnectionHost {
  readonly arena: Arena;
  readonly intake: Intake;
  readonly limits: HttpLimits;
  readonly date: DateLine;
  /** What sockets are read into; see socket-reader.ts. */
  readonly scratch: Buffer;
  readonly blocks: BodyBlocks;
  /** Coarse clock, milliseconds, moved by the sweep. */
  nowMs: number;
  isDraining: boolean;
  readonly onClose: (connection: OpenConnection) => void;
  readonly log: ((line: string) => void) | undefined;
}
