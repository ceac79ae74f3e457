/** The other side of postmessage.ts: echoes negative numbers, sums up the others and answers the last of a burst. */
import { parentPort, workerData } from 'node:worker_threads';

const { messages } = workerData as { readonly messages: number };
let sum = 0;
parentPort!.on('message', (value: number) => {
  if (value < 0) return parentPort!.postMessage(value);
  sum += value;
  if (value < messages - 1) return;
  parentPort!.postMessage(sum);
  sum = 0;
});
