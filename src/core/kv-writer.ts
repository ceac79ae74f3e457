/**
 * Entry of the thread that saves the key-value store: every SAVE_MS what has changed, in one transaction, and once more when it is
 * told to stop. What was not saved is saved again: its buckets are marked as they were.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Table } from '../ring/index.ts';
import { type KvBucket, KvFile } from './kv-file.ts';
import type { FromKvWriter, KvWriterData, ToKvWriter } from './messages.ts';

const SAVE_MS = 100;

/** The name of a new tenant is on its way: the whole transaction waits for it. */
class NamelessTenant extends Error {}

const data = workerData as KvWriterData;
const port = parentPort as NonNullable<typeof parentPort>;
const table: Table = Table.attach(data.memory, 0, data.holder);
const names: string[] = [...data.tenants];
const file: KvFile = new KvFile(data.file);
let hasFailed = false;

// The first save replaces all rows, so it has to have all buckets: nobody may write yet, or the thread before this one died.
for (let bucket = 0; bucket < table.buckets; bucket++) table.markDirty(bucket);
if (save()) post({ type: 'saved' });
const timer = setInterval(save, SAVE_MS);
port.on('message', (message: ToKvWriter) => {
  if (message.type === 'tenant') {
    names[message.id] = message.name;
    return;
  }
  clearInterval(timer);
  save();
  file.close();
  port.close();
});

function post(message: FromKvWriter): void {
  port.postMessage(message);
}

/** False when it could not be done; it is tried again. */
function save(): boolean {
  const dirty = table.takeDirty();
  if (dirty.length === 0) return true;
  try {
    file.save(bucketsOf(dirty));
    hasFailed = false;
    return true;
  } catch (error) {
    for (const bucket of dirty) table.markDirty(bucket);
    if (error instanceof NamelessTenant) return false;
    // Once, not ten times a second.
    if (!hasFailed) post({ type: 'failed', message: (error as Error).message });
    hasFailed = true;
    return false;
  }
}

function* bucketsOf(dirty: readonly number[]): Generator<KvBucket> {
  for (const bucket of dirty) {
    // A bucket that changes all the time is read in the end: writers stop for the time of their other work.
    const entries = table.entries(bucket, Number.POSITIVE_INFINITY) ?? [];
    const named = entries.map((entry) => ({ ...entry, name: names[entry.tenant] ?? '' }));
    if (named.some(({ name }) => name === '')) throw new NamelessTenant();
    yield { bucket, entries: named };
  }
}
