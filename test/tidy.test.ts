/** What a linter cannot hold: the shape of src. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../src/', import.meta.url));
/** A layer imports only from those before it. */
const LAYERS = ['ring', 'sandbox', 'core', 'http', 'cli'];
const LINES_MAX = 720;

interface Source {
  /** From src on, with '/'. */
  readonly path: string;
  readonly layer: string;
  readonly lines: readonly string[];
  /** The lines without comments (empty where there was nothing else), so that prose breaks no rule about code. */
  readonly code: readonly string[];
  /** Paths from src on of the files that it imports or exports from. */
  readonly imports: readonly string[];
  /** Those of them that are there at run time, too. */
  readonly runtimeImports: readonly string[];
}

const sources: readonly Source[] = readdirSync(SRC, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => read(join(entry.parentPath, entry.name)));

function read(file: string): Source {
  const lines = readFileSync(file, 'utf8').split('\n');
  const code = withoutComments(lines);
  const path = relative(SRC, file).replaceAll('\\', '/');
  const statement = /\b(import|export)( type)?\b(?:[^;'"`]*\bfrom\s*|\s*\(?\s*)'(\.[^']+)'/g;
  const found = [...code.join('\n').matchAll(statement)].map(([, , type, specifier]) => ({
    isType: type !== undefined,
    target: relative(SRC, resolve(dirname(file), specifier as string)).replaceAll('\\', '/'),
  }));
  return {
    path,
    layer: path.includes('/') ? (path.split('/')[0] as string) : '',
    lines,
    code,
    imports: found.map(({ target }) => target),
    runtimeImports: found.filter(({ isType }) => !isType).map(({ target }) => target),
  };
}

/** A block comment begins a line here: what looks like one inside a line is a route or a regular expression. */
function withoutComments(lines: readonly string[]): string[] {
  let isInside = false;
  return lines.map((line) => {
    if (/^\s*\/\*/.test(line)) isInside = true;
    const text = isInside ? '' : line.replace(/(^|\s)\/\/.*$/, '');
    if (line.includes('*/')) isInside = false;
    return text;
  });
}

/** `file:line` of each line that the pattern meets outside comments. */
function places(source: Source, pattern: RegExp): string[] {
  return source.code.flatMap((line, i) =>
    pattern.test(line) ? [`src/${source.path}:${i + 1}`] : [],
  );
}

function allPlaces(pattern: RegExp, isAllowed: (source: Source) => boolean): string[] {
  return sources.filter((source) => !isAllowed(source)).flatMap((s) => places(s, pattern));
}

it('there_is_something_to_look_at', () => {
  expect(sources.length).toBeGreaterThan(50);
  expect(sources.flatMap(({ imports }) => imports).length).toBeGreaterThan(100);
});

describe('imports', () => {
  it('every_file_belongs_to_a_layer', () => {
    const strays = sources.filter(({ layer }) => layer !== '' && !LAYERS.includes(layer));
    expect(strays.map(({ path }) => path)).toEqual([]);
  });

  it('go_to_earlier_layers_and_enter_them_by_their_index', () => {
    const wrong: string[] = [];
    for (const { path, layer, imports } of sources) {
      // Files of src itself (the package's front door, ambient types) stand above all layers.
      const own = layer === '' ? LAYERS.length : LAYERS.indexOf(layer);
      for (const target of imports) {
        const [other = ''] = target.split('/');
        if (other === layer || !target.includes('/')) continue;
        const isEarlier = LAYERS.indexOf(other) < own;
        if (!isEarlier || target !== `${other}/index.ts`) wrong.push(`${path} -> ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('exist_and_have_no_cycles_at_run_time', () => {
    const byPath = new Map(sources.map((source) => [source.path, source]));
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (path: string, way: readonly string[]): void => {
      if (way.includes(path)) {
        cycles.push([...way.slice(way.indexOf(path)), path].join(' -> '));
        return;
      }
      if (done.has(path)) return;
      const source = byPath.get(path);
      expect(source, `${way.at(-1)} imports ${path}, which is not there`).toBeDefined();
      for (const target of source?.runtimeImports ?? []) visit(target, [...way, path]);
      done.add(path);
    };
    for (const { path } of sources) visit(path, []);
    expect(cycles).toEqual([]);
  });
});

describe('code', () => {
  it('waits_only_in_the_parker', () => {
    const found = allPlaces(/Atomics\s*\.\s*wait/, ({ path }) => path === 'ring/parker.ts');
    expect(found).toEqual([]);
  });

  it('has_a_table_of_cells_and_an_origin_of_waits_in_the_text_of_the_rings', () => {
    const directory = new URL('../src/ring/', import.meta.url);
    const texts = readdirSync(directory)
      .filter((file) => file.endsWith('.wat') && file !== 'ring.wat' && file !== 'cell.wat')
      .map((file) => ({ file, text: readFileSync(new URL(file, directory), 'utf8') }));
    expect(texts.length).toBeGreaterThan(5);
    const withoutTable = texts.filter(
      ({ text }) => !/^;; {3}byte {2}name .*\n;; +0 {2}[A-Z]+ /m.test(text),
    );
    expect(withoutTable.map(({ file }) => file)).toEqual([]);
    const waiting = texts.filter(({ text }) => text.includes('memory.atomic.wait'));
    expect(waiting.map(({ file }) => file)).toEqual(['lot.wat']);
  });

  it('reads_the_clock_and_prints_only_where_it_may', () => {
    expect(allPlaces(/\bDate\s*\.\s*now\b/, ({ layer }) => layer === 'cli')).toEqual([]);
    expect(allPlaces(/\bconsole\s*\./, ({ layer }) => layer === 'cli')).toEqual([]);
  });

  it('has_no_default_exports', () => {
    expect(allPlaces(/^\s*export\s+default\b|\bas\s+default\b/, () => false)).toEqual([]);
  });

  it('names_no_path_of_a_machine', () => {
    // Comments count too.
    const pattern = /(^|[\s'"`(=:])(\/(work|tmp|home|Users|root|mnt|var\/folders)\/|[A-Z]:\\)/;
    const found = sources.flatMap(({ path, lines }) =>
      lines.flatMap((line, i) => (pattern.test(line) ? [`src/${path}:${i + 1}`] : [])),
    );
    expect(found).toEqual([]);
  });
});

describe('native', () => {
  it('has_the_layout_that_the_tables_of_cells_say', () => {
    const root = new URL('../', import.meta.url);
    const header = readFileSync(new URL('native/layout.h', root), 'utf8');
    const sections = header.matchAll(/^\/\/ (src\/\S+)\nnamespace \w+ \{\n([^}]*)\}/gm);
    const found: string[] = [];
    for (const [, file = '', body = ''] of sections) {
      const table = readFileSync(new URL(file, root), 'utf8');
      const cells = [...body.matchAll(/constexpr size_t k(\w+) = (\d+);/g)].map(
        ([, name = '', offset]) => ({
          name: name.replace(/(?<!^)[A-Z]/g, '_$&').toUpperCase(),
          offset: Number(offset),
        }),
      );
      for (const { name, offset } of cells.filter((cell) => cell.name !== 'BYTES')) {
        const row = new RegExp(`^(;;| \\*) +${offset} {2}${name} `, 'm');
        expect(table, `${file}: ${name} at ${offset}, as native/layout.h says`).toMatch(row);
        found.push(`${file} ${name}`);
      }
      const offsets = cells.map(({ offset }) => offset);
      expect(cells.at(-1), file).toEqual({ name: 'BYTES', offset: Math.max(...offsets) });
    }
    // Each constant of the header is in a section that names its file.
    expect(found.length).toBe([...header.matchAll(/^constexpr size_t k(?!Bytes)/gm)].length);
    expect(found.length).toBeGreaterThan(15);
  });
});

describe('files', () => {
  it('are_named_after_a_thing', () => {
    const vague = sources.filter(({ path }) => /(^|\/)(utils?|misc|common)\.ts$/.test(path));
    expect(vague.map(({ path }) => path)).toEqual([]);
  });

  it('are_short_enough_to_read', () => {
    const long = sources.filter(({ lines }) => lines.length > LINES_MAX + 1);
    expect(long.map(({ path, lines }) => `${path}: ${lines.length}`)).toEqual([]);
  });
});
