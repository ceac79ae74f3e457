/** Who provides what a guest imports, and what is wrong with an import that nobody does. */
import { hostFunctionNames } from './host.ts';
import type { RewriteInfo } from './rewriter/index.ts';

/** `runtime`: a memory, which each sandbox gets from the runtime, and what rewritten modules import from `$luge`. */
export type ImportProvider = 'luge' | 'wasi' | 'assemblyscript' | 'runtime';

export type GuestImport = Pick<RewriteInfo['imports'][number], 'module' | 'name' | 'kind'>;

export type ImportFinding =
  | { readonly provider: ImportProvider; readonly problem: undefined }
  | { readonly provider: undefined; readonly problem: string };

const PROVIDERS: Readonly<Record<string, ImportProvider>> = {
  luge: 'luge',
  wasi_snapshot_preview1: 'wasi',
  env: 'assemblyscript',
};

export function findImports(imports: readonly GuestImport[]): ImportFinding[] {
  const names = hostFunctionNames();
  return imports.map(({ module, name, kind }) => {
    if (kind === 'memory' || module === '$luge') return { provider: 'runtime', problem: undefined };
    const functions = names.get(module);
    if (kind === 'func' && functions?.has(name) === true) {
      return { provider: PROVIDERS[module] ?? 'runtime', problem: undefined };
    }
    return { provider: undefined, problem: problemOf(kind, functions, names) };
  });
}

function problemOf(
  kind: string,
  functions: ReadonlySet<string> | undefined,
  names: ReadonlyMap<string, unknown>,
): string {
  if (kind !== 'func') return `a ${kind} cannot be imported`;
  return functions === undefined
    ? `there is no module of that name; there are ${[...names.keys()].join(', ')}`
    : 'there is no function of that name';
}
