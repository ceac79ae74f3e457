/** ring.cpp, built for this machine into a folder that is removed again, as a candidate: a round for each line on its stdin. */
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { answer, type Candidate, type Sample } from './candidate.ts';

const SOURCE = fileURLToPath(new URL('ring.cpp', import.meta.url));
const BUILD_TIMEOUT_MS = 60_000;

export class CppProgram {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** undefined where there is no g++; an error when it does not compile. */
  static async build(): Promise<CppProgram | undefined> {
    const folder = await mkdtemp(join(tmpdir(), 'luge-bench-'));
    const program = new CppProgram(folder);
    const flags = ['-O3', '-std=c++20', '-o', join(folder, 'ring'), SOURCE];
    try {
      await promisify(execFile)('g++', flags, { timeout: BUILD_TIMEOUT_MS });
      return program;
    } catch (error) {
      await program.remove();
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Runs the rings whose names begin so ('mpmc', 'spsc'). */
  async start(prefix: string): Promise<Candidate> {
    const child = spawn(join(this.#folder, 'ring'), [prefix], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdin.on('error', () => {}); // a program that has ended; `answer` tells
    const lines = createInterface({ input: child.stdout });
    const line = (): Promise<Sample> =>
      answer(child, `ring.cpp ${prefix}`, (resolve) =>
        lines.once('line', (text) => resolve(JSON.parse(text) as Sample)),
      );
    const candidate = {
      round: (): Promise<Sample> => {
        const sample = line();
        child.stdin.write('round\n');
        return sample;
      },
      end: (): void => {
        child.kill('SIGKILL');
      },
    };
    try {
      await line(); // it has started
      return candidate;
    } catch (error) {
      candidate.end();
      throw error;
    }
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
