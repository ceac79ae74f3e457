import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CHAIN_BYTES, CHAIN_FIRST, type ChunkPool, EMPTY } from '../../src/ring/index.ts';
import { smallArena } from './arenas.ts';

const CHUNKS = 5;
const COUNT = 8;

/** The chunks of a chain from the first to the last. */
function walk(pool: ChunkPool, i32: Int32Array, chain: number): number[] {
  const found: number[] = [];
  const first = (i32[(chain + CHAIN_FIRST) >> 2] as number) - 1;
  for (let at = first; at !== EMPTY && found.length <= CHUNKS; at = pool.next(at)) found.push(at);
  return found;
}

it('chains_answer_as_arrays_do_and_share_no_chunk', () => {
  const step = fc.record({ chain: fc.nat(2), isRelease: fc.constantFrom(false, false, true) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const arena = smallArena({ chunks: CHUNKS });
      const { chunks, layout, ring } = arena;
      const chains = [0, 1, 2].map((i) => layout.slotsAddress + i * CHAIN_BYTES);
      const models: number[][] = [[], [], []];
      for (const { chain, isRelease } of steps) {
        const address = chains[chain] as number;
        const model = models[chain] as number[];
        if (isRelease) {
          chunks.release(address);
          model.length = 0;
          expect([...ring.i32.subarray(address >> 2, (address >> 2) + 4)]).toEqual([0, 0, 0, 0]);
        } else {
          const index = chunks.append(address);
          expect(index === EMPTY).toBe(models.flat().length === CHUNKS);
          if (index !== EMPTY) model.push(index);
        }
        expect(chains.map((at) => walk(chunks, ring.i32, at))).toEqual(models);
        expect(new Set(models.flat()).size).toBe(models.flat().length);
        expect(chunks.free).toBe(CHUNKS - models.flat().length);
        for (const [i, at] of chains.entries()) {
          // K1
          const first = ring.i32[(at + CHAIN_FIRST) >> 2];
          const count = ring.i32[(at + COUNT) >> 2];
          expect(count).toBe((models[i] as number[]).length);
          expect(first === 0).toBe(count === 0);
        }
      }
      for (const at of chains) chunks.release(at);
      const all = Array.from({ length: CHUNKS }, () => chunks.list.pop());
      expect(all.toSorted()).toEqual([0, 1, 2, 3, 4]);
    }),
    { numRuns: 80 },
  );
});

it('releasing_twice_gives_nothing_back_twice', () => {
  const { chunks, layout } = smallArena({ chunks: CHUNKS });
  const chain = layout.slotsAddress;
  chunks.append(chain);
  chunks.append(chain);
  chunks.release(chain);
  chunks.release(chain);
  expect(chunks.free).toBe(CHUNKS);
});

it('chunks_lie_apart', () => {
  const { chunks, layout } = smallArena({ chunks: CHUNKS });
  expect([chunks.addressOf(0), chunks.addressOf(4) + 128]).toEqual([
    layout.chunksAddress,
    layout.totalBytes,
  ]);
});
