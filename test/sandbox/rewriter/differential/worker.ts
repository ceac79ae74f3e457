/** A process of the long run: a seed comes in, a verdict goes out. */
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Verdict } from './comparison.ts';
import { Generator } from './generator.ts';
import { judge, runOriginalAlone } from './judgement.ts';

export interface Task {
  readonly seed: number;
  readonly part: 'all' | 'original';
}

export type Answer = Verdict | { readonly is: 'failed'; readonly message: string };

const generator = new Generator();
process.on('exit', () => generator.close());
process.on('SIGTERM', () => process.exit());
process.on('disconnect', () => process.exit());

async function answer({ seed, part }: Task): Promise<Answer> {
  try {
    if (part === 'all') return await judge(generator, seed);
    await runOriginalAlone(generator, seed);
    return { is: 'skipped', why: 'only the original was run' };
  } catch (error) {
    const path = join(tmpdir(), `luge-differential-${seed}.wasm`);
    writeFileSync(path, await generator.generate(seed));
    return { is: 'failed', message: `${(error as Error).message}\nthe module: ${path}` };
  }
}

process.on('message', async (task: Task) => {
  process.send!(await answer(task));
});
