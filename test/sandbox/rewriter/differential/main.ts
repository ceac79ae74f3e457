/**
 * `npm run test:differential`: thousands of random modules, in processes that are replaced now and then.
 *
 *   LUGE_DIFF_COUNT     how many (5,000)
 *   LUGE_SEED           seed of the first; the next has the next (1)
 *   LUGE_DIFF_WORKERS   processes (2)
 *
 * A module that fails is printed with its seed and the command that repeats it. One that does not end is killed and its
 * original run alone: if that ends, the rewriter is to blame; if not, the module is skipped and counted.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { Tally } from './judgement.ts';
import type { Answer, Task } from './worker.ts';

const SEEDS_PER_PROCESS = 250;
/** Of a module that takes some ten milliseconds, on a busy machine. */
const SILENCE_MS_MAX = 60_000;
const PROGRESS = 500;

function setting(name: string, value: number): number {
  const text = process.env[name];
  if (text === undefined) return value;
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new RangeError(`${name} is ${text}`);
  return number;
}

const count = setting('LUGE_DIFF_COUNT', 5000);
const first = setting('LUGE_SEED', 1);
const tally = new Tally();
const failures: string[] = [];
let next = first;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function takeSeed(): number | undefined {
  if (next >= first + count) return undefined;
  next += 1;
  return next - 1;
}

/** Resolves with the answer, or undefined if there is none: the process is gone then. */
function ask(child: ChildProcess, task: Task): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const settle = (answer: Answer | undefined): void => {
      clearTimeout(timer);
      child.off('message', onMessage);
      child.off('exit', onExit);
      resolve(answer);
    };
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      settle(undefined);
    }, SILENCE_MS_MAX);
    const onMessage = (answer: unknown): void => settle(answer as Answer);
    const onExit = (): void => settle(undefined);
    child.on('message', onMessage);
    child.on('exit', onExit);
    child.send(task);
  });
}

function start(): ChildProcess {
  return fork(join(import.meta.dirname, 'worker.ts'), { stdio: 'inherit' });
}

async function work(): Promise<void> {
  let child = start();
  let done = 0;
  for (let seed = takeSeed(); seed !== undefined; seed = takeSeed()) {
    if (done === SEEDS_PER_PROCESS) {
      child.kill();
      child = start();
      done = 0;
    }
    done += 1;
    const answer = await ask(child, { seed, part: 'all' });
    if (answer !== undefined) {
      note(seed, answer);
      continue;
    }
    child = start();
    note(seed, await silent(child, seed));
    if (child.killed) child = start();
  }
  child.kill();
}

/** What to say of a seed that killed its process or did not end. */
async function silent(child: ChildProcess, seed: number): Promise<Answer> {
  const alone = await ask(child, { seed, part: 'original' });
  if (alone === undefined) return { is: 'skipped', why: 'the original does not end' };
  return {
    is: 'failed',
    message: `seed ${seed}: does not end, or ends the process, when rewritten`,
  };
}

function note(seed: number, answer: Answer): void {
  if (answer.is === 'failed') {
    failures.push(answer.message);
    say(`FAILED ${answer.message}`);
  } else {
    tally.add(seed, answer);
  }
  if ((tally.total + failures.length) % PROGRESS === 0) say(tally.summary());
}

await Promise.all(Array.from({ length: setting('LUGE_DIFF_WORKERS', 2) }, work));
say(tally.summary());
// Of a few modules the shares say nothing.
const complaints = tally.total >= PROGRESS ? tally.complaints() : [];
for (const complaint of complaints) say(`WRONG ${complaint}`);
say(`${failures.length} failed`);
process.exitCode = failures.length + complaints.length > 0 ? 1 : 0;
