/** What bench/http believes of its servers and tools, and what it refuses to. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { buildOpenLoop, CAN_BUILD_OPEN_LOOP, type OpenLoop } from '../../bench/http/latency.ts';
import { load } from '../../bench/http/load.ts';
import { countsOf } from '../../bench/http/syscalls.ts';
import { verify } from '../../bench/http/verify.ts';

async function serving(answer: RequestListener): Promise<AsyncDisposable & { port: number }> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

it('an_answer_with_another_body_or_status_is_refused', async () => {
  const expected = Buffer.from('hello');
  await using good = await serving((_, response) => void response.end('hello'));
  await using wrong = await serving((_, response) => void response.end('hellO'));
  await using busy = await serving((_, response) => void response.writeHead(503).end('hello'));
  await verify(good.port, { path: '/', expected });
  await expect(verify(wrong.port, { path: '/', expected })).rejects.toThrow('200 with 5 bytes');
  await expect(verify(busy.port, { path: '/', expected })).rejects.toThrow('503 with 5 bytes');
});

it('load_with_answers_of_another_status_or_length_gives_no_figure', async () => {
  const asking = { connections: 2, seconds: 1, answerBytes: 5 };
  await using good = await serving((_, response) => void response.end('hello'));
  const { requests, p50Us } = await load(`http://127.0.0.1:${good.port}/`, asking);
  expect(requests).toBeGreaterThan(0);
  expect(p50Us).toBeGreaterThanOrEqual(0);
  await using busy = await serving((_, response) => void response.writeHead(503).end('hello'));
  await expect(load(`http://127.0.0.1:${busy.port}/`, asking)).rejects.toThrow('failed beside');
  await using long = await serving((_, response) => void response.end('x'.repeat(5000)));
  await expect(load(`http://127.0.0.1:${long.port}/`, asking)).rejects.toThrow('cannot be');
});

it('calls_of_the_system_are_read_from_the_table_of_strace', () => {
  const table = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ------------------
 61.29    0.004217           2      1800           write
 20.00    0.001000          10       100        12 futex
  0.00    0.000000           0         3           epoll_pwait
------ ----------- ----------- --------- --------- ------------------
100.00    0.006880           3      1903        12 total
`;
  expect([...countsOf(table)]).toEqual([
    ['write', 1800],
    ['futex', 100],
    ['epoll_pwait', 3],
  ]);
});

it.runIf(CAN_BUILD_OPEN_LOOP)('open_loop_counts_every_request_and_refuses_wrong_ones', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'luge-test-'));
  try {
    const program = await buildOpenLoop(folder);
    let asked = 0;
    await using server = await serving((request, response) => {
      asked++;
      // Longer than what lies between two arrivals: they wait for the one connection, and that counts.
      if (request.url === '/slow') setTimeout(() => response.end('hello'), 20);
      else response.end('hello');
    });
    const run = async (path: string, connections: number, body: string): Promise<OpenLoop> => {
      const args = [server.port, path, 100, 0.5, connections, 1, body].map(String);
      const { stdout } = await promisify(execFile)(program, args, { timeout: 30_000 });
      return JSON.parse(stdout) as OpenLoop;
    };
    const fast = await run('/', 4, 'hello');
    expect(fast.requests).toBe(asked);
    expect(fast.requests).toBeGreaterThan(0);
    const slow = await run('/slow', 1, 'hello');
    // The same seed: the same arrivals. One at a time they take 20 ms each, so that the last one waits for most of those before it.
    expect(slow.requests).toBe(fast.requests);
    expect(slow.max).toBeGreaterThan(20_000 * (slow.requests / 4));
    await expect(run('/', 4, 'hellO')).rejects.toThrow('another body');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
