/** Tables of the documents are filled from results, and nothing else of them changes. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Result } from '../../bench/results.ts';
import { withNumbers } from '../../scripts/numbers.ts';

const RESULT = {
  bench: 'http',
  machine: { cpu: 'A CPU', cores: 2, node: '26.10.0', commit: 'abc' },
  figures: [
    { name: 'a_us', value: 8.234, unit: 'us', quartiles: [8.04, 8.31] },
    { name: 'b_rps', value: 148123, unit: '1/s', quartiles: [147000, 149000] },
    { name: 'c_ratio', value: 0.456, unit: 'x' },
  ],
} as unknown as Result;

const read = (name: string): Result | undefined => (name === 'http' ? RESULT : undefined);

const table = (rows: string, name = 'http', source = ''): string =>
  `before | \`a_us\` | x |\n\n<!-- numbers ${name}${source} -->\n\n| figure | value |\n|---|---|\n${rows}\nbehind\n`;

it('rows_get_the_values_of_their_figures', () => {
  const before = table('| `a_us`: what | old |\n| `b_rps` / `c_ratio` | old |\n');
  const after = withNumbers(before, read);
  expect(after).toBe(
    table(
      '| `a_us`: what | 8.2 µs (8-8.3) |\n| `b_rps` / `c_ratio` | 148,000/s (147,000-149,000) / 0.46 |\n',
      'http',
      ': A CPU, 2 cores, Node 26.10.0, commit abc',
    ),
  );
  expect(withNumbers(after, read)).toBe(after);
});

it('a_table_without_a_result_stays', () => {
  const text = table('| `a_us` | 1 |\n', 'other');
  expect(withNumbers(text, read)).toBe(text);
});

it('a_row_whose_figure_is_missing_is_an_error', () => {
  expect(() => withNumbers(table('| `d_us` | 1 |\n'), read)).toThrow('no figure d_us');
  expect(() => withNumbers(table('| d | 1 |\n'), read)).toThrow('names none');
});

it('the_documents_have_tables_that_are_filled', () => {
  for (const file of ['README.md', 'docs/HTTP.md']) {
    const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
    const names: string[] = [];
    withNumbers(text, (name) => {
      names.push(name);
      return undefined;
    });
    expect(names.length, file).toBeGreaterThan(0);
  }
});
