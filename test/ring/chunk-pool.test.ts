import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  CHAIN_BYTES,
  CHAIN_FIRST,
  CHAIN_LENGTH,
  type ChunkPool,
  EMPTY,
} from '../../src/ring/index.ts';
import { smallArena } from './arenas.ts';
import { changedBy } from './memories.ts';

const CHUNKS = 5;
const COUNT = 8;

/** The chunks of a chain from the first to the last. */
function walk(pool: ChunkPool, i32: Int32Array, chain: number): number[] {
  const found: number[] = [];
  const first = (i32[(chain + CHAIN_FIRST) >> 2] as number) - 1;
  for (let at = first; at !== EMPTY && found.length <= CHUNKS; at = pool.next(at)) found.push(at);
  return found;
}

it('K1_K2_chains_answer_as_arrays_do_and_share_no_chunk', () => {
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

it('K1_an_empty_pool_leaves_the_chain_as_it_is', () => {
  const { chunks, layout, ring } = smallArena({ chunks: 2 });
  const chain = layout.slotsAddress;
  const other = chain + CHAIN_BYTES;
  expect([chunks.append(chain), chunks.append(chain)]).toEqual([0, 1]);
  for (const address of [chain, other]) {
    expect(changedBy(ring.memory, () => expect(chunks.append(address)).toBe(EMPTY))).toEqual([]);
  }
  expect(changedBy(ring.memory, () => chunks.release(other))).toEqual([]);
  expect(walk(chunks, ring.i32, chain)).toEqual([0, 1]);
});

it('K1_appending_leaves_the_length_to_the_holder_and_releasing_clears_it', () => {
  const { chunks, layout, ring } = smallArena({ chunks: CHUNKS });
  const chain = layout.slotsAddress;
  const length = (chain + CHAIN_LENGTH) >> 2;
  ring.i32[length] = 1000;
  chunks.append(chain);
  expect(ring.i32[length]).toBe(1000);
  chunks.release(chain);
  expect(ring.i32[length]).toBe(0);
  ring.i32[length] = 60; // a body that fits into the slot has a length and no chunk
  chunks.release(chain);
  expect(ring.i32[length]).toBe(0);
});

it('K2_a_released_chunk_goes_to_the_next_chain_and_to_no_other', () => {
  const { chunks, layout } = smallArena({ chunks: CHUNKS });
  const [a, b] = [layout.slotsAddress, layout.slotsAddress + CHAIN_BYTES];
  const first = [chunks.append(a), chunks.append(a)];
  chunks.release(a);
  expect([chunks.append(b), chunks.append(b)]).toEqual(first);
  expect(new Set([chunks.append(a), chunks.append(a), ...first]).size).toBe(4);
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
