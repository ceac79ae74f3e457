/** What the bench runs: its own kernels, or an export of a module that somebody brings. */
import { readFile } from 'node:fs/promises';
import { compileKernel, KERNELS } from './compile.ts';

export interface Workload {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly exportName: string;
  readonly args: readonly number[];
  /** What a run has to return; undefined: whatever the untouched module does. */
  readonly expected: number | undefined;
}

/** `<kernel>`, or `<file>.wasm#<export>#<arg>,<arg>…`, whose module imports nothing; `#` and what follows may be left out. */
export async function workloadOf(text: string): Promise<Workload> {
  const kernel = KERNELS.find(({ name }) => name === text);
  if (kernel !== undefined) {
    const { name, size, checksum } = kernel;
    const bytes = await compileKernel(name);
    return { name, bytes, exportName: 'run', args: [size], expected: checksum };
  }
  const [file = '', exportName = 'run', args = ''] = text.split('#');
  const bytes = new Uint8Array(await readFile(file));
  const numbers = args === '' ? [] : args.split(',').map(Number);
  if (numbers.some(Number.isNaN)) throw new Error(`${text}: arguments are numbers`);
  const name = text.replace(/^.*\//, '').replace(/\.wasm/, '');
  return { name, bytes, exportName, args: numbers, expected: undefined };
}

export function kernelNames(): string[] {
  return KERNELS.map(({ name }) => name);
}
