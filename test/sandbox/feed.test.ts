/** One request body in parts, producer and worker with an Exchange each over one slot, against a model of bytes. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Arena } from '../../src/ring/index.ts';
import { NOTHING_YET } from '../../src/sandbox/feed.ts';
import { Exchange, SLOT_BYTES } from '../../src/sandbox/index.ts';

const CHUNKS = 40;
const CHUNK_BYTES = 128;
const WORKER = 5;

function arenaOf(): Arena {
  return Arena.create({
    ...{ producers: 1, workers: 1, slots: 2, slotBytes: SLOT_BYTES },
    ...{ chunks: CHUNKS, chunkBytes: CHUNK_BYTES, controlBytes: 128, heaps: 0, budgets: 0 },
  });
}

/** The producer's and the worker's side of a slot in use. */
function sides(arena: Arena, asks = false): readonly [Exchange, Exchange] {
  const slot = arena.slotList.pop();
  const producer = new Exchange(arena, slot);
  producer.open(0, 1, 0, Number.POSITIVE_INFINITY);
  producer.feed.open(-1, asks);
  const worker = new Exchange(arena, slot);
  worker.attach();
  worker.feed.attach();
  return [producer, worker];
}

function write(exchange: Exchange, bytes: Uint8Array): boolean {
  return exchange.feed.filling.append(bytes, 0, bytes.length);
}

it('bytes_come_out_as_they_went_in_and_every_chunk_comes_back', () => {
  const arena = arenaOf();
  const step = fc.oneof(
    fc.record({ write: fc.nat(700) }),
    fc.record({ read: fc.nat(300), isSkipped: fc.boolean() }),
    fc.constant('seal' as const),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, endsWell) => {
      const [producer, worker] = sides(arena);
      let wrote = 0;
      let readBytes = 0;
      // What the worker can read: the part that is out.
      let out = 0;
      const target = new Uint8Array(4096);
      const take = (count: number, isSkipped: boolean): number => {
        const n = isSkipped ? worker.feed.skip(count) : worker.feed.read(target, 0, count);
        for (let i = 0; i < n && !isSkipped; i++) expect(target[i]).toBe((readBytes + i) % 251);
        if (n > 0) readBytes += n;
        return n;
      };
      for (const what of steps) {
        expect([worker.feed.isReady, worker.feed.readyBytes]).toEqual([out > 0, out]);
        if (what === 'seal') {
          const { length } = producer.feed.filling;
          if (out > 0 || length === 0) continue;
          expect(producer.feed.seal()).toBe(-1);
          out = length;
        } else if ('write' in what) {
          const bytes = Uint8Array.from({ length: what.write }, (_, i) => (wrote + i) % 251);
          if (producer.feed.filling.length + out + what.write > 4000) continue;
          expect(write(producer, bytes)).toBe(true);
          wrote += what.write;
        } else {
          const n = take(what.read, what.isSkipped);
          expect(n).toBe(out === 0 ? NOTHING_YET : Math.min(out, what.read));
          if (n > 0) out -= n;
          expect(worker.feed.isUsedUp).toBe(n > 0 && out === 0);
          if (worker.feed.isUsedUp) expect(worker.feed.drain()).toBe(true);
        }
      }
      if (endsWell) {
        producer.feed.end(wrote);
        expect(worker.feed.lengthBytes).toBe(wrote);
        for (let n = -1; n !== 0; ) {
          n = take(4096, false);
          // Nobody has to be told behind the end.
          if (worker.feed.isUsedUp) expect(worker.feed.drain()).toBe(false);
        }
        expect(readBytes).toBe(wrote);
      }
      producer.free();
      expect([arena.chunks.free, arena.slotList.free]).toEqual([CHUNKS, 2]);
    }),
    { numRuns: 200 },
  );
});

it('who_waits_is_told_by_whoever_seals_or_ends', () => {
  const [producer, worker] = sides(arenaOf());
  worker.feed.awaitBy(WORKER);
  write(producer, Uint8Array.of(1));
  expect(producer.feed.seal()).toBe(WORKER);
  worker.feed.awaitNoMore();
  expect(producer.feed.end(1)).toBe(-1);
  worker.feed.awaitBy(0);
  expect(producer.feed.end(1)).toBe(0);
});

it('it_is_asked_for_once_and_only_where_that_is_wanted', () => {
  const [, wanted] = sides(arenaOf(), true);
  expect([wanted.feed.takeAsked(), wanted.feed.takeAsked()]).toEqual([true, false]);
  const [, other] = sides(arenaOf());
  expect(other.feed.takeAsked()).toBe(false);
});

it('a_slot_that_is_opened_again_has_no_feed', () => {
  const arena = arenaOf();
  const [producer, worker] = sides(arena);
  write(producer, new Uint8Array(1000));
  producer.feed.seal();
  write(producer, new Uint8Array(1000));
  expect(worker.isFed).toBe(true);
  producer.free();
  expect(arena.chunks.free).toBe(CHUNKS);
  producer.open(0, 1, 0, Number.POSITIVE_INFINITY);
  expect([producer.isFed, worker.isFed, producer.bodyBytes]).toEqual([false, false, 0]);
  producer.feed.open(7, false);
  worker.feed.attach();
  expect([worker.feed.isReady, worker.bodyBytes, worker.bodyBytesHere]).toEqual([false, 7, 0]);
});
