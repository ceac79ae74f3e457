/** What one request, client or worker does wrong must not reach the others. */
import { expect, it } from 'vitest';
import { luge } from '../core/guests.ts';
import {
  type Client,
  errorOf,
  eventually,
  example,
  get,
  inSystem,
  openClient,
  serve,
  settled,
  type TestServer,
  type TestServerOptions,
} from './server.ts';

/** Says that it runs, then loops without a host call. */
const ENDLESS = luge(`
  (data (i32.const 0) "runs")
  (func (export "handle") (call $log (i32.const 0) (i32.const 4)) (loop $on (br $on)))`);

interface Bed extends TestServer {
  /** Endless guests that have been started. */
  readonly started: () => number;
}

async function serveAll(options: TestServerOptions = {}): Promise<Bed> {
  let started = 0;
  const server = await serve(
    {
      '/fib': { wasm: example('fib') },
      '/trap': { wasm: example('trap') },
      '/spin': { wasm: example('spin') },
      // Limits far beyond the patience of any wait here: only what a test does ends such a guest.
      '/endless': { wasm: ENDLESS, cpuLimitMs: 50_000, deadlineMs: 60_000 },
      '/short': { wasm: ENDLESS, cpuLimitMs: 300 },
      '/late': { wasm: ENDLESS, deadlineMs: 300 },
    },
    { ...options, onLog: () => void started++ },
  );
  return Object.assign(server, { started: () => started });
}

/** A request whose guest never ends by itself, and runs. */
async function runEndless(bed: Bed, path = '/endless'): Promise<Client> {
  const before = bed.started();
  const client = (await bed.open()).send(get(path));
  await eventually('the endless guest runs', () => bed.started() === before + 1);
  return client;
}

it('a_trap_of_each_kind_is_a_500_and_the_next_request_is_fine', async () => {
  await using bed = await serveAll();
  const client = await bed.open();
  const kinds = {
    div0: /divi/,
    unreachable: /unreachable/,
    oob: /out of bounds|memory access/,
    indirect: /table|signature|null|function/,
    stack: /stack/,
  };
  for (const [kind, message] of Object.entries(kinds)) {
    const reply = await client.get(`/trap?${kind}`);
    expect([kind, reply.status, errorOf(reply).code]).toEqual([kind, 500, 'ERR_TRAP']);
    expect(errorOf(reply).message).toMatch(message);
    // On the same connection: a failure of the guest is none of the protocol.
    expect((await client.get('/fib?10')).text).toBe('55\n');
    expect((await client.get('/trap?none')).status).toBe(400);
  }
  await settled(bed.runtime);
  expect(bed.runtime.stats().workersLost).toBe(0);
});

it('an_endless_loop_ends_at_its_cpu_limit_while_short_requests_beside_it_are_answered', async () => {
  await using bed = await serveAll({ workers: 1, scheduler: 'rr' });
  const endless = await runEndless(bed, '/short');
  let isOver = false;
  const ending = endless.reply().finally(() => {
    isOver = true;
  });
  const client = await bed.open();
  let answeredMeanwhile = 0;
  while (!isOver) {
    expect((await client.get('/fib?10')).text).toBe('55\n');
    if (!isOver) answeredMeanwhile++;
  }
  const reply = await ending;
  expect([reply.status, errorOf(reply).code]).toEqual([504, 'ERR_CPU_LIMIT']);
  // One worker and a quantum of a millisecond: more than one got its turn within 300 ms of running.
  expect(answeredMeanwhile).toBeGreaterThan(1);
  expect((await endless.get('/fib?10')).text).toBe('55\n');
  await settled(bed.runtime);
});

it('an_endless_loop_ends_at_its_deadline', async () => {
  await using bed = await serveAll();
  const reply = await (await runEndless(bed, '/late')).reply();
  expect([reply.status, errorOf(reply).code]).toEqual([504, 'ERR_DEADLINE']);
  await settled(bed.runtime);
});

it('first_in_first_out_lets_the_first_run_to_its_end', async () => {
  await using bed = await serveAll({ workers: 1, scheduler: 'fifo' });
  const order: string[] = [];
  const endless = (await runEndless(bed, '/short')).reply().then(() => order.push('endless'));
  const short = (await bed.open()).get('/fib?10').then(() => order.push('short'));
  await Promise.all([endless, short]);
  expect(order).toEqual(['endless', 'short']);
});

it('the_request_of_a_client_that_is_gone_is_cancelled', async () => {
  await using bed = await serveAll();
  const client = await runEndless(bed);
  const beside = await bed.open();
  client.socket.resetAndDestroy();
  await settled(bed.runtime);
  expect((await beside.get('/fib?10')).text).toBe('55\n');
});

it('requests_that_wait_are_cancelled_too_and_none_of_their_slots_is_lost', async () => {
  await using bed = await serveAll({ scheduler: 'fifo', maxQueue: 8 });
  const clients = [await runEndless(bed)];
  for (let i = 0; i < 7; i++) clients.push((await bed.open()).send(get('/endless')));
  await eventually('all eight are in the system', () => inSystem(bed.runtime) === 8);
  for (const { socket } of clients) socket.resetAndDestroy();
  await settled(bed.runtime);
  expect((await (await bed.open()).get('/fib?10')).text).toBe('55\n');
});

it('a_killed_worker_costs_its_own_requests_and_no_others', async () => {
  await using bed = await serveAll({ workers: 1, scheduler: 'rr' });
  const victims = [await runEndless(bed), await runEndless(bed), await runEndless(bed)];
  await bed.runtime.killWorker(0);
  for (const victim of victims) {
    const reply = await victim.reply();
    expect([reply.status, errorOf(reply).code]).toEqual([502, 'ERR_WORKER_LOST']);
  }
  for (const victim of victims) expect((await victim.get('/fib?10')).text).toBe('55\n');
  expect(bed.runtime.stats().workersLost).toBe(1);
  await settled(bed.runtime);
});

it('worker_after_worker_may_die', async () => {
  await using bed = await serveAll({ workers: 2, scheduler: 'rr' });
  for (let round = 0; round < 3; round++) {
    const victims = [await runEndless(bed), await runEndless(bed)];
    await Promise.all([bed.runtime.killWorker(0), bed.runtime.killWorker(1)]);
    for (const victim of victims) {
      expect(errorOf(await victim.reply()).code).toBe('ERR_WORKER_LOST');
      expect((await victim.get('/fib?10')).status).toBe(200);
    }
  }
  expect(bed.runtime.stats().workersLost).toBe(6);
  await settled(bed.runtime);
});

it('a_drain_answers_what_runs_and_takes_no_new_connections', async () => {
  await using bed = await serveAll();
  const idle = await bed.open();
  idle.socket.once('end', () => idle.socket.end());
  expect((await idle.get('/fib?10')).status).toBe(200);
  const running = (await bed.open()).send(get('/spin?300'));
  await eventually('the guest runs', () => inSystem(bed.runtime) === 1);
  let isClosed = false;
  const closed = bed.server.close().then(() => {
    isClosed = true;
  });
  // The idle connection ends first: the drain has begun.
  await idle.end();
  await expect(openClient(bed.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect(isClosed).toBe(false);
  expect((await running.reply()).text).toBe('spun 300 ms\n');
  await running.end();
  running.socket.destroy();
  await closed;
  await settled(bed.runtime);
});

it('a_drain_cuts_what_is_left_after_its_timeout', async () => {
  await using bed = await serveAll();
  const client = await runEndless(bed);
  await bed.server.close(50);
  await client.end();
  await settled(bed.runtime);
});
