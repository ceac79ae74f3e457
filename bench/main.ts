/** `npm run bench -- <name> [--json]`; `poll` takes names of kernels and modules behind it. */
import { type Figure, print } from './figures.ts';
import { http } from './http.ts';
import { poll } from './poll.ts';
import { rewrite } from './rewrite.ts';
import { ring } from './ring.ts';
import { sandbox } from './sandbox.ts';
import { timer } from './timer.ts';

type Bench = (subjects: readonly string[]) => Promise<Figure[]>;

const BENCHES: Readonly<Record<string, Bench>> = { http, poll, rewrite, ring, sandbox, timer };

const [name = '', ...subjects] = process.argv.slice(2).filter((arg) => !arg.startsWith('--'));
const bench = BENCHES[name];
if (bench === undefined || (subjects.length > 0 && bench !== poll)) {
  const names = Object.keys(BENCHES).join('|');
  process.stderr.write(
    `usage: npm run bench -- <${names}> [kernel or module.wasm#export#arguments, of poll] [--json]\n`,
  );
  process.exitCode = 2;
} else {
  print(await bench(subjects), process.argv.includes('--json'));
}
