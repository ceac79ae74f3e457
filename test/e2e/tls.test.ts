/** TLS: handshakes that go well, slowly and wrong, names, reloads and what guests see of it. */
import { readFileSync } from 'node:fs';
import { connect as connectH2 } from 'node:http2';
import { connect as connectPlain, type Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import { type ConnectionOptions, connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { TlsOptions } from '../../src/http/index.ts';
import { ECHO, luge, SLEEP, wat } from '../core/guests.ts';
import {
  Client,
  errorOf,
  eventually,
  get,
  inSystem,
  openClient,
  post,
  serve,
  settled,
  within,
} from './server.ts';

const file = (name: string): string => fileURLToPath(new URL(`./tls/${name}.pem`, import.meta.url));
const pair = (name: string): { cert: string; key: string } => ({
  cert: file(name),
  key: file(`${name}-key`),
});
const text = (name: string): string => readFileSync(file(name), 'latin1');
const tls: TlsOptions = pair('localhost');

/** KiB after KiB, 3000 of them. */
const LONG = luge(`(func (export "handle") (local $i i32) (loop $more
  (memory.fill (i32.const 0) (i32.rem_u (local.get $i) (i32.const 251)) (i32.const 1024))
  (drop (call $write (i32.const 0) (i32.const 1024)))
  (local.set $i (i32.add (local.get $i) (i32.const 1)))
  (br_if $more (i32.lt_u (local.get $i) (i32.const 3000)))))`);
const HALF = luge(`(func (export "handle")
  (drop (call $write (i32.const 0) (i32.const 3))) (drop (call $flush)) unreachable)`);
/** Prints its environment. */
const ENVIRONMENT = wat(`(module
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $sizes (i32.const 0) (i32.const 4)))
    (drop (call $get (i32.const 1024) (i32.const 8192)))
    (i32.store (i32.const 16) (i32.const 8192))
    (i32.store (i32.const 20) (i32.load (i32.const 4)))
    (drop (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24)))))`);

const ROUTES = {
  '/echo': { wasm: ECHO },
  '/long': { wasm: LONG },
  '/half': { wasm: HALF },
  '/sleep': { wasm: SLEEP },
  '/env': { wasm: ENVIRONMENT },
};

interface SecureClient extends Client {
  readonly socket: TLSSocket;
}

/** Rejects with the client's error when the handshake fails. */
function secure(port: number, options: ConnectionOptions = {}): Promise<SecureClient> {
  const handshake = new Promise<SecureClient>((resolve, reject) => {
    const socket = connect({
      ...{ host: '127.0.0.1', port, ca: text('ca'), allowHalfOpen: true },
      ...options,
    } as ConnectionOptions);
    socket.once('error', reject);
    socket.once('secureConnect', () => resolve(new Client(socket) as SecureClient));
  });
  return within(handshake, 'the handshake');
}

function nameOf(client: SecureClient): string {
  const { subject } = client.socket.getPeerCertificate() as PeerCertificate;
  return String(subject.CN);
}

/** What the client takes is the certificate's business, and not under test. */
const anyName = { checkServerIdentity: () => undefined };

async function echo(client: Client, message: string): Promise<string> {
  return (await client.send(post('/echo', message)).reply()).text;
}

describe('a connection', () => {
  it('has_requests_bodies_and_long_answers_as_without', async () => {
    await using bed = await serve(ROUTES, { tls });
    const client = await secure(bed.port, { ALPNProtocols: ['http/1.1'] });
    expect(client.socket.authorized).toBe(true);
    expect(client.socket.alpnProtocol).toBe('http/1.1');
    expect(await echo(client, 'hello')).toBe('hello');
    const body = 'x'.repeat(300_000);
    expect(await echo(client, body)).toBe(body);
    client.send(get('/echo'), get('/echo'));
    expect((await client.reply()).status).toBe(200);
    expect((await client.reply()).status).toBe(200);
    client.send(get('/long'));
    await client.head();
    let bytes = 0;
    for (let chunk = await client.chunk(); chunk.length > 0; chunk = await client.chunk()) {
      for (const [i, byte] of chunk.entries()) {
        if (byte !== Math.floor((bytes + i) / 1024) % 251) throw new Error(`byte ${bytes + i}`);
      }
      bytes += chunk.length;
    }
    expect(bytes).toBe(3000 * 1024);
    client.socket.end();
    await client.rest();
    await settled(bed.runtime);
  });

  it('speaks_http_2_where_the_client_would_rather', async () => {
    await using bed = await serve(ROUTES, { tls });
    const session = connectH2(`https://127.0.0.1:${bed.port}`, { ca: text('ca') });
    const ask = async (path: string, body = ''): Promise<string> => {
      const stream = session.request({ ':path': path, ':method': 'POST' });
      stream.end(body);
      return Buffer.concat(await within(stream.toArray(), path)).toString('latin1');
    };
    expect(await ask('/echo', 'hello')).toBe('hello');
    const environment = (await ask('/env')).split('\0');
    expect(environment).toContain('HTTPS=on');
    expect(session.alpnProtocol).toBe('h2');
    await new Promise<void>((resolve) => session.close(resolve));
    await using old = await serve(ROUTES, { tls, limits: { http2: false } });
    const client = await secure(old.port, { ALPNProtocols: ['h2', 'http/1.1'] });
    expect(client.socket.alpnProtocol).toBe('http/1.1');
    client.socket.destroy();
  });

  it('that_goes_away_cancels_and_one_that_fails_halfway_is_cut', async () => {
    await using bed = await serve(ROUTES, { tls });
    // A pair in between: a TLS socket would say its end, which is that of what it sends, before the reset.
    const below = connectPlain(bed.port, '127.0.0.1');
    const [above, middle] = duplexPair();
    below.on('error', () => {}).pipe(middle);
    middle.pipe(below);
    const gone = (await secure(bed.port, { socket: above })).send(get('/sleep'));
    await eventually('it is under way', () => inSystem(bed.runtime) === 1);
    below.resetAndDestroy();
    await settled(bed.runtime);
    gone.socket.destroy();
    await settled(bed.runtime);
    for (const request of [get('/half'), 'GET /half HTTP/1.0\r\n\r\n']) {
      const rest = await (await secure(bed.port)).send(request).rest();
      expect(rest.toString('latin1')).toMatch(/^HTTP\/1.1 200 OK\r\n/);
      expect(rest.toString('latin1')).not.toMatch(/0\r\n\r\n$/);
    }
    await settled(bed.runtime);
  });

  it('is_told_to_guests', async () => {
    await using bed = await serve(ROUTES, { tls });
    const client = await secure(bed.port);
    const environment = (await client.get('/env')).text.split('\0');
    expect(environment).toContain('HTTPS=on');
    expect(environment).toContain('SERVER_PORT=443');
    expect(environment).toContain('REMOTE_ADDR=127.0.0.1');
    client.socket.destroy();
    await using plain = await serve(ROUTES);
    const other = await openClient(plain.port);
    const names = (await other.get('/env')).text.split('\0');
    expect(names.filter((line) => line.startsWith('HTTPS'))).toEqual([]);
    expect(names).toContain('SERVER_PORT=80');
    other.socket.destroy();
  });

  it('gets_503_behind_its_handshake_when_there_are_too_many', async () => {
    await using bed = await serve(ROUTES, { tls, limits: { maxConnections: 1 } });
    const first = await secure(bed.port);
    expect(await echo(first, 'one')).toBe('one');
    const second = await secure(bed.port);
    const reply = await second.reply();
    expect([reply.status, errorOf(reply).code]).toEqual([503, 'ERR_HTTP_TOO_MANY_CONNECTIONS']);
    second.socket.destroy();
    expect(await echo(first, 'still')).toBe('still');
    first.socket.destroy();
  });

  it('is_drained_and_handshakes_that_wait_are_closed', async () => {
    const bed = await serve(ROUTES, { tls });
    const idle = await secure(bed.port);
    expect(await echo(idle, 'a')).toBe('a');
    idle.socket.once('end', () => idle.socket.end());
    const waits = await openClient(bed.port);
    await bed.server.close(5000);
    await idle.end();
    await waits.end();
    await bed.runtime.close();
  });
});

describe('names', () => {
  it('get_their_certificates_and_others_the_first', async () => {
    const sni = { '*.Wild.test': pair('wild'), 'exact.test': pair('renewed') };
    await using bed = await serve(ROUTES, { tls: { ...tls, sni } });
    const cases = {
      'a.wild.test': 'wild',
      'A.WILD.TEST': 'wild',
      'a.b.wild.test': 'localhost',
      'wild.test': 'localhost',
      'exact.test': 'renewed',
      'other.test': 'localhost',
    };
    for (const [servername, expected] of Object.entries(cases)) {
      const client = await secure(bed.port, { servername, ...anyName });
      expect(nameOf(client), servername).toBe(expected);
      expect(await echo(client, servername)).toBe(servername);
      client.socket.destroy();
    }
    const nameless = await secure(bed.port, { servername: '' });
    expect(nameOf(nameless)).toBe('localhost');
    nameless.socket.destroy();
  });

  it('of_protocols_that_are_not_spoken_are_refused', async () => {
    await using bed = await serve(ROUTES, { tls: { ...tls, minVersion: 'TLSv1.3' } });
    await expect(secure(bed.port, { ALPNProtocols: ['gopher/0'] })).rejects.toThrow();
    await expect(secure(bed.port, { maxVersion: 'TLSv1.2' })).rejects.toThrow();
    const client = await secure(bed.port);
    expect(await echo(client, 'goes on')).toBe('goes on');
    client.socket.destroy();
  });

  it('clients_need_a_certificate_where_an_authority_of_theirs_is_named', async () => {
    await using bed = await serve(ROUTES, { tls: { ...tls, ca: file('ca') } });
    const known = { cert: text('client'), key: text('client-key') };
    const client = await secure(bed.port, known);
    expect(await echo(client, 'known')).toBe('known');
    client.socket.destroy();
    // With TLS 1.3 the client's part is done before the server has looked.
    const refused = await secure(bed.port).catch(() => undefined);
    if (refused !== undefined) expect((await refused.send(get('/echo')).rest()).length).toBe(0);
    expect(inSystem(bed.runtime)).toBe(0);
  });
});

describe('what is no handshake', () => {
  it('plain_http_is_answered_in_plain_http_and_the_rest_is_closed', async () => {
    await using bed = await serve(ROUTES, { tls });
    const plain = await bed.open();
    const reply = await plain.send(get('/echo')).reply();
    expect([reply.status, errorOf(reply).code]).toEqual([400, 'ERR_HTTP_PLAIN_ON_TLS']);
    await plain.end();
    const noise = await bed.open();
    await noise.send(Buffer.from([0, 1, 2, 3])).end();
    const broken = await bed.open();
    // A record that begins well: the server's alert is all that comes.
    const rest = await broken.send(Buffer.from('160301000501000001ff', 'hex')).rest();
    expect(rest.toString('latin1')).not.toContain('HTTP');
    const empty = await bed.open();
    empty.socket.end();
    await empty.end();
    const client = await secure(bed.port);
    expect(await echo(client, 'goes on')).toBe('goes on');
    client.socket.destroy();
  });

  it('one_that_takes_too_long_is_closed_however_it_trickles', async () => {
    await using bed = await serve(ROUTES, { tls, limits: { headTimeoutMs: 200 } });
    const silent = await bed.open();
    const trickling = await bed.open();
    // A record of 512 bytes, which never comes to its end.
    trickling.send(Buffer.from('1603010200', 'hex'));
    const timer = setInterval(() => trickling.send(Buffer.from([1])), 20);
    try {
      await silent.end();
      await trickling.end();
    } finally {
      clearInterval(timer);
    }
    const client = await secure(bed.port);
    expect(await echo(client, 'goes on')).toBe('goes on');
    client.socket.destroy();
  });
});

describe('certificates', () => {
  it('are_read_again_for_new_connections_and_a_broken_one_changes_nothing', async () => {
    const options: { cert: string; key: string } = pair('localhost');
    await using bed = await serve(ROUTES, { tls: options });
    const before = await secure(bed.port);
    Object.assign(options, pair('renewed'));
    await bed.server.reload();
    const after = await secure(bed.port);
    expect([nameOf(before), nameOf(after)]).toEqual(['localhost', 'renewed']);
    options.key = file('wild-key');
    await expect(bed.server.reload()).rejects.toMatchObject({ code: 'ERR_TLS' });
    const later = await secure(bed.port);
    expect(nameOf(later)).toBe('renewed');
    for (const client of [before, after, later]) {
      expect(await echo(client, 'works')).toBe('works');
      client.socket.destroy();
    }
  });

  it('that_are_broken_are_told_by_their_place_before_anything_is_open', async () => {
    const failure = (options: TlsOptions): Promise<string> =>
      serve(ROUTES, { tls: options }).then(
        () => 'listens',
        (error: Error & { code: string }) => `${error.code} ${error.message}`,
      );
    expect(await failure({ ...tls, key: file('wild-key') })).toMatch(
      /^ERR_TLS tls: cert and key do not belong together \(.*localhost.pem, .*wild-key.pem\)$/,
    );
    expect(await failure({ ...tls, cert: '/no/such' })).toBe(
      'ERR_TLS tls.cert: /no/such: no such file',
    );
    expect(await failure({ ...tls, key: file('encrypted-key') })).toMatch(/another passphrase/);
    expect(await failure({ ...tls, sni: { 'a.b': { ...tls, cert: file('ca') } } })).toMatch(
      /^ERR_TLS tls.sni\["a.b"\]: cert and key do not belong together/,
    );
    expect(await failure({ ...tls, sni: { '*': tls } })).toMatch(/^ERR_ROUTE_HOST/);
    const encrypted = { cert: text('localhost'), key: text('encrypted-key'), passphrase: 'test' };
    expect(await failure({ ...encrypted, passphrase: 'secret?' })).not.toMatch(/secret|BEGIN/);
    await using bed = await serve(ROUTES, { tls: encrypted });
    const client = await secure(bed.port);
    expect(nameOf(client)).toBe('localhost');
    client.socket.destroy();
  });

  it('resume_at_the_listener_over_a_reload', async () => {
    await using bed = await serve(ROUTES, { tls });
    const first = await secure(bed.port);
    const session = new Promise<Buffer>((resolve) => first.socket.once('session', resolve));
    expect(await echo(first, 'one')).toBe('one');
    const ticket = await within(session, 'a ticket');
    await bed.server.reload();
    const second = await secure(bed.port, { session: ticket });
    expect(await echo(second, 'two')).toBe('two');
    expect(second.socket.isSessionReused()).toBe(true);
    for (const { socket } of [first, second] as { socket: Socket }[]) socket.destroy();
  });
});
