/** Bodies collected in blocks that bodies before them have used. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { HttpRoute } from '../../src/http/api.ts';
import { BLOCK_BYTES, BodyBlocks } from '../../src/http/body-blocks.ts';
import { BodyReader } from '../../src/http/body-reader.ts';
import type { Exchange } from '../../src/sandbox/index.ts';

const ROUTE = { maxBodyBytes: 2 ** 30 } as HttpRoute;

class CountedBlocks extends BodyBlocks {
  taken = 0;
  given = 0;

  override take(): Buffer {
    this.taken++;
    return super.take();
  }

  override give(block: Buffer): void {
    this.given++;
    super.give(block);
  }
}

/** A slot that takes so many bytes. */
function slotOf(bytesMax = Number.POSITIVE_INFINITY): { exchange: Exchange; bytes: () => Buffer } {
  const parts: Buffer[] = [];
  let length = 0;
  const append = (source: Uint8Array, from: number, to: number): boolean => {
    length += to - from;
    if (length > bytesMax) return false;
    parts.push(Buffer.from(source.subarray(from, to)));
    return true;
  };
  return { exchange: { request: { append } } as Exchange, bytes: () => Buffer.concat(parts) };
}

function bodyOf(pieces: readonly number[], salt: number): Buffer {
  const length = pieces.reduce((sum, bytes) => sum + bytes, 0);
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) + salt) & 0xff));
}

function readerOf(blocks: BodyBlocks, body: Buffer, pieces: readonly number[]): BodyReader {
  const reader = new BodyReader(blocks, Buffer.alloc(0), ROUTE, false, body.length);
  let at = 0;
  for (const bytes of pieces) {
    // As a connection does: the buffer is another one's as soon as it was read.
    const input = Buffer.from(body.subarray(at, at + bytes));
    expect(reader.read(input)).toBe(bytes);
    input.fill(0xee);
    at += bytes;
  }
  expect(reader.isComplete).toBe(true);
  return reader;
}

it('a_body_arrives_as_it_was_sent_whatever_its_pieces_and_whoever_had_its_blocks', () => {
  const piece = fc.oneof(
    fc.integer({ min: 1, max: 300 }),
    fc.integer({ min: BLOCK_BYTES / 4 - 1, max: BLOCK_BYTES / 4 + 1 }),
    fc.integer({ min: BLOCK_BYTES - 1, max: 2 * BLOCK_BYTES + 1 }),
  );
  const blocks = new CountedBlocks();
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 12 }), fc.nat(255), (pieces, salt) => {
      const body = bodyOf(pieces, salt);
      const slot = slotOf();
      expect(readerOf(blocks, body, pieces).moveTo(slot.exchange)).toBe(true);
      expect(slot.bytes().equals(body)).toBe(true);
      expect(blocks.given).toBe(blocks.taken);
    }),
  );
  expect(blocks.taken).toBeGreaterThan(0);
});

it('small_pieces_take_no_block', () => {
  const blocks = new CountedBlocks();
  const pieces = new Array<number>(100).fill(BLOCK_BYTES / 4 - 1);
  readerOf(blocks, bodyOf(pieces, 0), pieces);
  expect(blocks.taken).toBe(0);
});

it('blocks_come_back_where_the_slot_has_no_room_and_only_once', () => {
  const blocks = new CountedBlocks();
  const pieces = [BLOCK_BYTES, BLOCK_BYTES, BLOCK_BYTES / 2];
  const reader = readerOf(blocks, bodyOf(pieces, 0), pieces);
  expect(reader.moveTo(slotOf(BLOCK_BYTES).exchange)).toBe(false);
  expect(blocks.given).toBe(3);
  reader.moveTo(slotOf().exchange);
  expect(blocks.given).toBe(3);
  expect(new Set([blocks.take(), blocks.take(), blocks.take()]).size).toBe(3);
});
