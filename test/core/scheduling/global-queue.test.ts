/** The global queue on one thread: several workers' handles, and deaths at each point. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GlobalQueue } from '../../../src/core/scheduling/global-queue.ts';
import { ARRIVAL, type QueueOrder } from '../../../src/core/scheduling/policy.ts';
import { QueueRecovery } from '../../../src/core/scheduling/queue-recovery.ts';
import { Arena, EMPTY } from '../../../src/ring/index.ts';
import { ExchangeTable, SLOT_STATE } from '../../../src/sandbox/index.ts';

const WORKERS = 2;
const SLOTS = 24;
const PRODUCERS = 3;
const ANY = Number.POSITIVE_INFINITY;

/** Two heaps by reservation, of which the second has an offset that changes. */
class TwoHeaps implements QueueOrder {
  readonly heaps = 2;
  late = 0;
  heapOf = ({ reservation }: { reservation: number }): number => reservation;
  keyOf = ({ deadlineNs }: { deadlineNs: number }): number => deadlineNs;
  offset = (heap: number): number => (heap === 1 ? this.late : 0);
}

class Bed {
  readonly arena: Arena;
  readonly exchanges: ExchangeTable;
  readonly queues: readonly GlobalQueue[];
  readonly reservations = new Map<number, number>();

  constructor(order: QueueOrder) {
    this.arena = Arena.create({
      ...{ producers: PRODUCERS, workers: WORKERS, slots: SLOTS, slotBytes: 2048, chunks: 0 },
      ...{ chunkBytes: 128, controlBytes: 128, heaps: order.heaps, budgets: 0 },
    });
    this.exchanges = new ExchangeTable(this.arena);
    const requestAt = (slot: number) => {
      const { arrivalNs, deadlineNs } = this.exchanges.at(slot);
      return {
        arrivalNs,
        deadlineNs,
        estimateNs: 0,
        reservation: this.reservations.get(slot) ?? 0,
      };
    };
    this.queues = Array.from(
      { length: WORKERS },
      (_, worker) => new GlobalQueue({ arena: this.arena, worker, order, requestAt }),
    );
  }

  /** The slot, or EMPTY when all are taken. */
  submit(producer: number, deadlineNs: number, reservation = 0): number {
    const slot = this.arena.slotList.pop();
    if (slot === EMPTY) return slot;
    const exchange = this.exchanges.at(slot);
    exchange.open(producer, 0, 0, deadlineNs);
    this.reservations.set(slot, reservation);
    exchange.state = SLOT_STATE.QUEUED;
    this.arena.deque(producer).push(slot);
    return slot;
  }

  take(worker: number, below = ANY): number {
    const slot = (this.queues[worker] as GlobalQueue).take(0, below);
    if (slot !== EMPTY) expect(this.exchanges.at(slot).state).toBe(SLOT_STATE.CLAIMED + worker);
    return slot;
  }

  deadline(slot: number): number {
    return this.exchanges.at(slot).deadlineNs;
  }
}

it('requests_of_one_producer_come_in_the_order_of_arrival_without_heaps', () => {
  const bed = new Bed(ARRIVAL);
  const slots = [5, 3, 4, 1].map((deadline) => bed.submit(0, deadline));
  expect(slots.map((_, i) => bed.take(i % WORKERS))).toEqual(slots);
  expect([bed.take(0), bed.take(1)]).toEqual([EMPTY, EMPTY]);
});

it('producers_take_turns_without_heaps', () => {
  const bed = new Bed(ARRIVAL);
  for (let i = 0; i < 3; i++) for (const producer of [0, 1]) bed.submit(producer, i);
  const order = Array.from({ length: 6 }, () => bed.exchanges.at(bed.take(0)).producer);
  expect(order.filter((producer, i) => producer === order[i + 1])).toEqual([]);
});

it('a_sorted_queue_answers_as_a_sorted_list_does', () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('submit' as const),
      producer: fc.nat(PRODUCERS - 1),
      deadline: fc.integer({ min: 1, max: 1e6 }),
      reservation: fc.nat(1),
    }),
    fc.record({
      kind: fc.constant('take' as const),
      worker: fc.nat(WORKERS - 1),
      below: fc.oneof(fc.integer({ min: 1, max: 1e6 }), fc.constant(ANY)),
    }),
    fc.record({ kind: fc.constant('offset' as const), late: fc.constantFrom(0, 2e6) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const order = new TwoHeaps();
      const bed = new Bed(order);
      let waiting: { slot: number; deadline: number; reservation: number }[] = [];
      const rank = (one: (typeof waiting)[number]): number =>
        one.deadline + (one.reservation === 1 ? order.late : 0);
      for (const at of steps) {
        if (at.kind === 'offset') {
          order.late = at.late;
        } else if (at.kind === 'submit') {
          const { deadline, reservation } = at;
          const slot = bed.submit(at.producer, deadline, reservation);
          if (slot !== EMPTY) waiting.push({ slot, deadline, reservation });
        } else {
          const ranks = waiting.map(rank);
          const least = Math.min(...ranks);
          // Looking never changes what is taken. A single request is taken as it is when anything would do.
          expect((bed.queues[at.worker] as GlobalQueue).hasValues).toBe(waiting.length > 0);
          const slot = bed.take(at.worker, at.below);
          if (least >= at.below) {
            expect(slot).toBe(EMPTY);
          } else if (waiting.length === 0) {
            expect(slot).toBe(EMPTY);
          } else {
            const taken = waiting.find((one) => one.slot === slot);
            expect(taken && rank(taken)).toBe(least);
            waiting = waiting.filter((one) => one.slot !== slot);
            bed.exchanges.at(slot).free();
          }
          const first = (bed.queues[at.worker] as GlobalQueue).firstRank(0);
          expect(first).toBe(waiting.length === 0 ? ANY : Math.min(...waiting.map(rank)));
        }
      }
    }),
    { numRuns: 300 },
  );
});

it('a_worker_takes_nothing_that_ranks_behind_what_it_has', () => {
  const bed = new Bed(new TwoHeaps());
  const slot = bed.submit(0, 100);
  expect([bed.take(0, 100), bed.take(0, 50), bed.take(0, Number.NEGATIVE_INFINITY)]).toEqual(
    Array(3).fill(EMPTY),
  );
  // It stays where the other one finds it.
  expect(bed.take(1)).toBe(slot);
});

it('what_is_left_sorted_is_announced', () => {
  const bed = new Bed(new TwoHeaps());
  bed.submit(0, 1);
  bed.submit(0, 2);
  const { lot } = bed.arena;
  const { fn } = bed.arena.ring;
  fn.sleepBegin(lot.address, 1);
  bed.take(0);
  // The sleeper was woken: there is nobody left to wake.
  expect(lot.wake(1)).toBe(false);
});

describe('a worker that dies', () => {
  const moving = SLOT_STATE.MOVING;

  const recoveryOf = (bed: Bed, w: number) =>
    new QueueRecovery(bed.arena, bed.exchanges, w, bed.arena.deque(0));

  function recovered(bed: Bed, w: number): number[] {
    expect(recoveryOf(bed, w).scan()).toBe(true);
    const slots: number[] = [];
    for (let slot = bed.take(1); slot !== EMPTY; slot = bed.take(1)) slots.push(slot);
    return slots;
  }

  it('on_its_way_to_a_heap_leaves_the_request_to_others', () => {
    const bed = new Bed(new TwoHeaps());
    const slot = bed.submit(1, 7);
    const { slotsAddress } = bed.arena.layout;
    bed.arena.deque(1).stealMark(slotsAddress, 2048, moving);
    expect(bed.take(1)).toBe(EMPTY);
    expect(recovered(bed, 0)).toEqual([slot]);
  });

  it('behind_a_push_leaves_each_request_once', () => {
    const bed = new Bed(new TwoHeaps());
    const slots = [bed.submit(1, 7), bed.submit(1, 8, 1), bed.submit(2, 9)];
    // It sorted all and took none.
    expect(bed.take(0, 1)).toBe(EMPTY);
    expect(slots.map((slot) => bed.exchanges.at(slot).state)).toEqual(Array(3).fill(moving));
    expect(recovered(bed, 0)).toEqual(slots);
  });

  it('leaves_alone_what_another_one_has_taken_meanwhile', () => {
    const bed = new Bed(new TwoHeaps());
    const first = bed.submit(1, 7);
    const second = bed.submit(1, 8);
    bed.take(0, 1);
    expect(bed.take(1)).toBe(first);
    expect(recovered(bed, 0)).toEqual([second]);
  });

  it('leaves_what_others_have_moved_where_it_is', () => {
    const bed = new Bed(new TwoHeaps());
    const slot = bed.submit(1, 7);
    bed.submit(1, 8);
    bed.take(1, 1);
    expect(recoveryOf(bed, 0).scan()).toBe(true);
    expect(bed.take(1)).toBe(slot);
    expect(bed.arena.deque(0).size).toBe(0);
  });

  it('with_the_lock_held_keeps_nobody_out', () => {
    const bed = new Bed(new TwoHeaps());
    const slots = [bed.submit(1, 7), bed.submit(1, 8)];
    bed.take(1, 1);
    // LOCK of the first heap: holder 0.
    bed.arena.ring.fn.store32(bed.arena.heapAddress(0) + 128, 1);
    expect(recovered(bed, 0)).toEqual(slots);
  });

  it('beside_one_that_holds_a_lock_is_recovered_when_that_one_is', () => {
    const bed = new Bed(new TwoHeaps());
    const slots = [bed.submit(1, 7), bed.submit(1, 8)];
    bed.take(0, 1);
    bed.arena.ring.fn.store32(bed.arena.heapAddress(0) + 128, 2);
    const recovery = recoveryOf(bed, 0);
    expect([recovery.scan(), recovery.scan()]).toEqual([false, false]);
    expect(recoveryOf(bed, 1).scan()).toBe(true);
    expect(recovery.scan()).toBe(true);
    expect([bed.take(1), bed.take(1), bed.take(1)]).toEqual([...slots, EMPTY]);
  });

  it('in_the_middle_of_taking_what_a_living_one_had_moved_loses_nothing', () => {
    const bed = new Bed(new TwoHeaps());
    const slot = bed.submit(1, 7);
    bed.submit(1, 8);
    bed.take(1, 1);
    // The journal of a pop by worker 0 that has begun (heap.wat): LOCK, HOLE, TARGET, TAKEN, ITEM of the last entry, then OP.
    const { i32 } = bed.arena.ring;
    const heap = bed.arena.heapAddress(0) >> 2;
    const entries = heap + ((i32[heap + 4] as number) >> 2);
    i32[heap + 32] = 1;
    i32[heap + 97] = 0;
    i32[heap + 98] = 1;
    i32[heap + 99] = slot + 1;
    for (let i = 0; i < 4; i++) i32[heap + 100 + i] = i32[entries + 4 + i] as number;
    i32[heap + 128 + slot] = 0;
    i32[heap + 96] = 1;
    expect(recovered(bed, 0).sort()).toEqual([slot, slot + 1].sort());
  });
});
