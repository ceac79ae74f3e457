/**
 * `npm run test:model`: explores every scenario and prints a line for each; a schedule that fails is printed as a trace.
 *
 *   npm run test:model -- deque                    those whose names contain it
 *   npm run test:model -- --replay deque/last-item/2/0 --schedule '7*0 3*1'
 *   npm run test:model -- mpmc --preemptions 3     another bound
 *   npm run test:model -- --mutate spsc            mutants of spsc.wat that no scenario catches
 */
import { parseArgs } from 'node:util';
import { Explorer, type Report } from './explorer.ts';
import { ringUnderTest } from './ring-under-test.ts';
import type { Scenario } from './scenario.ts';
import { SCENARIOS } from './scenarios/index.ts';
import { sweep } from './sweep.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    replay: { type: 'string' },
    schedule: { type: 'string', default: '' },
    preemptions: { type: 'string' },
    delays: { type: 'string' },
    mutate: { type: 'string' },
    list: { type: 'boolean', default: false },
  },
});

const modules = {
  plain: await ringUnderTest(),
  killing: await ringUnderTest({ kills: true }),
};

function explorerOf(scenario: Scenario): Explorer {
  return new Explorer((scenario.bounds.kills ?? 0) > 0 ? modules.killing : modules.plain, scenario);
}

function bounded(scenario: Scenario): Scenario {
  const bounds = {
    ...scenario.bounds,
    ...(values.preemptions === undefined ? {} : { preemptions: Number(values.preemptions) }),
    ...(values.delays === undefined ? {} : { delays: Number(values.delays) }),
  };
  return { ...scenario, bounds };
}

function boundsText({ bounds }: Scenario): string {
  const { preemptions, delays = 0, kills = 0 } = bounds;
  const all = Number.isFinite(preemptions) ? `${preemptions} preemptions` : 'all interleavings';
  return [all, delays > 0 && `${delays} delayed`, kills > 0 && `${kills} killed`]
    .filter(Boolean)
    .join(', ');
}

async function explain(scenario: Scenario, report: Report): Promise<void> {
  const { violation } = report;
  if (violation === undefined) return;
  const { trace } = await explorerOf(scenario).replay(violation.schedule);
  console.log(`\n  ${violation.message}\n`);
  for (const line of trace) console.log(`  ${line}`);
  console.log(`\n  answers: ${violation.history.join('; ')}`);
  console.log(
    `  replay: npm run test:model -- --replay ${scenario.name} --schedule '${violation.schedule}'\n`,
  );
}

async function replay(name: string): Promise<number> {
  const scenario = SCENARIOS.find((s) => s.name === name);
  if (scenario === undefined) {
    console.log(`no scenario '${name}'; --list shows them`);
    return 2;
  }
  const report = await explorerOf(scenario).replay(values.schedule);
  for (const line of report.trace) console.log(line);
  console.log(report.violation?.message ?? 'all is well in this schedule');
  return report.violation === undefined ? 0 : 1;
}

/** Which scenarios belong to which text. */
const PREFIX: Readonly<Record<string, string>> = {
  chain: 'chunk-pool',
  lot: 'parking',
  bell: 'parking/bell',
};

async function mutate(structure: string): Promise<number> {
  const prefix = PREFIX[structure] ?? structure;
  const scenarios = SCENARIOS.filter(
    ({ name }) => name.startsWith(`${prefix}/`) || name.startsWith(`${prefix}`),
  );
  const { mutants, survivors } = await sweep(`${structure}.wat`, scenarios, ({ place, change }) => {
    console.log(`${place}  ${change}`);
  });
  console.log(`${mutants} mutants of ${structure}.wat, ${survivors} not caught`);
  return 0;
}

async function explore(): Promise<number> {
  const chosen = SCENARIOS.filter(
    ({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
  ).map(bounded);
  let failed = 0;
  for (const scenario of chosen) {
    const begun = performance.now();
    const report = await explorerOf(scenario).explore();
    const seconds = ((performance.now() - begun) / 1e3).toFixed(1);
    const { executions, steps, histories, violation } = report;
    console.log(
      `${violation === undefined ? 'ok  ' : 'FAIL'} ${scenario.name.padEnd(38)} ${String(executions).padStart(8)} executions, ${String(steps).padStart(9)} steps, ${String(histories).padStart(6)} histories, ${seconds.padStart(5)} s   (${boundsText(scenario)})`,
    );
    if (violation !== undefined) failed++;
    await explain(scenario, report);
  }
  console.log(`${chosen.length - failed} passed, ${failed} failed`);
  return failed === 0 && chosen.length > 0 ? 0 : 1;
}

if (values.list)
  for (const scenario of SCENARIOS) console.log(`${scenario.name}   (${boundsText(scenario)})`);
else if (values.mutate !== undefined) process.exitCode = await mutate(values.mutate);
else process.exitCode = values.replay === undefined ? await explore() : await replay(values.replay);
