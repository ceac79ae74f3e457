import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Arena } from '../../src/ring/index.ts';
import { Payload } from '../../src/sandbox/index.ts';
import { smallArena } from '../ring/arenas.ts';

const INLINE = 40;
const CHUNK = 128;
const CHUNKS = 4;
const CAPACITY = INLINE + CHUNKS * CHUNK;

/** Its chain and inline part lie in slot 0; slot 1 is a canary behind it. */
function payloadOf(chunks = CHUNKS): { arena: Arena; payload: Payload } {
  const arena = smallArena({ chunks, chunkBytes: CHUNK });
  const slot = arena.slotAddress(0);
  arena.ring.u8.fill(0xee, slot + 16 + INLINE, slot + 256);
  return { arena, payload: new Payload(arena, slot, slot + 16, INLINE) };
}

const bytes = (count: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, i) => (i * 7 + (i >> 8)) & 0xff);

describe('against a plain byte array', () => {
  // Lengths at and around the bounds of the inline part, of chunks, and of the loop for small copies.
  const size = fc.oneof(
    fc.nat(300),
    fc.constantFrom(0, 1, INLINE - 1, INLINE, INLINE + 1, 47, 48, 49, CHUNK, CHUNK + 1),
  );

  it('append_read_latin1_and_pieces_agree', () => {
    const window = fc.tuple(fc.nat(CAPACITY + 20), size);
    fc.assert(
      fc.property(fc.array(size, { maxLength: 8 }), fc.array(window), (sizes, windows) => {
        const { arena, payload } = payloadOf();
        const source = bytes(1000);
        const model: number[] = [];
        for (const count of sizes) {
          const fits = model.length + count <= CAPACITY;
          const taken = fits ? count : CAPACITY - model.length;
          expect(payload.append(source, 3, 3 + count)).toBe(fits);
          model.push(...source.subarray(3, 3 + taken));
          expect(payload.length).toBe(model.length);
          expect(payload.isInline).toBe(model.length <= INLINE);
        }
        expect(arena.chunks.free).toBe(
          CHUNKS - Math.ceil(Math.max(0, model.length - INLINE) / CHUNK),
        );
        // In any order: the cursor must find its way back too.
        for (const [offset, count] of windows) {
          const want = Uint8Array.from(model.slice(offset, offset + count));
          const target = new Uint8Array(count + 4).fill(0xaa);
          expect(payload.read(offset, target, 2, count)).toBe(want.length);
          expect(target.slice(2, 2 + want.length)).toEqual(want);
          expect([...target.slice(0, 2), ...target.slice(2 + want.length)]).toEqual(
            new Array(count + 4 - want.length).fill(0xaa),
          );
          expect(payload.latin1(offset, count)).toBe(Buffer.from(want).toString('latin1'));
          const pieces: number[] = [];
          payload.pieces(offset, (address, n) => {
            expect(n).toBeGreaterThan(0);
            pieces.push(...arena.ring.u8.subarray(address, address + n));
          });
          expect(pieces).toEqual(model.slice(offset));
        }
        const slot = arena.slotAddress(0);
        const behind = arena.ring.u8.subarray(slot + 16 + INLINE, slot + 256);
        expect(behind.every((byte) => byte === 0xee)).toBe(true);
        payload.release();
        expect([payload.length, arena.chunks.free]).toEqual([0, CHUNKS]);
      }),
      { numRuns: 60 },
    );
  });
});

it('another_view_reads_what_was_appended', () => {
  const { arena, payload } = payloadOf();
  payload.append(bytes(300), 0, 300);
  const slot = arena.slotAddress(0);
  const other = new Payload(arena, slot, slot + 16, INLINE);
  const target = new Uint8Array(300);
  expect(other.read(0, target, 0, 300)).toBe(300);
  expect(target).toEqual(bytes(300));
});

it('attach_forgets_the_chunks_of_the_last_request', () => {
  const { arena, payload } = payloadOf();
  const slot = arena.slotAddress(0);
  const other = new Payload(arena, slot, slot + 16, INLINE);
  payload.append(bytes(400), 0, 400);
  const target = new Uint8Array(400);
  other.read(0, target, 0, 400);
  payload.release();
  // The first chunk of the free list goes elsewhere, so the next body lies in other chunks.
  arena.chunks.list.pop();
  payload.append(bytes(500), 100, 400);
  other.attach();
  expect(other.read(0, target, 0, 400)).toBe(300);
  expect(target.slice(0, 300)).toEqual(bytes(500).slice(100, 400));
});

it('a_used_up_pool_says_so_and_leaks_nothing', () => {
  const { arena, payload } = payloadOf(1);
  const slot = arena.slotAddress(2);
  const other = new Payload(arena, slot, slot + 16, INLINE);
  expect(payload.append(bytes(100), 0, 100)).toBe(true);
  expect(other.append(bytes(100), 0, 100)).toBe(false);
  expect(other.length).toBe(INLINE);
  expect(other.append(bytes(1), 0, 1)).toBe(false);
  payload.release();
  expect(other.append(bytes(100), INLINE, 100)).toBe(true);
  expect(other.latin1(0, 100)).toBe(Buffer.from(bytes(100)).toString('latin1'));
  other.release();
  payload.release();
  expect(arena.chunks.free).toBe(1);
});
