/** Guests that mean harm, over real sockets: each gets its answer, the server goes on, and nothing is left of it. */
import { describe, expect, it } from 'vitest';
import type { RuntimeStats } from '../../src/core/index.ts';
import { ECHO, luge, SPIN, TRAPS } from '../core/guests.ts';
import {
  errorOf,
  eventually,
  get,
  post,
  serve,
  settled,
  type TestRoute,
  type TestServer,
} from './server.ts';

const ENDLESS_OUTPUT = { maxOutputBytes: Number.POSITIVE_INFINITY, streamHighWaterBytes: 16_384 };
const WRITE = '(drop (call $write (i32.const 0) (i32.const 1024)))';

/** Tries `code` for ever, whatever becomes of it. */
const stubborn = (code: string): Uint8Array =>
  luge(`(func $try ${code})
    (func (export "handle") (loop $again (try (do (call $try)) (catch_all)) (br $again)))`);

const ROUTES: Readonly<Record<string, TestRoute>> = {
  '/echo': { wasm: ECHO },
  '/traps': { wasm: TRAPS },
  '/spin': { wasm: SPIN, cpuLimitMs: 20 },
  '/late': { wasm: SPIN, deadlineMs: 30 },
  '/sleep': { wasm: luge('(func (export "handle") (call $sleep (i64.const -1)))'), deadlineMs: 30 },
  '/grow': {
    wasm: luge(`(func (export "handle")
      (loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
      (memory.fill (i32.const 0) (i32.const 120) (i32.mul (memory.size) (i32.const 65536)))
      (i32.store8 (i32.const 0) (memory.size))
      (drop (call $write (i32.const 0) (i32.const 2))))`),
    memory: { maxPages: 64 },
  },
  '/deep': {
    wasm: luge(`(func $deep (param i32) (result i32)
        (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (local.get 0)))
      (func (export "handle") (drop (call $deep (i32.const 0))))`),
  },
  '/exit': { wasm: luge('(func (export "handle") (result i32) (i32.const 9))') },
  '/output': {
    wasm: luge(`(func (export "handle") (loop $l ${WRITE} (br $l)))`),
    maxOutputBytes: 100_000,
  },
  '/caught': { wasm: stubborn('(loop $l (br $l))'), cpuLimitMs: 20 },
  '/caught-late': { wasm: stubborn('(call $sleep (i64.const 1000000))'), deadlineMs: 30 },
  '/caught-deep': { wasm: stubborn('(call $try) (drop (i32.const 0))'), cpuLimitMs: 30 },
  '/caught-trap': { wasm: stubborn('unreachable') },
  '/writes': {
    wasm: luge(`(func (export "handle") (loop $l ${WRITE} (br $l)))`),
    ...ENDLESS_OUTPUT,
  },
  '/flushes': {
    wasm: luge(`(func (export "handle") (loop $l ${WRITE} (drop (call $flush)) (br $l)))`),
    ...ENDLESS_OUTPUT,
  },
  '/caught-writes': { wasm: stubborn(`(loop $l ${WRITE} (br $l))`), ...ENDLESS_OUTPUT },
};

/** Guests, sandboxes, slots and chunks: nothing is held, and a sandbox is ready or was retired. */
async function unharmed(server: TestServer, workersLost = 0): Promise<void> {
  const { runtime } = server;
  await settled(runtime);
  const isQuiet = ({ workers, pools }: RuntimeStats): boolean =>
    workers.every(({ held }) => held === 0) &&
    pools.every(({ inUse, made, ready, retired }) => inUse === 0 && made === ready + retired);
  await eventually('no sandbox is held', () => isQuiet(runtime.stats()));
  expect(runtime.stats().workersLost).toBe(workersLost);
  const client = await server.open();
  expect((await client.send(post('/echo', 'still here')).reply()).text).toBe('still here');
  client.socket.destroy();
}

describe('a guest', () => {
  const cases: [what: string, path: string, body: string, status: number, code: string][] = [
    ['that_loops_for_ever', '/spin', '', 504, 'ERR_CPU_LIMIT'],
    ['that_loops_past_its_deadline', '/late', '', 504, 'ERR_DEADLINE'],
    ['that_recurses_for_ever', '/deep', '', 500, 'ERR_TRAP'],
    ['that_fails', '/exit', '', 500, 'ERR_GUEST_EXIT'],
    ['that_writes_too_much', '/output', '', 500, 'ERR_GUEST_OUTPUT_LIMIT'],
    ['that_traps_as_unreachable', '/traps', 'u', 500, 'ERR_TRAP'],
    ['that_divides_by_zero', '/traps', 'd', 500, 'ERR_TRAP'],
    ['that_reads_beyond_its_memory', '/traps', 'm', 500, 'ERR_TRAP'],
    ['that_calls_through_an_empty_table', '/traps', 't', 500, 'ERR_TRAP'],
    ['that_uses_up_its_stack', '/traps', 's', 500, 'ERR_TRAP'],
    ['that_hands_the_host_a_bad_pointer', '/traps', 'h', 500, 'ERR_TRAP'],
    ['that_catches_all_at_its_cpu_limit', '/caught', '', 504, 'ERR_CPU_LIMIT'],
    ['that_catches_all_at_its_deadline', '/caught-late', '', 504, 'ERR_DEADLINE'],
    ['that_catches_all_around_a_trap', '/caught-trap', '', 500, 'ERR_TRAP'],
  ];
  it.each(cases)('%s', async (_, path, body, status, code) => {
    await using server = await serve(ROUTES, { bodyMemoryBytes: 2 ** 23 });
    const client = await server.open();
    // A failure of the guest is none of the connection, so all three come over one.
    for (let round = 0; round < 3; round++) {
      const reply = await client.send(post(path, body)).reply();
      expect([reply.status, errorOf(reply).code]).toEqual([status, code]);
    }
    await unharmed(server);
  });

  it('that_catches_a_used_up_stack_is_ended_at_its_limit', async () => {
    await using server = await serve(ROUTES);
    const reply = await (await server.open()).get('/caught-deep');
    expect(['ERR_CPU_LIMIT', 'ERR_TRAP']).toContain(errorOf(reply).code);
    await unharmed(server);
  });

  it('that_takes_all_the_memory_it_can_gets_its_limit_each_time_and_leaves_none', async () => {
    await using server = await serve(ROUTES);
    const client = await server.open();
    for (let round = 0; round < 20; round++) {
      expect([...(await client.get('/grow')).body]).toEqual([64, 120]);
    }
    await unharmed(server);
    expect(server.runtime.stats().workers[0]?.sandboxes).toBeLessThanOrEqual(3);
  });

  it('of_each_kind_at_once_disturbs_no_other', async () => {
    await using server = await serve(ROUTES, { workers: 2 });
    const harm = cases.map(async ([what, path, body, status]) => {
      const client = await server.open();
      const reply = await client.send(post(path, body)).reply();
      expect([what, reply.status]).toEqual([what, status]);
    });
    const client = await server.open();
    for (let round = 0; round < 20; round++) {
      const text = `round ${round}`;
      expect((await client.send(post('/echo', text)).reply()).text).toBe(text);
    }
    await Promise.all(harm);
    await unharmed(server);
  });
});

describe('a guest that goes on writing when its client has left', () => {
  it.each(['/writes', '/flushes', '/caught-writes'])('%s', async (path) => {
    await using server = await serve(ROUTES, { bodyMemoryBytes: 2 ** 22 });
    const clients = await Promise.all([1, 2, 3].map(() => server.open()));
    for (const client of clients) client.send(get(path));
    for (const client of clients) {
      expect(await client.head()).toContain('200 OK');
      await client.chunk();
    }
    expect(server.runtime.stats().workers[0]?.held).toBe(3);
    for (const { socket } of clients) socket.resetAndDestroy();
    await unharmed(server);
  });

  it('that_never_read_a_byte', async () => {
    await using server = await serve(ROUTES, { bodyMemoryBytes: 2 ** 22 });
    const client = await server.open();
    client.socket.pause();
    client.send(get('/writes'));
    const stops = (): number => server.runtime.stats().workers[0]?.streamStops ?? 0;
    // Socket buffers of both ends are full by then, and what the response may hold.
    await eventually('its guest is stopped', () => stops() > 0);
    client.socket.resetAndDestroy();
    await unharmed(server);
  });
});
