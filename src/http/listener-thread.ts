/**
 * A listener thread as the main thread sees it:
 *
 *   starting --listening--> serving --drain--> draining --drained--> over
 *      |                       |                  |
 *      +-- failed, or it dies -+-- it dies -------+----------------> over
 *
 * `ready` and `ended` tell of the same error where there is one: a ListenError of an address that could not be bound, ERR_LISTENER_LOST of a thread that died.
 */
import { Worker } from 'node:worker_threads';
import { LugeError } from '../core/index.ts';
import type { FromListener, ListenerData, ToListener } from './api.ts';
import type { ListenAddress } from './listen-address.ts';
import { ListenError } from './listen-error.ts';
import type { TlsMaterial } from './tls-options.ts';

export class ListenerThread {
  readonly data: ListenerData;
  /** Of each of its places, as bound. */
  readonly ready: Promise<readonly ListenAddress[]>;
  /** Undefined: it has drained. Nothing of it runs any more. */
  readonly ended: Promise<LugeError | undefined>;
  readonly #worker: Worker;
  /** Of reloads that it has not acknowledged. */
  readonly #acknowledgements: (() => void)[] = [];

  constructor(data: ListenerData, onAccess: ((line: string) => void) | undefined) {
    this.data = data;
    const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const worker = new Worker(new URL(`./listener.${ending}`, import.meta.url), {
      workerData: data,
      execArgv: [],
      // Sockets make short-lived objects at a high rate: a larger nursery has fewer, and no dearer, collections.
      resourceLimits: { maxYoungGenerationSizeMb: 64 },
    });
    this.#worker = worker;
    let cause: unknown;
    let failure: LugeError | undefined;
    let hasDrained = false;
    worker.on('error', (error) => {
      cause = error;
    });
    this.ended = new Promise((resolve) => {
      worker.once('exit', () => {
        if (!hasDrained) failure ??= lost(cause);
        resolve(failure);
      });
    });
    this.ready = new Promise((resolve, reject) => {
      worker.on('message', (message: FromListener) => {
        if (message.type === 'listening') resolve(message.addresses);
        else if (message.type === 'failed') {
          failure = new ListenError(message.code, message.message, message.address);
        } else if (message.type === 'reloaded') this.#acknowledgements.shift()?.();
        else if (message.type === 'access') onAccess?.(message.line);
        else hasDrained = true;
      });
      void this.ended.then(reject);
    });
    // Whoever waits for it is told; nobody need.
    this.ready.catch(() => {});
  }

  /** Resolves when handshakes to come have these, or the thread is gone. */
  async reload(tls: readonly (TlsMaterial | undefined)[]): Promise<void> {
    this.#post({ type: 'reload', tls });
    await Promise.race([
      this.ended,
      new Promise<void>((done) => this.#acknowledgements.push(done)),
    ]);
  }

  async drain(timeoutMs: number): Promise<void> {
    this.#post({ type: 'drain', timeoutMs });
    await this.ended;
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    await this.#worker.terminate();
    await this.ended;
  }

  #post(message: ToListener): void {
    this.#worker.postMessage(message);
  }
}

function lost(cause: unknown): LugeError {
  const why = cause instanceof Error ? cause.message : String(cause ?? 'it ended');
  return new LugeError('ERR_LISTENER_LOST', 500, `the listener thread died: ${why}`, { cause });
}
