/** `luge`: the command line. It starts by being imported (bin/luge.js has checked the engine). */
import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { serve } from './serve.ts';
import { buildServeOptions } from './settings.ts';

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
  .showHelpAfterError("('luge --help' and 'luge serve --help' say more)")
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

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // commander has printed it.
  process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
}
