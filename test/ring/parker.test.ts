import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { type Arena, EMPTY } from '../../src/ring/index.ts';
import { smallArena } from './arenas.ts';

const SLEEPERS = 128;
const SEARCHERS = 256;
const WAKE = 384;

/** The masks of workers that sleep and that search. */
function masks(arena: Arena): { sleepers: bigint; searchers: bigint } {
  const cells = new BigUint64Array(arena.ring.i32.buffer);
  const at = (offset: number): bigint => cells[(arena.layout.lotAddress + offset) >> 3] as bigint;
  return { sleepers: at(SLEEPERS), searchers: at(SEARCHERS) };
}

function wakeCell(arena: Arena, worker: number): number {
  return arena.ring.fn.load32(arena.layout.lotAddress + WAKE + 128 * worker);
}

describe('lot', () => {
  it('P1_a_worker_whose_queue_is_not_empty_does_not_sleep', () => {
    const arena = smallArena();
    const parker = arena.parker(0);
    arena.deque(0).push(1);
    let looks = 0;
    parker.park(() => {
      looks++;
      expect(masks(arena)).toEqual({ sleepers: 1n, searchers: 0n });
      return arena.deque(0).size > 0;
    }, Number.POSITIVE_INFINITY);
    expect(looks).toBe(1);
    expect(masks(arena)).toEqual({ sleepers: 0n, searchers: 1n });
  });

  it('P1_a_wake_up_between_the_look_and_the_wait_is_not_lost', () => {
    const arena = smallArena();
    // Without an end to its patience: it returns only because the wake-up counts.
    arena.parker(1).park(() => {
      expect(arena.lot.wakeOne()).toBe(1);
      return false;
    }, Number.POSITIVE_INFINITY);
    expect(masks(arena)).toEqual({ sleepers: 0n, searchers: 2n });
  });

  it('P2_who_takes_the_bit_wakes_and_it_is_taken_once', () => {
    const arena = smallArena();
    const { fn } = arena.ring;
    const { address } = arena.lot;
    fn.sleepBegin(address, 1);
    expect(wakeCell(arena, 1)).toBe(0);
    expect([arena.lot.wake(0), arena.lot.wake(1), arena.lot.wake(1)]).toEqual([false, true, false]);
    expect(wakeCell(arena, 1)).toBe(1);
    expect(masks(arena)).toEqual({ sleepers: 0n, searchers: 0n });
    expect(fn.wakeAny(address)).toBe(-1);
  });

  it('P4_a_bit_that_a_late_waker_took_back_does_not_hide_the_last_search', () => {
    const arena = smallArena();
    const parker = arena.parker(1);
    parker.searchBegin();
    arena.ring.fn.lotForget(arena.lot.address, 1); // takes the bit away, as the waker's failed promise does
    expect(parker.searchEnd()).toBe(true);
  });

  it('P3_while_one_searches_nobody_is_woken', () => {
    const arena = smallArena({ workers: 64 });
    const { fn } = arena.ring;
    const { address } = arena.lot;
    for (const w of [63, 40, 3]) fn.sleepBegin(address, w);
    expect(arena.lot.wakeOne()).toBe(3);
    expect(arena.lot.searchers).toBe(1);
    expect(arena.lot.wakeOne()).toBe(-1);
    // The last searcher hands the search on; one that is not the last need not.
    const [a, b] = [arena.parker(3), arena.parker(10)];
    b.searchBegin();
    expect([a.searchEnd(), b.searchEnd()]).toEqual([false, true]);
    expect(arena.lot.wakeOne()).toBe(40);
    expect(arena.parker(40).searchEnd()).toBe(true);
    expect(arena.lot.wakeOne()).toBe(63);
    expect(arena.parker(63).searchEnd()).toBe(true);
    expect(arena.lot.wakeOne()).toBe(-1);
  });

  it('a_dead_worker_leaves_the_lot_and_another_searches_in_its_place', () => {
    const arena = smallArena();
    const { fn } = arena.ring;
    fn.searchBegin(arena.lot.address, 0);
    fn.sleepBegin(arena.lot.address, 1);
    expect(arena.lot.wakeOne()).toBe(-1);
    arena.lot.forget(0);
    expect(masks(arena)).toEqual({ sleepers: 0n, searchers: 2n });
    expect(wakeCell(arena, 1)).toBe(1);
  });

  it('a_sleeper_whose_time_is_up_searches', () => {
    const arena = smallArena();
    arena.parker(0).park(() => false, 1e6);
    expect(masks(arena)).toEqual({ sleepers: 0n, searchers: 1n });
  });

  it('spin_looks_at_least_once_and_ends_with_the_clock', () => {
    const parker = smallArena().parker(0);
    let looks = 0;
    const ready = (): boolean => ++looks === 70;
    let now = 0;
    const clock = (): number => now++;
    expect(parker.spin(() => true, 0, clock)).toBe(true);
    expect(parker.spin(() => false, 0, clock)).toBe(false);
    expect(parker.spin(() => false, 5, clock)).toBe(false);
    expect(parker.spin(ready, 1000, clock)).toBe(true);
    expect(looks).toBe(70);
  });
});

describe('bell', () => {
  it('B1_it_rings_once_for_each_time_it_was_armed', async () => {
    const arena = smallArena();
    const bell = arena.bell(0);
    const cell = arena.layout.bellsAddress;
    bell.ring(); // not armed: nobody to notify
    for (let round = 1; round <= 3; round++) {
      const rung = new Promise<void>((resolve) => bell.arm(resolve));
      expect(arena.ring.fn.load32(cell)).toBe(1);
      bell.ring();
      expect(arena.ring.fn.load32(cell)).toBe(0);
      bell.ring();
      await rung;
    }
  });
});

describe('beat', () => {
  it('a_changed_cell_ends_the_pause', () => {
    const beat = smallArena().beat();
    beat.set(1);
    expect(beat.value).toBe(1);
    beat.pause(0, Number.POSITIVE_INFINITY);
  });
});

it('no_wake_up_is_lost_between_two_threads', async () => {
  // One value at a time: each round the sleeper must be woken, and the next value is pushed only when it came back.
  const ROUNDS = 2000;
  const arena = smallArena();
  const sleeper = new Worker(new URL('./sleeper.ts', import.meta.url), {
    workerData: { memory: arena.ring.memory, rounds: ROUNDS },
  });
  const end = new Promise((resolve, reject) => {
    sleeper.once('error', reject);
    sleeper.once('exit', resolve);
  });
  const deque = arena.deque(0);
  const back = arena.completions(0);
  const bell = arena.bell(0);
  let got = 0;
  for (let round = 0; round < ROUNDS; round++) {
    deque.push(round);
    arena.lot.wakeOne();
    for (let value = back.pop(); ; value = back.pop()) {
      if (value !== EMPTY) {
        expect(value).toBe(round);
        got++;
        break;
      }
      await new Promise<void>((resolve) => {
        bell.arm(resolve);
        const late = back.pop();
        if (late === EMPTY) return;
        back.push(late);
        bell.ring();
      });
    }
  }
  await end;
  expect(got).toBe(ROUNDS);
});
