/**
 * `npm run bench -- <name> [subject…] [--quick] [--json] [--out folder]`. Figures on stdout, as a table or as JSON alone; the machine, warnings and
 * where the result was saved (results.ts) on stderr.
 */
import { parseArgs } from 'node:util';
import { type Figure, print } from './figures.ts';
import { machine } from './machine.ts';
import { RESULTS_FOLDER, Results } from './results.ts';
import { EXPERIMENT_NAMES } from './sched/experiment.ts';

interface Bench {
  readonly run: (
    subjects: readonly string[],
    isQuick: boolean,
    results: Results,
  ) => Promise<Figure[]>;
  /** What may stand behind its name; undefined: nothing. */
  readonly subjects?: string;
  /** Those of which there is no other. */
  readonly known?: readonly string[];
  /** A run of some subjects is saved beside that of all: `http-peers.json`. */
  readonly savesSubjects?: boolean;
  /** It has a short form, for a look whether it works. */
  readonly hasQuick?: boolean;
}

const BENCHES: Readonly<Record<string, Bench>> = {
  http: {
    run: async (subjects) => (await import('./http.ts')).http(subjects),
    subjects: '[empty|payload|connections|latency|syscalls|peers]…',
    savesSubjects: true,
  },
  poll: {
    run: async (subjects) => (await import('./poll.ts')).poll(subjects),
    subjects: '[kernel or module.wasm#export#arguments]…',
  },
  rewrite: { run: async () => (await import('./rewrite.ts')).rewrite() },
  ring: { run: async () => (await import('./ring.ts')).ring() },
  sandbox: { run: async () => (await import('./sandbox.ts')).sandbox() },
  sched: {
    run: async (subjects, isQuick, results) =>
      (await import('./sched.ts')).sched(subjects, isQuick, results),
    subjects: `[${EXPERIMENT_NAMES.join('|')}]… [--quick]`,
    known: EXPERIMENT_NAMES,
    hasQuick: true,
  },
  timer: { run: async () => (await import('./timer.ts')).timer() },
};

const OPTIONS = {
  quick: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  out: { type: 'string', default: RESULTS_FOLDER },
} as const;

function usage(fault: string): void {
  const lines = Object.entries(BENCHES).map(
    ([name, { subjects = '' }]) => `  npm run bench -- ${`${name} ${subjects}`.trim()}\n`,
  );
  process.stderr.write(
    `${fault}\nusage, each with [--json] [--out folder for the result]:\n${lines.join('')}`,
  );
  process.exitCode = 2;
}

function parsed(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    return (error as Error).message;
  }
}

async function main(args: string[]): Promise<void> {
  const parts = parsed(args);
  if (typeof parts === 'string') return usage(parts);
  const { values, positionals } = parts;
  const [name = '', ...subjects] = positionals;
  const bench = BENCHES[name];
  if (bench === undefined) return usage(name === '' ? 'which bench?' : `no bench '${name}'`);
  if (subjects.length > 0 && bench.subjects === undefined) return usage(`${name} takes no subject`);
  const stranger = subjects.find((subject) => bench.known?.includes(subject) === false);
  if (stranger !== undefined) return usage(`${name} has no '${stranger}'`);
  if (values.quick && bench.hasQuick !== true) return usage(`${name} has no --quick`);
  const results = new Results(values.out, machine());
  const figures = await bench.run(subjects, values.quick, results);
  print(figures, values.json);
  const file = bench.savesSubjects === true ? [name, ...subjects].join('-') : name;
  const path = results.save(file, subjects, figures);
  process.stderr.write(`saved as ${path}\n`);
}

await main(process.argv.slice(2));
