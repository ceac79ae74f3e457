/** Where a server listens: TCP of both kinds, Unix sockets and descriptors that somebody else has bound. */
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { connect as connectSecure } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ListenError } from '../../src/http/index.ts';
import { ECHO, luge } from '../core/guests.ts';
import { eventually, openClient, post, serve, settled, within } from './server.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'luge-addresses-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Fails with a part of its answer out. */
const HALF = luge(`(func (export "handle")
  (drop (call $write (i32.const 0) (i32.const 3))) (drop (call $flush)) unreachable)`);
const ROUTES = { '/echo': { wasm: ECHO } };
const HAS_IPV6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
);

async function failure(listen: string | string[]): Promise<ListenError> {
  return serve(ROUTES, { listen }).then(
    async (bed) => {
      await bed[Symbol.asyncDispose]();
      throw new Error(`${String(listen)} was bound`);
    },
    (error: ListenError) => error,
  );
}

async function echo(where: Parameters<typeof openClient>[0], text: string): Promise<string> {
  const client = await openClient(where);
  try {
    return (await client.send(post('/echo', text)).reply()).text;
  } finally {
    client.socket.destroy();
  }
}

/** Leaves its socket behind, as a server that is killed does. */
async function deadSocket(path: string): Promise<void> {
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  const child = spawn(process.execPath, ['-e', script]);
  await within(new Promise((resolve) => child.once('exit', resolve)), 'the end of the child');
  expect(statSync(path).isSocket()).toBe(true);
}

describe('unix sockets', () => {
  it('serve_have_the_mode_that_was_asked_for_and_go_with_the_server', async () => {
    const path = join(folder, 'a.sock');
    {
      const place = { kind: 'unix', path, mode: 0o640 } as const;
      await using bed = await serve(ROUTES, { listen: [place, '127.0.0.1:0'] });
      expect(statSync(path).mode & 0o777).toBe(0o640);
      expect(await echo({ path }, 'by a file')).toBe('by a file');
      expect(bed.server.addresses[0]).toMatchObject([place, { kind: 'tcp', host: '127.0.0.1' }]);
      const [, second] = bed.server.addresses[0] ?? [];
      const port = second?.kind === 'tcp' ? second.port : 0;
      expect(await echo(port, 'by a port')).toBe('by a port');
      await settled(bed.runtime);
    }
    expect(existsSync(path)).toBe(false);
  });

  it('a_socket_of_a_dead_server_is_replaced_that_of_a_live_one_is_in_use', async () => {
    const path = join(folder, 'b.sock');
    await deadSocket(path);
    await using bed = await serve(ROUTES, { listen: `unix:${path}` });
    expect(await echo({ path }, 'alive')).toBe('alive');
    const error = await failure(`unix:${path}`);
    expect([error.code, error.message]).toEqual(['EADDRINUSE', `unix:${path} is in use`]);
    expect(error.address).toBe(`unix:${path}`);
    expect(await echo({ path }, 'still')).toBe('still');
    expect(bed.server.ports).toEqual([0]);
  });

  it('a_file_that_is_no_socket_stays', async () => {
    const path = join(folder, 'file');
    writeFileSync(path, 'precious');
    expect((await failure(`unix:${path}`)).code).toBe('EADDRINUSE');
    expect(statSync(path).size).toBe(8);
  });

  it('names_of_linux_need_no_file', async ({ skip }) => {
    if (process.platform !== 'linux') skip();
    const name = `luge-test-${process.pid}`;
    await using bed = await serve(ROUTES, { listen: `unix:@${name}` });
    expect(await echo({ path: `\0${name}` }, 'by a name')).toBe('by a name');
    expect((await failure(`unix:@${name}`)).code).toBe('EADDRINUSE');
    await settled(bed.runtime);
  });

  it('an_answer_that_fails_halfway_ends_the_connection_there_too', async () => {
    const path = join(folder, 'c.sock');
    await using bed = await serve(
      { '/half': { wasm: HALF }, ...ROUTES },
      { listen: `unix:${path}` },
    );
    const client = await openClient({ path });
    const rest = await client.send('GET /half HTTP/1.0\r\n\r\n').rest();
    expect(rest.toString('latin1')).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    client.socket.destroy();
    await settled(bed.runtime);
    expect(await echo({ path }, 'goes on')).toBe('goes on');
  });
});

describe('tcp', () => {
  it.skipIf(!HAS_IPV6)('ipv6_alone_and_both_kinds_at_once', async () => {
    await using own = await serve(ROUTES, { listen: '[::1]:0' });
    expect(await echo({ host: '::1', port: own.port }, 'six')).toBe('six');
    await expect(openClient(own.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });

    await using both = await serve(ROUTES, { listen: '*:0' });
    expect(await echo({ host: '::1', port: both.port }, 'six')).toBe('six');
    expect(await echo(both.port, 'four')).toBe('four');

    const all = { kind: 'tcp', host: '*', port: 0, ipv6Only: true } as const;
    await using only = await serve(ROUTES, { listen: all });
    expect(await echo({ host: '::1', port: only.port }, 'six')).toBe('six');
    await expect(openClient(only.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('what_cannot_be_bound_is_told_by_its_address_and_nothing_stays_open', async () => {
    await using bed = await serve(ROUTES);
    const free = `unix:${join(folder, 'd.sock')}`;
    const error = await failure([free, `127.0.0.1:${bed.port}`]);
    expect(error.code).toBe('EADDRINUSE');
    expect(error.message).toBe(`127.0.0.1:${bed.port} is in use`);
    await eventually('its other address is free', () => !existsSync(free.slice(5)));
    expect((await failure('192.0.2.1:0')).message).toBe(
      '192.0.2.1:0 is no address of this machine',
    );
    expect((await failure('unix:/no/such/folder/a')).message).toMatch(
      /is in no folder that exists$/,
    );
    await expect(serve(ROUTES, { listen: [] })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    });
    await expect(serve(ROUTES, { listen: 'x' })).rejects.toThrow(
      /^listen: sites\[0\].listen: "x": /,
    );
  });
});

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const FIB = fileURLToPath(new URL('../../examples/build/fib.wasm', import.meta.url));

/** `luge serve`, started as systemd would: with bound sockets from descriptor 3 on, and its own number in the environment. */
function activated(servers: Server[], ...args: string[]) {
  const fds = servers.map(
    (server) => (server as unknown as { _handle: { fd: number } })._handle.fd,
  );
  const script = 'LISTEN_PID=$$ exec "$0" "$@"';
  const command = ['-c', script, process.execPath, MAIN, 'serve', FIB, '--workers', '1', ...args];
  const child = spawn('/bin/sh', command, {
    env: {
      PATH: process.env.PATH ?? '',
      LISTEN_FDS: String(fds.length),
      LISTEN_FDNAMES: 'web:api',
    },
    stdio: ['ignore', 'pipe', 'pipe', ...fds],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr] as Readable[]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const exit = new Promise((resolve) => child.once('close', resolve));
  return { child, exit: () => within(exit, 'the exit'), output: () => output };
}

describe('descriptors', () => {
  it.skipIf(process.platform !== 'linux')('of_a_service_manager_are_served_by_name', async () => {
    const name = `luge-manager-${process.pid}`;
    const servers = [createServer(), createServer()];
    const [tcp, unix] = servers as [Server, Server];
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
    await new Promise<void>((resolve) => unix.listen(`\0${name}`, resolve));
    const { port } = tcp.address() as AddressInfo;
    const luge = activated(servers, '--listen', 'systemd:api,systemd:web');
    // It has copies; who holds the others must not accept.
    for (const server of servers) server.close();
    try {
      await eventually('it listens, or has ended', () => {
        return luge.output().includes('Ctrl-C') || luge.child.exitCode !== null;
      });
      expect(luge.output()).toContain('listening on fd:4\n');
      expect(luge.output()).toContain(`listening on http://127.0.0.1:${port}\n`);
      for (const where of [port, { path: `\0${name}` }]) {
        const client = await openClient(where);
        expect((await client.get('/?10')).text).toBe('55\n');
        client.socket.destroy();
      }
    } finally {
      luge.child.kill('SIGTERM');
    }
    expect(await luge.exit()).toBe(0);
  });

  it('a_unix_socket_is_announced_with_what_curl_needs_for_it', async () => {
    const path = join(folder, 'f.sock');
    const luge = activated([], '--listen', `unix:${path},127.0.0.1:0`, '--socket-mode', '600');
    await eventually('it listens, or has ended', () => {
      return luge.output().includes('Ctrl-C') || luge.child.exitCode !== null;
    });
    expect(luge.output()).toContain(`listening on unix:${path}\nlistening on http://127.0.0.1:`);
    expect(luge.output()).toContain(`curl --unix-socket ${path} http://localhost/\n`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    luge.child.kill('SIGTERM');
    expect(await luge.exit()).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  it('for_another_process_are_not_touched', async () => {
    const child = spawn(process.execPath, [MAIN, 'serve', FIB, '--listen', 'systemd'], {
      env: { PATH: process.env.PATH ?? '', LISTEN_FDS: '1', LISTEN_PID: '1' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const text = await within(child.stderr.toArray(), 'the exit');
    expect(Buffer.concat(text).toString()).toMatch(
      /^error: tenant default: systemd: the sockets .* are for process 1, this is \d+\n$/,
    );
  });

  it('one_that_is_no_socket_is_told_of', async () => {
    const error = await failure('fd:900');
    expect([error.code, error.message]).toEqual([
      'EINVAL',
      'fd:900 is no socket of this process to listen at',
    ]);
  });
});

it('a_hangup_reads_certificates_again_and_a_broken_one_is_told_of', async () => {
  const pem = (name: string): string =>
    fileURLToPath(new URL(`./tls/${name}.pem`, import.meta.url));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const use = (certName: string, keyName: string): void => {
    copyFileSync(pem(certName), cert);
    copyFileSync(pem(keyName), key);
  };
  use('localhost', 'localhost-key');
  const luge = activated([], '--port', '0', '--tls-cert', cert, '--tls-key', key);
  try {
    await eventually('it listens, or has ended', () => {
      return luge.output().includes('Ctrl-C') || luge.child.exitCode !== null;
    });
    const [, port] = /^listening on https:\/\/127\.0\.0\.1:(\d+)$/m.exec(luge.output()) ?? [];
    const subject = (): Promise<string> =>
      within(
        new Promise((resolve, reject) => {
          const socket = connectSecure({ port: Number(port), ca: readFileSync(pem('ca')) }, () => {
            resolve(String(socket.getPeerCertificate().subject.CN));
            socket.destroy();
          });
          socket.once('error', reject);
        }),
        'a handshake',
      );
    expect(await subject()).toBe('localhost');
    use('renewed', 'renewed-key');
    luge.child.kill('SIGHUP');
    await eventually('it has read them', () => luge.output().includes('were read again'));
    expect(await subject()).toBe('renewed');
    use('localhost', 'wild-key');
    luge.child.kill('SIGHUP');
    await eventually('it says so', () =>
      luge.output().includes('stay as they were: tls: cert and'),
    );
    expect(await subject()).toBe('renewed');
  } finally {
    luge.child.kill('SIGTERM');
  }
  expect(await luge.exit()).toBe(0);
});
