/** `luge`: the command line. It starts by being imported (bin/luge.js has checked the engine). */
import { createRequire } from 'node:module';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { inspect } from './inspect.ts';
import { GROWTH_MODES, instrument, POLL_MODES } from './instrument.ts';
import { serve } from './serve.ts';
import { buildServeOptions, DEFAULTS, describeRange, LIMITS, parseNumber } from './settings.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

/** What the user gave is wrong; 1 is for what happened while it ran. */
const EXIT_USAGE = 2;

// `luge … | head`: the reader has had enough, which is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const program = new Command('luge')
  .description(
    'Serves WebAssembly functions over HTTP, each request in a preemptible sandbox of its own.',
  )
  .version(version)
  .showHelpAfterError("('luge --help' and 'luge <command> --help' say more)")
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
