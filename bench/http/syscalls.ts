/**
 * System calls a request, by name, as strace counts them in all threads of a server: Luge, node:http and a bare net responder, keep-alive, 64 connections and
 * one. strace slows a server down, so that it finds more to do each time it wakes up: rates differ from those without it.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Figure } from '../figures.ts';
import { load } from './load.ts';
import { type BenchServer, forkServer } from './server.ts';
import { verify } from './verify.ts';

/** What is rarer than one in so many requests is in the total alone, but for those that documents name. */
const RARE = 100;
const NAMED = ['read', 'write', 'futex', 'epoll_pwait'];
const SERVERS = [
  { name: 'luge', file: 'luge', path: '/empty', expected: Buffer.alloc(0) },
  { name: 'nodehttp', file: 'node-http', path: '/', expected: Buffer.from('hello') },
  { name: 'net', file: 'node-net', path: '/', expected: Buffer.from('hello') },
] as const;

export async function syscalls(): Promise<Figure[]> {
  if (spawnSync('strace', ['-V']).error !== undefined) {
    process.stderr.write('no strace: system calls are left out\n');
    return [];
  }
  const folder = mkdtempSync(join(tmpdir(), 'luge-bench-'));
  const figures: Figure[] = [];
  try {
    for (const { name, file, path, expected } of SERVERS) {
      const server = await forkServer(file);
      try {
        await verify(server.port, { path, expected });
        for (const connections of [64, 1]) {
          const url = `http://127.0.0.1:${server.port}${path}`;
          const asking = { connections, seconds: 1, answerBytes: expected.length };
          await load(url, asking);
          const { calls, requests } = await traced(server, join(folder, 'counts'), async () => {
            return (await load(url, { ...asking, seconds: 2 })).requests;
          });
          const prefix = `http_syscalls_${name}_${connections}conn`;
          figures.push(...perRequest(prefix, calls, requests));
        }
      } finally {
        server.end();
      }
    }
    return figures;
  } catch (error) {
    if (!(error instanceof TraceError)) throw error;
    process.stderr.write(`${error.message}: system calls are left out\n`);
    return [];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

class TraceError extends Error {}

/** What the server's threads called while `act` ran. */
async function traced(
  { pid }: BenchServer,
  file: string,
  act: () => Promise<number>,
): Promise<{ calls: Map<string, number>; requests: number }> {
  const child = spawn('strace', ['-f', '-c', '-o', file, '-p', String(pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'close');
  try {
    await attached(child);
    const requests = await act();
    child.kill('SIGINT');
    await ended;
    return { calls: countsOf(readFileSync(file, 'utf8')), requests };
  } finally {
    child.kill('SIGINT');
  }
}

function attached(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stderr?.on('data', (bytes: Buffer) => {
      text += bytes.toString();
      if (/attached/.test(text)) resolve();
    });
    child.once('close', () => reject(new TraceError(`strace ended: ${text.trim()}`)));
  });
}

/** Calls by name, of strace's table: lines of `% time, seconds, usecs/call, calls, [errors,] name`. */
export function countsOf(table: string): Map<string, number> {
  const rows = table.matchAll(/^ *[\d.]+ +[\d.]+ +\d+ +(\d+)(?: +\d+)? +(\w+)$/gm);
  return new Map(
    [...rows].flatMap(([, count, name = '']) =>
      name === 'total' ? [] : [[name, Number(count)] as const],
    ),
  );
}

function perRequest(prefix: string, calls: Map<string, number>, requests: number): Figure[] {
  const row = (name: string, count: number): Figure => ({
    name: `${prefix}_${name}_per_request`,
    unit: 'calls',
    value: Number((count / requests).toPrecision(3)),
  });
  const total = [...calls.values()].reduce((sum, count) => sum + count, 0);
  return [
    row('all', total),
    ...NAMED.map((name) => row(name, calls.get(name) ?? 0)),
    ...[...calls]
      .filter(([name, count]) => !NAMED.includes(name) && count * RARE >= requests)
      .sort(([, a], [, b]) => b - a)
      .map(([name, count]) => row(name, count)),
  ];
}
