/**
 * Mutants by rule, one change each, of every line of the structures' text: which of them does the checker not catch? A survivor is
 * a change that means the same, a change of a hint, or a scenario that is missing. `npm run test:model -- --mutate deque`.
 */
import { readRing } from '../../scripts/assemble-ring.ts';
import { Explorer } from './explorer.ts';
import { type Patch, ringUnderTest } from './ring-under-test.ts';
import type { Scenario } from './scenario.ts';

/** What is enough for nearly every mutant that is ever caught. */
const EXECUTIONS_MAX = 3000;

const RULES: readonly (readonly [RegExp, string])[] = [
  [/\.atomic\.(load|store)/, '.$1'],
  [/\.lt_(\w)/, '.le_$1'],
  [/\.le_(\w)/, '.lt_$1'],
  [/\.gt_(\w)/, '.ge_$1'],
  [/\.ge_(\w)/, '.gt_$1'],
  [/\.eq /, '.ne '],
  [/\.ne /, '.eq '],
  [/\(i32\.const 1\)/, '(i32.const 0)'],
  [/\(i32\.const 1\)/, '(i32.const 2)'],
  [/\(i32\.const -1\)/, '(i32.const -2)'],
  [/\(i32\.const -2\)/, '(i32.const -1)'],
  [/\(i32\.add /, '(i32.sub '],
  [/\.rmw\.add/, '.rmw.sub'],
  [/\.rmw\.sub/, '.rmw.add'],
  [/\.rmw\.or/, '.rmw.and'],
  [/\.rmw\.and/, '.rmw.or'],
  [
    /\.rmw\.cmpxchg (offset=\d+ )?\(local\.get \$\w+\) \(local\.get (\$\w+)\)/,
    '.rmw.cmpxchg $1(local.get $2) (local.get $2)',
  ],
];

export interface Survivor {
  readonly place: string;
  readonly change: string;
}

/** The file's mutants against the scenarios; `report` hears of each survivor. */
export async function sweep(
  file: string,
  scenarios: readonly Scenario[],
  report: (survivor: Survivor) => void,
): Promise<{ mutants: number; survivors: number }> {
  const lines = readRing(file).split('\n');
  let mutants = 0;
  let survivors = 0;
  for (const [i, line] of lines.entries()) {
    for (const changed of changesOf(line)) {
      const patch = patchOf(file, lines, i, changed);
      const verdict = await isCaught(patch, scenarios);
      if (verdict === undefined) continue;
      mutants++;
      if (verdict) continue;
      survivors++;
      report({
        place: `${file}:${i + 1}`,
        change: `${codeOf(line).trim()}  ->  ${codeOf(changed).trim()}`,
      });
    }
  }
  return { mutants, survivors };
}

function codeOf(line: string): string {
  return line.replace(/\s*;;.*/, '');
}

function changesOf(line: string): string[] {
  const code = codeOf(line);
  if (code.trim() === '' || code.includes('(func')) return [];
  const changes = RULES.filter(([pattern]) => pattern.test(code)).map(([pattern, to]) =>
    code.replace(pattern, to),
  );
  const isStatement =
    /^\s*\((drop|i32\.store|i32\.atomic\.store|i64\.store|i64\.atomic\.store|local\.set|call|if|br_if)/.test(
      code,
    );
  const depth = [...code].reduce((sum, c) => sum + (c === '(' ? 1 : c === ')' ? -1 : 0), 0);
  if (isStatement && depth === 0) changes.push('');
  return changes;
}

/** A patch needs a text that stands once in the file: the line with all that is before it. */
function patchOf(file: string, lines: readonly string[], i: number, changed: string): Patch {
  const before = lines.slice(0, i).join('\n');
  return { file, from: `${before}\n${lines[i]}\n`, to: `${before}\n${changed}\n` };
}

/** Undefined when it is no module. */
async function isCaught(
  patch: Patch,
  scenarios: readonly Scenario[],
): Promise<boolean | undefined> {
  const modules: { kills: boolean; module: Awaited<ReturnType<typeof ringUnderTest>> }[] = [];
  try {
    for (const kills of [false, true]) {
      const module = await ringUnderTest({ kills, patches: [patch] });
      new WebAssembly.Module(module.bytes);
      modules.push({ kills, module });
    }
  } catch {
    return undefined;
  }
  for (const scenario of scenarios) {
    const kills = (scenario.bounds.kills ?? 0) > 0;
    const { module } = modules.find((m) => m.kills === kills) as (typeof modules)[number];
    const { violation } = await new Explorer(module, scenario).explore(EXECUTIONS_MAX);
    if (violation !== undefined) return true;
  }
  return false;
}
