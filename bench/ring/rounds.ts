/** The child's side of candidate.ts: one round whenever the parent asks. An error ends the process, and so tells the parent. */
import type { Sample } from './candidate.ts';

export function serveRounds(round: () => Promise<Sample>): void {
  const send = (message: unknown): void => {
    process.send?.(message);
  };
  process.on('message', () => void round().then(send));
  process.on('disconnect', () => process.exit(0));
  send({});
}

/** Throws when a result is not what it has to be: a wrong one is not worth timing. */
export function expectSame(what: string, actual: number, expected: number): void {
  if (actual !== expected) throw new Error(`${what}: ${actual} where ${expected} was expected`);
}
