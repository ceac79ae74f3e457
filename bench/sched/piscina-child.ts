/** The same calls as invoke-child.ts makes, of Piscina: `node piscina-child.ts <figure's ending> <tasks at once in its thread>`. */
import { quantile } from '../figures.ts';
import { expectSame, serveRounds } from '../ring/rounds.ts';
import { stateAfter } from './steps.ts';

/** Of Piscina 5, what is used here. */
interface Pool {
  run(task: { readonly seed: number; readonly steps: number }): Promise<number>;
}
interface PoolOptions {
  readonly filename: string;
  readonly minThreads: number;
  readonly maxThreads: number;
  readonly concurrentTasksPerWorker: number;
}
interface PiscinaModule {
  readonly Piscina: new (options: PoolOptions) => Pool;
}

const UNDER_WAY = 256;
const CALLS = 5000;
const TRIPS = 300;
const NAME: string = 'piscina';
const [ending = '', atOnce = '1'] = process.argv.slice(2);
const { Piscina } = (await import(NAME)) as PiscinaModule;
const pool = new Piscina({
  filename: new URL('./piscina-task.ts', import.meta.url).href,
  minThreads: 1,
  maxThreads: 1,
  concurrentTasksPerWorker: Number(atOnce),
});

async function call(seed: number): Promise<void> {
  expectSame('answer of the task', await pool.run({ seed, steps: 1 }), stateAfter(seed, 1));
}

async function lane(from: number): Promise<void> {
  for (let seed = from; seed < CALLS; seed += UNDER_WAY) await call(seed);
}

await call(0);

serveRounds(async () => {
  const tripsUs: number[] = [];
  for (let i = 0; i < TRIPS; i++) {
    const start = performance.now();
    await call(i);
    tripsUs.push((performance.now() - start) * 1e3);
  }
  const start = performance.now();
  await Promise.all(Array.from({ length: UNDER_WAY }, (_, i) => lane(i)));
  const seconds = (performance.now() - start) / 1e3;
  return {
    [`piscina_roundtrip_p50${ending}_us`]: quantile(tripsUs, 0.5),
    [`piscina${ending}_ops_per_s`]: CALLS / seconds,
  };
});
