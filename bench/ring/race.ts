/** Candidates against each other: round by round, one after the other, so that whatever slows the machine slows them all. */
import { type Aim, type Figure, figure } from '../figures.ts';
import type { Candidate } from './candidate.ts';

export interface RaceOptions {
  readonly rounds: number;
  /** Rounds before the first that counts: the JIT compiles, the threads find their cores. */
  readonly warmUpRounds: number;
  /** After so long no further round begins, once ROUNDS_MIN count; after a third of it the next one counts. */
  readonly secondsMax: number;
}

const ROUNDS_MIN = 3;

/** What the candidates measured, by the name of the figure; the i-th samples of all are from the same round. */
export class Samples {
  readonly #byName = new Map<string, number[]>();

  add(name: string, value: number): void {
    if (!Number.isFinite(value)) throw new Error(`${name}: ${value} is no sample`);
    const samples = this.#byName.get(name);
    if (samples === undefined) this.#byName.set(name, [value]);
    else samples.push(value);
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** Every figure, in the order in which the candidates named them; the unit is what the name ends in. */
  figures(): Figure[] {
    return [...this.#byName].map(([name, samples]) => figure(name, unitOf(name), samples));
  }

  /** A figure of the quotients of the rounds; none where one of the two was left out. */
  ratio(name: string, above: string, below: string, aim?: Aim): Figure[] {
    const a = this.#byName.get(above);
    const b = this.#byName.get(below);
    if (a === undefined || b === undefined) return [];
    return [
      figure(
        name,
        'x',
        a.map((x, i) => x / (b[i] as number)),
        aim,
      ),
    ];
  }
}

/** Starts the candidates, runs the rounds and ends all of them, whatever happens. */
export async function race(
  starts: readonly (() => Promise<Candidate>)[],
  { rounds, warmUpRounds, secondsMax }: RaceOptions,
): Promise<Samples> {
  const candidates: Candidate[] = [];
  const samples = new Samples();
  try {
    for (const start of starts) candidates.push(await start());
    const start = performance.now();
    let kept = 0;
    for (let round = 0; kept < rounds; round++) {
      const seconds = (performance.now() - start) / 1e3;
      if (seconds > secondsMax && kept >= ROUNDS_MIN) {
        process.stderr.write(`time is up: ${kept} rounds instead of ${rounds}\n`);
        break;
      }
      const isKept = round >= warmUpRounds || (round > 0 && seconds > secondsMax / 3);
      for (const candidate of candidates) {
        const sample = await candidate.round();
        if (!isKept) continue;
        for (const [name, value] of Object.entries(sample)) samples.add(name, value);
      }
      if (isKept) kept++;
    }
    return samples;
  } finally {
    for (const candidate of candidates) candidate.end();
  }
}

/** The longer endings first. */
const UNITS = [
  ['_mb_per_s', 'MB/s'],
  ['_per_s', '1/s'],
  ['_rps', '1/s'],
  ['_us_p50', 'us'],
  ['_us_p99', 'us'],
  ['_us_p999', 'us'],
] as const;

function unitOf(name: string): string {
  const known = UNITS.find(([ending]) => name.endsWith(ending));
  return known === undefined ? name.slice(name.lastIndexOf('_') + 1) : known[1];
}
