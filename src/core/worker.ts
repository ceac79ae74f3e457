/** Entry of a worker thread. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { Arena, Table } from '../ring/index.ts';
import { type KvAccess, nativeAddon, PoolCells, type Sandbox } from '../sandbox/index.ts';
import type { FromWorker, KvData, LoadedRecord, ToWorker, WorkerData } from './messages.ts';
import { pinThread } from './pinning.ts';
import { decodeSpec } from './records.ts';
import { createPolicy, policyContext } from './scheduling/policies.ts';
import { WorkerControl } from './worker-control.ts';
import { WorkerLoop } from './worker-loop.ts';

const data = workerData as WorkerData;
const port = parentPort as NonNullable<typeof parentPort>;
pinThread(data.core === undefined ? undefined : [data.core]);
const arena = Arena.attach(data.memory);
const loop: WorkerLoop = new WorkerLoop({
  arena,
  worker: data.worker,
  control: data.control,
  state: new WorkerControl(arena, data.worker),
  policy: await createPolicy<Sandbox>(
    data.scheduler,
    policyContext(arena, data.worker, data.quantumNs),
  ),
  spinNs: data.spinNs,
  sandboxesMax: data.sandboxesMax,
  addon: data.native ? nativeAddon() : undefined,
  kv: data.kv && kvAccess(data.kv),
  memoriesMax: data.memoriesMax,
  onMail: readMail,
  onLog: (sandbox, text) => post({ type: 'log', fn: sandbox.spec.name, text }),
});

for (const record of data.functions) {
  try {
    add(record);
  } catch {
    // A spare that could not be made. The function is there, and whoever loaded it has been told or will be.
  }
}
post({ type: 'ready' });
await loop.run();
port.close();

function kvAccess({ memory, ...limits }: KvData): KvAccess {
  return { table: Table.attach(memory, 0, data.worker), ...limits };
}

function post(message: FromWorker): void {
  port.postMessage(message);
}

function add({ spec, module, cells, tenantCells, estimate }: LoadedRecord): void {
  const { worker } = data;
  const image = { spec: decodeSpec(spec), module };
  loop.add(image, new PoolCells(cells, worker), new PoolCells(tenantCells, worker), estimate);
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
  if (message.type === 'trim') {
    loop.trim(message.tenantId);
    return;
  }
  let error: string | undefined;
  try {
    if (message.type === 'unload') loop.remove(message.id);
    else add(message);
  } catch (cause) {
    error = cause instanceof Error ? cause.message : String(cause);
  }
  post({ type: 'done', seq: message.seq, error });
}
