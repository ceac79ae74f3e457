/** A client that resets its connection, in every state of its request. */
import { expect, it } from 'vitest';
import { ECHO, SLEEP, SPIN } from '../core/guests.ts';
import { eventually, get, inSystem, post, serve, settled } from './server.ts';

it.each([
  ['in_the_queue', ['/spin'], post('/echo', 'x'.repeat(30_000)), 2],
  ['while_it_runs', [], get('/spin'), 1],
  ['while_it_sleeps', [], get('/sleep'), 1],
  ['while_it_sleeps_and_another_runs', ['/spin'], get('/sleep'), 2],
])('%s', async (name, before, request, count) => {
  await using server = await serve(
    { '/echo': { wasm: ECHO }, '/spin': { wasm: SPIN }, '/sleep': { wasm: SLEEP } },
    { scheduler: name === 'in_the_queue' ? 'fifo' : 'rr' },
  );
  const { runtime } = server;
  const others = [];
  for (const path of before) others.push((await server.open()).send(get(path)));
  await eventually('the others are taken', () => {
    const { queued, workers } = runtime.stats();
    return queued === 0 && workers[0]?.held === before.length;
  });
  const client = (await server.open()).send(request);
  await eventually('it is there', () => inSystem(runtime) === count);
  if (name !== 'in_the_queue') {
    await eventually('it is taken', () => runtime.stats().workers[0]?.held === count);
  }
  client.socket.resetAndDestroy();
  if (name === 'in_the_queue') for (const { socket } of others) socket.resetAndDestroy();
  else await eventually('its slot is back', () => inSystem(runtime) === before.length);
  for (const { socket } of others) socket.resetAndDestroy();
  await settled(runtime);
  await eventually('its sandbox is back', () =>
    runtime.stats().pools.every(({ inUse, made, ready, retired }) => {
      return inUse === 0 && made === ready + retired;
    }),
  );
  expect(runtime.stats().workers[0]?.held).toBe(0);
});
