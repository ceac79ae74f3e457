/** The first place in which two records or two states differ. */
import type { State } from './subject.ts';

/** The rewriter changed what the module means. */
export class Disagreement extends Error {}

export interface Record {
  readonly lines: readonly string[];
  /** None if there was no instance to look at. */
  readonly state: State | undefined;
}

export function sameRecord(phase: string, expected: Record, found: Record): void {
  sameLines(phase, expected.lines, found.lines);
  if (expected.state !== undefined && found.state !== undefined) {
    sameState(`${phase}, at the end`, expected.state, found.state);
  }
}

function sameLines(phase: string, expected: readonly string[], found: readonly string[]): void {
  for (let at = 0; at < Math.max(expected.length, found.length); at += 1) {
    if (expected[at] === found[at]) continue;
    const context = expected.slice(Math.max(0, at - 3), at).join('\n');
    const difference = `expected: ${expected[at] ?? 'nothing'}\n   found: ${found[at] ?? 'nothing'}`;
    throw new Disagreement(`${phase}, line ${at}:\n${context}\n${difference}`);
  }
}

/** A memory that may be larger has to be zero where it is. */
export function sameState(
  phase: string,
  expected: State,
  found: State,
  mayBeLarger: boolean = false,
): void {
  sameLines(phase, expected.lines, found.lines);
  for (const [index, { pages, bytes }] of expected.memories.entries()) {
    const other = found.memories[index]!;
    if (pages !== other.pages && !(mayBeLarger && pages < other.pages)) {
      throw new Disagreement(`${phase}: memory ${index} has ${other.pages} pages, not ${pages}`);
    }
    const whole = pages === other.pages ? bytes : Buffer.concat([bytes], other.bytes.length);
    if (whole.equals(other.bytes)) continue;
    const at = whole.findIndex((byte, offset) => byte !== other.bytes[offset]);
    const was = `${whole[at]} expected, ${other.bytes[at]} found`;
    throw new Disagreement(`${phase}: memory ${index} differs at ${at}: ${was}`);
  }
}

export function hasGrown(before: State, after: State): boolean {
  return memorySizes(before) !== memorySizes(after) || tableSizes(before) !== tableSizes(after);
}

export function memorySizes(state: State): string {
  return state.memories.map(({ pages }) => pages).join();
}

function tableSizes(state: State): string {
  return state.lines.map((line) => /^table \d+ of \d+/.exec(line)?.[0] ?? '').join();
}
