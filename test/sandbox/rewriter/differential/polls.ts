/** How many polls a rewritten module has: loads of the control memory, which nothing else in it makes. */
import { bodyInstructions } from './decoder.ts';
import type { ModuleFile } from './module-file.ts';

const I32_LOAD = 0x28;

export function countPolls(file: ModuleFile): number {
  const control = file.imports.find(
    ({ module, name }) => module === '$luge' && name === 'control',
  )?.index;
  let polls = 0;
  for (const body of file.bodies()) {
    for (const { start, memory } of bodyInstructions(body)) {
      if (memory === control && file.bytes[start] === I32_LOAD) polls += 1;
    }
  }
  return polls;
}
