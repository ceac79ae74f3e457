/**
 * Values from threads to threads: `contended.ts <figure> <queue> <producers> <consumers> <batch>`; batch 0 = one value a call. Who finds
 * the queue full or empty asks again at once: nobody sleeps, it is the queue that is measured.
 */

import { Crew, type CrewReport } from './crew.ts';
import { createQueue, type QueueName, type SharedQueue } from './queues.ts';
import { expectSame, serveRounds } from './rounds.ts';

export interface ThreadData {
  readonly queue: SharedQueue;
  readonly role: 'producer' | 'consumer';
  /** Among those of its role; and how many these are. */
  readonly index: number;
  readonly peers: number;
  /** A power of two. */
  readonly producers: number;
  readonly batch: number;
  /** Of all producers together, in one round. */
  readonly items: number;
}

/** Some 20 ms where each thread has a core, seconds where it has not. A multiple of producers, consumers and the batch. */
const ITEMS = { wasm: 2 ** 19, ts: 2 ** 17, crowded: 2 ** 16 } as const;

const [figure = '', name = '', ...numbers] = process.argv.slice(2);
const [producers = 1, consumers = 1, batch = 0] = numbers.map(Number);
const queue = await createQueue(name as QueueName);
const isCrowded = producers + consumers > 2;
const items = isCrowded ? ITEMS.crowded : name.endsWith('-ts') ? ITEMS.ts : ITEMS.wasm;
const all = (role: ThreadData['role'], peers: number): ThreadData[] =>
  Array.from({ length: peers }, (_, index) => ({
    queue,
    role,
    index,
    peers,
    producers,
    batch,
    items,
  }));
const crew = await Crew.start('contended-thread', [
  ...all('producer', producers),
  ...all('consumer', consumers),
]);

serveRounds(async () => {
  const { ns, sums }: CrewReport = await crew.round();
  const sum = (part: readonly number[]): number => part.reduce((a, b) => (a + b) | 0, 0);
  expectSame(
    `${figure}: sum of the values`,
    sum(sums.slice(producers)),
    sum(sums.slice(0, producers)),
  );
  return { [figure]: items / (ns / 1e9) };
});
