/** Deadlines that clients shorten, limits wherever a request is, and refusals by admission, over sockets. */
import { expect, it } from 'vitest';
import { ECHO, SLEEP, SPIN } from '../core/guests.ts';
import { errorOf, eventually, get, inSystem, post, serve, settled } from './server.ts';

const SLOW = { deadlineMs: 60_000, cpuLimitMs: 50_000 };

it('a_client_shortens_the_deadline_of_its_request', async () => {
  await using bed = await serve({
    '/spin': { wasm: SPIN, ...SLOW },
    '/sleep': { wasm: SLEEP, ...SLOW },
    '/brief': { wasm: SLEEP, deadlineMs: 30 },
    '/echo': { wasm: ECHO },
  });
  const client = await bed.open();
  for (const path of ['/spin', '/sleep']) {
    const late = await client.send(get(path, 'X-Timeout-Ms: 20\r\n')).reply();
    expect([late.status, errorOf(late).code], path).toEqual([504, 'ERR_DEADLINE']);
  }
  const grpc = await client.send(get('/sleep', 'x-timeout-ms: 15000u\r\n')).reply();
  expect(errorOf(grpc).code).toBe('ERR_DEADLINE');
  const body = await client.send(post('/echo', 'abc', 'X-Timeout-Ms: 20000\r\n')).reply();
  expect(body.text).toBe('abc');
  // It can only shorten.
  const longer = await client.send(get('/brief', 'X-Timeout-Ms: 50000\r\n')).reply();
  expect(errorOf(longer).code).toBe('ERR_DEADLINE');
  await settled(bed.runtime);
});

it('a_timeout_that_is_none_is_a_400_and_costs_no_slot_and_no_connection', async () => {
  await using bed = await serve({ '/echo': { wasm: ECHO } });
  const client = await bed.open();
  for (const fields of [
    'X-Timeout-Ms: soon\r\n',
    'X-Timeout-Ms: 0\r\n',
    'X-Timeout-Ms: 5\r\n'.repeat(2),
  ]) {
    const bad = await client.send(post('/echo', 'abc', fields)).reply();
    expect([bad.status, errorOf(bad).code], fields).toEqual([400, 'ERR_HTTP_INVALID_TIMEOUT']);
    expect(inSystem(bed.runtime)).toBe(0);
  }
  expect((await client.send(post('/echo', 'still there')).reply()).text).toBe('still there');
});

it('the_field_has_the_name_that_is_configured_or_none', async () => {
  await using named = await serve(
    { '/sleep': { wasm: SLEEP, ...SLOW } },
    { limits: { timeoutHeader: 'grpc-timeout' } },
  );
  const late = await (await named.open()).send(get('/sleep', 'grpc-timeout: 20m\r\n')).reply();
  expect(errorOf(late).code).toBe('ERR_DEADLINE');
  await using none = await serve({ '/echo': { wasm: ECHO } }, { limits: { timeoutHeader: '' } });
  const client = await none.open();
  const ignored = await client.send(post('/echo', 'abc', 'X-Timeout-Ms: soon\r\n')).reply();
  expect(ignored.text).toBe('abc');
});

it('what_is_past_its_time_in_the_queue_is_answered_while_the_worker_is_busy', async () => {
  await using bed = await serve(
    {
      '/spin': { wasm: SPIN, ...SLOW },
      '/echo': { wasm: ECHO },
      '/patient': { wasm: ECHO, queueTimeoutMs: 5 },
    },
    { scheduler: 'fifo' },
  );
  const busy = (await bed.open()).send(get('/spin'));
  await eventually('it runs', () => bed.runtime.stats().workers[0]?.held === 1);
  const client = await bed.open();
  // Two on one connection: the second answer goes out behind the first.
  client.send(get('/echo', 'X-Timeout-Ms: 30\r\n') + get('/patient'));
  const [first, second] = [await client.reply(), await client.reply()];
  expect([first.status, errorOf(first).code]).toEqual([504, 'ERR_DEADLINE']);
  expect(errorOf(first).message).toMatch(/in the queue/);
  expect([second.status, errorOf(second).code]).toEqual([503, 'ERR_QUEUE_TIMEOUT']);
  const gone = (await bed.open()).send(post('/echo', 'x'.repeat(60_000)));
  const { chunks } = bed.runtime.stats();
  await eventually('it is there', () => bed.runtime.stats().chunksFree < chunks);
  gone.socket.resetAndDestroy();
  await eventually('its memory is back', () => bed.runtime.stats().chunksFree === chunks);
  expect(bed.runtime.stats().workers[0]?.held, 'and it still runs').toBe(1);
  busy.socket.resetAndDestroy();
  await settled(bed.runtime);
  const { pools } = bed.runtime.stats();
  expect(
    pools.filter(({ fn }) => fn !== '/spin'),
    'no sandbox was made for them',
  ).toEqual([]);
});

it('what_is_not_admitted_gets_429_and_when_to_come_again', async () => {
  await using bed = await serve(
    {
      '/sleep': { wasm: SLEEP, deadlineMs: 20_000, expectedMs: 10_000 },
      '/echo': { wasm: ECHO, expectedMs: 1 },
    },
    { admission: true },
  );
  const first = (await bed.open()).send(get('/sleep'));
  await eventually('it is admitted', () => bed.runtime.stats().admission?.requests === 1);
  const client = await bed.open();
  // Three at once, answered in their order; the one in the middle fits.
  client.send(get('/sleep') + post('/echo', 'small') + get('/sleep'));
  const refused = await client.reply();
  expect([refused.status, errorOf(refused).code]).toEqual([429, 'ERR_ADMISSION']);
  // 0.2 of 0.5 workers are in the way, two fifths of 10 s, at 0.8 of a worker.
  expect(refused.headers.get('retry-after')).toBe('5');
  expect((await client.reply()).text).toBe('small');
  expect((await client.reply()).status).toBe(429);
  expect(bed.runtime.stats().admission).toMatchObject({ admitted: 0.5, requests: 1, refusals: 2 });
  first.socket.resetAndDestroy();
  await settled(bed.runtime);
  await eventually('all is given back', () => bed.runtime.stats().admission?.admitted === 0);
});

it('a_request_with_less_time_weighs_more', async () => {
  await using bed = await serve(
    { '/sleep': { wasm: SLEEP, deadlineMs: 20_000, expectedMs: 2000 } },
    { admission: true },
  );
  const first = (await bed.open()).send(get('/sleep', 'X-Timeout-Ms: 5000\r\n'));
  await eventually('it is admitted', () => bed.runtime.stats().admission?.admitted === 0.4);
  const client = await bed.open();
  const tight = await client.send(get('/sleep', 'X-Timeout-Ms: 4000\r\n')).reply();
  expect(errorOf(tight).code).toBe('ERR_ADMISSION');
  first.socket.resetAndDestroy();
  await settled(bed.runtime);
});
