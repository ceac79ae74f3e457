/** Who provides what a guest imports, and what is wrong with an import that nobody does. */
import { hostFunctionNames } from './host.ts';
import { hostSignature, wideParameters } from './host-signature.ts';
import type { RewriteInfo } from './rewriter/index.ts';
import { wasiSignature } from './wasi/signatures.ts';

/** `runtime`: what each sandbox gets new and empty, and what rewritten modules import from `$luge`. */
export type ImportProvider = 'luge' | 'wasi' | 'assemblyscript' | 'sledge' | 'runtime';

export type GuestImport = Pick<
  RewriteInfo['imports'][number],
  'module' | 'name' | 'kind' | 'signature'
>;

export type ImportFinding =
  | { readonly provider: ImportProvider; readonly problem: undefined }
  | { readonly provider: undefined; readonly problem: string };

const PROVIDERS: Readonly<Record<string, ImportProvider>> = {
  luge: 'luge',
  wasi_snapshot_preview1: 'wasi',
  env: 'assemblyscript',
  scratch_storage: 'sledge',
};

const OWN_KINDS: ReadonlySet<string> = new Set(['memory', 'table', 'tag']);
const WASI = 'wasi_snapshot_preview1';

/** By import; `isWide`: memory 0 has 64-bit addresses. */
export function findImports(
  imports: readonly GuestImport[],
  isWide: boolean = false,
): ImportFinding[] {
  const names = hostFunctionNames();
  return imports.map((item) => {
    const { module, name, kind } = item;
    if (OWN_KINDS.has(kind) || module === '$luge') {
      return { provider: 'runtime', problem: undefined };
    }
    const functions = names.get(module);
    const problem =
      kind === 'func' && functions?.has(name) === true
        ? misfit(item, isWide)
        : problemOf(kind, functions, names);
    return problem === undefined
      ? { provider: PROVIDERS[module] ?? 'runtime', problem }
      : { provider: undefined, problem };
  });
}

/** Interfaces whose addresses and sizes may be i64; in WASI's some numbers are, and mean something else. */
export function isWideCall({ module, name, signature = '' }: GuestImport): boolean {
  if (module === WASI) return false;
  const numbers = wideParameters(module, name);
  return parametersOf(signature).some((type, i) => type === 'i64' && !numbers.includes(i));
}

/** Why a guest cannot call a host function that exists, as it imports it. */
function misfit(
  { module, name, signature = '' }: GuestImport,
  isWide: boolean,
): string | undefined {
  if (module === WASI) {
    if (isWide) return 'WASI preview 1 has 32-bit addresses, and memory 0 has 64-bit ones';
    const expected = wasiSignature(name);
    // Without a signature there is nothing to compare: the module could not be read as far.
    return signature === '' || signature === expected
      ? undefined
      : `its type is ${expected}, and not ${signature}`;
  }
  const expected = hostSignature(module, name);
  if (signature === '' || expected === undefined) return undefined;
  const [parameters = '', result = ''] = signature.split(' -> ');
  const isFitting =
    parameters === `(${typesOf(expected, parametersOf(signature))})` &&
    (result === `(${expected.result})` || (expected.mayDropResult === true && result === '()'));
  return isFitting
    ? undefined
    : `its type is (${typesOf(expected, [])}) -> (${expected.result}), and not ${signature}`;
}

/** An i64 of the guest stays one where either is possible. */
function typesOf({ parameters }: { parameters: string }, given: readonly string[]): string {
  return [...parameters]
    .map((kind, i) => (kind === 'l' || given[i] === 'i64' ? 'i64' : 'i32'))
    .join(', ');
}

/** Of a signature as the rewriter writes it: `(i32, i64) -> (i32)`. */
function parametersOf(signature: string): readonly string[] {
  return signature.split(' -> ')[0]?.match(/\w+/g) ?? [];
}

function problemOf(
  kind: string,
  functions: ReadonlySet<string> | undefined,
  names: ReadonlyMap<string, unknown>,
): string {
  if (kind !== 'func') return `a ${kind} cannot be imported: nobody has a value for it`;
  return functions === undefined
    ? `there is no module of that name; there are ${[...names.keys()].join(', ')}`
    : 'there is no function of that name';
}
