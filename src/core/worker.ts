/** Entry of a worker thread. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { Arena } from '../ring/index.ts';
import type { FromWorker, LoadedRecord, ToWorker, WorkerData } from './messages.ts';
import { createPolicy } from './policy.ts';
import { decodeSpec } from './records.ts';
import { WorkerControl } from './worker-control.ts';
import { WorkerLoop } from './worker-loop.ts';

const data = workerData as WorkerData;
const port = parentPort as NonNullable<typeof parentPort>;
const arena = Arena.attach(data.memory);
const loop: WorkerLoop = new WorkerLoop({
  arena,
  worker: data.worker,
  control: data.control,
  state: new WorkerControl(arena, data.worker),
  policy: createPolicy(data.scheduler),
  spinNs: data.spinNs,
  sandboxesMax: data.sandboxesMax,
  memoriesMax: data.memoriesMax,
  onMail: readMail,
  onLog: (sandbox, text) => post({ type: 'log', fn: sandbox.spec.name, text }),
});

for (const record of data.functions) add(record);
post({ type: 'ready' });
await loop.run();
port.close();

function post(message: FromWorker): void {
  port.postMessage(message);
}

function add({ spec, module }: LoadedRecord): void {
  loop.add({ spec: decodeSpec(spec), module });
}

/** The thread seldom turns its event loop, so it fetches its messages itself. */
function readMail(): void {
  for (;;) {
    const received = receiveMessageOnPort(port);
    if (received === undefined) return;
    handle(received.message as ToWorker);
  }
}

function handle(message: ToWorker): void {
  if (message.type === 'stop') {
    loop.stop();
    return;
  }
  if (message.type === 'unload') {
    loop.remove(message.id);
  } else {
    add(message);
  }
  post({ type: 'done', seq: message.seq, error: undefined });
}
