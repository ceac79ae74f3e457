/** A thread that steals from producer 0's deque until it is empty behind the end: hits[count] = 1 says so. */
import { workerData } from 'node:worker_threads';
import { Arena, EMPTY } from '../../src/ring/index.ts';

interface ThiefData {
  readonly memory: WebAssembly.Memory;
  readonly hits: Int32Array<SharedArrayBuffer>;
  readonly count: number;
}

const { memory, hits, count } = workerData as ThiefData;
const deque = Arena.attach(memory).deque(0);
for (;;) {
  const isOver = Atomics.load(hits, count) === 1;
  const value = deque.steal();
  if (value >= 0) Atomics.add(hits, value, 1);
  else if (value === EMPTY && isOver) break;
}
