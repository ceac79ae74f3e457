/** `npm run bench -- <name> [--json]` */
import { type Figure, print } from './figures.ts';
import { http } from './http.ts';
import { rewrite } from './rewrite.ts';
import { ring } from './ring.ts';
import { sandbox } from './sandbox.ts';

const BENCHES: Readonly<Record<string, () => Promise<Figure[]>>> = { http, rewrite, ring, sandbox };

const names = process.argv.slice(2).filter((arg) => !arg.startsWith('--'));
const [name = ''] = names;
const bench = BENCHES[name];
if (bench === undefined || names.length !== 1) {
  process.stderr.write(`usage: npm run bench -- <${Object.keys(BENCHES).join('|')}> [--json]\n`);
  process.exitCode = 2;
} else {
  print(await bench(), process.argv.includes('--json'));
}
