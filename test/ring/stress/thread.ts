/** A thread that plays one role after the other: it takes longer to start one than to run a case. */
import { Worker } from 'node:worker_threads';
import type { Numbers, RoleData } from './role.ts';

/** Threads that have played a role to its end and wait for another one. */
const idle: Thread[] = [];

export class Thread {
  name: string = '';
  /** Its number in the case that it plays in. */
  number: number = 0;
  isPlaying: boolean = false;
  readonly #worker: Worker = new Worker(new URL('./worker.ts', import.meta.url));
  #ready: PromiseWithResolvers<void> = Promise.withResolvers();
  #end: PromiseWithResolvers<Numbers | undefined> = Promise.withResolvers();

  private constructor() {
    this.#worker.on('message', (message: 'ready' | Numbers) => {
      if (message === 'ready') this.#ready.resolve();
      else this.#ended(message, true);
    });
    this.#worker.once('error', (error) => {
      const { message } = error as Error;
      const fault = new Error(`${this.name}: ${message}`, { cause: error });
      this.#ready.reject(fault);
      this.#end.reject(fault);
    });
    this.#worker.once('exit', () => this.#ended(undefined, false));
  }

  static play(data: RoleData): Thread {
    const thread = idle.pop() ?? new Thread();
    thread.#play(data);
    return thread;
  }

  /** Has `count` threads ready that have loaded the file: those of a case that kills live too short to wait for that. */
  static async prepare(file: string, count: number): Promise<void> {
    const fresh = Array.from({ length: Math.max(0, count - idle.length) }, () => new Thread());
    await Promise.all(
      fresh.map((thread) => {
        thread.#worker.postMessage(file);
        return thread.end;
      }),
    );
  }

  /** When it runs its role, or is about to. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** What the role answered; undefined when the thread was killed. */
  get end(): Promise<Numbers | undefined> {
    return this.#end.promise;
  }

  /** Ends the thread wherever it is. Throws the fault that it had found before, if any. */
  async kill(): Promise<void> {
    await this.#worker.terminate();
    await this.end;
  }

  #play(data: RoleData): void {
    this.name = `${data.role} ${data.number}`;
    this.number = data.number;
    this.isPlaying = true;
    this.#ready = Promise.withResolvers();
    this.#end = Promise.withResolvers();
    // Who awaits them later is not too late.
    this.ready.catch(() => {});
    this.end.catch(() => {});
    this.#worker.ref();
    this.#worker.postMessage(data);
  }

  #ended(result: Numbers | undefined, isIdle: boolean): void {
    this.isPlaying = false;
    this.#worker.unref();
    // Killed when it had just come to the end of its role, it is idle and dead.
    if (isIdle) idle.push(this);
    else if (idle.includes(this)) idle.splice(idle.indexOf(this), 1);
    this.#ready.resolve();
    this.#end.resolve(result);
  }
}
