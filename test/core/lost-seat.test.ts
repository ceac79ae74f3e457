/** A front end's thread that dies: this one stands for it, and takes nothing that comes back. */
import { expect, it } from 'vitest';
import { Producer } from '../../src/core/producer.ts';
import { decodeSpec } from '../../src/core/records.ts';
import { writeRequest } from '../../src/core/request-text.ts';
import type { ProducerSeat, Runtime } from '../../src/core/runtime.ts';
import { Arena } from '../../src/ring/index.ts';
import { type Exchange, monotonicNs } from '../../src/sandbox/index.ts';
import { allFree, ECHO, luge, SLEEP, SPIN, small, textOf, until } from './guests.ts';

const REQUEST = { method: 'POST', target: '/x', headers: '' };

/** Ends at once, with an answer that takes chunks. */
const LONG = luge(`(func (export "handle") (local $i i32) (loop $more
  (drop (call $write (i32.const 0) (i32.const 8192)))
  (local.set $i (i32.add (local.get $i) (i32.const 1)))
  (br_if $more (i32.lt_u (local.get $i) (i32.const 8)))))`);

class FrontEnd {
  readonly seat: ProducerSeat;
  readonly producer: Producer;
  readonly #runtime: Runtime;

  constructor(runtime: Runtime, onComplete: (exchange: Exchange) => void = () => {}) {
    this.#runtime = runtime;
    this.seat = runtime.takeSeat();
    const { memory, index, admission, spinNs } = this.seat;
    const place = { arena: Arena.attach(memory), index, admission, spinNs };
    // One that is dead looks at nothing that comes back.
    this.producer = new Producer(place, onComplete);
  }

  open(name: string, body: string): Exchange {
    const id = this.#runtime.get(name)?.spec.id as number;
    const { spec, ...cells } = this.#runtime.submittedFunction(id);
    this.producer.add(decodeSpec(spec), cells);
    const now = monotonicNs();
    const exchange = this.producer.acquire(id, now, now + 60e9) as Exchange;
    writeRequest(exchange, REQUEST, '', Buffer.from(body), 0, body.length);
    return exchange;
  }
}

it('slots_and_chunks_of_a_dead_front_end_come_back_wherever_its_requests_were', async () => {
  await using runtime = await small({ maxQueue: 16 });
  const long = { deadlineMs: 60_000, cpuLimitMs: 60_000 };
  await runtime.load('sleep', { wasm: SLEEP, ...long });
  await runtime.load('spin', { wasm: SPIN, ...long });
  await runtime.load('long', { wasm: LONG });
  await runtime.load('fed', { wasm: ECHO, requestBody: 'stream', ...long });
  await runtime.load('echo', { wasm: ECHO });
  const dead = new FrontEnd(runtime);
  for (const name of ['sleep', 'spin', 'long']) {
    dead.producer.submit(dead.open(name, 'x'.repeat(20_000)));
  }
  const fed = dead.open('fed', 'some');
  const noop = (): void => {};
  const options = { highWaterBytes: 65_536, lengthBytes: -1, onRoom: noop, onStop: noop };
  const feed = dead.producer.feed(fed, options);
  dead.producer.submit(fed);
  for (let part = 0; part < 3; part++) {
    feed.write(Buffer.alloc(20_000), 0, 20_000);
    feed.publish();
  }
  const filling = dead.open('echo', 'x'.repeat(20_000));
  const streamed = dead.open('long', '');
  streamed.parts.taken = true;
  dead.producer.submit(streamed);
  await until(() => runtime.stats().workers[0]?.held === 3, 'three of them run');
  const alive = runtime.invoke('echo', { body: 'mine' });
  expect(filling.producer).toBe(dead.seat.index);
  runtime.dropSeat(dead.seat);
  expect(textOf(await alive)).toBe('mine');
  await allFree(runtime);
  expect(textOf(await runtime.invoke('echo', { body: 'after' }))).toBe('after');
});

it('a_seat_is_anothers_some_time_after_the_last_request_of_the_dead_has_come_back', async () => {
  await using runtime = await small({ maxProducers: 1 });
  await runtime.load('sleep', { wasm: SLEEP, deadlineMs: 60_000, cpuLimitMs: 60_000 });
  await runtime.load('echo', { wasm: ECHO });
  const dead = new FrontEnd(runtime);
  dead.producer.submit(dead.open('sleep', ''));
  await until(() => runtime.stats().workers[0]?.held === 1, 'it runs');
  runtime.dropSeat(dead.seat);
  expect(() => runtime.takeSeat()).toThrow('all 1 producers are taken (maxProducers)');
  await allFree(runtime);
  const slots: number[] = [];
  let next: FrontEnd | undefined;
  await until(() => {
    try {
      next = new FrontEnd(runtime, (exchange) => {
        slots.push(exchange.slot);
        exchange.free();
      });
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_NO_SEAT' });
    }
    return next !== undefined;
  }, 'the seat is free');
  expect(next?.seat.index).toBe(dead.seat.index);
  const mine = next?.open('echo', 'mine') as Exchange;
  const { slot } = mine;
  next?.producer.submit(mine);
  await until(() => next?.producer.inFlight === 0, 'it is back');
  expect(slots).toEqual([slot]);
  await allFree(runtime);
});
