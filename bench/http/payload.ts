/** Bodies of 1 KB to 1 MB there and back: examples/echo beside node:http that collects a body and sends it back. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Figure } from '../figures.ts';
import { race } from '../ring/race.ts';
import { forkServer } from './server.ts';
import { subject } from './subject.ts';

/** Fewer connections for larger bodies, lest both servers do nothing but collect what has no room in a cache. */
const SIZES = [
  { label: '1k', bytes: 1024, connections: 64 },
  { label: '10k', bytes: 10 * 1024, connections: 64 },
  { label: '100k', bytes: 100 * 1024, connections: 16 },
  { label: '1m', bytes: 1024 * 1024, connections: 8 },
] as const;

export async function payload(): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'luge-bench-'));
  try {
    const figures: Figure[] = [];
    for (const { label, bytes, connections } of SIZES) {
      const body = Buffer.from(
        Uint8Array.from({ length: bytes }, (_, i) => (i * 2654435761) >>> 24),
      );
      const bodyFile = join(folder, label);
      writeFileSync(bodyFile, body);
      const common = { connections, seconds: 1, body, bodyFile, expected: body };
      const [luge, node] = [`http_echo_${label}`, `http_echo_${label}_nodehttp`];
      const samples = await race(
        [
          subject({
            ...common,
            name: luge,
            start: () => forkServer('luge', 'echo'),
            path: '/echo',
          }),
          subject({ ...common, name: node, start: () => forkServer('node-echo'), path: '/' }),
        ],
        { rounds: 4, warmUpRounds: 1, secondsMax: 30 },
      );
      figures.push(
        ...samples.figures(),
        ...samples.ratio(`${luge}_cpu_ratio`, `${luge}_cpu_us`, `${node}_cpu_us`),
        ...samples.ratio(`${luge}_rps_ratio`, `${luge}_rps`, `${node}_rps`),
      );
    }
    return figures;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
