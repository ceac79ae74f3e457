/** `luge inspect`: what Luge makes of a module, as a text for people or as JSON. Resolves to the exit code. */
import { type Inspection, inspectModule } from '../sandbox/index.ts';
import {
  counted,
  grouped,
  inputName,
  judged,
  PROCESS_STREAMS,
  printable,
  readInput,
  type Streams,
  sizes,
  withOffset,
} from './module-tool.ts';

export interface InspectFlags {
  readonly json?: boolean;
  readonly maxPages: number;
  readonly growth: 'retire' | 'keep';
}

/** A table of ten thousand functions helps nobody; `--json` has them all. */
const FUNCTIONS_SHOWN = 40;

export function inspect(
  file: string,
  flags: InspectFlags,
  streams: Streams = PROCESS_STREAMS,
): Promise<number> {
  return judged(file, streams, async () => {
    const { json = false, maxPages, growth } = flags;
    const wasm = await readInput(file, streams);
    const inspection = inspectModule(wasm, { maxPages, growth });
    const text = json
      ? JSON.stringify({ file: inputName(file), ...inspection }, null, 2)
      : [inputName(file), ...describe(inspection)].join('\n');
    await streams.write(`${text}\n`);
  });
}

/** A block for each subject: its heading in the first column, and what belongs to it indented. */
function describe(inspection: Inspection): string[] {
  const { refused, bytesBefore, bytesAfter } = inspection;
  return [
    row('interface', inspection.interface),
    row(
      'refused',
      refused === null ? 'no' : `${withOffset(refused.message, refused.offset)} [${refused.code}]`,
    ),
    row(
      'size',
      bytesAfter === null ? counted(bytesBefore, 'byte') : sizes(bytesBefore, bytesAfter),
    ),
    ...rewrittenRows(inspection),
    ...importRows(inspection),
    ...exportRows(inspection),
    ...memoryRows(inspection),
    ...footprintRows(inspection),
    ...pollRows(inspection),
    ...resetRows(inspection),
    ...sectionRows(inspection),
  ];
}

function row(heading: string, text: string): string {
  return `${heading.padEnd(11)} ${text}`;
}

function block(heading: string, title: string, lines: readonly string[]): string[] {
  return [row(heading, title), ...lines.map((line) => `  ${line}`)];
}

function rewrittenRows({ rewritten }: Inspection): string[] {
  return rewritten === null ? [] : [row('rewritten', JSON.stringify(rewritten))];
}

function importRows({ imports }: Inspection): string[] {
  const lines = imports.map(({ module, name, kind, signature, provider, problem }) => {
    const what = `${printable(module)}.${printable(name)} ${signature ?? kind}`;
    return `${what}: ${provider === null ? `UNKNOWN, ${problem}` : provider}`;
  });
  return block('imports', String(imports.length), lines);
}

function exportRows({ exports }: Inspection): string[] {
  const names = exports.map(({ name, kind }) => `${printable(name)} (${kind})`);
  return [row('exports', names.length === 0 ? 'none' : names.join(', '))];
}

function memoryRows({ memories }: Inspection): string[] {
  if (memories === null) return [];
  if (memories.length === 0) return [row('memory', 'none')];
  return memories.map((memory, index) => {
    const { minPages, maxPages, wide, declaredMaxPages, declaredShared, imported } = memory;
    const declared = declaredMaxPages === null ? 'no maximum' : `a maximum of ${declaredMaxPages}`;
    const kinds = [imported ? 'imported' : 'defined', declaredShared ? 'shared' : 'unshared'];
    if (wide) kinds.push('with 64-bit addresses');
    return row(
      memories.length === 1 ? 'memory' : `memory ${index}`,
      `${counted(minPages, 'page')} of 64 KiB, may grow to ${grouped(maxPages)}; declared with ${declared}, ${kinds.join(', ')}`,
    );
  });
}

function footprintRows({ footprint }: Inspection): string[] {
  if (footprint === null) return [];
  const { memories, reservedBytes, residentBytes } = footprint;
  const text = `${grouped(residentBytes / 1024)} KiB resident a sandbox, ${grouped(reservedBytes / 2 ** 30)} GiB of addresses (${counted(memories, 'place')} of those that a process has)`;
  return [row('footprint', text)];
}

function pollRows({ polls }: Inspection): string[] {
  if (polls === null) return [];
  const { loops, calls, bulk, functions } = polls;
  const title =
    `${grouped(loops.polled)} in loops, ${grouped(loops.covered)} elided (a loop inside polls in each round); ` +
    `${grouped(calls)} at calls and in long code; ${grouped(bulk)} in bulk instructions`;
  const shown = functions
    .filter((one) => one.loops.length > 0 || one.callPolls > 0)
    .sort((a, b) => b.loops.length - a.loops.length || a.index - b.index);
  const lines = shown.slice(0, FUNCTIONS_SHOWN).map((one) => {
    const covered = one.loops.filter(({ poll }) => poll === 'covered').length;
    const inLoops = `${counted(one.loops.length, 'loop')}, ${covered} elided`;
    return `${printable(one.name)}: ${inLoops}; ${grouped(one.callPolls)} at calls; ${grouped(one.bytesBefore)} -> ${grouped(one.bytesAfter)} bytes`;
  });
  const silent = functions.length - shown.length;
  if (shown.length > FUNCTIONS_SHOWN) {
    lines.push(`and ${counted(shown.length - FUNCTIONS_SHOWN, 'function')} more (--json has all)`);
  }
  if (silent > 0) lines.push(`${counted(silent, 'function')} without any poll`);
  return block('polls', title, lines);
}

function resetRows({ reset }: Inspection): string[] {
  if (reset === null) return [];
  const { retiresWhen } = reset;
  const grown = [
    ...(retiresWhen.memoryHasGrown ? ['the memory'] : []),
    ...retiresWhen.tablesHaveGrown.map((index) => `table ${index}`),
  ];
  return block(
    'reset',
    `about ${reset.estimatedUs} µs (an estimate: measured costs of each part, warm caches; not your machine)`,
    [
      `clears ${counted(reset.clearedPages, 'page')} of memory`,
      `replays ${counted(reset.dataSegments, 'data segment')}, ${counted(reset.dataBytes, 'byte')}`,
      ...(reset.tables === 0 ? [] : [tableText(reset)]),
      `sets ${counted(reset.globals, 'global')}`,
      ...(reset.hasStart ? ['the start function runs again before each request'] : []),
      ...(grown.length === 0 ? [] : [`replaces the instance once ${grown.join(' or ')} has grown`]),
      reset.servesOnceBecause === null
        ? 'instances are reused'
        : `an instance serves one request: ${reset.servesOnceBecause}`,
    ],
  );
}

function tableText({
  tables,
  tableElements,
  elementSegments,
  elements,
}: NonNullable<Inspection['reset']>): string {
  const filled = `refills ${counted(tables, 'table')}, ${counted(tableElements, 'element')}`;
  return `${filled}; replays ${counted(elementSegments, 'element segment')}, ${counted(elements, 'element')}`;
}

function sectionRows({ sections }: Inspection): string[] {
  if (sections === null) return [];
  const lines = sections.map(
    ({ name, bytes, fate, why }) =>
      `${printable(name)}, ${counted(bytes, 'byte')}: ${fate} (${why})`,
  );
  return block('sections', counted(sections.length, 'custom section'), lines);
}
