/** A producer or a consumer of contended.ts. The values of each producer must arrive in the order in which it pushed them. */
import { workerData } from 'node:worker_threads';
import { Batch } from '../../src/ring/index.ts';
import type { ThreadData } from './contended.ts';
import { serveCrew } from './crew.ts';
import { BATCHES_ADDRESS, openQueue } from './queues.ts';

const data = workerData as ThreadData;
const { index, peers, producers, items, batch: size } = data;
const queue = openQueue(data.queue);
const share = items / peers;
const place = data.role === 'producer' ? index : producers + index;
const batch = new Batch(data.queue.memory, BATCHES_ADDRESS + 512 * place, Math.max(1, size));
const { values } = batch;
/** By producer: the value that came last. */
const last = new Int32Array(producers);

if (data.role === 'producer') serveCrew(size > 0 ? produceBatches : produce);
else serveCrew(size > 0 ? consumeBatches : consume);

function produce(): number {
  let sum = 0;
  for (let value = index; value < items; value += producers) {
    while (queue.push(value) < 0);
    sum = (sum + Math.imul(value, value)) | 0;
  }
  return sum;
}

/** A queue that has room for a part takes a part. */
function produceBatches(): number {
  let sum = 0;
  let filled = 0;
  for (let value = index; value < items || filled > 0; ) {
    for (; filled < size && value < items; value += producers) {
      values[filled++] = value;
      sum = (sum + Math.imul(value, value)) | 0;
    }
    const n = queue.pushMany(batch, filled);
    if (n <= 0) continue;
    values.copyWithin(0, n, filled);
    filled -= n;
  }
  return sum;
}

function consume(): number {
  last.fill(-1);
  let sum = 0;
  for (let count = 0; count < share; count++) {
    let value = queue.pop();
    while (value < 0) value = queue.pop();
    sum = taken(value, sum);
  }
  return sum;
}

function consumeBatches(): number {
  last.fill(-1);
  let sum = 0;
  for (let count = 0; count < share; ) {
    const n = queue.popMany(batch, Math.min(size, share - count));
    if (n <= 0) continue;
    for (let i = 0; i < n; i++) sum = taken(values[i] as number, sum);
    count += n;
  }
  return sum;
}

function taken(value: number, sum: number): number {
  const producer = value & (producers - 1);
  const before = last[producer] as number;
  if (value <= before) throw new Error(`${value} behind ${before} of the same producer`);
  last[producer] = value;
  return (sum + Math.imul(value, value)) | 0;
}
