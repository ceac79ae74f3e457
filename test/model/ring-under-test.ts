/** The ring module, or a variant of its text, as the explorer wants it. */
import { assembleWat, joinRing, readRing, type SourceLine } from '../../scripts/assemble-ring.ts';
import type { ModuleUnderTest } from './explorer.ts';
import { instrument } from './instrument.ts';
import { watPlaces } from './wat-places.ts';

/** One change of the text: `from` has to stand in `file` once. */
export interface Patch {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** What ships, instrumented; with patches, a mutant of it. */
export async function ringUnderTest(
  options: { readonly kills?: boolean; readonly patches?: readonly Patch[] } = {},
): Promise<ModuleUnderTest> {
  const { kills = false, patches = [] } = options;
  const lines = joinRing((file) => patched(file, patches));
  return moduleUnderTest(await assembleWat(lines), lines, kills);
}

export function moduleUnderTest(
  bytes: Uint8Array,
  lines: readonly SourceLine[],
  kills: boolean,
): ModuleUnderTest {
  return { ...instrument(bytes, { kills }), place: watPlaces(lines) };
}

function patched(file: string, patches: readonly Patch[]): string {
  let text = readRing(file);
  for (const { from, to } of patches.filter((patch) => patch.file === file)) {
    const count = text.split(from).length - 1;
    if (count !== 1) throw new Error(`${file}: '${from}' stands there ${count} times, not once`);
    text = text.replace(from, () => to);
  }
  return text;
}
