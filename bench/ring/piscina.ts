/** What one uses for work on other threads: Piscina with one thread and a task that returns its number. One task at a time, then many. */
import { expectSame, serveRounds } from './rounds.ts';

/** Of Piscina 5, what is used here. */
interface Pool {
  run(task: number): Promise<number>;
}
interface PoolOptions {
  readonly filename: string;
  readonly minThreads: number;
  readonly maxThreads: number;
}
interface PiscinaModule {
  readonly Piscina: new (options: PoolOptions) => Pool;
}

const TRIPS = 300;
const TASKS = 5000;
const NAME: string = 'piscina';
const { Piscina } = (await import(NAME)) as PiscinaModule;
const pool = new Piscina({
  filename: new URL('./piscina-task.ts', import.meta.url).href,
  minThreads: 1,
  maxThreads: 1,
});
await pool.run(0);

serveRounds(async () => {
  let start = performance.now();
  for (let i = 0; i < TRIPS; i++) expectSame('answer of the task', await pool.run(i), i);
  const roundTripUs = ((performance.now() - start) * 1e3) / TRIPS;
  start = performance.now();
  const answers = await Promise.all(Array.from({ length: TASKS }, (_, i) => pool.run(i)));
  const seconds = (performance.now() - start) / 1e3;
  const sum = answers.reduce((a, b) => a + b, 0);
  expectSame('sum of the answers', sum, (TASKS * (TASKS - 1)) / 2);
  return { piscina_roundtrip_us: roundTripUs, piscina_ops_per_s: TASKS / seconds };
});
