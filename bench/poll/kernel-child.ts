/**
 * One kernel, in a process of its own: `node kernel-child.ts <workload>` prints a KernelRun. In each round all variants run, one after the
 * other, the first one another each time, so that what slows the machine slows them all.
 */
import { originalOf, type Run, rewrittenOf, VARIANTS, type Variant } from './subject.ts';
import { type Workload, workloadOf } from './workload.ts';

/** Runs before the first that counts: V8 has compiled all of it with TurboFan by then, as it does in a server. */
const WARM_UPS = 6;
const ROUNDS = 15;

/** Milliseconds of each round. */
export type KernelRun = Readonly<Record<Variant, number[]>>;

export function measure({ name, bytes, exportName, args, expected }: Workload): KernelRun {
  const runs = VARIANTS.map((variant): Run => {
    return variant === 'original'
      ? originalOf(bytes, exportName)
      : rewrittenOf(bytes, exportName, variant).run;
  });
  const samples: KernelRun = { original: [], none: [], exit: [], call: [] };
  let wanted: unknown = expected;
  for (let round = -WARM_UPS; round < ROUNDS; round += 1) {
    for (let step = 0; step < runs.length; step += 1) {
      const at = (step + round + WARM_UPS) % runs.length;
      const variant = VARIANTS[at] as Variant;
      const start = performance.now();
      const result = (runs[at] as Run)(...args);
      const ms = performance.now() - start;
      // Before the first comparison there is nothing to compare with but the module's own first answer.
      wanted ??= result;
      if (!Object.is(result, wanted)) {
        throw new Error(`${name} ${variant}: ${String(result)}, not ${String(wanted)}`);
      }
      if (round >= 0) samples[variant].push(ms);
    }
  }
  return samples;
}

if (import.meta.main) {
  const run = measure(await workloadOf(process.argv[2] as string));
  process.stdout.write(JSON.stringify(run));
}
