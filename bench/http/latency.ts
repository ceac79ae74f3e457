/**
 * Latency at fixed rates, from when a request was meant to begin (open-loop.cpp): `/empty` of Luge beside node:http that says hello, both offered the same,
 * shares of what node:http answers at the most with 64 connections in the same run. `cpu_us` is the server's CPU a request at that rate, and
 * `client_late_us_*` the part of the latency that is the load generator's.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Figure } from '../figures.ts';
import type { Candidate, Sample } from '../ring/candidate.ts';
import { race } from '../ring/race.ts';
import { load } from './load.ts';
import { type BenchServer, forkServer } from './server.ts';
import { verify } from './verify.ts';

const CONNECTIONS = 64;
const SECONDS = 1.2;
const ROUNDS = 5;
/** Of the baseline's capacity; beyond the last the tail is that of the load generator on a machine with two cores. */
const SHARES_PERCENT = [20, 60] as const;
const QUANTILES = ['p50', 'p99', 'p999'] as const;

export interface OpenLoop {
  /** All, those too that do not count for the latencies. */
  readonly requests: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly lateP50: number;
  readonly lateP99: number;
}

interface Target {
  readonly name: string;
  readonly file: string;
  readonly path: string;
  readonly body: string;
}

const LUGE: Target = { name: 'http_latency', file: 'luge', path: '/empty', body: '' };
const NODE: Target = {
  name: 'http_latency_nodehttp',
  file: 'node-http',
  path: '/',
  body: 'hello',
};

export const CAN_BUILD_OPEN_LOOP: boolean =
  process.platform === 'linux' && spawnSync('g++', ['--version']).error === undefined;

/** The program's path, in the folder. */
export async function buildOpenLoop(folder: string): Promise<string> {
  const program = join(folder, 'open-loop');
  const source = fileURLToPath(new URL('open-loop.cpp', import.meta.url));
  await promisify(execFile)('g++', ['-O2', '-std=c++20', '-o', program, source]);
  return program;
}

export async function latency(): Promise<Figure[]> {
  if (!CAN_BUILD_OPEN_LOOP) {
    process.stderr.write('no g++, or no Linux: latency at fixed rates is left out\n');
    return [];
  }
  const folder = mkdtempSync(join(tmpdir(), 'luge-bench-'));
  try {
    const program = await buildOpenLoop(folder);
    const capacity = await capacityOf(NODE);
    const samples = await race(
      [LUGE, NODE].map((target) => () => candidate(program, target, capacity)),
      { rounds: ROUNDS, warmUpRounds: 1, secondsMax: 80 },
    );
    return [
      { name: 'http_latency_capacity_nodehttp_rps', unit: '1/s', value: Math.round(capacity) },
      ...samples.figures(),
      ...SHARES_PERCENT.flatMap((share) =>
        [...QUANTILES.map((q) => `us_${q}`), 'cpu_us'].flatMap((of) =>
          samples.ratio(
            `http_latency_${share}_${of.replace('us_', '').replace('_us', '')}_ratio`,
            `${LUGE.name}_${share}_${of}`,
            `${NODE.name}_${share}_${of}`,
          ),
        ),
      ),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function capacityOf({ file, path, body }: Target): Promise<number> {
  const server = await forkServer(file);
  try {
    const url = `http://127.0.0.1:${server.port}${path}`;
    const asking = { connections: CONNECTIONS, answerBytes: body.length };
    await load(url, { ...asking, seconds: 1 });
    const { requests, seconds } = await load(url, { ...asking, seconds: 2 });
    return requests / seconds;
  } finally {
    server.end();
  }
}

async function candidate(program: string, target: Target, capacity: number): Promise<Candidate> {
  const server = await forkServer(target.file);
  let seed = 0;
  return {
    end: server.end,
    round: async () => {
      await verify(server.port, { path: target.path, expected: Buffer.from(target.body) });
      seed++;
      const sample: Record<string, number> = {};
      for (const share of SHARES_PERCENT) {
        Object.assign(sample, await atRate(program, target, server, share, capacity, seed));
      }
      return sample;
    },
  };
}

async function atRate(
  program: string,
  { name, path, body }: Target,
  server: BenchServer,
  share: number,
  capacity: number,
  seed: number,
): Promise<Sample> {
  const rate = (capacity * share) / 100;
  const args = [server.port, path, rate, SECONDS, CONNECTIONS, seed, body].map(String);
  const before = await server.cpuUs();
  const { stdout } = await promisify(execFile)(program, args, { timeout: 30_000 });
  const used = (await server.cpuUs()) - before;
  const run = JSON.parse(stdout) as OpenLoop;
  const prefix = `${name}_${share}`;
  return {
    ...Object.fromEntries(QUANTILES.map((q) => [`${prefix}_us_${q}`, run[q]])),
    [`${prefix}_client_late_us_p50`]: run.lateP50,
    [`${prefix}_client_late_us_p99`]: run.lateP99,
    [`${prefix}_cpu_us`]: used / run.requests,
  };
}
