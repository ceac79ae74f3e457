/** A server under closed-loop load as a candidate of a race: CPU, rate and latency of a round, its answers verified. */
import type { Candidate, Sample } from '../ring/candidate.ts';
import { load } from './load.ts';
import type { StartServer } from './server.ts';
import { type Exchange, verify } from './verify.ts';

export interface SubjectOptions extends Exchange {
  /** What its figures' names begin with. */
  readonly name: string;
  readonly start: StartServer;
  readonly connections: number;
  readonly seconds: number;
  readonly bodyFile?: string | undefined;
  readonly closes?: boolean;
  /** One connection for so many seconds as well: latency. */
  readonly oneSeconds?: number;
}

const MB = 1e6;

export function subject(options: SubjectOptions): () => Promise<Candidate> {
  return async () => {
    const server = await options.start();
    return { round: () => round(server, options), end: server.end };
  };
}

async function round(
  { port, cpuUs }: Awaited<ReturnType<StartServer>>,
  options: SubjectOptions,
): Promise<Sample> {
  const { name, path, connections, seconds, bodyFile, closes = false, oneSeconds = 0 } = options;
  const url = `http://127.0.0.1:${port}${path}`;
  const asking = { bodyFile, closes, answerBytes: options.expected.length };
  await verify(port, options);
  const before = await cpuUs();
  const run = await load(url, { ...asking, connections, seconds });
  const used = (await cpuUs()) - before;
  const one =
    oneSeconds > 0
      ? await load(url, { ...asking, connections: 1, seconds: oneSeconds })
      : undefined;
  await verify(port, options);
  const rps = run.requests / run.seconds;
  return {
    [`${name}_cpu_us`]: used / run.requests,
    [`${name}_rps`]: rps,
    ...(bodyFile === undefined ? {} : { [`${name}_mb_per_s`]: (rps * asking.answerBytes) / MB }),
    ...(one === undefined
      ? {}
      : { [`${name}_p50_1conn_us`]: one.p50Us, [`${name}_p99_1conn_us`]: one.p99Us }),
  };
}
