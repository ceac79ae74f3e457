/**
 * Guests suspended at once, each its own instance and 1-page memory, in a process of its own; resident kilobytes each. Where the address space
 * does not allow as many, there are as many as it does, and the count says so.
 */
import { execFileSync } from 'node:child_process';
import { type Figure, figure } from '../figures.ts';

const ROUNDS = 3;
export const SLEEPERS = 10_000;

export interface SleepersReport {
  readonly count: number;
  readonly residentKb: number;
  /** Why there were no more. */
  readonly stoppedBy: string;
}

export function sleepers(): Figure[] {
  const child = new URL('./sleepers-child.ts', import.meta.url);
  const samples: number[] = [];
  let counted = SLEEPERS;
  for (let round = 0; round < ROUNDS; round++) {
    const text = execFileSync(process.execPath, ['--expose-gc', child.pathname], {
      encoding: 'utf8',
    });
    const { count, residentKb, stoppedBy } = JSON.parse(text) as SleepersReport;
    if (stoppedBy !== '') process.stderr.write(`suspended guests: ${count}, then ${stoppedBy}\n`);
    counted = Math.min(counted, count);
    samples.push(residentKb / count);
  }
  return [
    figure('suspended_10k_rss_kb_each', 'KB', samples),
    figure('suspended_guests', 'guests', [counted]),
  ];
}
