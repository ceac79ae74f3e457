/** What a bench says and leaves behind. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { type Figure, figure, print, rowOf } from '../../bench/figures.ts';
import { machine } from '../../bench/machine.ts';
import { Results } from '../../bench/results.ts';

const scratch: string[] = [];

afterEach(() => {
  vi.restoreAllMocks();
  for (const folder of scratch.splice(0)) rmSync(folder, { recursive: true });
});

function printed(figures: readonly Figure[], asJson: boolean): string {
  let text = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((part) => {
    text += part;
    return true;
  });
  print(figures, asJson);
  return text;
}

it('a_figure_is_the_median_with_quartiles', () => {
  expect(rowOf(figure('a', 'us', [5, 1, 2, 4, 3]))).toEqual({
    name: 'a',
    value: 3,
    unit: 'us',
    quartiles: [2, 4],
  });
});

it('an_aim_says_whether_it_was_held_and_its_bound_belongs_to_it', () => {
  const rows = [
    figure('a', 'x', [2], { most: 2 }),
    figure('b', 'x', [2.1], { most: 2 }),
    figure('c', 'x', [50], { least: 50 }),
    figure('d', 'x', [49], { least: 50 }),
  ].map(rowOf);
  expect(rows.map(({ wanted, held }) => [wanted, held])).toEqual([
    ['<= 2', true],
    ['<= 2', false],
    ['>= 50', true],
    ['>= 50', false],
  ]);
});

it('json_on_stdout_is_one_array_and_nothing_else', () => {
  const figures = [figure('a', 'us', [1]), { name: 'b', value: 2, unit: 'x' }];
  expect(JSON.parse(printed(figures, true))).toEqual(figures.map(rowOf));
});

it('the_table_names_what_was_missed', () => {
  const lines = printed([figure('a', 'us', [3], { most: 2 })], false).split('\n');
  expect(lines[0]).toMatch(/^a +3 us +\(quartiles 3 - 3\) +wanted <= 2: MISSED$/);
});

it('a_result_is_saved_with_its_machine_in_a_folder_that_need_not_be_there', () => {
  const root = mkdtempSync(join(tmpdir(), 'luge-results-'));
  scratch.push(root);
  const from = machine();
  const results = new Results(join(root, 'made', 'anew'), from);
  const figures = [figure('a', 'us', [1, 2, 3], { most: 9 })];
  const path = results.save('ring', ['one'], figures);
  expect(path).toBe(join(root, 'made', 'anew', 'ring.json'));
  const saved = JSON.parse(readFileSync(path, 'utf8'));
  expect(saved).toEqual({
    bench: 'ring',
    subjects: ['one'],
    machine: from,
    seconds: expect.any(Number),
    figures: figures.map(rowOf),
  });
  expect(saved.machine.node).toBe(process.versions.node);
  expect(saved.machine.commit).toMatch(/^[0-9a-f]{7,}(-dirty)?$|^unknown$/);
  expect(new Date(saved.machine.date).toISOString()).toBe(saved.machine.date);
});
