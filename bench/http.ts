/**
 * Server CPU per request, rate and latency: `/empty` of Luge (a sandbox like new for each request, on another thread) beside node:http
 * and a bare net responder. One process each, interleaved rounds, the first dropped; CPU is the process's own accounting, all threads.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type Figure, figure, header } from './figures.ts';
import { HAS_WRK, load } from './load.ts';

const CONNECTIONS = 64;
const SECONDS = 3;
const ROUNDS = 6;

interface Server {
  readonly name: string;
  readonly child: ChildProcess;
  readonly url: string;
  readonly cpuUs: number[];
  readonly rps: number[];
  readonly p50Us: number[];
}

export async function http(): Promise<Figure[]> {
  header(4);
  process.stderr.write(
    `load by ${HAS_WRK ? 'wrk' : 'autocannon'}, ${CONNECTIONS} connections, ${ROUNDS - 1} rounds of ${SECONDS} s\n`,
  );
  const servers = [
    await start('http_empty', 'luge', '/empty'),
    await start('http_nodehttp', 'node-http', '/'),
    await start('http_net', 'node-net', '/'),
  ];
  for (let round = 0; round < ROUNDS; round++) {
    for (const server of servers) await measure(server, round > 0);
  }
  for (const { child } of servers) child.disconnect();
  const [luge, node, net] = servers as [Server, Server, Server];
  const ratios = (a: readonly number[], b: readonly number[]): number[] =>
    a.map((x, i) => x / (b[i] as number));
  return [
    ...servers.flatMap(({ name, cpuUs, rps, p50Us }) => [
      figure(`${name}_cpu_us`, 'us', cpuUs),
      figure(`${name}_rps`, '1/s', rps),
      figure(`${name}_p50_1conn_us`, 'us', p50Us),
    ]),
    figure('http_cpu_ratio_to_nodehttp', 'x', ratios(luge.cpuUs, node.cpuUs)),
    figure('http_cpu_ratio_to_net', 'x', ratios(luge.cpuUs, net.cpuUs)),
    figure('http_rps_ratio_to_nodehttp', 'x', ratios(luge.rps, node.rps)),
  ];
}

async function start(name: string, file: string, path: string): Promise<Server> {
  const child = fork(new URL(`./servers/${file}.ts`, import.meta.url), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const { port } = (await message(child)) as { port: number };
  return { name, child, url: `http://127.0.0.1:${port}${path}`, cpuUs: [], rps: [], p50Us: [] };
}

async function message(child: ChildProcess): Promise<unknown> {
  const ended = new AbortController();
  const exit = once(child, 'exit', { signal: ended.signal }).then(() => {
    throw new Error('a server of the bench ended');
  });
  try {
    const [answer] = (await Promise.race([once(child, 'message'), exit])) as [unknown];
    return answer;
  } finally {
    exit.catch(() => {});
    ended.abort();
  }
}

async function cpuUs(child: ChildProcess): Promise<number> {
  const answer = message(child);
  child.send('cpu');
  const { cpu } = (await answer) as { cpu: { user: number; system: number } };
  return cpu.user + cpu.system;
}

async function measure(server: Server, isKept: boolean): Promise<void> {
  const before = await cpuUs(server.child);
  const run = await load(server.url, CONNECTIONS, SECONDS);
  const used = (await cpuUs(server.child)) - before;
  const single = await load(server.url, 1, 1);
  if (run.errors + single.errors > 0 || run.requests === 0) {
    throw new Error(
      `${server.name}: ${run.errors + single.errors} failed of ${run.requests} requests`,
    );
  }
  if (!isKept) return;
  server.cpuUs.push(used / run.requests);
  server.rps.push(run.requests / run.seconds);
  server.p50Us.push(single.p50Us);
}
