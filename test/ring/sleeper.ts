/** A thread that sleeps in the lot as worker 0, and sends each value that it steals back to producer 0. */
import { workerData } from 'node:worker_threads';
import { Arena, EMPTY } from '../../src/ring/index.ts';

const data = workerData as { readonly memory: WebAssembly.Memory; readonly rounds: number };
const arena = Arena.attach(data.memory);
const deque = arena.deque(0);
const parker = arena.parker(0);
for (let done = 0; done < data.rounds; ) {
  parker.searchBegin();
  parker.park(() => deque.size > 0, Number.POSITIVE_INFINITY);
  const value = deque.steal();
  if (parker.searchEnd() && deque.size > 0) arena.lot.wakeOne();
  if (value === EMPTY) continue;
  arena.completions(0).push(value);
  arena.bell(0).ring();
  done++;
}
