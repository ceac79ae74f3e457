import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

const BIN = fileURLToPath(new URL('../../bin/luge.js', import.meta.url));
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'luge-bin-'));
  write('package.json', '{"type":"module"}');
  mkdirSync(join(folder, 'bin'));
  copyFileSync(BIN, join(folder, 'bin/luge.js'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), text);
}

/** Runs the copied door; `before` is JavaScript that bends the engine first. */
function run(before = ''): { status: number | null; stdout: string; stderr: string } {
  const preload = ['--import', `data:text/javascript,${encodeURIComponent(before)}`];
  const args = [...preload, join(folder, 'bin/luge.js'), 'serve', 'x.wasm'];
  return spawnSync(process.execPath, args, { encoding: 'utf8' });
}

const pretend = (version: string): string =>
  `Object.defineProperty(process,'versions',{value:{node:'${version}'}});` +
  `Object.defineProperty(process,'version',{value:'v${version}'})`;

it.each(['12.22.12', '22.20.0', '23.11.1'])('node_%s_is_refused_in_one_line', (version) => {
  write('dist/cli/main.js', 'console.log("ran")');
  const { status, stdout, stderr } = run(pretend(version));
  expect(stderr).toBe(
    `luge: needs Node.js 24 or newer, found Node.js v${version} (${process.execPath}); install it from https://nodejs.org and try again\n`,
  );
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
});

it('an_engine_that_cannot_suspend_is_refused_in_one_line', () => {
  write('dist/cli/main.js', 'console.log("ran")');
  const { status, stdout, stderr } = run('delete WebAssembly.Suspending');
  expect(stderr).toMatch(
    /^luge: needs WebAssembly\.Suspending \(JSPI\), which Node\.js v\S+ \(.+\) lacks; use .+\n$/,
  );
  expect(stderr.trimEnd()).not.toContain('\n');
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
});

it.each(['24.0.0', '26.10.0', '100.0.0'])('node_%s_is_let_in', (version) => {
  write('dist/cli/main.js', 'console.log("ran", process.argv.slice(2).join(" "))');
  expect(run(pretend(version))).toMatchObject({
    status: 0,
    stdout: 'ran serve x.wasm\n',
    stderr: '',
  });
});

it('dist_comes_before_src', () => {
  write('dist/cli/main.js', 'console.log("dist")');
  write('src/cli/main.ts', 'console.log("src")');
  expect(run()).toMatchObject({ status: 0, stdout: 'dist\n' });
});

it('without_dist_the_sources_run', () => {
  write('src/cli/main.ts', 'const text: string = "src"; console.log(text)');
  expect(run()).toMatchObject({ status: 0, stdout: 'src\n', stderr: '' });
});

it('without_either_it_says_what_to_do', () => {
  const { status, stderr } = run();
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr:
      'luge: neither dist/cli/main.js nor src/cli/main.ts is there; run "npm run build", or install it again\n',
  });
});

it('an_error_of_main_is_shown_with_its_stack_and_status_1', () => {
  write('dist/cli/main.js', 'import "./gone.js"');
  const { status, stderr } = run();
  expect(status).toBe(1);
  expect(stderr).toMatch(/^luge: .*gone\.js/);
});

it('the_file_has_no_syntax_newer_than_node_12', () => {
  const code = readFileSync(BIN, 'utf8').replace(/^\s*\/\/.*$/gm, '');
  expect(code).not.toMatch(/\?\?|\?\.|\|\|=|&&=|#\w+[ =(]|^\s*(?:await|import\s*['"{*\w])/m);
  expect(code.startsWith('#!/usr/bin/env node\n')).toBe(true);
});
