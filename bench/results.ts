/** What a run of a bench leaves behind: `<bench>.json` in a folder, with the machine, and the plots of those that have some. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Figure, type FigureRow, rowOf } from './figures.ts';
import type { Machine } from './machine.ts';

export interface Result {
  readonly bench: string;
  /** Kernels, modules or experiments that were asked for; none: all. */
  readonly subjects: readonly string[];
  readonly machine: Machine;
  readonly seconds: number;
  readonly figures: readonly FigureRow[];
  /** What a bench knows beyond its figures. */
  readonly details?: unknown;
}

export const RESULTS_FOLDER: string = fileURLToPath(new URL('./results/', import.meta.url));

export class Results {
  readonly folder: string;
  readonly #machine: Machine;
  readonly #startMs: number = performance.now();

  /** `machine` is as it was before the bench made it busy. */
  constructor(folder: string, machine: Machine) {
    this.folder = folder;
    this.#machine = machine;
  }

  save(
    bench: string,
    subjects: readonly string[],
    figures: readonly Figure[],
    details?: unknown,
  ): string {
    const seconds = Math.round((performance.now() - this.#startMs) / 100) / 10;
    const machine = this.#machine;
    const rows = figures.map(rowOf);
    const result: Result = { bench, subjects, machine, seconds, figures: rows, details };
    return this.write(`${bench}.json`, `${JSON.stringify(result, undefined, 2)}\n`);
  }

  /** The path of the file, whose folder is made if need be. */
  write(name: string, text: string): string {
    mkdirSync(this.folder, { recursive: true });
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }
}
