/** Closed-loop load on a local port: wrk where it is installed, else autocannon. */
import { spawnSync } from 'node:child_process';
import autocannon from 'autocannon';

export interface Load {
  readonly requests: number;
  readonly seconds: number;
  readonly errors: number;
  readonly p50Us: number;
}

export const HAS_WRK: boolean = spawnSync('wrk', ['--version']).error === undefined;

export async function load(url: string, connections: number, seconds: number): Promise<Load> {
  return HAS_WRK ? wrk(url, connections, seconds) : cannon(url, connections, seconds);
}

async function wrk(url: string, connections: number, seconds: number): Promise<Load> {
  const { spawn } = await import('node:child_process');
  const child = spawn('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', url]);
  let text = '';
  child.stdout.on('data', (chunk) => {
    text += chunk;
  });
  await new Promise((resolve) => child.once('close', resolve));
  const done = /(\d+) requests in ([\d.]+)s/.exec(text);
  const p50 = /50%\s+([\d.]+)(us|ms|s)/.exec(text);
  const scale = { us: 1, ms: 1e3, s: 1e6 }[p50?.[2] ?? 'us'] ?? 1;
  const bad = /Non-2xx or 3xx responses: (\d+)/.exec(text);
  const socket = /Socket errors: connect (\d+), read (\d+), write (\d+)/.exec(text);
  const sockets = (socket ?? []).slice(1).reduce((sum, n) => sum + Number(n), 0);
  return {
    requests: Number(done?.[1] ?? 0),
    seconds: Number(done?.[2] ?? seconds),
    errors: Number(bad?.[1] ?? 0) + sockets,
    p50Us: Number(p50?.[1] ?? Number.NaN) * scale,
  };
}

async function cannon(url: string, connections: number, seconds: number): Promise<Load> {
  const result = await autocannon({ url, connections, duration: seconds });
  return {
    requests: result.requests.total,
    seconds: result.duration,
    errors: result.errors + result.non2xx,
    p50Us: result.latency.p50 * 1e3,
  };
}
