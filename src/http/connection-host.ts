/** What connections need of the thread that they belong to. */
import type { Arena } from '../ring/index.ts';
import type { HttpLimits } from './api.ts';
import type { BodyBlocks } from './body-blocks.ts';
import type { Connection } from './connection.ts';
import type { Intake } from './intake.ts';
import type { DateLine } from './response-head.ts';

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
  readonly onClose: (connection: Connection) => void;
  readonly log: ((line: string) => void) | undefined;
}
