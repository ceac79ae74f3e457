/**
 * What a request costs at the least: `/empty` of Luge (a sandbox like new for each request, on another thread) beside node:http that says hello and a bare net
 * responder without a parser; keep-alive, 64 connections and one.
 */
import type { Aim, Figure } from '../figures.ts';
import { race } from '../ring/race.ts';
import { forkServer } from './server.ts';
import { subject } from './subject.ts';

const HELLO = Buffer.from('hello');

export async function empty(): Promise<Figure[]> {
  const common = { connections: 64, seconds: 3, oneSeconds: 1 };
  const hello = { ...common, path: '/', expected: HELLO };
  const samples = await race(
    [
      subject({
        ...common,
        name: 'http_empty',
        start: () => forkServer('luge'),
        path: '/empty',
        expected: Buffer.alloc(0),
      }),
      subject({ ...hello, name: 'http_nodehttp', start: () => forkServer('node-http') }),
      subject({ ...hello, name: 'http_net', start: () => forkServer('node-net') }),
    ],
    { rounds: 5, warmUpRounds: 1, secondsMax: 90 },
  );
  const ratio = (name: string, of: string, to: string, aim?: Aim): Figure[] =>
    samples.ratio(name, `http_empty_${of}`, `http_${to}_${of}`, aim);
  return [
    ...samples.figures(),
    ...ratio('http_cpu_ratio_to_nodehttp', 'cpu_us', 'nodehttp', { most: 0.55 }),
    ...ratio('http_cpu_ratio_to_net', 'cpu_us', 'net', { most: 1.35 }),
    ...ratio('http_rps_ratio_to_nodehttp', 'rps', 'nodehttp', { least: 1.5 }),
    ...ratio('http_one_p50_ratio', 'p50_1conn_us', 'nodehttp', { most: 1.3 }),
    ...ratio('http_one_p99_ratio', 'p99_1conn_us', 'nodehttp'),
  ];
}
