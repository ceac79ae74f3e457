/** What one uses without shared memory: numbers by postMessage to a thread. Round trips one by one, then as many messages as it takes. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expectSame, serveRounds } from './rounds.ts';

const TRIPS = 500;
const MESSAGES = 20_000;
const worker = new Worker(new URL('./postmessage-thread.ts', import.meta.url), {
  workerData: { messages: MESSAGES },
});
await once(worker, 'online');

serveRounds(async () => ({
  postmessage_roundtrip_us: (await roundTrips()) * 1e3,
  postmessage_ops_per_s: await burst(),
}));

/** Milliseconds a trip. The thread sends a negative number straight back. */
async function roundTrips(): Promise<number> {
  const start = performance.now();
  await new Promise<void>((resolve, reject) => {
    let trip = 0;
    const next = (): void => void worker.postMessage(--trip);
    worker.on('message', (value) => {
      if (value !== trip) reject(new Error(`${value} came back, not ${trip}`));
      if (trip > -TRIPS) return next();
      worker.removeAllListeners('message');
      resolve();
    });
    next();
  });
  return (performance.now() - start) / TRIPS;
}

/** Messages a second, one way; the thread answers the last one with the sum of all. */
async function burst(): Promise<number> {
  const start = performance.now();
  const answer = once(worker, 'message');
  for (let i = 0; i < MESSAGES; i++) worker.postMessage(i);
  const [sum] = (await answer) as [number];
  const seconds = (performance.now() - start) / 1e3;
  expectSame('sum of the messages', sum, (MESSAGES * (MESSAGES - 1)) / 2);
  return MESSAGES / seconds;
}
