/**
 * One worker that makes one step for each call (steps.wat): `node invoke-child.ts <figure's ending> [spinUs]`. A round of calls one at a time, then
 * one with 256 under way.
 */
import { createRuntime } from '../../src/core/index.ts';
import { quantile } from '../figures.ts';
import { serveRounds } from '../ring/rounds.ts';
import { bodyOf, stepsModule, verify } from './steps.ts';

const UNDER_WAY = 256;
const CALLS = 20_000;
const TRIPS = 1000;

const [ending = '', spinUs] = process.argv.slice(2);
const runtime = await createRuntime({
  workers: 1,
  ...(spinUs !== undefined && { spinUs: Number(spinUs) }),
});
const fn = await runtime.load('steps', { wasm: await stepsModule(), prewarm: 64 });

async function call(seed: number): Promise<void> {
  const { body } = await fn.invoke({ body: bodyOf(seed, 1) });
  verify(body, seed, 1);
}

async function lane(from: number): Promise<void> {
  for (let seed = from; seed < CALLS; seed += UNDER_WAY) await call(seed);
}

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
    [`invoke_roundtrip_p50${ending}_us`]: quantile(tripsUs, 0.5),
    [`invoke_roundtrip_p99${ending}_us`]: quantile(tripsUs, 0.99),
    [`invoke${ending}_ops_per_s`]: CALLS / seconds,
  };
});
