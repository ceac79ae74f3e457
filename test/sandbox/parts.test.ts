/** One response in parts, worker and consumer with an Exchange each over one slot, against a model of bytes. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Arena } from '../../src/ring/index.ts';
import { Exchange, OUTCOME, SLOT_BYTES } from '../../src/sandbox/index.ts';

const CHUNKS = 40;
const CHUNK_BYTES = 128;

function arenaOf(): Arena {
  return Arena.create({
    producers: 1,
    workers: 1,
    slots: 2,
    slotBytes: SLOT_BYTES,
    chunks: CHUNKS,
    chunkBytes: CHUNK_BYTES,
    controlBytes: 128,
    heaps: 0,
    budgets: 0,
  });
}

/** The worker's and the consumer's side of a slot in use. */
function sides(arena: Arena): readonly [Exchange, Exchange] {
  const slot = arena.slotList.pop();
  const consumer = new Exchange(arena, slot);
  consumer.open(0, 1, 0, Number.POSITIVE_INFINITY);
  consumer.parts.taken = true;
  const worker = new Exchange(arena, slot);
  worker.attach();
  return [worker, consumer];
}

function write(exchange: Exchange, bytes: Uint8Array): boolean {
  return exchange.body.append(bytes, 0, bytes.length);
}

function contents(payload: Exchange['body']): Uint8Array {
  const bytes = new Uint8Array(payload.length);
  payload.read(0, bytes, 0, bytes.length);
  return bytes;
}

it('bytes_come_out_as_they_went_in_and_every_chunk_comes_back', () => {
  const arena = arenaOf();
  const step = fc.oneof(
    fc.record({ write: fc.nat(700) }),
    fc.constantFrom<'seal' | 'drain'>('seal', 'drain'),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, endsWell) => {
      const [worker, consumer] = sides(arena);
      const wrote: number[] = [];
      const read: number[] = [];
      let filled = 0;
      let out: number | undefined;
      let n = 0;
      for (const what of steps) {
        expect(worker.parts.isOut).toBe(out !== undefined);
        expect(worker.parts.waitingBytes).toBe(filled + (out ?? 0));
        if (what === 'seal') {
          if (out !== undefined) continue;
          worker.parts.seal();
          out = filled;
          filled = 0;
        } else if (what === 'drain') {
          if (out === undefined) continue;
          consumer.attach();
          read.push(...contents(consumer.parts.part));
          consumer.parts.drain();
          out = undefined;
        } else {
          const bytes = Uint8Array.from({ length: what.write }, () => n++ % 251);
          const before = worker.body.length;
          if (!write(worker, bytes)) expect(arena.chunks.free).toBe(0);
          const took = worker.body.length - before;
          wrote.push(...bytes.subarray(0, took));
          filled += took;
          n = wrote.length;
        }
      }
      if (!endsWell) worker.fail(OUTCOME.TRAP, 'it failed');
      consumer.attach();
      if (consumer.parts.isOut) read.push(...contents(consumer.parts.part));
      const last = contents(consumer.body);
      if (endsWell) {
        expect([...read, ...last]).toEqual(wrote);
      } else {
        expect(read).toEqual(wrote.slice(0, wrote.length - filled));
      }
      consumer.free();
      expect([arena.chunks.free, arena.slotList.free]).toEqual([CHUNKS, 2]);
    }),
    { numRuns: 200 },
  );
});

it('a_failure_leaves_the_part_and_the_head_that_are_out', () => {
  const arena = arenaOf();
  const [worker, consumer] = sides(arena);
  const header = Buffer.from('x-a: 1\r\n');
  worker.headers.append(header, 0, header.length);
  write(worker, Buffer.alloc(5000, 1));
  worker.parts.seal();
  write(worker, Buffer.alloc(300, 2));
  worker.fail(OUTCOME.WORKER_LOST, 'gone');
  // As at a completion of which nothing but the cells tells that a part is out.
  consumer.attach();
  expect(consumer.parts.isOut).toBe(true);
  expect(consumer.headers.latin1(0, consumer.headers.length)).toBe('x-a: 1\r\n');
  expect(Buffer.from(contents(consumer.parts.part))).toEqual(Buffer.alloc(5000, 1));
  expect(Buffer.from(contents(consumer.body)).toString()).toBe('gone');
  consumer.free();
  expect(arena.chunks.free).toBe(CHUNKS);
});

it('a_slot_that_is_opened_again_has_no_parts', () => {
  const arena = arenaOf();
  const [worker, consumer] = sides(arena);
  write(worker, Buffer.alloc(3000, 1));
  worker.parts.seal();
  consumer.attach();
  consumer.free();
  consumer.open(0, 1, 0, Number.POSITIVE_INFINITY);
  const { taken, hasBegun, isOut, waitingBytes } = consumer.parts;
  expect({ taken, hasBegun, isOut, waitingBytes }).toEqual({
    taken: false,
    hasBegun: false,
    isOut: false,
    waitingBytes: 0,
  });
});

it('an_empty_part_takes_no_chunk', () => {
  const arena = arenaOf();
  const [worker, consumer] = sides(arena);
  worker.parts.seal();
  expect(arena.chunks.free).toBe(CHUNKS);
  consumer.attach();
  expect([consumer.parts.isOut, consumer.parts.part.length]).toEqual([true, 0]);
  consumer.parts.drain();
  expect(worker.parts.isOut).toBe(false);
});
