/**
 * Luge over HTTP beside node:http and others: `npm run bench -- http [series…]`. A server is a process of its own and its CPU that of the whole process;
 * rounds are interleaved and the first is dropped; ratios are of the two of each round; answers are verified before anything is printed.
 */
import { type Figure, header } from './figures.ts';
import { connections } from './http/connections.ts';
import { empty } from './http/empty.ts';
import { latency } from './http/latency.ts';
import { HAS_WRK } from './http/load.ts';
import { payload } from './http/payload.ts';
import { peers } from './http/peers.ts';
import { syscalls } from './http/syscalls.ts';

const SERIES: Readonly<Record<string, () => Promise<Figure[]>>> = {
  empty,
  payload,
  connections,
  latency,
  syscalls,
  peers,
};

/** Of them all without names, but for `peers`, which nobody has without asking for them. */
export async function http(names: readonly string[]): Promise<Figure[]> {
  const unknown = names.find((name) => SERIES[name] === undefined);
  if (unknown !== undefined) {
    throw new Error(`http has no series ${unknown}, but ${Object.keys(SERIES).join(', ')}`);
  }
  header(4);
  process.stderr.write(`load by ${HAS_WRK ? 'wrk' : 'autocannon'}\n`);
  const chosen = names.length > 0 ? names : Object.keys(SERIES).filter((name) => name !== 'peers');
  const figures: Figure[] = [];
  for (const name of chosen) {
    process.stderr.write(`${name} …\n`);
    figures.push(...(await (SERIES[name] as () => Promise<Figure[]>)()));
  }
  return figures;
}
