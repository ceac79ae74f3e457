/** One configuration of the bench in a process of its own: what the JIT learns of it spoils no other, and it can be killed. */
import { type ChildProcess, fork } from 'node:child_process';

/** A sample for each figure that the configuration has. */
export type Sample = Readonly<Record<string, number>>;

export interface Candidate {
  /** One round. Rejects when the process ends, says nothing for too long, or has found its own results wrong. */
  round(): Promise<Sample>;
  end(): void;
}

/** Of one round, which takes a second at the most on an idle machine. */
const TIMEOUT_MS = 30_000;

/** `<file>.ts` of this folder, which serves rounds (rounds.ts). */
export async function forked(file: string, ...args: readonly string[]): Promise<Candidate> {
  const child = fork(new URL(`./${file}.ts`, import.meta.url), args, {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const name = [file, ...args].join(' ');
  const candidate = {
    round: (): Promise<Sample> => {
      const sample = answer(child, name, (resolve) => child.once('message', resolve));
      child.send('round');
      return sample;
    },
    // SIGKILL, since its main thread may be blocked, or its threads spin.
    end: (): void => {
      child.kill('SIGKILL');
    },
  };
  try {
    await answer(child, name, (resolve) => child.once('message', resolve)); // it has loaded
    return candidate;
  } catch (error) {
    candidate.end();
    throw error;
  }
}

/** What `listen` resolves, unless the process ends before or time is up. */
export function answer<T = Sample>(
  child: ChildProcess,
  name: string,
  listen: (resolve: (value: T) => void) => void,
  timeoutMs: number = TIMEOUT_MS,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const settled = (): void => {
      clearTimeout(timer);
      child.off('exit', onExit).off('error', onError);
    };
    const onError = (error: Error): void => {
      settled();
      reject(new Error(`${name}: ${error.message}`, { cause: error }));
    };
    const onExit = (code: number | null, signal: string | null): void =>
      onError(new Error(`ended with ${signal ?? code}`));
    const timer = setTimeout(
      () => onError(new Error(`no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    child.once('exit', onExit).once('error', onError);
    if (child.exitCode !== null || child.signalCode !== null) {
      return onExit(child.exitCode, child.signalCode); // it ended between two rounds
    }
    listen((value) => {
      settled();
      resolve(value);
    });
  });
}
