/** ring.cpp, built for this machine, as a candidate: a round for each line on its stdin. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { answer, type Candidate, type Sample } from './candidate.ts';

export const HAS_CPP: boolean = spawnSync('g++', ['--version']).error === undefined;

const SOURCE = fileURLToPath(new URL('ring.cpp', import.meta.url));
const BUILD_TIMEOUT_MS = 60_000;

/** The rings whose names begin so ('mpmc', 'spsc'). The program's folder is gone once it runs, so that nothing is left behind. */
export async function cpp(prefix: string): Promise<Candidate> {
  const folder = await mkdtemp(join(tmpdir(), 'luge-bench-'));
  let child: ChildProcess | undefined;
  try {
    const program = join(folder, 'ring');
    const flags = ['-O3', '-std=c++20', '-o', program, SOURCE];
    await promisify(execFile)('g++', flags, { timeout: BUILD_TIMEOUT_MS });
    child = spawn(program, [prefix], { stdio: ['pipe', 'pipe', 'inherit'] });
    return await candidate(child, `ring.cpp ${prefix}`);
  } catch (error) {
    child?.kill('SIGKILL');
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function candidate(child: ChildProcess, name: string): Promise<Candidate> {
  const input = child.stdin!;
  input.on('error', () => {}); // the program has ended: `answer` tells
  const lines = createInterface({ input: child.stdout! });
  const line = (): Promise<Sample> =>
    answer(child, name, (resolve) =>
      lines.once('line', (text) => resolve(JSON.parse(text) as Sample)),
    );
  await line(); // it has started
  return {
    round: (): Promise<Sample> => {
      const sample = line();
      input.write('round\n');
      return sample;
    },
    end: (): void => {
      child.kill('SIGKILL');
    },
  };
}
