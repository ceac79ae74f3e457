/** Assembles src/ring/ring.wat into src/ring/ring-wasm.ts. `test/ring/ring-wasm.test.ts` holds that it is fresh. */
import { readFileSync, writeFileSync } from 'node:fs';
import wabtInit from 'wabt';

const directory: URL = new URL('../src/ring/', import.meta.url);

/** The source text of the checked-in module, made from ring.wat. */
export async function assembleRing(): Promise<string> {
  const wabt = await wabtInit();
  const text = readFileSync(new URL('ring.wat', directory), 'utf8');
  const module = wabt.parseWat('ring.wat', text, { threads: true });
  (module.validate as (features: object) => void)({ threads: true }); // its types leave the parameter out
  const { buffer } = module.toBinary({ write_debug_names: true });
  module.destroy();
  const lines =
    Buffer.from(buffer)
      .toString('base64')
      .match(/.{1,116}/g) ?? [];
  return [
    '// Made from ring.wat by `npm run generate`; do not edit.',
    '/** The assembled ring module, in base64: a string, so that it needs no file beside the published JavaScript. */',
    'export const RING_WASM_BASE64: string =',
    `  '${lines.join("' +\n  '")}';`,
    '',
  ].join('\n');
}

if (import.meta.main) {
  writeFileSync(new URL('ring-wasm.ts', directory), await assembleRing());
}
