/** Figures of a bench and how they are shown: a table for people, one JSON array for programs. */
import { type Machine, machine } from './machine.ts';

/** What a figure shall be: at most so much, or at least. */
export type Aim = { readonly most: number } | { readonly least: number };

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** First and third quartile. */
  readonly spread?: readonly [number, number];
  readonly aim?: Aim;
}

/** A figure as JSON has it, on stdout and in files (results.ts). */
export interface FigureRow {
  readonly name: string;
  /** The median where there are several samples. */
  readonly value: number;
  readonly unit: string;
  readonly quartiles?: readonly [number, number];
  /** '<= 2', '>= 50'. */
  readonly wanted?: string;
  /** Whether it is as wanted. */
  readonly held?: boolean;
}

export function figure(name: string, unit: string, samples: readonly number[], aim?: Aim): Figure {
  const at = (q: number): number => round(quantile(samples, q));
  const spread = [at(0.25), at(0.75)] as const;
  return { name, unit, value: at(0.5), spread, ...(aim && { aim }) };
}

/** Between two samples, in proportion. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const position = (sorted.length - 1) * q;
  const low = sorted[Math.floor(position)] as number;
  return low + ((sorted[Math.ceil(position)] as number) - low) * (position % 1);
}

export function round(value: number): number {
  return Number(value.toPrecision(4));
}

export function rowOf({ name, value, unit, spread, aim }: Figure): FigureRow {
  return {
    name,
    value,
    unit,
    ...(spread && { quartiles: spread }),
    ...(aim && { wanted: textOf(aim), held: isHeld(value, aim) }),
  };
}

function textOf(aim: Aim): string {
  return 'most' in aim ? `<= ${aim.most}` : `>= ${aim.least}`;
}

function isHeld(value: number, aim: Aim): boolean {
  return 'most' in aim ? value <= aim.most : value >= aim.least;
}

export function print(figures: readonly Figure[], asJson: boolean): void {
  const rows = figures.map(rowOf);
  if (asJson) {
    process.stdout.write(`${JSON.stringify(rows)}\n`);
    return;
  }
  for (const { name, value, unit, quartiles, wanted, held } of rows) {
    const range = quartiles === undefined ? '' : `   (quartiles ${quartiles[0]} - ${quartiles[1]})`;
    const verdict = wanted === undefined ? '' : `   wanted ${wanted}: ${held ? 'held' : 'MISSED'}`;
    const start = `${name.padEnd(44)} ${String(value).padStart(10)} ${unit}`;
    process.stdout.write(`${start}${range}${verdict}\n`);
  }
}

/** Where the figures come from; on stderr, so that stdout has the figures alone. */
export function header(threads: number): void {
  const { cores } = printMachine(machine());
  if (threads > cores) {
    process.stderr.write(
      `warning: ${threads} busy threads on ${cores} cores: figures include waiting for a core\n`,
    );
  }
}

function printMachine(from: Machine): Machine {
  const { cpu, cores, node, v8, commit, flags, load } = from;
  const options = flags.length === 0 ? '' : `, flags ${flags.join(' ')}`;
  process.stderr.write(
    `${cpu}, ${cores} cores, Node ${node}, V8 ${v8}, commit ${commit}${options}, load ${load}\n`,
  );
  return from;
}
