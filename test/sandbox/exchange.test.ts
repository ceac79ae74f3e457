import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Arena } from '../../src/ring/index.ts';
import { SLOT_BYTES_MIN } from '../../src/sandbox/exchange.ts';
import {
  type Exchange,
  ExchangeTable,
  HEAD_ROOM_BYTES,
  OUTCOME,
  SLOT_BYTES,
  SLOT_STATE,
} from '../../src/sandbox/index.ts';
import { smallArena } from '../ring/arenas.ts';

const CHUNKS = 8;

function arenaOf(slotBytes = SLOT_BYTES): Arena {
  return smallArena({ slots: 3, slotBytes, chunks: CHUNKS, chunkBytes: 256 });
}

/** A slot from the free list, opened as a producer does. */
function opened(arena: Arena): Exchange {
  const exchange = new ExchangeTable(arena).at(arena.slotList.pop());
  exchange.open(0, 7, 1e15 + 1, Number.POSITIVE_INFINITY);
  return exchange;
}

interface Head {
  readonly method: string;
  readonly path: string;
  readonly query: string | undefined;
  readonly headers: string;
  readonly peer: string;
  readonly body: string;
}

function fill(exchange: Exchange, head: Head): boolean {
  const target = head.query === undefined ? head.path : `${head.path}?${head.query}`;
  exchange.setHead(
    head.method.length,
    target.length,
    head.path.length,
    head.headers.length,
    head.peer.length,
  );
  const text = head.method + target + head.headers + head.peer + head.body;
  const bytes = Buffer.from(text, 'latin1');
  return exchange.request.append(bytes, 0, bytes.length);
}

it('the_parts_of_a_request_come_out_as_they_went_in', () => {
  const latin1 = (maxLength: number): fc.Arbitrary<string> =>
    fc.string({ unit: fc.nat(255).map((n) => String.fromCharCode(n)), maxLength });
  const head = fc.record({
    method: fc.constantFrom('GET', 'POST', 'PROPFIND'),
    path: latin1(40).map((s) => `/${s.replaceAll('?', '')}`),
    query: fc.option(latin1(40), { nil: undefined }),
    headers: latin1(900),
    peer: latin1(20),
    body: latin1(900),
  });
  fc.assert(
    fc.property(head, fc.constantFrom(SLOT_BYTES_MIN, SLOT_BYTES), (parts, slotBytes) => {
      const arena = arenaOf(slotBytes);
      const exchange = opened(arena);
      expect(fill(exchange, parts)).toBe(true);
      const other = new ExchangeTable(arena).at(exchange.slot);
      other.attach();
      expect({
        method: other.method(),
        path: other.path(),
        query: other.query(),
        headers: other.headerLines(),
        peer: other.peer(),
        body: other.request.latin1(other.bodyOffset, other.bodyBytes),
      }).toEqual({ ...parts, query: parts.query ?? '' });
      exchange.free();
      expect([arena.chunks.free, arena.slotList.free]).toEqual([CHUNKS, 3]);
    }),
    { numRuns: 60 },
  );
});

it.each([SLOT_BYTES_MIN, SLOT_BYTES])('payloads_in_a_slot_of_%d_bytes_lie_apart', (slotBytes) => {
  const arena = arenaOf(slotBytes);
  const exchange = opened(arena);
  const [a, b, c] = [exchange.request, exchange.headers, exchange.body].map((p) => p.inlineAddress);
  expect((a as number) - exchange.address).toBe(384);
  const room = (c as number) - (b as number) - HEAD_ROOM_BYTES;
  const sizes = [(b as number) - (a as number), room, exchange.address + slotBytes - (c as number)];
  const payloads = [exchange.request, exchange.headers, exchange.body];
  payloads.forEach((payload, i) => {
    const size = sizes[i] as number;
    expect(size).toBeGreaterThan(0);
    expect(payload.append(new Uint8Array(size).fill(i + 1), 0, size)).toBe(true);
  });
  // All inline, none over another.
  expect(arena.chunks.free).toBe(CHUNKS);
  payloads.forEach((payload, i) => {
    const text = payload.latin1(0, payload.length);
    expect(text).toBe(String.fromCharCode(i + 1).repeat(sizes[i] as number));
  });
});

it('open_gives_a_slot_without_its_past', () => {
  const arena = arenaOf();
  const first = opened(arena);
  first.cancel();
  first.status = 404;
  first.isTyped = true;
  first.started(1, 5);
  first.ended(6, 1);
  first.fail(OUTCOME.TRAP, 'x'.repeat(3000));
  first.free();
  const again = opened(arena);
  expect(again.slot).toBe(first.slot);
  const { state, producer, fn, isCancelled, status, isTyped, outcome } = again;
  expect({ state, producer, fn, isCancelled, status, isTyped, outcome }).toEqual({
    state: SLOT_STATE.FILLING,
    producer: 0,
    fn: 7,
    isCancelled: false,
    status: 200,
    isTyped: false,
    outcome: OUTCOME.OK,
  });
  const { arrivalNs, deadlineNs, startNs, endNs, runNs } = again;
  expect({ arrivalNs, deadlineNs, startNs, endNs, runNs }).toEqual({
    arrivalNs: 1e15 + 1,
    deadlineNs: Number.POSITIVE_INFINITY,
    startNs: 0,
    endNs: 0,
    runNs: 0,
  });
  expect([again.request.length, again.headers.length, again.body.length]).toEqual([0, 0, 0]);
});

it('a_failure_replaces_what_the_guest_answered', () => {
  const arena = arenaOf();
  const exchange = opened(arena);
  const answer = new Uint8Array(3000);
  exchange.body.append(answer, 0, answer.length);
  exchange.headers.append(answer, 0, 500);
  exchange.fail(OUTCOME.CPU_LIMIT, 'zu lange gelaufen: 3 µs');
  expect([exchange.outcome, exchange.headers.length]).toEqual([OUTCOME.CPU_LIMIT, 0]);
  const text = new Uint8Array(exchange.body.length);
  exchange.body.read(0, text, 0, text.length);
  expect(Buffer.from(text).toString('utf8')).toBe('zu lange gelaufen: 3 µs');
  expect(arena.chunks.free).toBe(CHUNKS);
});

it('E2_a_claimed_request_is_completed_once', () => {
  const arena = arenaOf();
  const exchange = opened(arena);
  exchange.state = SLOT_STATE.QUEUED;
  arena.deque(0).push(exchange.slot);
  const mark = SLOT_STATE.CLAIMED + 1;
  const { slotsAddress } = arena.layout;
  expect(arena.deque(0).stealMark(slotsAddress, SLOT_BYTES, mark)).toBe(exchange.slot);
  expect(exchange.state).toBe(mark);
  const finish = (): boolean =>
    arena.completions(0).finish(exchange.slot, exchange.address, mark, SLOT_STATE.DONE);
  expect([finish(), finish()]).toEqual([true, false]);
  expect([arena.completions(0).pop(), arena.completions(0).pop()]).toEqual([exchange.slot, -1]);
  expect(exchange.state).toBe(SLOT_STATE.DONE);
  exchange.free();
  expect([exchange.state, arena.slotList.free]).toEqual([SLOT_STATE.FREE, 3]);
});

it('a_request_without_room_says_so_and_leaks_nothing', () => {
  const arena = arenaOf(SLOT_BYTES_MIN);
  const exchange = opened(arena);
  const parts = { method: 'PUT', path: '/a', query: undefined, headers: '', peer: '' };
  expect(fill(exchange, { ...parts, body: 'x'.repeat(CHUNKS * 256 + 2000) })).toBe(false);
  expect(arena.chunks.free).toBe(0);
  exchange.free();
  expect([arena.chunks.free, arena.slotList.free]).toEqual([CHUNKS, 3]);
});
