/**
 * `npm run numbers [-- folder]`: the tables of README.md and docs/HTTP.md that stand behind `<!-- numbers NAME -->` get their values from NAME.json of the folder
 * (bench/results), where `npm run bench` leaves what it measured. A row's first cell begins with the figure's name, or several with ` / ` between them; its second
 * one is written anew. A table whose result is not there stays as it is, one with a figure that its result does not have is an error.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FigureRow } from '../bench/figures.ts';
import { RESULTS_FOLDER, type Result } from '../bench/results.ts';

const FILES = ['README.md', 'docs/HTTP.md'] as const;
const ROOT = fileURLToPath(new URL('../', import.meta.url));
const TABLE = /(<!-- numbers ([\w-]+))(?:: [^>]*)?( -->\n\n(?:\|.*\n){2})((?:\|.*\n)+)/g;
const ROW = /^\| (`[^|]*?)\|.*\|$/;
const NAMES = /^`(\w+)`(?: \/ `(\w+)`)*/;

/** The text with the values of what `read` knows; `read` gives the result of a name. */
export function withNumbers(text: string, read: (name: string) => Result | undefined): string {
  return text.replace(TABLE, (whole, open, name, head, rows) => {
    const result = read(name);
    if (result === undefined) return whole;
    const { cpu, cores, node, commit } = result.machine;
    const source = `${cpu}, ${cores} cores, Node ${node}, commit ${commit}`;
    const filled = (rows as string)
      .trimEnd()
      .split('\n')
      .map((row) => filledRow(row, result));
    return `${open}: ${source}${head}${filled.join('\n')}\n`;
  });
}

function filledRow(row: string, { bench, figures }: Result): string {
  const first = ROW.exec(row)?.[1];
  const list = first === undefined ? undefined : NAMES.exec(first)?.[0];
  if (list === undefined) throw new Error(`a row of a table of figures names none: ${row}`);
  const values = list.split(' / ').map((quoted) => {
    const wanted = quoted.slice(1, -1);
    const figure = figures.find(({ name }) => name === wanted);
    if (figure === undefined) throw new Error(`${bench} has no figure ${wanted}`);
    return textOf(figure);
  });
  return `| ${first}| ${values.join(' / ')} |`;
}

function textOf({ value, unit, quartiles }: FigureRow): string {
  const unitText = { x: '', '1/s': '/s', us: ' µs', calls: '' }[unit] ?? ` ${unit}`;
  const range = quartiles === undefined ? '' : ` (${quartiles.map(short).join('-')})`;
  return `${short(value)}${unitText}${range}`;
}

/** Two digits, or all in front of the point, but of large ones three. */
function short(value: number): string {
  const digits = value >= 1000 ? 3 : 2;
  const rounded = Number(value.toPrecision(value >= 100 && value < 1000 ? 3 : digits));
  return rounded.toLocaleString('en-US', { maximumSignificantDigits: 3 });
}

function main(folder: string): void {
  const read = (name: string): Result | undefined => {
    const path = join(folder, `${name}.json`);
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Result) : undefined;
  };
  // All of them first: an error leaves every file as it was.
  const texts = FILES.map((file) => {
    const before = readFileSync(join(ROOT, file), 'utf8');
    return { file, before, after: withNumbers(before, read) };
  });
  for (const { file, before, after } of texts) {
    if (after === before) continue;
    writeFileSync(join(ROOT, file), after);
    process.stdout.write(`${file} written\n`);
  }
}

if (import.meta.main) main(process.argv[2] ?? RESULTS_FOLDER);
