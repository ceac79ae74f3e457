/** Which function a request comes to, on real sockets: by host, and where tenants share a port. */
import { describe, expect, it } from 'vitest';
import { createRuntime, type Runtime } from '../../src/core/index.ts';
import { type HttpRoute, type HttpSite, listen } from '../../src/http/index.ts';
import { luge } from '../core/guests.ts';
import { errorOf, openClient, settled } from './server.ts';

/** Answers its name. */
function named(name: string): Uint8Array {
  return luge(`(data (i32.const 0) "${name}") (func (export "handle")
    (drop (call $write (i32.const 0) (i32.const ${name.length}))))`);
}

async function routeTo(runtime: Runtime, name: string, pattern: string, ...hosts: string[]) {
  const { spec } = await runtime.load(name, { wasm: named(name), route: pattern });
  const { id: fn, deadlineNs } = spec;
  const rest = { fn, deadlineNs, maxBodyBytes: 1000, contentType: 'text/plain' };
  return { pattern, hosts, methods: undefined, ...rest } satisfies HttpRoute;
}

describe('hosts', () => {
  it('sites_share_a_port_by_their_hosts', async () => {
    await using runtime = await createRuntime({ workers: 1 });
    const a = [await routeTo(runtime, 'a', '/*', 'a.example'), await routeTo(runtime, 'any', '/*')];
    const b = [await routeTo(runtime, 'b', '/*', '*.example', '[::1]')];
    const { server, port } = await listenShared(runtime, [a, b]);
    expect(server.ports).toEqual([port, port]);
    const client = await openClient(port);
    const ask = async (host: string, target = '/x', method = 'GET'): Promise<string> => {
      client.send(`${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 2\r\n\r\nhi`);
      return (await client.reply()).text;
    };
    try {
      // One connection: a host is a request's, not a connection's.
      expect(await ask(`A.example:${port}`)).toBe('a');
      expect(await ask('c.example.')).toBe('b');
      expect(await ask('[::1]')).toBe('b');
      expect(await ask('example')).toBe('any');
      expect(await ask('example', `http://c.example:${port}/y`)).toBe('b');
      client.send('GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
      expect((await client.reply()).text).toBe('any');
      await settled(runtime);
    } finally {
      client.socket.destroy();
      await server.close(1000);
    }
  });

  it('a_host_without_routes_for_any_is_a_404_elsewhere', async () => {
    await using runtime = await createRuntime({ workers: 1 });
    const routes = [await routeTo(runtime, 'a', '/', 'a.example')];
    const { server, port } = await listenShared(runtime, [routes]);
    const client = await openClient(port);
    try {
      client.send('GET / HTTP/1.1\r\nHost: b.example\r\n\r\n');
      expect(errorOf(await client.reply())).toMatchObject({
        status: 404,
        code: 'ERR_HTTP_NOT_FOUND',
      });
      client.send('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
      expect((await client.reply()).text).toBe('a');
    } finally {
      client.socket.destroy();
      await server.close(1000);
    }
  });

  it('routes_that_collide_stop_the_start_and_bind_nothing', async () => {
    await using runtime = await createRuntime({ workers: 1 });
    const twice = await routeTo(runtime, 'a', '/a', 'a.example');
    const sites = [0, 1].map(() => siteOf(1, [twice]));
    await expect(listen(runtime, { sites })).rejects.toMatchObject({ code: 'ERR_ROUTE_DUPLICATE' });
    const { server } = await listenShared(runtime, [[twice]]);
    await server.close(1000);
  });
});

function siteOf(port: number, routes: readonly HttpRoute[]): HttpSite {
  return { host: '127.0.0.1', port, mode: 'luge', routes };
}

/** On one port that is named, as sites that take any free one have one each: tried until one is free. */
async function listenShared(runtime: Runtime, sites: readonly (readonly HttpRoute[])[]) {
  for (let port = 20_000 + (process.pid % 10_000), left = 50; ; port++, left--) {
    try {
      const server = await listen(runtime, { sites: sites.map((own) => siteOf(port, own)) });
      return { server, port };
    } catch (error) {
      if ((error as { code?: string }).code !== 'EADDRINUSE' || left === 0) throw error;
    }
  }
}
