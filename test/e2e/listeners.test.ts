/** Several listener threads at one address: who gets what, and what becomes of those that die. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectSecure } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { listenerCount } from '../../src/http/index.ts';
import { ECHO, SLEEP } from '../core/guests.ts';
import {
  type Client,
  errorOf,
  eventually,
  get,
  inSystem,
  openClient,
  post,
  serve,
  settled,
  type TestServer,
  within,
} from './server.ts';

const ROUTES = { '/echo': { wasm: ECHO }, '/sleep': { wasm: SLEEP, deadlineMs: 60_000 } };
const file = (name: string): string => fileURLToPath(new URL(`./tls/${name}.pem`, import.meta.url));

async function echo(client: Client, text: string): Promise<string> {
  return (await client.send(post('/echo', text)).reply()).text;
}

/** Connections until each listener has some: by listener. The kernel deals them out by their ports: many at one of two would be a wonder, but for one that is about to come instead of another. */
async function onEach(bed: TestServer): Promise<Client[][]> {
  const found: Client[][] = bed.server.connections.map(() => []);
  for (let tries = 0; found.some((own) => own.length === 0); tries++) {
    if (tries === 500) throw new Error('five hundred connections, and a listener without one');
    if (tries >= 20) await new Promise((resolve) => setTimeout(resolve, 10));
    const before = bed.server.connections;
    const client = await bed.open();
    expect(await echo(client, 'x')).toBe('x');
    const at = bed.server.connections.findIndex((count, n) => count > (before[n] as number));
    found[at]?.push(client);
  }
  return found;
}

/** So many requests are with the worker: no listener has the slot of one in its hands any more, which would be lost with it (core/lost-seat.ts). */
const held = (bed: TestServer, count: number): Promise<void> =>
  eventually('all are taken', () => bed.runtime.stats().workers[0]?.held === count);

const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);

describe('listeners', () => {
  it('share_a_port_that_a_stranger_cannot_have_and_a_strangers_is_in_use', async () => {
    await using bed = await serve(ROUTES, { listeners: 2 });
    const found = await onEach(bed);
    expect(found).toHaveLength(2);
    for (const client of found.flat()) expect(await echo(client, 'again')).toBe('again');
    await expect(
      serve(ROUTES, { listeners: 2, listen: `127.0.0.1:${bed.port}` }),
    ).rejects.toMatchObject({ code: 'EADDRINUSE', address: `127.0.0.1:${bed.port}` });
    const stranger = createServer();
    const error = new Promise((resolve) => stranger.once('error', resolve));
    stranger.listen(bed.port, '127.0.0.1');
    expect(await within(error, 'its error')).toMatchObject({ code: 'EADDRINUSE' });
  });

  it('that_die_take_their_connections_and_requests_and_no_others_and_are_replaced', async () => {
    await using bed = await serve(ROUTES, { listeners: 2 });
    const [dead = [], alive = []] = await onEach(bed);
    for (const client of [...dead, ...alive]) client.send(get('/sleep'));
    await held(bed, dead.length + alive.length);
    await bed.server.killListener(0);
    await within(Promise.all(dead.map(({ ended }) => ended)), 'the end of its connections');
    await eventually('its requests are given up', () => inSystem(bed.runtime) === alive.length);
    expect(bed.server.connections[1]).toBe(alive.length);
    // Up to here, at the latest, a connection meets only the other one.
    for (let i = 0; i < 4; i++) expect(await echo(await bed.open(), 'on')).toBe('on');
    await onEach(bed);
    for (const client of alive) client.socket.resetAndDestroy();
    await settled(bed.runtime);
  });

  it('that_die_under_load_lose_no_answer_of_another_one', async () => {
    await using bed = await serve(ROUTES, { listeners: 2 });
    const found = await onEach(bed);
    let isOver = false;
    let answers = 0;
    // As long as it may, each sees all its answers, in order; those of the one that dies end between two, or within one.
    const load = async (client: Client, isDead: boolean): Promise<void> => {
      for (let i = 0; !isOver; i++) {
        const texts = [`${i}`, 'x'.repeat(3000 + i)];
        try {
          client.send(...texts.map((text) => post('/echo', text)));
          for (const text of texts) expect((await client.reply()).text).toBe(text);
          answers++;
        } catch (error) {
          if (!isDead || !/the connection ended before/.test(String(error))) throw error;
          return;
        }
      }
    };
    const loads = found.flatMap((own, n) => own.map((client) => load(client, n === 0)));
    await eventually('all are busy', () => answers > 50);
    await bed.server.killListener(0);
    const before = answers;
    await eventually('the others go on', () => answers > before + 50);
    isOver = true;
    await within(Promise.all(loads), 'the end of the load');
    // The slot that it had in its hands may be lost (core/lost-seat.ts), and nothing else.
    await eventually('slots are free', () => inSystem(bed.runtime) <= 1);
    expect(await echo(await bed.open(), 'on')).toBe('on');
  });

  it('that_is_alone_is_replaced_at_its_port_and_its_socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'luge-listeners-'));
    try {
      const path = join(folder, 'a.sock');
      await using bed = await serve(ROUTES, { listen: ['127.0.0.1:0', `unix:${path}`] });
      const client = await bed.open();
      client.send(get('/sleep'));
      await held(bed, 1);
      await bed.server.killListener(0);
      await within(client.ended, 'the end of its connection');
      for (const where of [{ host: '127.0.0.1', port: bed.port }, { path }]) {
        expect(await served(where)).toBe('back');
      }
      await settled(bed.runtime);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('that_die_a_sixth_time_in_a_minute_are_lost_and_the_others_go_on', async () => {
    const failures: Error[] = [];
    await using bed = await serve(ROUTES, {
      ...{ listeners: 2, maxProducers: 16 },
      onFailure: (error) => failures.push(error),
    });
    for (let death = 0; death < 6; death++) {
      expect(failures).toEqual([]);
      const client = (await onEach(bed))[0]?.[0] as Client;
      await bed.server.killListener(0);
      await within(client.ended, 'the end of its connection');
    }
    await eventually('it is told', () => failures.length === 1);
    expect(failures[0]).toMatchObject({
      code: 'ERR_LISTENER_LOST',
      message: expect.stringMatching(/^the listener thread died: .*; it was the 6th in a minute$/),
    });
    for (let i = 0; i < 4; i++) expect(await echo(await bed.open(), 'on')).toBe('on');
    await bed.server.close(1000);
    expect(failures).toHaveLength(1);
  });

  it('of_a_socket_that_came_from_outside_are_lost_at_once', async () => {
    const bound = createServer();
    await new Promise<void>((resolve) => bound.listen(0, '127.0.0.1', resolve));
    const { fd } = (bound as unknown as { _handle: { fd: number } })._handle;
    const script = fileURLToPath(new URL('./lost-descriptor.ts', import.meta.url));
    const child = spawn(process.execPath, [script], {
      stdio: ['ignore', 'ignore', 'inherit', fd, 'ipc'],
    });
    bound.close();
    const exit = once(child, 'exit');
    const [told] = await within(once(child, 'message'), 'its word');
    expect(told).toEqual({
      ...{ count: 1, code: 'ERR_LISTENER_LOST' },
      message: expect.stringContaining('its socket came from outside, and is closed'),
    });
    expect(await within(exit, 'its end')).toEqual([0, null]);
  });

  it('without_a_seat_are_refused_with_the_option_that_has_them', async () => {
    await expect(serve(ROUTES, { listeners: 3, maxProducers: 2 })).rejects.toMatchObject({
      code: 'ERR_NO_SEAT',
      message: 'all 2 producers are taken (maxProducers)',
    });
    await expect(serve(ROUTES, { listeners: 17 })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    });
  });

  it('are_two_from_eight_cores_on_where_ports_can_be_shared', () => {
    expect(listenerCount('auto', 7, 'linux')).toBe(1);
    expect(listenerCount('auto', 8, 'linux')).toBe(2);
    expect(listenerCount('auto', 8, 'darwin')).toBe(1);
    expect(listenerCount(16, 1, 'linux')).toBe(16);
  });

  it('have_one_limit_of_connections_together', async () => {
    await using bed = await serve(ROUTES, { listeners: 2, limits: { maxConnections: 40 } });
    const clients = [];
    for (let i = 0; i < 40; i++) {
      const client = await bed.open();
      expect(await echo(client, 'x')).toBe('x');
      clients.push(client);
    }
    expect(sum(bed.server.connections)).toBe(40);
    for (let i = 0; i < 10; i++) {
      const beyond = (await bed.open()).send(get('/echo'));
      expect(errorOf(await beyond.reply()).code).toBe('ERR_HTTP_TOO_MANY_CONNECTIONS');
      await beyond.end();
    }
    await bed.server.killListener(0);
    await eventually('those of the dead one are free', () => bed.server.connections[0] === 0);
    expect(await echo(await bed.open(), 'room')).toBe('room');
  });

  it('all_log_and_all_drain', async () => {
    const lines: string[] = [];
    await using bed = await serve(ROUTES, { listeners: 2, onAccess: (line) => lines.push(line) });
    const clients = (await onEach(bed)).flat();
    for (const client of clients) client.send(get('/sleep'));
    await eventually('all are taken', () => inSystem(bed.runtime) === clients.length);
    await eventually('each echo is logged', () => lines.length === clients.length);
    // They sleep for longer than that, and are cut.
    await within(bed.server.close(200), 'the end of the server');
    await within(Promise.all(clients.map(({ ended }) => ended)), 'the end of its connections');
    expect(sum(bed.server.connections)).toBe(0);
    await expect(openClient(bed.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await settled(bed.runtime);
  });

  it('all_have_the_certificates_of_a_reload_and_so_has_who_comes_instead_of_one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'luge-listeners-'));
    const put = (name: string): void => {
      copyFileSync(file(name), join(folder, 'cert.pem'));
      copyFileSync(file(`${name}-key`), join(folder, 'key.pem'));
    };
    try {
      put('localhost');
      const tls = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
      await using bed = await serve(ROUTES, { listeners: 2, tls });
      expect(await names(bed)).toEqual([['localhost'], ['localhost']]);
      put('renewed');
      await within(bed.server.reload(), 'the reload');
      expect(await names(bed)).toEqual([['renewed'], ['renewed']]);
      writeFileSync(join(folder, 'cert.pem'), 'broken');
      await expect(bed.server.reload()).rejects.toMatchObject({ code: 'ERR_TLS' });
      expect(await names(bed)).toEqual([['renewed'], ['renewed']]);
      await bed.server.killListener(1);
      expect(await names(bed)).toEqual([['renewed'], ['renewed']]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** What a server says that may be about to listen again. */
async function served(where: { host: string; port: number } | { path: string }): Promise<string> {
  for (let tries = 0; ; tries++) {
    try {
      const client = await openClient(where);
      const text = await echo(client, 'back');
      client.socket.destroy();
      return text;
    } catch (error) {
      if (tries === 400) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** Common names that clients see, by listener. */
async function names(bed: TestServer): Promise<string[][]> {
  const found = bed.server.connections.map(() => new Set<string>());
  for (let tries = 0; found.some(({ size }) => size === 0); tries++) {
    if (tries === 200) throw new Error('two hundred handshakes, and a listener without one');
    const before = bed.server.connections;
    const socket = connectSecure({
      ...{ host: '127.0.0.1', port: bed.port, rejectUnauthorized: false },
    });
    const isSecure = await within(
      new Promise<boolean>((resolve) => {
        socket.once('secureConnect', () => resolve(true));
        socket.once('error', () => resolve(false));
      }),
      'the handshake',
    );
    if (!isSecure) continue;
    const changed = (): number =>
      bed.server.connections.findIndex((count, n) => count > (before[n] as number));
    await eventually('it is counted', () => changed() >= 0);
    found[changed()]?.add(String(socket.getPeerCertificate().subject.CN));
    socket.destroy();
    await eventually('it is gone', () => sum(bed.server.connections) === 0);
  }
  return found.map((own) => [...own]);
}
