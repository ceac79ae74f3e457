import { expect, it } from 'vitest';
import { CONTROL_BYTES, COUNTERS, WorkerControl } from '../../src/core/worker-control.ts';
import { Arena } from '../../src/ring/index.ts';
import { SLOT_BYTES } from '../../src/sandbox/index.ts';

function arenaOf(): Arena {
  return Arena.create({
    ...{ producers: 1, workers: 2, slots: 1, slotBytes: SLOT_BYTES, chunks: 1, chunkBytes: 4096 },
    controlBytes: CONTROL_BYTES,
    heaps: 0,
    budgets: 0,
  });
}

it('every_counter_has_a_cell_of_its_own_within_its_worker', () => {
  const arena = arenaOf();
  const [first, second] = [new WorkerControl(arena, 0), new WorkerControl(arena, 1)];
  COUNTERS.forEach((_, counter) => {
    first.set(counter, 1 + counter);
    second.count(counter, -1 - counter);
  });
  const read = (control: WorkerControl): number[] => {
    const { worker: _, ...counts } = control.read(7);
    return Object.values(counts);
  };
  expect(read(first)).toEqual(COUNTERS.map((_, counter) => 1 + counter));
  expect(read(second)).toEqual(COUNTERS.map((_, counter) => -1 - counter));
  // Beyond the block would be the next worker's, and behind the last one somebody else's.
  expect(256 + 4 * COUNTERS.length).toBeLessThanOrEqual(CONTROL_BYTES);
});

it('who_waits_is_published_as_it_is_now', () => {
  const arena = arenaOf();
  const ticker = new WorkerControl(arena, 0);
  const worker = new WorkerControl(arena, 0);
  const cases: [number, number][] = [
    [0, Number.POSITIVE_INFINITY],
    [1, 5],
    [1, 5],
    [1, 4],
    [2, 4],
    [0, Number.POSITIVE_INFINITY],
  ];
  for (const [count, leastKey] of cases) {
    worker.publishWaiters(count, leastKey);
    expect([ticker.waiters, ticker.waitKey]).toEqual([count, leastKey]);
  }
});

it('the_worker_in_a_dead_ones_place_publishes_whatever_it_finds', () => {
  const arena = arenaOf();
  new WorkerControl(arena, 0).publishWaiters(3, 7);
  const next = new WorkerControl(arena, 0);
  next.publishWaiters(0, Number.POSITIVE_INFINITY);
  expect([next.waiters, next.waitKey]).toEqual([0, Number.POSITIVE_INFINITY]);
});
