/**
 * workerd, Bun and Deno, each with "hello" and with an instance of examples/fib for each request (peers/), beside Luge and node:http with the same.
 * They are no dependencies: `npm ci --prefix bench/peers --ignore-scripts` brings the versions of peers/package-lock.json into peers/node_modules, as the
 * packages with their prebuilt programs that npm has; no script of theirs runs.
 */
import { existsSync } from 'node:fs';
import { arch, platform } from 'node:process';
import { fileURLToPath } from 'node:url';
import type { Figure } from '../figures.ts';
import type { Candidate } from '../ring/candidate.ts';
import { race } from '../ring/race.ts';
import { forkServer, type StartServer, spawnServer } from './server.ts';
import { subject } from './subject.ts';

type What = 'hello' | 'fib';

interface Peer {
  readonly name: string;
  /** From peers/node_modules on. */
  readonly program: string;
  args(what: What, port: number): readonly string[];
}

const FOLDER = new URL('../peers/', import.meta.url);
const SERVE = fileURLToPath(new URL('serve.js', FOLDER));
const CAPNP = fileURLToPath(new URL('workerd.capnp', FOLDER));
const isArm = arch === 'arm64';

const PEERS: readonly Peer[] = [
  {
    name: 'bun',
    program: `@oven/bun-linux-${isArm ? 'aarch64' : 'x64'}/bin/bun`,
    args: (what, port) => [SERVE, what, String(port)],
  },
  {
    name: 'deno',
    program: `@deno/linux-${isArm ? 'arm64' : 'x64'}-glibc/deno`,
    args: (what, port) => ['run', '--no-config', '-A', SERVE, what, String(port)],
  },
  {
    name: 'workerd',
    program: `@cloudflare/workerd-linux-${isArm ? 'arm64' : '64'}/bin/workerd`,
    args: (what, port) => ['serve', CAPNP, what, '--socket-addr', `http=127.0.0.1:${port}`],
  },
];

/** What fib says to the query 10. */
const FIB_OF_10 = Buffer.from('55\n');

export async function peers(): Promise<Figure[]> {
  if (platform !== 'linux') {
    process.stderr.write("peers: other processes' CPU is read on Linux only: left out\n");
    return [];
  }
  const starts = [
    one('luge', 'fib', '/fib?10', () => forkServer('luge', 'fib')),
    one('nodehttp', 'hello', '/', () => forkServer('node-http')),
    one('nodehttp', 'fib', '/fib?10', () => forkServer('node-fib')),
  ];
  const names: string[] = [];
  for (const { name, program, args } of PEERS) {
    const path = fileURLToPath(new URL(`node_modules/${program}`, FOLDER));
    if (!existsSync(path)) {
      process.stderr.write(
        `${name}: not installed (npm ci --prefix bench/peers --ignore-scripts)\n`,
      );
      continue;
    }
    names.push(name);
    for (const what of ['hello', 'fib'] as const) {
      const start = (): ReturnType<StartServer> => spawnServer(path, (port) => args(what, port));
      starts.push(one(name, what, what === 'fib' ? '/fib?10' : '/', start));
    }
  }
  if (names.length === 0) return [];
  const samples = await race(starts, { rounds: 4, warmUpRounds: 1, secondsMax: 120 });
  return [
    ...samples.figures(),
    ...['nodehttp', ...names].flatMap((name) =>
      ['cpu_us', 'rps'].flatMap((of) =>
        samples.ratio(
          `http_peer_fib_luge_to_${name}_${of.replace('_us', '')}_ratio`,
          `http_peer_luge_fib_${of}`,
          `http_peer_${name}_fib_${of}`,
        ),
      ),
    ),
  ];
}

function one(name: string, what: What, path: string, start: StartServer): () => Promise<Candidate> {
  return subject({
    name: `http_peer_${name}_${what}`,
    start,
    path,
    expected: what === 'fib' ? FIB_OF_10 : Buffer.from('hello'),
    connections: 64,
    seconds: 1,
    oneSeconds: 1,
  });
}
