import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const doc = new URL('../../docs/RING.md', import.meta.url);
const ring = new URL('../../src/ring/index.ts', import.meta.url);

it('the_example_in_the_documentation_runs_and_prints_what_it_says', async () => {
  const example = /```js\n([\s\S]*?)```/.exec(readFileSync(doc, 'utf8'))?.[1] ?? '';
  const expected = /console\.log\(sum\); \/\/ (\d+)/.exec(example)?.[1];
  const folder = mkdtempSync(join(tmpdir(), 'luge-doc-'));
  try {
    const file = join(folder, 'example.mjs');
    writeFileSync(file, example.replace("'luge-runtime/ring'", `'${ring.href}'`));
    const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: 20_000 });
    expect(expected).toBe('10100');
    expect(stdout.trim()).toBe(expected);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
