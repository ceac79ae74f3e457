/**
 * How soon a guest leaves that has run for its quantum (1 ms), with the native timer and with the JavaScript ticker: the figures of bench/timer.ts, whose child it
 * is, in fewer rounds. Measured from when the tick was due.
 */
import { nativeAddon } from '../../src/sandbox/index.ts';
import { type Figure, figure, quantile } from '../figures.ts';
import { child } from '../timer.ts';
import { dotted, type Experiment } from './experiment.ts';
import { lineChart, type Series } from './plot.ts';

const QUANTUM_US = 1000;
const SHARES = [0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998] as const;

export const preempt: Experiment = async ({ isQuick }) => {
  const hasAddon = nativeAddon() !== undefined;
  const names = hasAddon ? (['native', 'js'] as const) : (['js'] as const);
  if (!hasAddon) process.stderr.write('(the native addon was not built) ');
  const rounds = isQuick ? 1 : 5;
  const samples = isQuick ? 200 : 500;
  const latenciesUs = names.map((): number[][] => []);
  for (let round = 0; round < rounds; round++) {
    names.forEach((name, i) => {
      latenciesUs[i]?.push([...child(name, QUANTUM_US, samples).latenciesUs]);
    });
    dotted();
  }
  return {
    figures: names.flatMap((name, i) => figuresOf(name, latenciesUs[i] as number[][])),
    plots: {
      preempt: lineChart({
        title: 'From when a quantum was over until its guest has left',
        x: { label: 'µs', isLog: true },
        y: { label: 'share of preemptions that take longer', isLog: true },
        series: names.map((name, i): Series => {
          const all = (latenciesUs[i] as number[][]).flat();
          return { name, points: SHARES.map((q) => [quantile(all, q), 1 - q]) };
        }),
      }),
    },
    details: Object.fromEntries(
      names.map((name, i) => [name, (latenciesUs[i] as number[][]).flat().map(Math.round)]),
    ),
  };
};

function figuresOf(name: 'native' | 'js', rounds: readonly (readonly number[])[]): Figure[] {
  const at = (q: number): number[] => rounds.map((round) => quantile(round, q));
  const aim = name === 'native' ? { most: 150 } : undefined;
  return [
    figure(`preempt_latency_us_p50_${name}`, 'us', at(0.5)),
    figure(`preempt_latency_us_p99_${name}`, 'us', at(0.99), aim),
    figure(`preempt_latency_us_max_${name}`, 'us', at(1)),
  ];
}
