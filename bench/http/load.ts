/**
 * Closed-loop load on a local port: wrk where it is installed, else autocannon (which takes more of the machine's CPU, and knows latencies in whole
 * milliseconds only). Rejects when an answer has another status than 2xx, a connection fails, or more or fewer bytes come than so many answers have.
 */
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import autocannon from 'autocannon';

export interface Asking {
  readonly connections: number;
  /** Whole seconds. */
  readonly seconds: number;
  /** What is posted; without it, GET. */
  readonly bodyFile?: string | undefined;
  /** Of an answer's body, as it was verified. */
  readonly answerBytes: number;
  /** A connection for each request. */
  readonly closes?: boolean;
}

export interface Load {
  readonly requests: number;
  readonly seconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

interface Counted extends Load {
  readonly bytes: number;
  readonly errors: number;
}

export const HAS_WRK: boolean = spawnSync('wrk', ['--version']).error === undefined;

const SCRIPT = fileURLToPath(new URL('wrk.lua', import.meta.url));
/** Out of thin air: more than the head of any server here, framing included. */
const HEAD_BYTES_MAX = 1024;

export async function load(url: string, asking: Asking): Promise<Load> {
  const run = HAS_WRK ? await wrk(url, asking) : await cannon(url, asking);
  const { requests, errors, bytes } = run;
  const { answerBytes, connections } = asking;
  if (errors > 0 || requests === 0) {
    throw new Error(`${url}: ${errors} failed beside ${requests} answers`);
  }
  const bytesMax = (requests + connections) * (answerBytes * 1.01 + HEAD_BYTES_MAX);
  if (bytes < requests * answerBytes || bytes > bytesMax) {
    throw new Error(`${url}: ${bytes} bytes cannot be ${requests} answers of ${answerBytes}`);
  }
  return run;
}

async function wrk(url: string, asking: Asking): Promise<Counted> {
  const { connections, seconds, bodyFile, closes } = asking;
  const { stdout } = await promisify(execFile)(
    'wrk',
    [
      ...['-t1', `-c${connections}`, `-d${seconds}s`, '-s', SCRIPT, url, '--'],
      ...[bodyFile === undefined ? 'GET' : 'POST', bodyFile ?? '', closes ? 'close' : ''],
    ],
    { timeout: (seconds + 30) * 1000 },
  );
  const figures = /^figures (.*)$/m.exec(stdout)?.[1];
  if (figures === undefined) throw new Error(`wrk ended without figures: ${stdout}`);
  return JSON.parse(figures) as Counted;
}

async function cannon(url: string, asking: Asking): Promise<Counted> {
  const { connections, seconds, bodyFile, closes } = asking;
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    ...(bodyFile === undefined ? {} : { method: 'POST', body: readFileSync(bodyFile) }),
    ...(closes ? { headers: { connection: 'close' } } : {}),
  });
  return {
    requests: result.requests.total,
    seconds: result.duration,
    bytes: result.throughput.total,
    errors: result.errors + result.non2xx,
    p50Us: result.latency.p50 * 1e3,
    p99Us: result.latency.p99 * 1e3,
  };
}
