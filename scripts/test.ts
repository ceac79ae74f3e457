/**
 * `npm test`: types, lint, all tests; ends with the runner's counts. Arguments go to vitest (`npm test -- test/ring`).
 * The report's path can be given in LUGE_TEST_REPORT, for CI.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const steps: readonly (readonly string[])[] = [
  ['tsc', '-p', 'tsconfig.json'],
  ['tsc', '-p', 'tsconfig.build.json', '--noEmit'],
  ['biome', 'check', '.'],
];

function run(command: readonly string[]): boolean {
  const [name = '', ...args] = command;
  process.stdout.write(`> ${command.join(' ')}\n`);
  // npm puts node_modules/.bin first in PATH, and with it the pinned engine.
  return spawnSync(name, args, { stdio: 'inherit' }).status === 0;
}

const scratch = mkdtempSync(join(tmpdir(), 'luge-test-'));
const report = process.env.LUGE_TEST_REPORT ?? join(scratch, 'report.json');
const failedSteps = steps.filter((step) => !run(step)).length;
const isGreen = run([
  'vitest',
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
  ...process.argv.slice(2),
]);
const counts = readCounts();
rmSync(scratch, { recursive: true, force: true });
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
process.stdout.write(`${counts.passed} passed, ${counts.failed + failedSteps} failed${skipped}\n`);
process.exitCode = isGreen && failedSteps === 0 && counts.passed > 0 ? 0 : 1;

/** From the runner's own report. A run that left none has failed. */
function readCounts(): { passed: number; failed: number; skipped: number } {
  try {
    const json = JSON.parse(readFileSync(report, 'utf8')) as {
      numPassedTests: number;
      numFailedTests: number;
      numPendingTests: number;
      numFailedTestSuites: number;
    };
    // A file that could not be loaded has no tests that could fail.
    const failed = Math.max(json.numFailedTests, isGreen ? 0 : 1);
    return { passed: json.numPassedTests, failed, skipped: json.numPendingTests };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}
