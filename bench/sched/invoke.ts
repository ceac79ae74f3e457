/**
 * What a call in the process costs: the guest makes one step, in a sandbox that is like new, on a worker; beside Piscina, a thread that makes the step in JavaScript. One
 * process each, rounds in turn, all answers verified.
 *
 *   invoke_roundtrip_us_p50[_nospin]   one call at a time; _nospin: `spinUs: 0`, both threads sleep in between
 *   invoke_ops_per_s                   256 under way
 *   piscina_ops_per_s                  the same with Piscina as it is by default; _batched: up to 256 tasks at once in its thread
 *   invoke_ops_to_piscina              the quotient, in the same round
 */
import type { Aim, Figure } from '../figures.ts';
import { forked } from '../ring/candidate.ts';
import { race, type Samples } from '../ring/race.ts';
import type { Experiment } from './experiment.ts';
import { barChart } from './plot.ts';

const FULL = { rounds: 15, warmUpRounds: 2, secondsMax: 25 };
const QUICK = { rounds: 3, warmUpRounds: 1, secondsMax: 4 };

const AIMS: Readonly<Record<string, Aim>> = {
  invoke_roundtrip_us_p50: { most: 25 },
  invoke_ops_to_piscina: { least: 50 },
};

export const invoke: Experiment = async ({ isQuick }) => {
  const samples = await race(
    [
      () => forked('../sched/invoke-child', ''),
      () => forked('../sched/invoke-child', '_nospin', '0'),
      () => forked('../sched/piscina-child', '', '1'),
      () => forked('../sched/piscina-child', '_batched', '256'),
    ],
    isQuick ? QUICK : FULL,
  );
  const figures = figuresOf(samples);
  const value = (name: string): number =>
    figures.find((one) => one.name === name)?.value ?? Number.NaN;
  return {
    figures,
    plots: {
      invoke: barChart({
        title: 'Calls a second, 256 under way, one worker thread',
        y: { label: 'calls a second', isLog: true },
        bars: ['calls a second'],
        groups: [
          { name: 'Luge', values: [value('invoke_ops_per_s')] },
          { name: 'Luge, spinUs 0', values: [value('invoke_nospin_ops_per_s')] },
          { name: 'Piscina', values: [value('piscina_ops_per_s')] },
          { name: 'Piscina, batched', values: [value('piscina_batched_ops_per_s')] },
        ],
      }),
    },
    details: undefined,
  };
};

function figuresOf(samples: Samples): Figure[] {
  const measured = samples.figures().map((one) => ({ ...one, name: named(one.name) }));
  return [
    ...measured,
    ...samples.ratio('invoke_ops_to_piscina', 'invoke_ops_per_s', 'piscina_ops_per_s'),
    ...samples.ratio(
      'invoke_ops_to_piscina_batched',
      'invoke_ops_per_s',
      'piscina_batched_ops_per_s',
    ),
  ].map((one) => {
    const aim = AIMS[one.name];
    return aim === undefined ? one : { ...one, aim };
  });
}

/** The race takes the unit from the end of a name: `…_p50_nospin_us` to `…_us_p50_nospin`. */
function named(name: string): string {
  return name.replace(/_(p\d+)(\w*)_us$/, '_us_$1$2');
}
