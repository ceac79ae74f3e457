import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { assembleRing } from '../../scripts/assemble-ring.ts';

const checkedIn = new URL('../../src/ring/ring-wasm.ts', import.meta.url);

/** The bytes of the module in the source text of ring-wasm.ts, however its string is broken into lines. */
function moduleBytes(text: string): Buffer {
  const base64 = [...text.matchAll(/'([A-Za-z0-9+/=]+)'/g)].map((match) => match[1]).join('');
  return Buffer.from(base64, 'base64');
}

it('the_checked_in_module_is_what_ring_wat_assembles_to', async () => {
  const fresh = moduleBytes(await assembleRing());
  expect(fresh.subarray(0, 4).toString('latin1')).toBe('\0asm');
  expect(moduleBytes(readFileSync(checkedIn, 'utf8')).equals(fresh)).toBe(true);
});
