/**
 * The runtime's key-value store as the main thread sees it: one table in a memory of its own, that all workers read and write
 * (ring/table.wat), a quota for each tenant, and, with a file, a thread that saves what changed.
 *
 * Numbers of holders: the workers', then this thread's, then the writer's. Whichever dies, what it had locked is freed here.
 * An entry that has ended is gone for guests at once; its room comes back when its key is written again, or by the sweep,
 * which looks at every bucket once in SWEEP_PARTS x SWEEP_MS and at none in shards where nothing can end.
 */
import { randomBytes } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { TABLE_BLOCK_BYTES, TABLE_KEY_BYTES_MAX, TABLE_MODE, Table } from '../ring/index.ts';
import { monotonicNs } from '../sandbox/index.ts';
import type { KvOptions, KvStats } from './api.ts';
import { LugeError } from './errors.ts';
import { type FromKvWriter, type KvData, type KvWriterData, threadUrl } from './messages.ts';

const TENANTS_MAX = 1025;
const SWEEP_MS = 250;
const SWEEP_PARTS = 8;
/** Deaths of the writer in a row, none of which came as far as a whole save. */
const STILLBIRTHS_MAX = 3;

export interface KvLimits {
  readonly maxBytes: number;
  readonly maxTenantBytes: number;
  readonly maxKeyBytes: number;
  readonly maxValueBytes: number;
}

export class KvStore {
  readonly limits: KvLimits;
  readonly #memory: WebAssembly.Memory;
  readonly #table: Table;
  readonly #file: string | undefined;
  readonly #tenants = new Map<string, number>();
  readonly #writerHolder: number;
  #writer: Worker | undefined;
  #sweeper: NodeJS.Timeout | undefined;
  #swept = 0;
  #stillbirths = 0;
  #isClosing = false;

  constructor(limits: KvLimits, file: string | undefined, workers: number) {
    const options = {
      blocks: Math.floor(limits.maxBytes / TABLE_BLOCK_BYTES),
      tenants: TENANTS_MAX,
      holders: workers + 2,
      maxValueBytes: limits.maxValueBytes,
      secret: [randomBytes(8).readBigUInt64LE(), randomBytes(8).readBigUInt64LE()] as const,
    };
    const pages = Math.ceil(Table.bytes(options) / 65536);
    this.limits = limits;
    this.#file = file;
    this.#writerHolder = workers + 1;
    this.#memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.#table = Table.create(this.#memory, 0, options, workers);
  }

  /** What a worker needs of it. */
  get data(): KvData {
    const { maxKeyBytes, maxValueBytes } = this.limits;
    return { memory: this.#memory, maxKeyBytes, maxValueBytes };
  }

  /** Loads the file, if there is one, and resolves when what it holds has been saved once. Rejects with ERR_KV_FILE. */
  async start(): Promise<void> {
    if (this.#file !== undefined) {
      await this.#load(this.#file);
      await this.#spawnWriter(this.#file);
    }
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#sweeper.unref();
  }

  /** The number of a tenant; `maxBytes` is its quota from now on. */
  tenant(name: string, maxBytes?: number): number {
    let id = this.#tenants.get(name);
    if (id === undefined) {
      id = this.#tenants.size;
      if (id >= this.#table.tenants) {
        throw new LugeError('ERR_TENANTS', 500, `there are ${TENANTS_MAX} tenants already`);
      }
      this.#tenants.set(name, id);
      this.#table.setQuota(id, blocksOf(maxBytes ?? this.limits.maxTenantBytes));
      this.#writer?.postMessage({ type: 'tenant', id, name });
    } else if (maxBytes !== undefined) {
      this.#table.setQuota(id, blocksOf(maxBytes));
    }
    return id;
  }

  /** Frees what a dead worker had locked. */
  recover(worker: number): void {
    this.#table.recover(worker);
  }

  stats(): KvStats {
    const table = this.#table;
    const of = (id: number): { readonly usedBytes: number; readonly entries: number } => {
      const { blocks, entries } = table.usage(id);
      return { usedBytes: blocks * TABLE_BLOCK_BYTES, entries };
    };
    return {
      usedBytes: table.used * TABLE_BLOCK_BYTES,
      maxBytes: table.most * TABLE_BLOCK_BYTES,
      tenants: [...this.#tenants].map(([tenant, id]) => ({ tenant, ...of(id) })),
    };
  }

  /** Resolves when all that changed is in the file. */
  async close(): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#sweeper);
    const writer = this.#writer;
    if (writer === undefined) return;
    const exit = new Promise((resolve) => writer.once('exit', resolve));
    writer.postMessage({ type: 'stop' });
    await exit;
  }

  /** Ends the writer's thread at once, whatever it does: for tests of what must follow. */
  async killWriter(): Promise<void> {
    await this.#writer?.terminate();
  }

  #sweep(): void {
    const count = Math.ceil(this.#table.buckets / SWEEP_PARTS);
    this.#table.sweep(this.#swept * count, count, monotonicNs());
    this.#swept = (this.#swept + 1) % SWEEP_PARTS;
  }

  async #load(file: string): Promise<void> {
    const { readKvFile } = await import('./kv-file.ts');
    const table = this.#table;
    try {
      for (const { tenant, key, value, end } of readKvFile(file)) {
        if (key.length > TABLE_KEY_BYTES_MAX || value.length > table.maxValueBytes) {
          throw new Error(
            `it holds an entry with a key of ${key.length} and a value of ${value.length} bytes`,
          );
        }
        table.putKey(key, 0, key.length);
        table.putValue(value, 0, value.length);
        const result = table.write(TABLE_MODE.SET, this.tenant(tenant), monotonicNs(), end);
        if (result !== 0) throw new Error(`it holds more than the limits of kv allow (${tenant})`);
      }
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new LugeError('ERR_KV_FILE', 500, `kv.file ${file}: ${message}`, { cause });
    }
  }

  #spawnWriter(file: string): Promise<void> {
    const data: KvWriterData = {
      memory: this.#memory,
      holder: this.#writerHolder,
      file,
      tenants: [...this.#tenants.keys()],
    };
    const writer = new Worker(threadUrl('kv-writer'), { workerData: data, execArgv: [] });
    this.#writer = writer;
    return new Promise((resolve, reject) => {
      let failure: unknown;
      writer.on('message', (message: FromKvWriter) => {
        if (message.type === 'failed') {
          process.emitWarning(`kv.file ${file}: ${message.message}`, { code: 'LUGE_KV_FILE' });
          return;
        }
        this.#stillbirths = 0;
        resolve();
      });
      writer.on('error', (error) => {
        failure = error;
      });
      writer.on('exit', () => {
        this.#writer = undefined;
        this.#table.recover(this.#writerHolder);
        if (this.#isClosing) return resolve();
        this.#stillbirths++;
        const why = failure instanceof Error ? `: ${failure.message}` : '';
        const error = new LugeError('ERR_KV_FILE', 500, `kv.file ${file}${why}`, {
          cause: failure,
        });
        if (this.#stillbirths > STILLBIRTHS_MAX) {
          process.emitWarning(`${error.message}: nothing is saved any more`, {
            code: 'LUGE_KV_FILE',
          });
          return reject(error);
        }
        this.#spawnWriter(file).then(resolve, reject);
      });
    });
  }
}

/** Undefined: no store. Throws ERR_INVALID_ARGUMENT. */
export function createKvStore(
  options: KvOptions | undefined,
  workers: number,
): KvStore | undefined {
  const maxBytes = limit(options, 'maxBytes', 16 * 2 ** 20, 0, 2 ** 30);
  if (maxBytes < TABLE_BLOCK_BYTES) return undefined;
  const limits: KvLimits = {
    maxBytes,
    maxTenantBytes: limit(options, 'maxTenantBytes', maxBytes, 0, 2 ** 30),
    maxKeyBytes: limit(options, 'maxKeyBytes', TABLE_KEY_BYTES_MAX, 1, TABLE_KEY_BYTES_MAX),
    maxValueBytes: limit(options, 'maxValueBytes', 65536, 8, 2 ** 20),
  };
  return new KvStore(limits, options?.file, workers);
}

function limit(
  options: KvOptions | undefined,
  name: Exclude<keyof KvOptions, 'file'>,
  fallback: number,
  least: number,
  most: number,
): number {
  const value = options?.[name] ?? fallback;
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new LugeError(
      'ERR_INVALID_ARGUMENT',
      500,
      `createRuntime: kv.${name} must be a whole number from ${least} to ${most}, not ${String(value)}`,
    );
  }
  return value;
}

function blocksOf(bytes: number): number {
  return Math.floor(bytes / TABLE_BLOCK_BYTES);
}
