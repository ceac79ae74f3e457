/** Figures of a bench and how they are printed: a table for people, one JSON array for programs. */
import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** First and third quartile. */
  readonly spread?: readonly [number, number];
}

export function figure(name: string, unit: string, samples: readonly number[]): Figure {
  const at = (q: number): number => round(quantile(samples, q));
  return { name, unit, value: at(0.5), spread: [at(0.25), at(0.75)] };
}

/** Between two samples, in proportion. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const position = (sorted.length - 1) * q;
  const low = sorted[Math.floor(position)] as number;
  return low + ((sorted[Math.ceil(position)] as number) - low) * (position % 1);
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

export function print(figures: readonly Figure[], asJson: boolean): void {
  if (asJson) {
    const rows = figures.map(({ name, value, unit }) => ({ name, value, unit }));
    process.stdout.write(`${JSON.stringify(rows)}\n`);
    return;
  }
  for (const { name, value, unit, spread } of figures) {
    const range = spread === undefined ? '' : `   (quartiles ${spread[0]} - ${spread[1]})`;
    process.stdout.write(`${name.padEnd(44)} ${String(value).padStart(10)} ${unit}${range}\n`);
  }
}

/** Where the figures come from; on stderr, so that stdout has the figures alone. */
export function header(threads: number): void {
  let commit = 'unknown';
  try {
    commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    // An unpacked tarball has no history.
  }
  const cores = availableParallelism();
  const { node, v8 } = process.versions;
  process.stderr.write(
    `${cpus()[0]?.model ?? 'CPU'}, ${cores} cores, Node ${node}, V8 ${v8}, commit ${commit}\n`,
  );
  if (threads > cores) {
    process.stderr.write(
      `warning: ${threads} busy threads on ${cores} cores: figures include waiting for a core\n`,
    );
  }
}
