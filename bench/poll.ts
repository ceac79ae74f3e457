/**
 * What the polls of the rewriter cost, and how soon a guest notices the flag: on kernels of our own (poll/kernels), or on modules that you
 * bring: `npm run bench -- poll 2mm fib`, `npm run bench -- poll kernel.wasm#run#64`.
 *
 *   poll_<kernel>_ratio       run time of the rewritten kernel over that of the untouched module, in the same round
 *   poll_overhead_geomean     geometric mean of these over the kernels; _max: the largest
 *   poll_none_geomean         memory imported as shared and no polls: what is left are the polls
 *   poll_call_geomean         the naive form: poll and call in each loop and at each function's entry
 *   poll_bytes_ratio          size of the rewritten module over that of the untouched one, geometric mean
 *   preempt_latency_us_…      from the raising of the flag by another thread until the guest is in the host function that its poll calls
 *   poll_way_<name>_ratio     ways to poll, in a loop of two memory accesses: poll/alternatives-child.ts
 *   rewrite_mb_per_s          as in bench/rewrite.ts
 *
 * A process for each kernel. V8 compiles as it does in a server, with Liftoff and then TurboFan; what counts comes after that.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { rewrite } from '../src/sandbox/index.ts';
import { type Figure, figure, header, quantile } from './figures.ts';
import type { KernelRun } from './poll/kernel-child.ts';
import { PAGES_MAX, type Variant } from './poll/subject.ts';
import { kernelNames, workloadOf } from './poll/workload.ts';
import { MODULE_BYTES, warm } from './rewrite.ts';
import { syntheticModule } from './synthetic-module.ts';

export async function poll(wanted: readonly string[]): Promise<Figure[]> {
  header(2);
  const workloads = await Promise.all((wanted.length > 0 ? wanted : kernelNames()).map(workloadOf));
  const names = wanted.length > 0 ? wanted : kernelNames();
  const figures: Figure[] = [];
  const byVariant = new Map<Variant, number[][]>();
  const latenciesUs: number[] = [];
  for (const [at, { name }] of workloads.entries()) {
    const run = child<KernelRun>('kernel-child', names[at] as string);
    for (const variant of ['none', 'exit', 'call'] as const) {
      const ratios = run[variant].map((ms, round) => ms / (run.original[round] as number));
      byVariant.set(variant, [...(byVariant.get(variant) ?? []), ratios]);
      if (variant === 'exit') figures.push(figure(`poll_${name}_ratio`, 'x', ratios));
    }
    latenciesUs.push(...child<number[]>('latency-child', names[at] as string));
    process.stderr.write('.');
  }
  process.stderr.write('\n');
  const medians = figures.map(({ value }) => value);
  return [
    ...figures,
    figure('poll_overhead_geomean', 'x', geomeans(byVariant.get('exit'))),
    { name: 'poll_overhead_max', unit: 'x', value: Math.max(...medians) },
    figure('poll_none_geomean', 'x', geomeans(byVariant.get('none'))),
    figure('poll_call_geomean', 'x', geomeans(byVariant.get('call'))),
    figure('poll_bytes_ratio', 'x', [geomean(workloads.map(({ bytes }) => growth(bytes)))]),
    ...latencyFigures(latenciesUs),
    ...Object.entries(child<Record<string, number[]>>('alternatives-child')).map(([way, ratios]) =>
      figure(`poll_way_${way}_ratio`, 'x', ratios),
    ),
    figure('rewrite_mb_per_s', 'MB/s', warm(syntheticModule(MODULE_BYTES))),
  ];
}

function child<T>(file: string, ...args: string[]): T {
  const path = fileURLToPath(new URL(`./poll/${file}.ts`, import.meta.url));
  return JSON.parse(execFileSync(process.execPath, [path, ...args], { encoding: 'utf8' })) as T;
}

function latencyFigures(us: readonly number[]): Figure[] {
  // Quick kernels may end before the flag is raised; none at all would be a fault of the polls.
  if (us.length < 20) throw new Error(`only ${us.length} interruptions were seen`);
  return ([0.5, 0.99, 1] as const).map((q) => ({
    name: `preempt_latency_us_${q === 1 ? 'max' : `p${q * 100}`}`,
    unit: 'us',
    value: Number(quantile(us, q).toPrecision(4)),
  }));
}

/** Of each round, over the kernels. */
function geomeans(ratios: readonly (readonly number[])[] = []): number[] {
  const rounds = ratios[0]?.length ?? 0;
  return Array.from({ length: rounds }, (_, round) =>
    geomean(ratios.map((kernel) => kernel[round] as number)),
  );
}

function geomean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

function growth(bytes: Uint8Array): number {
  const { info } = rewrite(bytes, { maxPages: PAGES_MAX, entry: 'optional' });
  return info.bytesAfter / info.bytesBefore;
}
