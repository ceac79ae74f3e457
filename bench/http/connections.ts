/** A connection for each request (`Connection: close`): `/empty` of Luge beside node:http that says hello. */
import type { Figure } from '../figures.ts';
import { race } from '../ring/race.ts';
import { forkServer } from './server.ts';
import { subject } from './subject.ts';

export async function connections(): Promise<Figure[]> {
  const common = { connections: 64, seconds: 1, closes: true };
  const samples = await race(
    [
      subject({
        ...common,
        name: 'http_close',
        start: () => forkServer('luge'),
        path: '/empty',
        expected: Buffer.alloc(0),
      }),
      subject({
        ...common,
        name: 'http_close_nodehttp',
        start: () => forkServer('node-http'),
        path: '/',
        expected: Buffer.from('hello'),
      }),
    ],
    { rounds: 5, warmUpRounds: 1, secondsMax: 40 },
  );
  return [
    ...samples.figures(),
    ...samples.ratio('http_close_cpu_ratio', 'http_close_cpu_us', 'http_close_nodehttp_cpu_us'),
    ...samples.ratio('http_close_rps_ratio', 'http_close_rps', 'http_close_nodehttp_rps'),
  ];
}
