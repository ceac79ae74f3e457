/** Assembles src/ring/*.wat into src/ring/ring-wasm.ts. `test/ring/ring-wasm.test.ts` holds that it is fresh. */
import { readFileSync, writeFileSync } from 'node:fs';
import wabtInit from 'wabt';

const directory: URL = new URL('../src/ring/', import.meta.url);

/** A line of the joined text and where it comes from. */
export interface SourceLine {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly text: string;
}

/** ring.wat with the files that its @include line names in its place; `read` gives the text of one. */
export function joinRing(read: (file: string) => string = readRing): SourceLine[] {
  return linesOf('ring.wat', read).flatMap((line) => {
    const names = /;; @include (.*)/.exec(line.text)?.[1]?.split(' ');
    return names?.flatMap((name) => linesOf(`${name}.wat`, read)) ?? [line];
  });
}

export function readRing(file: string): string {
  return readFileSync(new URL(file, directory), 'utf8');
}

function linesOf(file: string, read: (file: string) => string): SourceLine[] {
  return read(file)
    .split('\n')
    .map((text, i) => ({ file, line: i + 1, text }));
}

/** The module that the lines make. Errors name the file and the line. */
export async function assembleWat(lines: readonly SourceLine[]): Promise<Uint8Array<ArrayBuffer>> {
  const wabt = await wabtInit();
  const text = lines.map((line) => line.text).join('\n');
  try {
    const module = wabt.parseWat('ring', text, { threads: true });
    (module.validate as (features: object) => void)({ threads: true }); // its types leave the parameter out
    const { buffer } = module.toBinary({ write_debug_names: true });
    module.destroy();
    return Uint8Array.from(buffer);
  } catch (error) {
    const message = String((error as Error).message);
    const first = /ring:(\d+):(\d+): (.*)/.exec(message);
    if (first === null) throw error;
    const { file, line } = lines[Number(first[1]) - 1] as SourceLine;
    throw new SyntaxError(`${file}:${line}:${first[2]}: ${first[3]}`, { cause: error });
  }
}

/** The source text of the checked-in module. */
export async function assembleRing(): Promise<string> {
  const buffer = await assembleWat(joinRing());
  const lines =
    Buffer.from(buffer)
      .toString('base64')
      .match(/.{1,116}/g) ?? [];
  return [
    '// Made from the .wat files by `npm run generate`; do not edit.',
    '/** The assembled ring module, in base64: a string, so that it needs no file beside the published JavaScript. */',
    'export const RING_WASM_BASE64: string =',
    `  '${lines.join("' +\n  '")}';`,
    '',
  ].join('\n');
}

if (import.meta.main) {
  writeFileSync(new URL('ring-wasm.ts', directory), await assembleRing());
}
