/** `luge`: the command line. It starts by being imported (bin/luge.js has checked the engine). */
import { createRequire } from 'node:module';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { inspect } from './inspect.ts';
import { GROWTH_MODES, instrument, POLL_MODES } from './instrument.ts';
import { addPair, folderPair, type RunFlags, run, scratchPair } from './run.ts';
import { serve } from './serve.ts';
import { buildServeOptions, DEFAULTS, describeRange, LIMITS, parseNumber } from './settings.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

/** What the user gave is wrong; 1 is for what happened while it ran. */
const EXIT_USAGE = 2;

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // `luge … | head`: the reader has had enough, which is no fault.
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`error: standard output: ${error.message}\n`);
  process.exit(1);
});

const program = new Command('luge')
  .description(
    'Serves WebAssembly functions over HTTP, each request in a preemptible sandbox of its own.',
  )
  .version(version)
  .showHelpAfterError("('luge --help' and 'luge <command> --help' say more)")
  // What stands behind the module of `run` is the guest's.
  .enablePositionalOptions()
  .exitOverride();

buildServeOptions(
  program
    .command('serve')
    .description(
      'serve a Luge configuration (.json), a SLEdge spec (.json) or one module (.wasm, .wat)',
    )
    .argument('<file>', 'configuration, spec or module'),
)
  .exitOverride()
  .addHelpText(
    'after',
    '\nExamples:\n  luge serve app.wasm --port 3000\n  luge serve luge.json --workers 4 --check\n',
  )
  .action(async (file: string, flags: Record<string, unknown>) => {
    process.exitCode = await serve(file, flags, process.env);
  });

const maxPages = (value: number, why: string): Option =>
  new Option('--max-pages <n>', `limit of the memory in pages of 64 KiB; ${why}`)
    .default(value)
    .argParser((text) => {
      const pages = parseNumber(text, LIMITS.maxPages);
      if (pages === undefined) {
        throw new InvalidArgumentError(`It must be ${describeRange(LIMITS.maxPages)}.`);
      }
      return pages;
    });

const growth = (): Option =>
  new Option('--growth <mode>', 'what becomes of an instance whose memory has grown')
    .choices(GROWTH_MODES)
    .default('retire');

const pairParser =
  (separator: '=' | ':', form: string) =>
  (text: string, before: Record<string, string>): Record<string, string> => {
    const pairs = addPair(text, separator, before);
    if (pairs === undefined) throw new InvalidArgumentError(`It must be ${form}.`);
    return pairs;
  };

const duration = (flag: string, why: string): Option =>
  new Option(`${flag} <ms>`, why).argParser((text) => {
    const ms = parseNumber(text, LIMITS.durationMs);
    if (ms === undefined) {
      throw new InvalidArgumentError(`It must be ${describeRange(LIMITS.durationMs)}.`);
    }
    return ms;
  });

program
  .command('run')
  .description(
    "run a module once, as a program: standard input is its request body, its exit code the command's",
  )
  .argument('<module>', '.wasm or .wat file')
  .argument('[arguments...]', "the guest's; options of luge stand before the module")
  .passThroughOptions()
  .addOption(
    new Option('-e, --env <NAME=VALUE>', 'a variable of the guest; repeatable')
      .default({}, 'none')
      .argParser(pairParser('=', 'NAME=VALUE')),
  )
  .addOption(
    new Option('-d, --dir <host::guest>', 'a folder that the guest may read; repeatable')
      .default({}, 'none')
      .argParser((text, before: Record<string, string>) => {
        const { from, path } = folderPair(text);
        return { ...before, [path]: from };
      }),
  )
  .addOption(
    new Option(
      '-s, --scratch <[host::]guest>',
      'a folder in memory that the guest may write to, empty or a copy of one of the host; gone when it ends',
    ).argParser(scratchPair),
  )
  .addOption(duration('--deadline-ms', 'limit of the whole run (default: none)'))
  .addOption(duration('--cpu-limit-ms', 'limit of running time (default: none)'))
  .addOption(maxPages(LIMITS.maxPages.max, 'of all memories together'))
  .option('--target <path?query>', 'of a request that the guest is to see (default: none, "/")')
  .option('--method <method>', 'of the request (default: POST)')
  .addOption(
    new Option('-H, --header <NAME:VALUE>', 'a field of the request; repeatable')
      .default({}, 'none')
      .argParser(pairParser(':', 'NAME:VALUE')),
  )
  .exitOverride()
  .addHelpText(
    'after',
    `
Exit codes: the guest's own; 1 a trap, or an answer with an error's status; 124 a limit; 2 what was given is wrong.

Examples:
  luge run hello.wasm one two
  luge run --env MODE=fast --dir ./data::/data app.wasm --verbose < input.txt
  luge run --target '/fib?20' --method GET fib.wasm
`,
  )
  .action(async (file: string, args: string[], flags: RunFlags) => {
    const interruption = new AbortController();
    process.once('SIGINT', () => interruption.abort());
    process.exitCode = await run(file, args, flags, undefined, interruption.signal);
    // Of a terminal nobody may read the rest, and it would keep the process.
    process.stdin.destroy();
  });

program
  .command('instrument')
  .description(
    'write a module as Luge would run it, with polls and a reset; it need not have an entry',
  )
  .argument('<module>', '.wasm or .wat file, or - for standard input')
  .requiredOption('-o, --output <file>', 'where to write it; - for standard output')
  .addOption(
    new Option('--polls <mode>', 'exit is what Luge uses; the others are for comparison')
      .choices(POLL_MODES)
      .default('exit'),
  )
  .addOption(maxPages(LIMITS.maxPages.max, 'a declared maximum below it stays'))
  .addOption(growth())
  .option('--explain', 'say for each function and loop where it polls, or why not')
  .exitOverride()
  .addHelpText(
    'after',
    '\nA summary goes to standard error. How to run the result by hand: docs/ABI.md.\n',
  )
  .action(async (file: string, flags: Parameters<typeof instrument>[1]) => {
    process.exitCode = await instrument(file, flags);
  });

program
  .command('inspect')
  .description(
    'say what a module imports, where it will poll, what its reset does, and whether it is refused',
  )
  .argument('<module>', '.wasm or .wat file, or - for standard input')
  .option('--json', 'print JSON (docs/INSPECT.md has the shape)')
  .addOption(maxPages(DEFAULTS.route.maxPages, 'as luge serve has it'))
  .addOption(growth())
  .exitOverride()
  .action(async (file: string, flags: Parameters<typeof inspect>[1]) => {
    process.exitCode = await inspect(file, flags);
  });

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // commander has printed it.
  process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
}
