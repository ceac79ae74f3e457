/**
 * include/luge.h as a compiler reads it, and the program as the runtime runs it: `load` refuses an import whose type is not the host
 * function's, so each declaration is held, too. Skipped where no clang can link for wasm32.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { hostFunctionNames } from '../../src/sandbox/host.ts';
import { allFree, luge, small, textOf, until } from './guests.ts';

const folder = mkdtempSync(join(tmpdir(), 'luge-header-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const SOURCE = pathOf('./c/every-call.c');
/** As the header's own head says, and strict. */
const FLAGS = [
  ...['--target=wasm32', '-O2', '-nostdlib', '-Wl,--no-entry', '-Wl,--export=handle'],
  ...['-Wall', '-Wextra', '-Werror', '-I', pathOf('../../include')],
];

/** What the compiler complains about; empty when there is a module at `output`. */
function compile(language: string, output: string, source: string, input?: string): string {
  const args = [...FLAGS, '-x', language, source, '-o', output];
  const { error, status, stderr } = spawnSync('clang', args, { input, encoding: 'utf8' });
  if (error !== undefined) return error.message;
  return status === 0 ? '' : stderr || `clang ended with ${status}`;
}

const missing = compile('c', join(folder, 'try.wasm'), '-', 'int handle(void) { return 0; }');
const because = missing === '' ? '' : ` (skipped: no clang for wasm32: ${missing.split('\n')[0]})`;

/** Answers its body, and says so in a header. */
const CALLEE = luge(`(data (i32.const 0) "x-decho") (func (export "handle")
  (drop (call $set_header (i32.const 0) (i32.const 3) (i32.const 3) (i32.const 4)))
  (drop (call $write (i32.const 64) (call $body_read (i32.const 0) (i32.const 64) (i32.const 64)))))`);

const EXPECTED = `slept 1
status 0
set_header 0
method 4 POST
path 9 /c/d%20e/
query 3 q=1
param 5 d%20e
header 5 value
no_header -1
cut 4 PO
body_size 4
body_read 3 ody
kv_set 0
kv_get 3 one
kv_insert 1
kv_swap 1
kv_swap 0
kv_delete 0
kv_delete 1
kv_increment 0
sum -42
call 200
call_size 4
call_read 2 dy
call_header 4 echo
nobody 1
flush 0
fixed 1
`;

describe.skipIf(missing !== '')(`luge.h${because}`, () => {
  it.each(['c', 'c++'])('a_program_in_%s_calls_every_function', async (language) => {
    const output = join(folder, `${language}.wasm`);
    expect(compile(language, output, SOURCE)).toBe('');
    const wasm = readFileSync(output);
    const imported = WebAssembly.Module.imports(new WebAssembly.Module(wasm));
    expect(imported.map(({ name }) => name).sort()).toEqual(
      [...(hostFunctionNames().get('luge') ?? [])].sort(),
    );
    const logged: string[] = [];
    await using runtime = await small({ onLog: ({ text }) => logged.push(text) });
    await runtime.load('echo', { wasm: CALLEE });
    await runtime.load('program', { wasm, route: '/c/:id/' });
    for (let round = 0; round < 2; round++) {
      const result = await runtime.invoke('program', {
        target: '/c/d%20e/?q=1',
        headers: { 'X-A': 'value' },
        body: 'body',
      });
      // The store outlives the first request: there the sum goes on.
      expect(textOf(result)).toBe(EXPECTED.replace('sum -42', `sum ${-42 * (round + 1)}`));
      expect([result.status, result.headers[0]]).toEqual([201, ['x-c', 'header']]);
    }
    // Lines come by message, behind the answers.
    await until(() => logged.length === 2, 'both lines are here');
    expect(logged).toEqual(['said', 'said']);
    await allFree(runtime);
  });

  it('a_pointer_of_a_wrong_kind_is_the_compilers_complaint', () => {
    const program = '#include "luge.h"\nLUGE_HANDLE(handle) { return luge_write(1, 2); }\n';
    expect(compile('c', join(folder, 'bad.wasm'), '-', program)).toContain('error:');
  });
});
