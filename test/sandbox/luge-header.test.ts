/** The interface as its C header, its AssemblyScript module and its documentation have it: none lacks a function. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { hostFunctionNames } from '../../src/sandbox/host.ts';

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const names = [...(hostFunctionNames().get('luge') ?? [])].sort();

const namesIn = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map((match) => (match[1] ?? match[2]) as string).sort();

it('the_c_header_declares_every_function', () => {
  const header = read('include/luge.h');
  expect(namesIn(header, /^LUGE_IMPORT\((\w+)\)/gm)).toEqual(names);
  expect(namesIn(header, /_t luge_(\w+)\(|void luge_(\w+)\(/g)).toEqual(names);
});

it('the_assemblyscript_module_declares_every_function', () => {
  const module = read('examples/assembly/luge.ts');
  expect(namesIn(module, /@external\("luge", "(\w+)"\)/g)).toEqual(names);
});

it('the_documentation_has_every_function', () => {
  const section = /## `luge`[\s\S]*?\n## /.exec(read('docs/ABI.md'))?.[0] ?? '';
  expect(namesIn(section, /^\| `(\w+)` +\|/gm)).toEqual(names);
});
