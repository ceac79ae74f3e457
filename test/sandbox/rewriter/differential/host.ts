/** What a module imports: functions that write down each call, and globals, tables, memories and tags of the declared types. */
import type { ImportEntry, Limits, ModuleFile } from './module-file.ts';
import { exportName } from './opened-module.ts';
import { HOST_OBJECTS, HostError, type Values } from './values.ts';

/** Filled in when the instance is there: imports may be called by its start function. */
export interface Link {
  values: Values;
  exports: Record<string, unknown>;
  readonly lines: string[];
}

export class LinkImpossible extends Error {}

/** The types that come with Node take the tag for a string. */
const Exception = WebAssembly.Exception as unknown as new (
  tag: WebAssembly.Tag,
  payload: readonly unknown[],
) => WebAssembly.Exception;

type Callback = (...args: unknown[]) => unknown;

/** Imports of the module's own, without those of `$luge`. */
export function hostImports(file: ModuleFile, link: Link): WebAssembly.Imports {
  const imports: Record<string, Record<string, unknown>> = {};
  for (const item of file.imports) {
    if (item.module === '$luge') continue;
    imports[item.module] ??= {};
    imports[item.module]![item.name] = importOf(file, item, link);
  }
  return imports as WebAssembly.Imports;
}

function importOf(file: ModuleFile, item: ImportEntry, link: Link): unknown {
  switch (item.kind) {
    case 'func':
      return functionImport(file, item, link);
    case 'global':
      return globalImport(file, item);
    case 'memory':
      return makeMemory(file.memories[item.index]!);
    case 'table':
      return tableImport(file, item);
    case 'tag':
      return tagImport(file, item);
  }
}

function functionImport(file: ModuleFile, item: ImportEntry, link: Link): Callback {
  const special = SPECIAL[item.name]?.(link);
  const { results } = file.signature(item.index);
  return (...args) => {
    link.lines.push(`  ${item.name} ${args.map((arg) => link.values.name(arg)).join(' ')}`);
    if (special !== undefined) return special(...args);
    if (results.length > 1) return results.map(zeroOf);
    return results.length === 0 ? undefined : zeroOf(results[0]!);
  };
}

function zeroOf(type: string): unknown {
  if (type === 'i64') return 0n;
  return /^[if]\d\d$/.test(type) ? 0 : null;
}

/**
 * The imports of Binaryen's fuzzer that do something. The others only note the call: those that would call back into the guest,
 * whose frames could not be suspended then, and the one that writes into its table, which no host of Luge does and for
 * which reset is not made.
 */
const SPECIAL: Readonly<Record<string, (link: Link) => Callback>> = {
  throw: () => (which) => {
    if (which === 0) throw new HostError('the host');
    throw new Exception(FUZZ_TAG, [which]);
  },
  'table-get': (link) => (index) => tableOf(link).get(Number(index) >>> 0),
  sleep: () => (_milliseconds, id) => id,
};

function tableOf(link: Link): WebAssembly.Table {
  const table = link.exports[exportName('table', 0)];
  if (table === undefined || !link.values.knowsExports) throw new HostError('no table');
  return table as WebAssembly.Table;
}

function globalImport(file: ModuleFile, item: ImportEntry): unknown {
  const { type, mutable } = file.globals[item.index]!;
  const value = /^\(ref (null )?i31\)$|^i31ref$|^anyref$|^eqref$/.test(type)
    ? 31
    : type === 'externref' || type === '(ref extern)'
      ? HOST_OBJECTS[0]
      : type === 'i64'
        ? 64n
        : /^[if]\d\d$/.test(type)
          ? 1.5
          : null;
  if (value === null && type.startsWith('(ref ') && !type.startsWith('(ref null')) {
    throw new LinkImpossible(`a global of type ${type}`);
  }
  if (!mutable) return type === 'i32' ? 1 : value;
  const descriptor = { value: type === 'funcref' ? 'anyfunc' : type, mutable: true };
  return new WebAssembly.Global(descriptor as never, value as never);
}

function tableImport(file: ModuleFile, item: ImportEntry): WebAssembly.Table {
  const { type, limits } = file.tables[item.index]!;
  if (limits.is64) throw new LinkImpossible('a 64-bit table');
  const element = type === 'funcref' ? 'anyfunc' : type;
  return new WebAssembly.Table({
    element: element as 'anyfunc',
    initial: Number(limits.min),
    ...(limits.max === undefined ? {} : { maximum: Number(limits.max) }),
  });
}

/** Of binaryen's fuzzer: `throw` and the modules share it. */
const FUZZ_TAG = new WebAssembly.Tag({ parameters: ['i32'] });
const OTHER_TAGS = new Map<string, WebAssembly.Tag>();

function tagImport(file: ModuleFile, item: ImportEntry): WebAssembly.Tag {
  const { params } = file.signatureOfType(file.tags[item.index]!);
  if (item.name === 'jstag') return (WebAssembly as unknown as { JSTag: WebAssembly.Tag }).JSTag;
  const key = params.join(' ');
  if (key === 'i32') return FUZZ_TAG;
  const known = OTHER_TAGS.get(key);
  if (known !== undefined) return known;
  const tag = new WebAssembly.Tag({ parameters: [...params] as never });
  OTHER_TAGS.set(key, tag);
  return tag;
}

export function makeMemory({ min, max, shared, is64 }: Limits): WebAssembly.Memory {
  if (is64) {
    const maximum = max === undefined ? {} : { maximum: max };
    return new WebAssembly.Memory({ address: 'i64', initial: min, ...maximum, shared });
  }
  const maximum = max === undefined ? {} : { maximum: Number(max) };
  return new WebAssembly.Memory({ initial: Number(min), ...maximum, shared });
}
