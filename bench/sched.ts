/**
 * Experiments with the scheduler, open loop and seeded: `npm run bench -- sched [experiment…] [--quick]`. Each file of sched/ says at its head what it
 * shows; docs/SCHEDULING.md has an overview. Beside sched.json, each experiment leaves `sched-<name>.json`, with the data of its plots, and the plots as SVG.
 */
import { type Figure, header } from './figures.ts';
import type { Results } from './results.ts';
import { admission } from './sched/admission.ts';
import { bimodal } from './sched/bimodal.ts';
import { deadlines } from './sched/deadlines.ts';
import { EXPERIMENT_NAMES, type Experiment, type ExperimentName } from './sched/experiment.ts';
import { invoke } from './sched/invoke.ts';
import { preempt } from './sched/preempt.ts';
import { tenants } from './sched/tenants.ts';

const EXPERIMENTS: Readonly<Record<ExperimentName, Experiment>> = {
  bimodal,
  deadlines,
  tenants,
  admission,
  preempt,
  invoke,
};

export async function sched(
  wanted: readonly string[],
  isQuick: boolean,
  results: Results,
): Promise<Figure[]> {
  header(3);
  const figures: Figure[] = [];
  for (const name of EXPERIMENT_NAMES) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    process.stderr.write(`${name} `);
    const { figures: own, plots, details } = await EXPERIMENTS[name]({ isQuick });
    process.stderr.write('\n');
    results.save(`sched-${name}`, isQuick ? ['--quick'] : [], own, details);
    for (const [plot, svg] of Object.entries(plots)) results.write(`sched-${plot}.svg`, svg);
    figures.push(...own);
  }
  return figures;
}
