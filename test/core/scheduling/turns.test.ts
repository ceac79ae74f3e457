import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fifo } from '../../../src/core/scheduling/fifo.ts';
import type { Guest } from '../../../src/core/scheduling/policy.ts';
import { RoundRobin } from '../../../src/core/scheduling/round-robin.ts';
import { RunQueue } from '../../../src/core/scheduling/run-queue.ts';

/** These policies move guests and never look into them. */
const guest = (id: number): Guest => ({ id }) as unknown as Guest;
const QUANTUM_NS = 1e6;
const CONTEXT = { quantumNs: QUANTUM_NS };
/** Whether the policy wants a request before it goes on. */
const pulls = (policy: Fifo<Guest> | RoundRobin<Guest>): boolean =>
  policy.bound() === Number.POSITIVE_INFINITY;

it('the_run_queue_answers_as_an_array_does', () => {
  // Long runs of one kind: the buffer begins with 64 places and has to grow while it is wrapped.
  const step = fc.record({ push: fc.boolean(), times: fc.nat(100) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const queue = new RunQueue<Guest>();
      const model: Guest[] = [];
      let id = 0;
      for (const { push, times } of steps) {
        for (let i = 0; i < times; i++) {
          if (push) {
            const item = guest(id++);
            queue.push(item);
            model.push(item);
          } else {
            expect(queue.shift()).toBe(model.shift());
          }
        }
        expect(queue.size).toBe(model.length);
      }
      for (const item of model) expect(queue.shift()).toBe(item);
      expect([queue.shift(), queue.size]).toEqual([undefined, 0]);
    }),
    { numRuns: 60 },
  );
});

describe('fifo', () => {
  it('runs_in_the_order_of_add_and_pulls_only_when_nobody_waits', () => {
    const step = fc.constantFrom('new', 'again', 'next');
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const policy = new Fifo();
        const model: Guest[] = [];
        let id = 0;
        for (const name of steps) {
          if (name === 'next') {
            expect(policy.next()).toBe(model.shift());
          } else {
            const item = guest(id++);
            policy.add(item);
            model.push(item);
          }
          expect(policy.waiting).toBe(model.length);
          expect(pulls(policy)).toBe(model.length === 0);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('does_not_preempt', () => {
    expect([new Fifo().preempts, new RoundRobin(CONTEXT).preempts]).toEqual([false, true]);
  });
});

describe('rr', () => {
  it('a_runnable_guest_gets_a_quantum_within_twice_the_guests_held', () => {
    // A worker under any load: each round it may take a new request, run the next guest for a quantum, and that guest ends or goes on.
    const round = fc.record({ arrives: fc.boolean(), ends: fc.boolean() });
    fc.assert(
      fc.property(fc.array(round, { minLength: 1, maxLength: 300 }), (rounds) => {
        const policy = new RoundRobin(CONTEXT);
        const waited = new Map<Guest, number>();
        const held = new Set<Guest>();
        let most = 0;
        let now = 0;
        let id = 0;
        for (const { arrives, ends } of rounds) {
          if (arrives && held.size < 12 && pulls(policy)) {
            const item = guest(id++);
            held.add(item);
            waited.set(item, 0);
            policy.add(item, true);
          }
          most = Math.max(most, held.size);
          now += QUANTUM_NS;
          const runs = policy.next(now);
          expect(runs === undefined).toBe(waited.size === 0);
          if (runs === undefined) continue;
          expect(waited.get(runs)).toBeLessThanOrEqual(2 * most);
          waited.delete(runs);
          for (const [item, quanta] of waited) waited.set(item, quanta + 1);
          if (ends) {
            held.delete(runs);
          } else {
            // A sleeper that woke comes back the same way as one that was preempted.
            policy.add(runs, false);
            waited.set(runs, 0);
          }
          expect(policy.waiting).toBe(waited.size);
        }
        // Nobody is lost: what is held comes out once.
        const rest = Array.from({ length: policy.waiting }, () => policy.next(now));
        expect(new Set(rest)).toEqual(held);
        expect(policy.next(now)).toBeUndefined();
      }),
      { numRuns: 80 },
    );
  });

  it('a_new_request_passes_long_ones_and_cannot_starve_them', () => {
    const policy = new RoundRobin(CONTEXT);
    const long = [guest(0), guest(1), guest(2)];
    for (const item of long) policy.add(item, false);
    const order: (Guest | undefined)[] = [];
    for (let i = 0; i < 6; i++) {
      // A stream of new requests that never ends.
      if (pulls(policy)) policy.add(guest(100 + i), true);
      order.push(policy.next(i * QUANTUM_NS));
    }
    const isLong = order.map((item) => long.includes(item as Guest));
    expect(isLong).toEqual([false, true, false, true, false, true]);
    expect(order.filter((item) => long.includes(item as Guest))).toEqual(long);
  });

  it('a_new_request_is_next_whatever_ran_before_unless_it_would_be_the_second_to_pass', () => {
    const policy = new RoundRobin(CONTEXT);
    const [hog, other, first, second] = [guest(0), guest(1), guest(2), guest(3)];
    for (const turns of [1, 2, 3, 4]) {
      // The hogs take turns alone, an odd or an even number of them.
      policy.add(hog, false);
      policy.add(other, false);
      for (let i = 0; i < turns; i++) policy.add(policy.next(i * QUANTUM_NS) as Guest, false);
      policy.add(first, true);
      policy.add(second, true);
      const order = [4, 5, 6, 7].map((at) => policy.next(at * QUANTUM_NS));
      expect([order[0], order[2]]).toEqual([first, second]);
      expect(new Set([order[1], order[3]])).toEqual(new Set([hog, other]));
    }
  });

  it('short_ones_pass_for_a_quantum_together_then_a_long_one_has_its_turn', () => {
    const policy = new RoundRobin(CONTEXT);
    const hog = guest(0);
    policy.add(hog, false);
    const order: boolean[] = [];
    let now = 0;
    for (let i = 0; i < 24; i++) {
      if (pulls(policy)) policy.add(guest(1 + i), true);
      const isHog = policy.next(now) === hog;
      order.push(isHog);
      now += isHog ? 2 * QUANTUM_NS : QUANTUM_NS / 10;
      if (isHog) policy.add(hog, false);
    }
    // Ten of a tenth, and so each time.
    expect(order.flatMap((isHog, i) => (isHog ? [i] : []))).toEqual([10, 21]);
  });

  it('where_nothing_is_preempted_new_ones_and_those_that_slept_alternate', () => {
    const policy = new RoundRobin({ quantumNs: 0 });
    const woken = [guest(0), guest(1)];
    for (const item of woken) policy.add(item, false);
    for (const id of [2, 3]) policy.add(guest(id), true);
    const isWoken = [0, 0, 0, 0].map((now) => woken.includes(policy.next(now) as Guest));
    expect(isWoken).toEqual([false, true, false, true]);
  });

  it('pulls_before_another_round_of_the_long_ones', () => {
    const policy = new RoundRobin(CONTEXT);
    for (let i = 0; i < 5; i++) policy.add(guest(i), false);
    expect(pulls(policy)).toBe(true);
    policy.add(guest(9), true);
    expect(pulls(policy)).toBe(false);
  });
});
