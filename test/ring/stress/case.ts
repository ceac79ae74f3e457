/** One case on real threads: a test that says how to repeat it when it fails. */
import { it } from 'vitest';
import { Crew } from './crew.ts';
import { Random, seedFor } from './random.ts';
import type { Stage } from './stage.ts';

/** From LUGE_SEED, or another one each time. It repeats the choices; which thread is when where is up to the machine. */
const SEED: number = numberFrom('LUGE_SEED') ?? Math.floor(Math.random() * 2 ** 31);
/** How long one case makes work. */
const TIME_MS: number = numberFrom('LUGE_STRESS_MS') ?? 700;

export class Case {
  readonly random: Random;
  readonly #seed: number;
  readonly #crews: Crew[] = [];

  constructor(name: string) {
    this.#seed = seedFor(SEED, name);
    this.random = new Random(this.#seed);
  }

  /** The threads that play `roles` on the stage; values 0 … values - 1 are counted. */
  crew(stage: Stage, roles: URL, values: number): Crew {
    const crew = new Crew({ stage, roles, values, seed: this.#seed, timeMs: TIME_MS });
    this.#crews.push(crew);
    return crew;
  }

  async close(): Promise<void> {
    await Promise.all(this.#crews.map((crew) => crew.close()));
  }
}

export function stress(name: string, body: (run: Case) => Promise<void>): void {
  it(name, async ({ task }) => {
    const run = new Case(name);
    try {
      await body(run);
    } catch (error) {
      const path = [task.suite?.name, name].filter(Boolean).join(' ');
      const command = `LUGE_SEED=${SEED} npm run test:stress -- ${task.file.name} -t '${path}'`;
      const fault = new Error(`${(error as Error).message}\nagain: ${command}`, { cause: error });
      throw fault;
    } finally {
      await run.close();
    }
  });
}

function numberFrom(name: string): number | undefined {
  const text = process.env[name];
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) {
    throw new Error(`${name} must be a whole number, not ${text}`);
  }
  return value;
}
