/** As many connections as the process may have, and more. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type Client, errorOf, get, openClient, within } from './server.ts';

const SERVER = fileURLToPath(new URL('./descriptors.ts', import.meta.url));

/** What this process may open, less what it needs itself. */
function openFilesMax(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1');
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 1024) - 200;
  } catch {
    return 1024 - 200;
  }
}

class Server implements AsyncDisposable {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** `openFiles`: its limit (`ulimit -n`). */
  static async start(openFiles: number): Promise<Server> {
    const script = `ulimit -n ${openFiles} && exec "$0" "$1"`;
    const child = spawn('sh', ['-c', script, process.execPath, SERVER], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    await within(once(child, 'message'), 'the server');
    return new Server(child);
  }

  async ask<T>(command: string): Promise<T> {
    const answer = once(this.#child, 'message');
    this.#child.send(command);
    return (await within(answer, command))[0] as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exit = once(this.#child, 'exit');
    this.#child.disconnect();
    await exit;
  }
}

async function openMany(port: number, count: number): Promise<Client[]> {
  const clients: Client[] = [];
  // In steps that the backlog holds.
  while (clients.length < count) {
    const step = Math.min(500, count - clients.length);
    clients.push(...(await Promise.all(Array.from({ length: step }, () => openClient(port)))));
  }
  return clients;
}

const destroyAll = (clients: readonly Client[]): void => {
  for (const { socket } of clients) socket.destroy();
};

describe('connections', () => {
  it('ten_thousand_idle_ones_or_as_many_as_this_process_may_open', async () => {
    const count = Math.min(10_000, openFilesMax());
    await using server = await Server.start(count + 1000);
    const { port, maxConnections } = await server.ask<{ port: number; maxConnections: number }>(
      'hello',
    );
    expect(maxConnections).toBeGreaterThanOrEqual(count);
    const one = await openClient(port);
    await one.get('/fib?10');
    const before = await server.ask<{ bytes: number }>('rss');
    const clients = await openMany(port, count - 1);
    // One request on each tenth: they are served, not only accepted.
    for (let i = 0; i < clients.length; i += 10) {
      expect((await (clients[i] as Client).get('/fib?3')).text).toBe('2\n');
    }
    const after = await server.ask<{ bytes: number }>('rss');
    // 4.7 KB, measured.
    expect((after.bytes - before.bytes) / count).toBeLessThan(32 * 1024);
    expect((await one.get('/fib?10')).text).toBe('55\n');
    destroyAll([one, ...clients]);
  }, 120_000);

  it('beyond_the_limit_of_open_files_get_503_and_the_others_go_on', async () => {
    await using server = await Server.start(256);
    const { port, maxConnections } = await server.ask<{ port: number; maxConnections: number }>(
      'hello',
    );
    expect(maxConnections).toBeGreaterThan(32);
    expect(maxConnections).toBeLessThan(256);
    const clients = await openMany(port, maxConnections);
    for (const client of clients) expect((await client.get('/fib?3')).text).toBe('2\n');
    const beyond = await openClient(port);
    expect(errorOf(await beyond.send(get('/fib?3')).reply()).code).toBe(
      'ERR_HTTP_TOO_MANY_CONNECTIONS',
    );
    for (const client of clients) expect((await client.get('/fib?10')).text).toBe('55\n');
    destroyAll([beyond, ...clients]);
  });

  it('are_closed_while_no_file_can_be_opened_and_accepted_again_behind_that', async () => {
    await using server = await Server.start(256);
    const { port } = await server.ask<{ port: number }>('hello');
    const first = await openClient(port);
    expect((await first.get('/fib?3')).text).toBe('2\n');
    expect((await server.ask<{ code: string }>('fill')).code).toBe('EMFILE');
    const refused = await openMany(port, 20);
    await within(Promise.all(refused.map(({ ended }) => ended)), 'their end');
    expect((await first.get('/fib?10')).text).toBe('55\n');
    await server.ask('free');
    const next = await openClient(port);
    expect((await next.get('/fib?10')).text).toBe('55\n');
    destroyAll([first, next]);
  });
});
